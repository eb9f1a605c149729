// SPDX-License-Identifier: Apache-2.0
#include "query.h"
#include "unit.h"

static const char *const known[] = {"limit", "cursor", "state", NULL};

static struct query query_of(const char *name, const char *value)
{
    struct query query = {.count = 0};
    query_add(&query, name, value);
    return query;
}

TEST(limits)
{
    static const struct {
        const char *value;
        size_t limit;
        bool is_good;
    } rows[] = {
        {"1", 1, true},     {"200", 200, true},
        {"", 50, true},     {"0", 50, false},
        {"201", 50, false}, {"-1", 50, false},
        {"1.5", 50, false}, {"ten", 50, false},
        {"1 ", 50, false},  {"99999999999999999999", 50, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct field_errors errors = {.count = 0};
        struct query query = query_of("limit", rows[i].value);
        CHECK_INT(query_limit(&query, &errors), rows[i].limit);
        CHECK_ROW((errors.count == 0) == rows[i].is_good, rows[i].value);
    }
    struct query empty = {.count = 0};
    struct field_errors errors = {.count = 0};
    CHECK_INT(query_limit(&empty, &errors), QUERY_LIMIT_DEFAULT);
}

TEST(instants)
{
    static const struct {
        const char *value;
        int64_t instant;
    } rows[] = {
        {"1970-01-01T00:00:05Z", 5000},
        {"1970-01-01T00:00:00Z", 1},
        {"1s", 99000},
        {"0", 100000},
        {"1h", 1},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct field_errors errors = {.count = 0};
        struct query query = query_of("since", rows[i].value);
        CHECK_INT(query_instant(&query, "since", 100000, &errors), rows[i].instant);
        CHECK_ROW(errors.count == 0, rows[i].value);
    }
    static const char *const bad[] = {"yesterday", "2026-01-31", "5", "-1h", "1h30m"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct field_errors errors = {.count = 0};
        struct query query = query_of("since", bad[i]);
        CHECK_INT(query_instant(&query, "since", 100000, &errors), 0);
        CHECK_ROW(errors.count == 1 && strcmp(errors.items[0].field, "since") == 0, bad[i]);
    }
}

TEST(choices)
{
    static const char *const states[] = {"active", "paused", NULL};
    struct field_errors errors = {.count = 0};
    struct query query = query_of("state", "paused");
    CHECK_STR(query_choice(&query, "state", states, &errors), "paused");
    CHECK_INT(errors.count, 0);
    query = query_of("state", "Paused");
    CHECK(query_choice(&query, "state", states, &errors) == NULL);
    CHECK_INT(errors.count, 1);
    CHECK_STR(errors.items[0].message, "must be one of: active, paused");
}

TEST(unknown_and_repeated_parameters_are_errors)
{
    struct field_errors errors = {.count = 0};
    struct query query = query_of("limit", "1");
    query_check(&query, known, &errors);
    CHECK_INT(errors.count, 0);
    query_add(&query, "limits", NULL);
    query_add(&query, "limit", "1");
    query_add(&query, "limit", "1");
    query_check(&query, known, &errors);
    CHECK_INT(errors.count, 3);
    CHECK_STR(errors.items[0].field, "limits");
    CHECK_STR(errors.items[0].message, "unknown parameter; there are: limit, cursor, state");
    CHECK_STR(errors.items[1].field, "limit");
    CHECK_STR(errors.items[1].message, "given twice; give it once");
}

TEST(too_many_parameters_are_an_error)
{
    struct field_errors errors = {.count = 0};
    struct query query = query_of("limit", "1");
    for (int i = 0; i < QUERY_MAX_PARAMETERS - 1; i++)
        CHECK(query_add(&query, "x", ""));
    CHECK(!query_add(&query, "x", ""));
    query_check(&query, known, &errors);
    CHECK(errors.count > 1);
}

UNIT_MAIN()
