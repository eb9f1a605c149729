// SPDX-License-Identifier: Apache-2.0
#include "petrel/json.h"
#include "problem.h"
#include "unit.h"

static struct http_response response_of(void)
{
    struct http_response response = {.status = 200};
    text_init(&response.body, 64 * 1024);
    return response;
}

TEST(a_problem_replaces_what_was_there)
{
    struct http_response response = response_of();
    text_append_string(&response.body, "half an answer");
    problem_set(&response, 404, "There is no \"%s\".", "x\n");
    CHECK_INT(response.status, 404);
    CHECK_STR(response.content_type, "application/problem+json");
    CHECK_STR(text_string(&response.body),
              "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
              "\"detail\":\"There is no \\\"x\\n\\\".\"}");
    text_fini(&response.body);
}

TEST(field_errors_are_listed)
{
    struct http_response response = response_of();
    struct field_errors errors = {.count = 0};
    field_errors_add(&errors, "url", "is required");
    field_errors_add(&errors, "a\"b", "\xff");
    problem_set_errors(&response, &errors);
    CHECK_INT(response.status, 422);
    struct json_error error;
    struct span list;
    CHECK(json_validate(text_span(&response.body), &error));
    CHECK(json_find_member(text_span(&response.body), "errors", &list));
    CHECK(span_equals_text(list, "[{\"field\":\"url\",\"message\":\"is required\"},"
                                 "{\"field\":\"a\\\"b\",\"message\":\"\xEF\xBF\xBD\"}]"));
    text_fini(&response.body);
}

TEST(store_results_have_statuses)
{
    static const struct {
        enum store_result result;
        unsigned status;
        bool has_retry_after;
        const char *part;
    } rows[] = {
        {STORE_NOT_FOUND, 404, false, "There is no such subscription."},
        {STORE_INVALID, 422, false, "\"errors\":[]"},
        {STORE_CONFLICT, 409, false, "the reason"},
        {STORE_FULL, 507, true, "Redis refuses writes: the reason"},
        {STORE_UNAVAILABLE, 503, true, "Redis isn't available: the reason"},
    };
    static const struct store store = {.error = "the reason"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_response response = response_of();
        problem_set_result(&response, rows[i].result, &store, "subscription", NULL);
        CHECK_INT(response.status, rows[i].status);
        CHECK_INT(response.header_count, rows[i].has_retry_after ? 1 : 0);
        CHECK_ROW(strstr(text_string(&response.body), rows[i].part) != NULL, rows[i].part);
        text_fini(&response.body);
    }
}

TEST(every_status_that_is_used_has_a_title)
{
    static const unsigned used[] = {400, 401, 404, 405, 409, 413, 415, 422, 429, 500, 503, 507};
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
        CHECK(strcmp(problem_title(used[i]), "Error") != 0);
}

UNIT_MAIN()
