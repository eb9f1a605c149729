// SPDX-License-Identifier: Apache-2.0
// The admin API put together: what happens to a request before and after its route.
//
//     request → key? (401, 429) → route? (404, 405) → scope? (403) → Idempotency-Key? (replay, 409, 422) → handler → audit
//
// Each step either goes on or is the answer. Handlers run on the HTTP server's threads; what they share is the pool
// of stores, the status cache and the table of addresses, each behind its own lock.
#include "petrel/admin.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "auth.h"
#include "idempotency.h"
#include "permission.h"
#include "petrel/clock.h"
#include "petrel/http_server.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "problem.h"
#include "routes.h"
#include "stores.h"
#include "tls_files.h"

enum {
    THREADS = 2,  // that read and write; they wait for nothing
    HANDLERS = 8, // more than cores: each may wait for Redis
    PROBE_HANDLERS =
        2, // for what tells whether petrel is well: it must be told when all others wait
    HOST_SIZE = 256,
    CONNECTIONS_MAX = 4096,
    IDLE_TIMEOUT_S = 30,
    BODY_MIN_BYTES = 1024 * 1024, // the limit, unless max_event_bytes asks for more
    BODY_EXTRA_BYTES = 64 * 1024, // of an event's JSON: names, quotes, spaces
    RESPONSE_MAX_BYTES = 128 * 1024 * 1024
};

struct admin {
    struct http_server *server;
    const struct config *config;
    bool observability_only;
    uint32_t workers;
    struct auth auth;
    struct stores stores;
    struct status_cache status;
    pthread_mutex_t guard_lock;
    struct guard *guard; // owned
};

static void add_common_headers(struct http_response *response)
{
    http_response_add_header(response, "cache-control", "no-store");
    http_response_add_header(response, "x-content-type-options", "nosniff");
    http_response_add_header(response, "content-security-policy",
                             "default-src 'none'; frame-ancestors 'none'");
}

// ---- the steps

static bool find_route(const struct admin *admin, const struct http_request *request,
                       struct http_response *response, struct router_match *match)
{
    enum router_result result =
        router_find(routes, routes_count, span_of(request->method), span_of(request->path), match);
    if (result == ROUTER_FOUND && admin->observability_only && !match->route->is_observability)
        result = ROUTER_NO_PATH;
    switch (result) {
    case ROUTER_FOUND:
        return true;
    case ROUTER_NO_METHOD:
        http_response_add_header(response, "allow", "%s", match->allow);
        problem_set(response, 405, "%.20s isn't possible here; allowed: %s.", request->method,
                    match->allow);
        return false;
    case ROUTER_NO_PATH:
        problem_set(response, 404,
                    "There is nothing at this path; /openapi.json lists what there is.");
        return false;
    }
    return false;
}

static void handle(struct exchange *exchange, const struct route *route)
{
    struct idempotency idempotency = {.is_on = false};
    bool is_repeatable = strcmp(route->method, "POST") == 0 && !route->is_secret;
    if (route->is_secret && !idempotency_refuse(exchange))
        return;
    if (is_repeatable && !idempotency_begin(&idempotency, exchange))
        return;
    route->handle(exchange);
    if (is_repeatable)
        idempotency_finish(&idempotency, exchange);
}

static struct guard *take_guard(struct admin *admin)
{
    pthread_mutex_lock(&admin->guard_lock);
    struct guard *guard = guard_ref(admin->guard);
    pthread_mutex_unlock(&admin->guard_lock);
    return guard;
}

void admin_set_guard(struct admin *admin, struct guard *guard)
{
    pthread_mutex_lock(&admin->guard_lock);
    guard_unref(&admin->guard);
    admin->guard = guard_ref(guard);
    pthread_mutex_unlock(&admin->guard_lock);
}

// Under /v1 the key comes first: who has none doesn't learn what there is. (What isn't open has no other path.)
static bool is_private_path(const struct admin *admin, const struct http_request *request)
{
    return span_starts_with(span_of(request->path), SPAN("/v1")) && !admin->observability_only;
}

// Who has no business here can't fill memory.
static bool wants_body(void *arg, const struct http_request *request)
{
    struct admin *admin = arg;
    if (!is_private_path(admin, request))
        return false;
    struct store *store = stores_take(&admin->stores);
    bool has_key = auth_has_key(&admin->auth, store, http_request_header(request, "authorization"),
                                clock_wall_ms());
    stores_give(&admin->stores, store);
    return has_key;
}

static bool is_urgent(void *arg, const struct http_request *request)
{
    struct router_match match;
    (void)arg;
    return router_find(routes, routes_count, span_of(request->method), span_of(request->path),
                       &match) == ROUTER_FOUND &&
           match.route->is_observability;
}

// The route that answered; NULL when an earlier step did.
static const struct route *answer(struct admin *admin, struct exchange *exchange)
{
    struct router_match match;
    bool is_private = is_private_path(admin, exchange->request);
    if (is_private && !permission_check_key(&admin->auth, exchange))
        return NULL;
    if (!find_route(admin, exchange->request, exchange->response, &match))
        return NULL;
    assert(is_private || match.route->is_open || admin->observability_only);
    if (is_private && !permission_check_route(exchange, match.route))
        return match.route;
    memcpy(exchange->id, match.id, sizeof exchange->id);
    query_collect(exchange->request, &exchange->query);
    handle(exchange, match.route);
    return match.route;
}

