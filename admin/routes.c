// SPDX-License-Identifier: Apache-2.0
// The table of all routes. openapi.json describes the same; a test compares the two.
#include "routes.h"

const struct route routes[] = {
    {.method = "POST", .pattern = "/v1/events", .handle = route_events_publish},
    {.method = "GET", .pattern = "/v1/events/{id}", .handle = route_events_show},

    {.method = "POST", .pattern = "/v1/subscriptions", .handle = route_subscriptions_create},
    {.method = "GET", .pattern = "/v1/subscriptions", .handle = route_subscriptions_list},
    {.method = "GET", .pattern = "/v1/subscriptions/{id}", .handle = route_subscriptions_show},
    {.method = "PATCH", .pattern = "/v1/subscriptions/{id}", .handle = route_subscriptions_patch},
    {.method = "DELETE", .pattern = "/v1/subscriptions/{id}", .handle = route_subscriptions_delete},
    {.method = "GET",
     .pattern = "/v1/subscriptions/{id}/secret",
     .handle = route_subscriptions_show_secret},
    {.method = "POST",
     .pattern = "/v1/subscriptions/{id}/rotate-secret",
     .handle = route_subscriptions_rotate_secret},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/pause", .handle = route_subscriptions_pause},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/resume", .handle = route_subscriptions_resume},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/disable", .handle = route_subscriptions_disable},
    {.method = "POST", .pattern = "/v1/subscriptions/{id}/test", .handle = route_subscriptions_test},
    {.method = "GET",
     .pattern = "/v1/subscriptions/{id}/attempts",
     .handle = route_attempts_list_of_subscription},

    {.method = "GET", .pattern = "/v1/dead-letters", .handle = route_dead_letters_list},
    {.method = "GET", .pattern = "/v1/dead-letters/{id}", .handle = route_dead_letters_show},
    {.method = "DELETE", .pattern = "/v1/dead-letters/{id}", .handle = route_dead_letters_delete},
    {.method = "POST", .pattern = "/v1/dead-letters/{id}/redrive", .handle = route_dead_letters_redrive},

    {.method = "GET", .pattern = "/v1/attempts", .handle = route_attempts_list},
    {.method = "GET", .pattern = "/v1/rejected-events", .handle = route_rejected_list},
    {.method = "GET", .pattern = "/v1/status", .handle = route_health_status},

    {.method = "GET",
     .pattern = "/healthz",
     .handle = route_health_live,
     .is_open = true,
     .is_observability = true},
    {.method = "GET",
     .pattern = "/readyz",
     .handle = route_health_ready,
     .is_open = true,
     .is_observability = true},
    {.method = "GET",
     .pattern = "/metrics",
     .handle = route_health_metrics,
     .is_open = true,
     .is_observability = true},
    {.method = "GET", .pattern = "/openapi.json", .handle = route_health_openapi, .is_open = true},
    {.method = "GET", .pattern = "/", .handle = route_health_index, .is_open = true},
};
const size_t routes_count = sizeof routes / sizeof routes[0];
