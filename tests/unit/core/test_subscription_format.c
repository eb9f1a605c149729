// SPDX-License-Identifier: Apache-2.0
// The public form, the stored form, and the stored form read again.
#include <stdlib.h>

#include "subscription_fixture.h"
#include "unit.h"

TEST(everything_at_once_and_the_stored_form_and_back)
{
    struct subscription *subscription = create(EVERYTHING);
    CHECK_INT(errors.count, 0);
    if (!subscription)
        return;
    const char *shown = public_form(subscription);
    CHECK(strstr(shown, "\"url\":\"https://example.com/hook\"") != NULL);
    CHECK(strstr(shown, "\"metadata\":{\"n\":12345678901234567890.10,\"s\":\"\\u00e4\"}") != NULL);
    CHECK(strstr(shown, "\"description\":\"Sch\xc3\xb6n \\\"so\\\"\"") != NULL);
    CHECK(strstr(shown, "\"signature\":\"v1a\"") != NULL);
    CHECK(strstr(shown, "\"headers\":{\"X-Key\":\"(hidden)\"}") != NULL);
    CHECK(strstr(shown, "\"retry_schedule\":[\"250ms\",\"5s\",\"2h\"]") != NULL);
    CHECK(strstr(shown, "whsk_") == NULL);
    char *before = strdup(shown);

    char *stored = strdup(stored_form(subscription));
    CHECK(strncmp(stored, "{\"id\":\"sub_", 11) == 0);
    CHECK(strstr(stored, WHSK) != NULL);
    struct text why;
    text_init(&why, 200);
    struct subscription *again = subscription_parse_stored(span_of(stored), fixture_vault(), &why);
    CHECK_STR(text_string(&why), "");
    if (again) {
        CHECK_STR(public_form(again), before);
        CHECK_STR(stored_form(again), stored);
        CHECK(again->destination == subscription->destination);
        CHECK_INT(again->max_concurrency, 10000);
    }
    subscription_unref(&again);
    subscription_unref(&subscription);
    text_fini(&why);
    free(before);
    free(stored);
}

TEST(the_largest_subscription_fits_its_stored_form)
{
    static struct text body;
    char type[140];
    char value[4097];
    text_init(&body, 1 << 20);
    memset(type, 't', sizeof type);
    memset(value, '"', sizeof value - 1);
    value[4096] = '\0';
    text_append_string(&body, "{\"url\":\"https://h/\",\"event_types\":[");
    for (int i = 0; i < 256; i++)
        text_append_format(&body, "%s\"%.125s%03d\"", i ? "," : "", type, i);
    text_append_string(&body, "],\"headers\":{");
    for (int i = 0; i < 20; i++) {
        text_append_format(&body, "%s\"X-%d\":\"", i ? "," : "", i);
        for (int j = 0; j < 4096 / 2; j++)
            text_append_string(&body, "\\\"");
        text_append_string(&body, "\"");
    }
    text_append_string(&body, "}}");
    struct subscription *subscription = create(text_string(&body));
    CHECK(subscription != NULL);
    if (subscription) {
        struct text stored;
        text_init(&stored, SUBSCRIPTION_JSON_MAX_BYTES);
        subscription_format_stored(subscription, fixture_vault(), &stored);
        CHECK(!stored.failed);
        text_fini(&stored);
    }
    subscription_unref(&subscription);
    text_fini(&body);
}

static const char *why_not_stored(const char *json)
{
    static struct text why;
    text_fini(&why);
    text_init(&why, 300);
    struct subscription *subscription =
        subscription_parse_stored(span_of(json), fixture_vault(), &why);
    CHECK_ROW((subscription == NULL) == (why.size > 0), json);
    subscription_unref(&subscription);
    return text_string(&why);
}

#define STORED(id, types, secrets, more)                                                           \
    "{\"id\":" id                                                                                  \
    ",\"created_at_ms\":5,\"tenant\":\"\",\"state\":\"active\",\"url\":\"https://h/\","            \
    "\"event_types\":" types ",\"secrets\":" secrets more ",\"updated_at_ms\":6}"
#define GOOD_SECRETS "[{\"secret\":\"" WHSEC "\",\"expires_at_ms\":0}]"

TEST(stored_forms_that_are_broken_say_which_field)
{
    CHECK_STR(why_not_stored(STORED("\"sub_1\"", "[\"a\"]", GOOD_SECRETS, "")), "");
    // A newer petrel may know more.
    CHECK_STR(why_not_stored(STORED("\"sub_1\"", "[\"a\"]", GOOD_SECRETS, ",\"rate_limit\":5")), "");
    static const struct {
        const char *json, *part;
    } rows[] = {
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{}", "id"},
        {STORED("\"sub 1\"", "[\"a\"]", GOOD_SECRETS, ""), "id"},
        {STORED("\"sub_1\"", "[]", GOOD_SECRETS, ""), "event_types"},
        {STORED("\"sub_1\"", "[\"a\"]", "[]", ""), "secrets"},
        {STORED("\"sub_1\"", "[\"a\"]", "[{\"secret\":\"x\",\"expires_at_ms\":0}]", ""), "secrets"},
        {STORED("\"sub_1\"", "[\"a\"]", "[{\"secret\":\"" WHSEC "\"}]", ""), "secrets"},
        {STORED("\"sub_1\"", "[\"a\"]", GOOD_SECRETS, ",\"timeout_ms\":1"), "timeout_ms"},
        {STORED("\"sub_1\"", "[\"a\"]", GOOD_SECRETS, ",\"metadata\":5"), "metadata"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_ROW(strstr(why_not_stored(rows[i].json), rows[i].part) != NULL, rows[i].json);
}

UNIT_MAIN()
