// SPDX-License-Identifier: Apache-2.0
// PATCH: what is named changes, what has its own way is refused, headers and metadata merge.
#include <stdlib.h>

#include "subscription_fixture.h"
#include "unit.h"

TEST(patch_changes_what_it_names_and_nothing_else)
{
    struct subscription *from = create(EVERYTHING);
    char *before = strdup(public_form(from));
    struct subscription *to =
        patch(from, "{\"url\":\"https://new.example/\",\"event_types\":[\"c\"]}");
    CHECK_INT(errors.count, 0);
    if (to) {
        CHECK_STR(to->id, from->id);
        CHECK_STR(to->url->text, "https://new.example/");
        CHECK(to->destination == url_destination(to->url));
        CHECK_INT(to->event_type_count, 1);
        CHECK_STR(to->event_types[0], "c");
        CHECK_STR(to->description, from->description);
        CHECK_STR(to->metadata_json, from->metadata_json);
        CHECK_INT(to->timeout_ms, 100);
        CHECK_INT(to->created_at_ms, now_ms);
        CHECK_INT(to->updated_at_ms, now_ms + 1000);
        CHECK(memcmp(&to->secrets[0].secret, &from->secrets[0].secret, sizeof(struct secret)) == 0);
    }
    CHECK_STR(public_form(from), before);
    free(before);
    subscription_unref(&to);
    to = patch(from, "{}");
    CHECK(to != NULL);
    subscription_unref(&to);
    subscription_unref(&from);
}

TEST(patch_with_null_restores_defaults)
{
    struct subscription *from = create(EVERYTHING);
    struct subscription *to =
        patch(from, "{\"description\":null,\"metadata\":null,\"headers\":null,\"timeout_ms\":null,"
                    "\"max_concurrency\":null,\"retry_schedule\":null}");
    CHECK_INT(errors.count, 0);
    if (to) {
        CHECK_STR(to->description, "");
        CHECK_STR(to->metadata_json, "{}");
        CHECK_INT(to->header_count, 0);
        CHECK_INT(to->timeout_ms, 0);
        CHECK_INT(to->max_concurrency, 0);
        CHECK(!to->retry_schedule);
    }
    subscription_unref(&to);
    subscription_unref(&from);
}

TEST(patch_refuses_what_has_its_own_way)
{
    static const struct {
        const char *body, *field, *part;
    } rows[] = {
        {"{\"secret\":\"" WHSEC "\"}", "secret", "rotate-secret"},
        {"{\"signature\":\"v1\"}", "signature", "rotate-secret"},
        {"{\"tenant\":\"x\"}", "tenant", "create a new subscription"},
        {"{\"state\":\"paused\"}", "state", "/pause"},
        {"{\"id\":\"x\"}", "id", "set by petrel"},
        {"{\"updated_at\":\"x\"}", "updated_at", "set by petrel"},
        {"{\"url\":null}", "url", "must be a string"},
        {"{\"event_types\":null}", "event_types", "1 to 256"},
        {"{\"nope\":null}", "nope", "no field"},
        {"[]", "", "must be a JSON object"},
    };
    struct subscription *from = simple();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_ROW(patch(from, rows[i].body) == NULL, rows[i].body);
        CHECK_ROW(strstr(error_of(rows[i].field), rows[i].part) != NULL, rows[i].body);
    }
    subscription_unref(&from);
}

static const char *patched_headers(const char *headers, const char *change)
{
    static char out[2000];
    char body[1000];
    snprintf(body, sizeof body, "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"headers\":%s}",
             headers);
    struct subscription *from = create(body);
    snprintf(body, sizeof body, "{\"headers\":%s}", change);
    struct subscription *to = patch(from, body);
    struct text shown;
    text_init(&shown, sizeof out - 1);
    if (to)
        subscription_format_headers(to, &shown);
    snprintf(out, sizeof out, "%s", to ? text_string(&shown) : "refused");
    text_fini(&shown);
    subscription_unref(&from);
    subscription_unref(&to);
    return out;
}

TEST(patch_merges_headers)
{
    CHECK_STR(patched_headers("{\"X-A\":\"1\",\"X-B\":\"2\"}", "{\"X-C\":\"3\"}"),
              "{\"X-A\":\"1\",\"X-B\":\"2\",\"X-C\":\"3\"}");
    CHECK_STR(patched_headers("{\"X-A\":\"1\",\"X-B\":\"2\"}", "{\"x-a\":null}"), "{\"X-B\":\"2\"}");
    CHECK_STR(patched_headers("{\"X-A\":\"1\",\"X-B\":\"2\"}", "{\"x-a\":\"9\"}"),
              "{\"X-B\":\"2\",\"x-a\":\"9\"}");
    CHECK_STR(patched_headers("{\"X-A\":\"1\"}", "{\"X-Z\":null}"), "{\"X-A\":\"1\"}");
    CHECK_STR(patched_headers("{\"X-A\":\"1\"}", "null"), "{}");
    CHECK_STR(patched_headers("{\"X-A\":\"1\"}", "{\"X-B\":5}"), "refused");
    CHECK_STR(patched_headers("{}", "{\"X-A\":\"1\"}"), "{\"X-A\":\"1\"}");
}

// What the API shows can be sent back.
TEST(hidden_header_values_stay_as_they_are)
{
    CHECK_STR(patched_headers("{\"X-A\":\"1\",\"X-B\":\"2\"}",
                              "{\"X-A\":\"(hidden)\",\"x-b\":\"(hidden)\",\"X-C\":\"3\"}"),
              "{\"X-A\":\"1\",\"X-B\":\"2\",\"X-C\":\"3\"}");
    CHECK_STR(patched_headers("{\"X-A\":\"1\"}", "{\"X-B\":\"(hidden)\"}"), "refused");
    CHECK(strstr(error_of("headers.X-B"), "give the value") != NULL);
}

static const char *patched_metadata(const char *metadata, const char *change)
{
    static char out[2000];
    char body[1000];
    snprintf(body, sizeof body, "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"metadata\":%s}",
             metadata);
    struct subscription *from = create(body);
    snprintf(body, sizeof body, "{\"metadata\":%s}", change);
    struct subscription *to = patch(from, body);
    snprintf(out, sizeof out, "%s", to ? to->metadata_json : "refused");
    subscription_unref(&from);
    subscription_unref(&to);
    return out;
}

// The examples of RFC 7396, appendix A, that are objects.
TEST(patch_merges_metadata_as_rfc_7396_says)
{
    static const struct {
        const char *from, *change, *expected;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"n\":12345678901234567890,\"m\":1e2}", "{\"x\":0.10}",
         "{\"n\":12345678901234567890,\"m\":1e2,\"x\":0.10}"},
        {"{\"a b\\\"c\":1}", "{\"a b\\\"c\":2}", "{\"a b\\\"c\":2}"},
        {"{\"a\":1}", "{}", "{\"a\":1}"},
        {"{\"a\":1}", "[]", "refused"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STR(patched_metadata(rows[i].from, rows[i].change), rows[i].expected);
}

UNIT_MAIN()
