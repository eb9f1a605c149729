// SPDX-License-Identifier: Apache-2.0
// Views are compared as whole texts: what clients parse changes only on purpose.
#include "petrel/json.h"
#include "unit.h"
#include "views.h"

enum { INSTANT_MS = 5000 };
#define INSTANT "\"1970-01-01T00:00:05.000Z\""

static struct text out;

static void check_json(const char *expected)
{
    struct json_error error;
    CHECK(json_validate(text_span(&out), &error));
    CHECK_STR(text_string(&out), expected);
    text_fini(&out);
}

static struct event event_of(char *body, size_t size)
{
    return (struct event){
        .id = "evt_1",
        .type = "invoice.paid",
        .tenant = "acme",
        .content_type = "application/json",
        .timestamp_ms = INSTANT_MS,
        .body = body,
        .body_size = size,
    };
}

TEST(an_event_with_its_deliveries)
{
    char body[] = "{\"a\":1}";
    struct event event = event_of(body, sizeof body - 1);
    struct store_delivery deliveries[] = {
        {.subscription = "sub_1", .state = STORE_DELIVERY_PENDING},
        {.subscription = "sub_2",
         .state = STORE_DELIVERY_PARKED,
         .attempts = 2,
         .next_attempt_at_ms = INSTANT_MS,
         .last_attempt_at_ms = INSTANT_MS,
         .last_status = 503,
         .last_error = "http_status"},
    };
    struct store_event found = {
        .event = &event,
        .state = STORE_EVENT_PENDING,
        .deliveries = deliveries,
        .delivery_count = 2,
        .attempts_truncated = true,
    };
    text_init(&out, 4096);
    view_event(&found, "evt_1", &out);
    check_json(
        "{\"id\":\"evt_1\",\"state\":\"pending\",\"type\":\"invoice.paid\",\"tenant\":\"acme\","
        "\"subscription\":\"\",\"traceparent\":\"\",\"timestamp\":" INSTANT ","
        "\"content_type\":\"application/json\",\"body\":\"{\\\"a\\\":1}\",\"deliveries\":["
        "{\"subscription\":\"sub_1\",\"state\":\"pending\",\"attempts\":0,"
        "\"next_attempt_at\":null,\"last_attempt_at\":null,\"last_status\":null,"
        "\"last_error\":\"\"},"
        "{\"subscription\":\"sub_2\",\"state\":\"parked\",\"attempts\":2,"
        "\"next_attempt_at\":" INSTANT ",\"last_attempt_at\":" INSTANT ",\"last_status\":503,"
        "\"last_error\":\"http_status\"}],\"attempts_truncated\":true}");
}

TEST(an_event_of_which_only_the_id_is_known)
{
    struct store_event found = {.event = NULL, .state = STORE_EVENT_SETTLED};
    text_init(&out, 4096);
    view_event(&found, "evt_2", &out);
    check_json("{\"id\":\"evt_2\",\"state\":\"settled\",\"deliveries\":[],"
               "\"attempts_truncated\":false}");
}

