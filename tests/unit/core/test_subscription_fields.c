// SPDX-License-Identifier: Apache-2.0
// What a new subscription may say, field by field, and how it is refused.
#include "subscription_fixture.h"
#include "unit.h"

// A body that is right but for one field.
static void check_refusal(const char *member, const char *field, const char *part)
{
    char body[3000];
    snprintf(body, sizeof body, "{\"url\":\"https://example.com/\",\"event_types\":[\"a\"]%s%s}",
             member[0] ? "," : "", member);
    struct subscription *subscription = create(body);
    CHECK_ROW(subscription == NULL, member);
    CHECK_ROW(strstr(error_of(field), part) != NULL, member);
    CHECK_ROW(errors.count == 1, member);
    subscription_unref(&subscription);
}

TEST(bad_values_of_one_field)
{
    static const struct {
        const char *member, *field, *part;
    } rows[] = {
        {"\"tenant\":\"a b\"", "tenant", "A-Z a-z 0-9"},
        {"\"tenant\":5", "tenant", "must be a string"},
        {"\"description\":5", "description", "string of at most 1024"},
        {"\"metadata\":[]", "metadata", "must be a JSON object"},
        {"\"metadata\":\"{}\"", "metadata", "must be a JSON object"},
        {"\"signature\":\"v2\"", "signature", "v1 (HMAC"},
        {"\"signature\":true", "signature", "v1 (HMAC"},
        {"\"secret\":\"whsec_short\"", "secret", ""},
        {"\"secret\":\"hunter2\"", "secret", ""},
        {"\"secret\":7", "secret", "must be a string"},
        {"\"signature\":\"v1a\",\"secret\":\"" WHSEC "\"", "signature", "doesn't fit the secret"},
        {"\"signature\":\"v1\",\"secret\":\"" WHSK "\"", "signature", "doesn't fit the secret"},
        {"\"headers\":[]", "headers", "object of names and strings"},
        {"\"headers\":{\"X-A\":5}", "headers.X-A", "must be a string"},
        {"\"headers\":{\"X-A\":null}", "headers.X-A", "must be a string"},
        {"\"headers\":{\"X A\":\"v\"}", "headers.X A", "may have letters"},
        {"\"headers\":{\"Webhook-Id\":\"v\"}", "headers.Webhook-Id", "set by petrel"},
        {"\"headers\":{\"Host\":\"v\"}", "headers.Host", "set by petrel"},
        {"\"headers\":{\"X-A\":\"a\\r\\nB: c\"}", "headers.X-A", "line breaks"},
        {"\"headers\":{\"X-A\":\"1\",\"x-a\":\"2\"}", "headers.x-a", "given twice"},
        {"\"headers\":{\"X-A\":\"(hidden)\"}", "headers.X-A", "give the value"},
        {"\"headers\":{\"X-A\":\"enc:v1:k:AAAA\"}", "headers.X-A", "must not begin with enc:"},
        {"\"timeout_ms\":99", "timeout_ms", "100 to 120000"},
        {"\"timeout_ms\":120001", "timeout_ms", "100 to 120000"},
        {"\"timeout_ms\":100.5", "timeout_ms", "whole number"},
        {"\"timeout_ms\":\"1s\"", "timeout_ms", "whole number"},
        {"\"timeout_ms\":1e300", "timeout_ms", "whole number"},
        {"\"max_concurrency\":0", "max_concurrency", "1 to 10000"},
        {"\"max_concurrency\":10001", "max_concurrency", "1 to 10000"},
        {"\"max_concurrency\":-1", "max_concurrency", "1 to 10000"},
        {"\"retry_schedule\":\"5s\"", "retry_schedule", "must be an array"},
        {"\"retry_schedule\":[5,\"5\"]", "retry_schedule[1]", "length of time"},
        {"\"retry_schedule\":[-1]", "retry_schedule[0]", "length of time"},
        {"\"retry_schedule\":[0.5]", "retry_schedule[0]", "length of time"},
        {"\"retry_schedule\":[\"31d\"]", "retry_schedule[0]", "at most 30d"},
        {"\"retry_schedule\":[null]", "retry_schedule[0]", "length of time"},
        {"\"state\":\"disabled\"", "state", "active or paused"},
        {"\"state\":true", "state", "active or paused"},
        {"\"id\":\"sub_1\"", "id", "set by petrel"},
        {"\"created_at\":\"2026-01-31T12:00:00.123Z\"", "created_at", "set by petrel"},
        {"\"frobnicate\":1", "frobnicate", "no field"},
        {"\"URL\":\"x\"", "URL", "no field"},
        {"\"url\":\"https://other/\"", "url", "given twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_refusal(rows[i].member, rows[i].field, rows[i].part);
}

TEST(bad_urls_and_event_types)
{
    static const struct {
        const char *body, *field, *part;
    } rows[] = {
        {"{\"url\":\"ftp://h/\",\"event_types\":[\"a\"]}", "url", ""},
        {"{\"url\":5,\"event_types\":[\"a\"]}", "url", "must be a string"},
        {"{\"url\":null,\"event_types\":[\"a\"]}", "url", "must be a string"},
        {"{\"event_types\":[\"a\"]}", "url", "is required"},
        {"{\"url\":\"https://h/\"}", "event_types", "is required"},
        {"{\"url\":\"https://h/\",\"event_types\":null}", "event_types", "1 to 256"},
        {"{\"url\":\"https://h/\",\"event_types\":[]}", "event_types", "1 to 256"},
        {"{\"url\":\"https://h/\",\"event_types\":\"a\"}", "event_types", "1 to 256"},
        {"{\"url\":\"https://h/\",\"event_types\":[\"a\",\"b*c\"]}", "event_types[1]", "final *"},
        {"{\"url\":\"https://h/\",\"event_types\":[\"a\",7]}", "event_types[1]", "final *"},
        {"{\"url\":\"https://h/\",\"event_types\":[\"\"]}", "event_types[0]", "final *"},
        {"{\"url\":\"https://h/\",\"event_types\":[\"a\",\"b\",\"a\"]}", "event_types[2]", "twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription *subscription = create(rows[i].body);
        CHECK_ROW(subscription == NULL, rows[i].body);
        CHECK_ROW(strstr(error_of(rows[i].field), rows[i].part) != NULL, rows[i].body);
        CHECK_ROW(errors.count == 1, rows[i].body);
        subscription_unref(&subscription);
    }
}

TEST(bodies_that_are_no_object)
{
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"", "no valid JSON"},
        {"{", "no valid JSON"},
        {"{}x", "no valid JSON"},
        {"{\"url\":\"\xff\"}", "no valid JSON"},
        {"[]", "must be a JSON object"},
        {"null", "must be a JSON object"},
        {"{\"url\":\"https://h/\\u0000x\",\"event_types\":[\"a\"]}", "NUL"},
        {"{\"u\\u0000rl\":\"https://h/\"}", "NUL"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_ROW(create(rows[i].body) == NULL, rows[i].body);
        CHECK_ROW(strstr(error_of(""), rows[i].part) != NULL, rows[i].body);
    }
    // An escaped backslash before u0000 is no NUL.
    struct subscription *subscription =
        create("{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"description\":\"\\\\u0000\"}");
    CHECK(subscription != NULL);
    subscription_unref(&subscription);
}

TEST(every_error_is_reported_up_to_the_limit)
{
    CHECK(create("{\"url\":\"x\",\"event_types\":[\"a b\",\"c d\"],\"timeout_ms\":1,\"nope\":1}") ==
          NULL);
    CHECK_INT(errors.count, 5);
    CHECK_STR(errors.items[0].field, "url");
    CHECK_STR(errors.items[1].field, "event_types[0]");
    CHECK_STR(errors.items[2].field, "event_types[1]");
    CHECK_STR(errors.items[3].field, "timeout_ms");
    CHECK_STR(errors.items[4].field, "nope");
    char body[2000] = "{\"nope0\":1";
    for (int i = 1; i < 30; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), ",\"nope%d\":1", i);
    snprintf(body + strlen(body), sizeof body - strlen(body), "}");
    CHECK(create(body) == NULL);
    CHECK_INT(errors.count, FIELD_ERRORS_MAX);
}

TEST(long_values)
{
    static char body[60000];
    char long_text[2001];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[2000] = '\0';
    snprintf(body, sizeof body,
             "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"description\":\"%.1024s\"}",
             long_text);
    struct subscription *subscription = create(body);
    CHECK(subscription != NULL);
    subscription_unref(&subscription);
    snprintf(body, sizeof body,
             "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"description\":\"%.1025s\"}",
             long_text);
    CHECK(create(body) == NULL);

    int size = snprintf(body, sizeof body,
                        "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"metadata\":{\"k\":\"");
    memset(body + size, 'y', SUBSCRIPTION_METADATA_MAX_BYTES);
    memcpy(body + size + SUBSCRIPTION_METADATA_MAX_BYTES - 8, "\"}}", 4); // exactly the maximum
    subscription = create(body);
    CHECK(subscription && strlen(subscription->metadata_json) == SUBSCRIPTION_METADATA_MAX_BYTES);
    subscription_unref(&subscription);
    memset(body + size, 'y', SUBSCRIPTION_METADATA_MAX_BYTES);
    memcpy(body + size + SUBSCRIPTION_METADATA_MAX_BYTES - 7, "\"}}", 4);
    CHECK(create(body) == NULL);
    CHECK_STR(error_of("metadata"), "must have at most 16384 bytes");
}

// A body with `count` event types, headers or delays.
static struct subscription *create_many(const char *head, const char *item, int count,
                                        const char *tail)
{
    static struct text body;
    text_fini(&body);
    text_init(&body, 1 << 20);
    text_append_string(&body, head);
    for (int i = 0; i < count; i++) {
        text_append_string(&body, i ? "," : "");
        for (const char *c = item; *c; c++) {
            if (*c == '#')
                text_append_int(&body, i);
            else
                text_append_char(&body, *c);
        }
    }
    text_append_string(&body, tail);
    return create(text_string(&body));
}

TEST(as_many_as_allowed_and_one_more)
{
    static const struct {
        const char *head, *item, *tail, *field;
        int most;
    } rows[] = {
        {"{\"url\":\"https://h/\",\"event_types\":[", "\"t#\"", "]}", "event_types", 256},
        {"{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"headers\":{", "\"X-#\":\"v\"", "}}",
         "headers", 20},
        {"{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"retry_schedule\":[", "#", "]}",
         "retry_schedule", 64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription *subscription =
            create_many(rows[i].head, rows[i].item, rows[i].most, rows[i].tail);
        CHECK_ROW(subscription != NULL, rows[i].field);
        subscription_unref(&subscription);
        CHECK_ROW(!create_many(rows[i].head, rows[i].item, rows[i].most + 1, rows[i].tail),
                  rows[i].field);
        CHECK_ROW(error_of(rows[i].field)[0] != '\0', rows[i].field);
    }
}

TEST(defaults_may_be_spelled_null)
{
    struct subscription *subscription = create(
        "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"tenant\":null,\"description\":null,\"metadata\":null,"
        "\"signature\":null,\"secret\":null,\"headers\":null,\"timeout_ms\":null,"
        "\"max_concurrency\":null,\"retry_schedule\":null}");
    CHECK_INT(errors.count, 0);
    CHECK(subscription != NULL);
    subscription_unref(&subscription);
}

TEST(a_new_one_may_be_paused)
{
    struct subscription *subscription =
        create("{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"state\":\"paused\"}");
    CHECK_INT(errors.count, 0);
    CHECK(subscription && subscription->state == SUBSCRIPTION_PAUSED);
    subscription_unref(&subscription);
}

UNIT_MAIN()
