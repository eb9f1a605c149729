// SPDX-License-Identifier: Apache-2.0
// What machines watch: /healthz (the process answers), /readyz (it can do its work), /metrics; /v1/status for people;
// and the pointers to the documentation.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "admin_assets.h"
#include "petrel/check.h"
#include "petrel/json.h"
#include "petrel/metrics.h"
#include "routes.h"
#include "stores.h"
#include "views.h"

void route_health_live(struct exchange *exchange)
{
    text_append_string(exchange_begin_json(exchange, 200), "{\"status\":\"ok\"}");
}

// ---- readiness

static void add_check(struct text *out, const struct check_finding *finding)
{
    struct text detail;
    text_init(&detail, 1024);
    text_append_format(&detail, "%s: %s", finding->value, finding->meaning);
    text_append_format(out, "%s{\"name\":\"%s\",\"ok\":%s,\"level\":\"%s\",\"detail\":",
                       out->data[out->size - 1] == '[' ? "" : ",", finding->name,
                       finding->level == CHECK_OK ? "true" : "false",
                       finding->is_blocking ? "error" : "warning");
    json_append_string(out, text_span(&detail));
    text_append_char(out, '}');
    text_fini(&detail);
}

static void collect_checks(const struct exchange *exchange, const struct status_reading *reading,
                           struct check_report *report)
{
    const struct config *config = exchange->config;
    struct rlimit files = {.rlim_max = 0};
    bool has_redis = reading->result == STORE_OK;
    struct check_finding redis = {.name = "redis",
                                  .level = has_redis ? CHECK_OK : CHECK_FAIL,
                                  .is_blocking = !has_redis,
                                  .meaning = has_redis ? "events are accepted"
                                                       : "nothing can be accepted or written down"};
    snprintf(redis.value, sizeof redis.value, "%s", has_redis ? "answers" : reading->error);
    check_add(report, &redis);
    check_links(report, metrics_read(METRIC_REDIS_DISCONNECTED));
    if (exchange->workers > 0)
        check_workers(report, metrics_read(METRIC_WORKERS), exchange->workers);
    if (has_redis)
        check_redis_status(report, &reading->status);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        check_open_files(report, files.rlim_max, config->max_in_flight);
    if (config->require_durability)
        check_require_durability(report);
}

void route_health_ready(struct exchange *exchange)
{
    struct status_reading reading;
    struct check_report report = {.count = 0};
    status_cache_read(exchange->status, &reading);
    collect_checks(exchange, &reading, &report);
    struct text *out = exchange_begin_json(exchange, report.is_blocked ? 503 : 200);
    text_append_format(out, "{\"status\":\"%s\",\"checks\":[",
                       report.is_blocked ? "unready" : "ready");
    for (size_t i = 0; i < report.count; i++)
        add_check(out, &report.items[i]);
    text_append_string(out, "]}");
    if (report.is_blocked)
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

void route_health_instances(struct exchange *exchange)
{
    struct store_instances list = {.count = 0};
    if (!exchange_accept_no_query(exchange))
        return;
    enum store_result result = store_list_instances(exchange->store, &list);
    struct text *out = exchange_begin_list(exchange, result, "instance", NULL);
    if (!out)
        return;
    for (size_t i = 0; i < list.count; i++) {
        view_begin_item(i, out);
        view_instance(&list.items[i], out);
    }
    view_end_list("", out);
    store_instances_fini(&list);
}

// ---- metrics

static void add_gauge(struct text *out, const char *name, const char *help, int64_t value)
{
    text_append_format(out, "# HELP %s %s\n# TYPE %s gauge\n%s %" PRId64 "\n", name, help, name,
                       name, value);
}

static void add_breakers(struct text *out, const struct store_status *status)
{
    static const char name[] = "petrel_breakers";
    text_append_format(out,
                       "# HELP %s Subscriptions whose circuit breaker isn't closed, by state.\n"
                       "# TYPE %s gauge\n%s{state=\"open\"} %" PRId64 "\n"
                       "%s{state=\"half_open\"} %" PRId64 "\n",
                       name, name, name, status->breakers_open, name, status->breakers_half_open);
}

// Without Redis the process's own metrics are still worth reading; so this never fails.
void route_health_metrics(struct exchange *exchange)
{
    struct status_reading reading;
    struct text *out = exchange_begin_json(exchange, 200);
    exchange->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_format(out);
    struct check_report report = {.count = 0};
    status_cache_read(exchange->status, &reading);
    collect_checks(exchange, &reading, &report);
    bool is_up = reading.result == STORE_OK;
    add_gauge(out, "petrel_ready", "1 if /readyz says so.", !report.is_blocked);
    add_gauge(out, "petrel_redis_up", "1 if Redis answers, and is no replica.",
              is_up && !reading.status.is_replica);
    if (!is_up)
        return;
    const struct store_status *status = &reading.status;
    add_gauge(out, "petrel_parked", "Deliveries parked now.", status->parked);
    add_breakers(out, status);
    add_gauge(out, "petrel_dead_letters", "Dead letters kept.", status->dead);
    add_gauge(out, "petrel_rejected_events", "Rejected events kept.", status->rejected);
    add_gauge(out, "petrel_stream_length", "Entries in the stream.", status->stream_length);
    add_gauge(out, "petrel_stream_lag", "Entries that no dispatcher has read.", status->stream_lag);
    add_gauge(out, "petrel_stream_pending", "Entries read and not settled.", status->stream_pending);
    add_gauge(out, "petrel_instances", "Dispatchers registered.", status->instances);
    add_gauge(out, "petrel_redis_memory_used_bytes",
              "Memory of Redis that counts against its limit.", status->used_memory_bytes);
    add_gauge(out, "petrel_redis_memory_limit_bytes", "Redis's maxmemory; 0: none.",
              status->maxmemory_bytes);
    add_gauge(out, "petrel_redis_durable",
              "1 if Redis has an append-only file and evicts nothing: what it accepted stays.",
              status->is_append_only && !status->is_append_failing && !status->is_evicting);
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
