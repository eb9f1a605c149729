// SPDX-License-Identifier: Apache-2.0
// What machines watch: /healthz (the process answers), /readyz (it can do its work), /metrics; /v1/status for people;
// and the pointers to the documentation.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin_assets.h"
#include "petrel/json.h"
#include "petrel/metrics.h"
#include "routes.h"
#include "stores.h"
#include "views.h"

enum { SKEW_MAX_MS = 5000, DETAIL_SIZE = 320 };

void route_health_live(struct exchange *exchange)
{
    text_append_string(exchange_begin_json(exchange, 200), "{\"status\":\"ok\"}");
}

// ---- readiness

struct check {
    const char *name;
    bool is_ok;
    bool is_warning;    // doesn't make petrel unready
    const char *detail; // what to do, when it isn't ok
};

static void add_check(struct text *out, const struct check *check)
{
    text_append_format(out, "%s{\"name\":\"%s\",\"ok\":%s,\"level\":\"%s\",\"detail\":",
                       out->data[out->size - 1] == '[' ? "" : ",", check->name,
                       check->is_ok ? "true" : "false", check->is_warning ? "warning" : "error");
    json_append_string(out, span_of(check->is_ok ? "" : check->detail));
    text_append_char(out, '}');
}

static void add_redis_checks(const struct store_status *status, struct text *out)
{
    char skew[DETAIL_SIZE];
    snprintf(skew, sizeof skew,
             "Redis's clock is %" PRId64 " ms off this machine's: check NTP on both",
             status->clock_skew_ms);
    bool is_skewed = status->clock_skew_ms > SKEW_MAX_MS || status->clock_skew_ms < -SKEW_MAX_MS;
    const struct check checks[] = {
        {.name = "group",
         .is_ok = status->has_group,
         .detail = "a stream has no consumer group yet: start a dispatcher, it makes the group"},
        {.name = "append_only",
         .is_ok = status->is_append_only,
         .is_warning = true,
         .detail =
             "Redis keeps no append-only file, so a crash of it loses events: set appendonly yes"},
        {.name = "eviction",
         .is_ok = !status->is_evicting,
         .is_warning = true,
         .detail = "Redis evicts keys when memory is short: set maxmemory-policy noeviction"},
        {.name = "clock", .is_ok = !is_skewed, .is_warning = true, .detail = skew},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        add_check(out, &checks[i]);
}

// Starting: a worker has no table of subscriptions yet. Ending: it drains.
static bool has_all_workers(const struct exchange *exchange)
{
    return metrics_read(METRIC_WORKERS) >= exchange->workers;
}

void route_health_ready(struct exchange *exchange)
{
    struct status_reading reading;
    status_cache_read(exchange->status, &reading);
    bool has_redis = reading.result == STORE_OK;
    bool has_workers = has_all_workers(exchange);
    bool is_ready = has_redis && reading.status.has_group && has_workers;
    struct text *out = exchange_begin_json(exchange, is_ready ? 200 : 503);
    struct check redis = {.name = "redis", .is_ok = has_redis, .detail = reading.error};
    struct check workers = {
        .name = "workers",
        .is_ok = has_workers,
        .detail = "the dispatcher isn't at work: it is starting, or draining",
    };
    text_append_format(out, "{\"status\":\"%s\",\"checks\":[", is_ready ? "ready" : "unready");
    add_check(out, &redis);
    if (exchange->workers > 0)
        add_check(out, &workers);
    if (has_redis)
        add_redis_checks(&reading.status, out);
    text_append_string(out, "]}");
    if (!is_ready)
        http_response_add_header(exchange->response, "retry-after", "1");
}

void route_health_status(struct exchange *exchange)
{
    struct status_reading reading;
    if (!exchange_accept_no_query(exchange))
        return;
    status_cache_read(exchange->status, &reading);
    memcpy(exchange->store->error, reading.error, sizeof reading.error);
    if (reading.result != STORE_OK)
        exchange_fail(exchange, reading.result, "status", NULL);
    else
        view_status(&reading.status, exchange_begin_json(exchange, 200));
}

// ---- metrics

static void add_gauge(struct text *out, const char *name, const char *help, int64_t value)
{
    text_append_format(out, "# HELP %s %s\n# TYPE %s gauge\n%s %" PRId64 "\n", name, help, name,
                       name, value);
}

// Without Redis the process's own metrics are still worth reading; so this never fails.
void route_health_metrics(struct exchange *exchange)
{
    struct status_reading reading;
    struct text *out = exchange_begin_json(exchange, 200);
    exchange->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_format(out);
    status_cache_read(exchange->status, &reading);
    bool is_up = reading.result == STORE_OK;
    add_gauge(out, "petrel_redis_up", "1 if Redis answered.", is_up);
    if (!is_up)
        return;
    const struct store_status *status = &reading.status;
    add_gauge(out, "petrel_parked", "Deliveries parked now.", status->parked);
    add_gauge(out, "petrel_dead_letters", "Dead letters kept.", status->dead);
    add_gauge(out, "petrel_rejected_events", "Rejected events kept.", status->rejected);
    add_gauge(out, "petrel_stream_length", "Entries in the stream.", status->stream_length);
    add_gauge(out, "petrel_stream_lag", "Entries that no dispatcher has read.", status->stream_lag);
    add_gauge(out, "petrel_stream_pending", "Entries read and not settled.", status->stream_pending);
    add_gauge(out, "petrel_instances", "Dispatchers registered.", status->instances);
}

// ---- pointers

void route_health_index(struct exchange *exchange)
{
    text_append_string(exchange_begin_json(exchange, 200),
                       "{\"name\":\"petrel\",\"version\":\"" PETREL_VERSION
                       "\",\"openapi\":\"/openapi.json\",\"api\":\"/v1\",\"health\":\"/healthz\","
                       "\"readiness\":\"/readyz\",\"metrics\":\"/metrics\"}");
}

void route_health_openapi(struct exchange *exchange)
{
    text_append(exchange_begin_json(exchange, 200), admin_asset_openapi_json,
                admin_asset_openapi_json_size);
}
