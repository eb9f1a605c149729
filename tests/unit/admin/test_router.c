// SPDX-License-Identifier: Apache-2.0
#include "router.h"
#include "routes.h"
#include "unit.h"

static void none(struct exchange *exchange)
{
    (void)exchange;
}

static const struct route table[] = {
    {.method = "GET", .pattern = "/", .handle = none},
    {.method = "POST", .pattern = "/v1/things", .handle = none},
    {.method = "GET", .pattern = "/v1/things", .handle = none},
    {.method = "GET", .pattern = "/v1/things/{id}", .handle = none},
    {.method = "DELETE", .pattern = "/v1/things/{id}", .handle = none},
    {.method = "POST", .pattern = "/v1/things/{id}/go", .handle = none},
};
enum { TABLE_SIZE = sizeof table / sizeof table[0] };

static enum router_result find(const char *method, const char *path, struct router_match *match)
{
    return router_find(table, TABLE_SIZE, span_of(method), span_of(path), match);
}

TEST(paths_are_found)
{
    static const struct {
        const char *method, *path, *id;
        size_t index;
    } rows[] = {
        {"GET", "/", "", 0},
        {"HEAD", "/", "", 0},
        {"POST", "/v1/things", "", 1},
        {"GET", "/v1/things", "", 2},
        {"HEAD", "/v1/things", "", 2},
        {"GET", "/v1/things/a", "a", 3},
        {"GET", "/v1/things/{id}", "{id}", 3},
        {"DELETE", "/v1/things/a.b-c_d", "a.b-c_d", 4},
        {"POST", "/v1/things/x/go", "x", 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct router_match match;
        CHECK_ROW(find(rows[i].method, rows[i].path, &match) == ROUTER_FOUND, rows[i].path);
        CHECK_ROW(match.route == &table[rows[i].index], rows[i].path);
        CHECK_STR(match.id, rows[i].id);
    }
}

TEST(other_paths_are_not)
{
    static const char *const paths[] = {
        "",
        "v1/things",
        "/v1",
        "/v1/",
        "/v1/things/",
        "//v1/things",
        "/v1//things",
        "/v1/things//",
        "/v1/things//go",
        "/v1/things/a/",
        "/v1/things/a/go/",
        "/v1/things/a/go/b",
        "/V1/things",
        "/v1/thing",
        "/v1/thingss",
        "//",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct router_match match;
        CHECK_ROW(find("GET", paths[i], &match) == ROUTER_NO_PATH, paths[i]);
        CHECK(match.route == NULL);
    }
}

TEST(a_segment_too_long_is_no_id)
{
    char path[64 + ROUTER_ID_SIZE];
    struct router_match match;
    snprintf(path, sizeof path, "/v1/things/%0*d", ROUTER_ID_SIZE - 1, 0);
    CHECK(find("GET", path, &match) == ROUTER_FOUND);
    snprintf(path, sizeof path, "/v1/things/%0*d", ROUTER_ID_SIZE, 0);
    CHECK(find("GET", path, &match) == ROUTER_NO_PATH);
}

TEST(other_methods_learn_what_is_allowed)
{
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {
        {"PUT", "/v1/things", "POST, GET, HEAD"},
        {"POST", "/v1/things/a", "GET, HEAD, DELETE"},
        {"GET", "/v1/things/a/go", "POST"},
        {"HEAD", "/v1/things/a/go", "POST"},
        {"get", "/", "GET, HEAD"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct router_match match;
        CHECK_ROW(find(rows[i].method, rows[i].path, &match) == ROUTER_NO_METHOD, rows[i].path);
        CHECK_STR(match.allow, rows[i].allow);
    }
}

// What needs no key is a short list, written here a second time on purpose.
TEST(only_these_routes_are_open)
{
    static const char *const open[] = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/"};
    for (size_t i = 0; i < routes_count; i++) {
        bool is_listed = false;
        for (size_t k = 0; k < sizeof open / sizeof open[0]; k++)
            is_listed = is_listed || strcmp(routes[i].pattern, open[k]) == 0;
        CHECK_ROW(routes[i].is_open == is_listed, routes[i].pattern);
        CHECK_ROW(routes[i].is_open || strncmp(routes[i].pattern, "/v1/", 4) == 0,
                  routes[i].pattern);
        CHECK_ROW(!routes[i].is_observability || routes[i].is_open, routes[i].pattern);
    }
}

UNIT_MAIN()