TEST(every_state_of_a_delivery_has_its_word)
{
    static const struct {
        enum store_delivery_state state;
        const char *part;
    } rows[] = {
        {STORE_DELIVERY_PENDING, "\"state\":\"pending\",\"attempts\""},
        {STORE_DELIVERY_PARKED, "\"state\":\"parked\",\"attempts\""},
        {STORE_DELIVERY_DELIVERED, "\"state\":\"delivered\",\"attempts\""},
        {STORE_DELIVERY_DEAD, "\"state\":\"dead\",\"attempts\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct store_delivery delivery = {.state = rows[i].state};
        struct store_event found = {
            .state = STORE_EVENT_QUEUED, .deliveries = &delivery, .delivery_count = 1};
        text_init(&out, 4096);
        view_event(&found, "e", &out);
        CHECK_ROW(strstr(text_string(&out), rows[i].part) != NULL, rows[i].part);
        CHECK(strstr(text_string(&out), "\"state\":\"queued\",\"deliveries\"") != NULL);
        text_fini(&out);
    }
}

TEST(a_body_that_is_no_text_comes_as_base64)
{
    char body[] = {'\xff', '\0', 'a'};
    struct event event = event_of(body, sizeof body);
    struct store_event found = {.event = &event};
    text_init(&out, 4096);
    view_event(&found, "evt_1", &out);
    CHECK(strstr(text_string(&out), "\"body_base64\":\"/wBh\"") != NULL);
    CHECK(strstr(text_string(&out), "\"body\":") == NULL);
    text_fini(&out);
}

TEST(a_dead_letter)
{
    char response[] = "no\xff\n";
    char body[] = "x";
    struct event event = event_of(body, 1);
    struct store_dead_letter letter = {
        .id = "evt_1.sub_1",
        .event = "evt_1",
        .subscription = "sub_1",
        .type = "invoice.paid",
        .reason = "exhausted",
        .attempts = 3,
        .first_attempt_at_ms = INSTANT_MS,
        .last_attempt_at_ms = INSTANT_MS,
        .died_at_ms = INSTANT_MS,
        .last_status = 500,
        .last_error = "http_status",
        .last_response = response,
        .last_response_size = sizeof response - 1,
    };
#define LETTER                                                                                     \
    "{\"id\":\"evt_1.sub_1\",\"event\":\"evt_1\",\"subscription\":\"sub_1\","                      \
    "\"type\":\"invoice.paid\",\"tenant\":\"\",\"reason\":\"exhausted\",\"attempts\":3,"           \
    "\"first_attempt_at\":" INSTANT ",\"last_attempt_at\":" INSTANT ",\"died_at\":" INSTANT ","    \
    "\"last_status\":500,\"last_error\":\"http_status\",\"last_response\":\"no\xEF\xBF\xBD\\n\""
    text_init(&out, 4096);
    view_dead_letter(&letter, &out);
    check_json(LETTER "}");
    letter.message = &event;
    text_init(&out, 4096);
    view_dead_letter(&letter, &out);
    check_json(LETTER ",\"content_type\":\"application/json\",\"body\":\"x\"}");
}

TEST(a_dead_letter_that_was_never_attempted)
{
    struct store_dead_letter letter = {.id = "e.s", .reason = "subscription_deleted"};
    text_init(&out, 4096);
    view_dead_letter(&letter, &out);
    CHECK(strstr(text_string(&out), "\"first_attempt_at\":null,\"last_attempt_at\":null") != NULL);
    CHECK(strstr(text_string(&out), "\"last_status\":null") != NULL);
    CHECK(strstr(text_string(&out), "\"last_response\":\"\"") != NULL);
    text_fini(&out);
}

TEST(an_attempt)
{
    struct store_attempt attempt = {
        .id = "0-5000-0",
        .event = "evt_1",
        .subscription = "sub_1",
        .type = "a",
        .number = 2,
        .outcome = "retry",
        .error = "timeout",
        .started_at_ms = INSTANT_MS,
        .duration_ms = 15000,
    };
    text_init(&out, 4096);
    view_attempt(&attempt, &out);
    check_json("{\"id\":\"0-5000-0\",\"event\":\"evt_1\",\"subscription\":\"sub_1\",\"type\":\"a\","
               "\"attempt\":2,\"outcome\":\"retry\",\"status\":null,\"error\":\"timeout\","
               "\"started_at\":" INSTANT ",\"duration_ms\":15000}");
}

TEST(a_rejected_event)
{
    struct store_rejected rejected = {
        .id = "0-1-0", .entry_id = "5000-0", .reason = "type: is missing"};
    text_init(&out, 4096);
    view_rejected(&rejected, &out);
    check_json("{\"id\":\"0-1-0\",\"entry_id\":\"5000-0\",\"reason\":\"type: is missing\","
               "\"type\":\"\"}");
}

TEST(the_end_of_a_list)
{
    text_init(&out, 4096);
    text_append_string(&out, "{\"items\":[");
    view_end_list("", &out);
    check_json("{\"items\":[],\"next_cursor\":null}");
    text_init(&out, 4096);
    text_append_string(&out, "{\"items\":[1");
    view_end_list("a\"b", &out);
    check_json("{\"items\":[1],\"next_cursor\":\"a\\\"b\"}");
}

#define HMAC "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ED25519                                                                                    \
    "whsk_6Xb/dCcHpPea21PS1N9VY/"                                                                  \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="

TEST(secrets_with_former_ones)
{
    struct subscription_secret secrets[2] = {{.expires_at_ms = 0}};
    struct subscription subscription = {.secrets = secrets, .secret_count = 2};
    const char *why = NULL;
    CHECK(secret_parse(SPAN(ED25519), &subscription.secrets[0].secret, &why));
    CHECK(secret_parse(SPAN(HMAC), &subscription.secrets[1].secret, &why));
    subscription.secrets[1].expires_at_ms = INSTANT_MS;
    text_init(&out, 4096);
    view_secret(&subscription, &out);
    check_json("{\"secret\":\"" ED25519 "\","
               "\"public_key\":\"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=\","
               "\"previous\":[{\"secret\":\"" HMAC "\",\"expires_at\":" INSTANT
               "}],\"headers\":{}}");
    struct subscription_header header = {.name = (char[]){"X-Key"}, .value = (char[]){"a\"b"}};
    subscription.headers = &header;
    subscription.header_count = 1;
    subscription.secret_count = 1;
    subscription.secrets[0] = subscription.secrets[1];
    text_init(&out, 4096);
    view_secret(&subscription, &out);
    check_json("{\"secret\":\"" HMAC "\",\"previous\":[],\"headers\":{\"X-Key\":\"a\\\"b\"}}");
}

UNIT_MAIN()
