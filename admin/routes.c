// SPDX-License-Identifier: Apache-2.0
// The table of all routes. openapi.json describes the same; a test compares the two.
#include "routes.h"

const struct route routes[] = {
    {.method = "POST", .pattern = "/v1/events", .handle = events_publish},
    {.method = "GET", .pattern = "/v1/events/{id}", .handle = events_show},

    {.method = "POST", .pattern = "/v1/subscriptions", .handle = subscriptions_create},
    {.method = "GET", .pattern = "/v1/subscriptions", .handle = subscriptions_list},
    {.method = "GET", .pattern = "/v1/subscriptions/{id}", .handle = subscriptions_show},
    {.method = "PATCH", .pattern = "/v1/subscriptions/{id}", .handle = subscriptions_patch},
    {.method = "DELETE", .pattern = "/v1/subscriptions/{id}", .handle = subscriptions_delete},
    {.method = "GET",
     .pattern = "/v1/subscriptions/{id}/secret",
     .handle = subscriptions_show_secret},
    {.method = "POST",
     .pattern = "/v1/subscriptions/{id}/rotate-secret",
     .handle = subscriptions_rotate_secret},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/pause", .handle = subscriptions_pause},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/resume", .handle = subscriptions_resume},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/disable", .handle = subscriptions_disable},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/test", .handle = subscriptions_test},
    {.method = "GET",
     .pattern = "/v1/subscriptions/{id}/attempts",
     .handle = attempts_list_of_subscription},

    {.method = "GET", .pattern = "/v1/dead-letters", .handle = dead_letters_list},
    {.method = "GET", .pattern = "/v1/dead-letters/{id}", .handle = dead_letters_show},
    {.method = "DELETE", .pattern = "/v1/dead-letters/{id}", .handle = dead_letters_delete},
    {.method = "POST", .pattern = "/v1/dead-letters/{id}/redrive", .handle = dead_letters_redrive},

    {.method = "GET", .pattern = "/v1/attempts", .handle = attempts_list},
    {.method = "GET", .pattern = "/v1/rejected-events", .handle = rejected_list},
    {.method = "GET", .pattern = "/v1/status", .handle = health_status},

    {.method = "GET",
     .pattern = "/healthz",
     .handle = health_live,
     .is_open = true,
     .is_observability = true},
    {.method = "GET",
     .pattern = "/readyz",
     .handle = health_ready,
     .is_open = true,
     .is_observability = true},
    {.method = "GET",
     .pattern = "/metrics",
     .handle = health_metrics,
     .is_open = true,
     .is_observability = true},
    {.method = "GET", .pattern = "/openapi.json", .handle = health_openapi, .is_open = true},
    {.method = "GET", .pattern = "/", .handle = health_index, .is_open = true},
};
const size_t routes_count = sizeof routes / sizeof routes[0];