static void on_request(void *arg, const struct http_request *request, struct http_response *response)
{
    struct admin *admin = arg;
    struct exchange exchange = {
        .config = admin->config,
        .status = &admin->status,
        .workers = admin->workers,
        .request = request,
        .response = response,
    };
    const struct route *route = NULL;
    metrics_add(METRIC_ADMIN_REQUESTS, 1);
    add_common_headers(response);
    if (request->is_late) {
        http_response_add_header(response, "retry-after", "1");
        problem_set(response, 503, "Too many requests are waiting for Redis.");
    } else {
        struct guard *guard = take_guard(admin);
        exchange.store = stores_take(&admin->stores);
        exchange.store->guard = guard;
        route = answer(admin, &exchange);
        exchange.store->guard = NULL;
        exchange.store->tenant = NULL;
        stores_give(&admin->stores, exchange.store);
        guard_unref(&guard);
    }
    audit_write(&exchange, route);
}

// ---- start and stop

// "host:port" or "[v6]:port"; the configuration has checked it.
static bool split_listen(const char *listen, char host[HOST_SIZE], uint16_t *port)
{
    const char *colon = strrchr(listen, ':');
    uint64_t number = 0;
    if (!colon || !span_to_uint64(span_of(colon + 1), &number) || number > UINT16_MAX)
        return false;
    struct span name = {.data = listen, .size = (size_t)(colon - listen)};
    if (name.size >= 2 && name.data[0] == '[' && name.data[name.size - 1] == ']')
        name = (struct span){.data = name.data + 1, .size = name.size - 2};
    *port = (uint16_t)number;
    return name.size > 0 && span_copy(name, host, HOST_SIZE);
}

// Base64 takes 4/3, an escaped string rarely over twice its bytes; who sends \u00xx for every byte may use base64.
static size_t max_body_bytes(const struct config *config)
{
    size_t event = (size_t)config->max_event_bytes * 2 + BODY_EXTRA_BYTES;
    return event > BODY_MIN_BYTES ? event : BODY_MIN_BYTES;
}

static struct http_server *start_server(struct admin *admin, char *error, size_t error_size)
{
    char host[HOST_SIZE];
    uint16_t port;
    struct tls_files tls;
    if (!split_listen(admin->config->listen, host, &port)) {
        snprintf(error, error_size, "\"%s\" is no address to listen on: give --listen ADDRESS:PORT",
                 admin->config->listen);
        return NULL;
    }
    if (!tls_files_load(admin->config, &tls, error, error_size))
        return NULL;
    struct http_server_options options = {
        .host = host,
        .port = port,
        .threads = THREADS,
        .handlers = HANDLERS,
        .urgent_handlers = PROBE_HANDLERS,
        .max_body_bytes = max_body_bytes(admin->config),
        .max_response_bytes = RESPONSE_MAX_BYTES,
        .max_connections = CONNECTIONS_MAX,
        .tls_certificate = tls.certificate,
        .tls_key = tls.key,
        .idle_timeout_s = IDLE_TIMEOUT_S,
        .handler = on_request,
        .wants_body = wants_body,
        .is_urgent = is_urgent,
        .arg = admin,
    };
    struct http_server *server = http_server_start(&options, error, error_size);
    tls_files_fini(&tls);
    return server;
}

static bool init_stores(struct admin *admin, const struct admin_options *options)
{
    if (!stores_init(&admin->stores, options, HANDLERS + PROBE_HANDLERS))
        return false;
    if (status_cache_init(&admin->status, options))
        return true;
    status_cache_fini(&admin->status);
    stores_fini(&admin->stores);
    return false;
}

struct admin *admin_start(const struct admin_options *options, char *error, size_t error_size)
{
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin || !init_stores(admin, options)) {
        snprintf(error, error_size, "not enough memory for the admin API");
        free(admin);
        return NULL;
    }
    admin->config = options->config;
    admin->observability_only = options->observability_only;
    admin->workers = options->workers;
    pthread_mutex_init(&admin->guard_lock, NULL);
    admin->guard = guard_ref(options->guard);
    auth_init(&admin->auth, options->key);
    admin->server = start_server(admin, error, error_size);
    if (!admin->server)
        admin_stop(&admin);
    return admin;
}

uint16_t admin_port(const struct admin *admin)
{
    return http_server_port(admin->server);
}

void admin_stop(struct admin **admin)
{
    if (!*admin)
        return;
    http_server_stop(&(*admin)->server);
    status_cache_fini(&(*admin)->status);
    auth_fini(&(*admin)->auth);
    stores_fini(&(*admin)->stores);
    guard_unref(&(*admin)->guard);
    pthread_mutex_destroy(&(*admin)->guard_lock);
    free(*admin);
    *admin = NULL;
}
