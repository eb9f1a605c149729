// SPDX-License-Identifier: Apache-2.0
// The admin API from the routes' table inwards, with this file standing for the HTTP server and for Redis (the linker's
// --wrap). Parts: "METHOD /path?query", the Idempotency-Key, the body, and what Redis answers, in its own protocol.
//
// Every request gets one answer that is JSON where it says so; an event that was accepted is one for the dispatcher
// too, and its data are bytes of the body.
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "admin/idempotency.h"
#include "admin/routes.h"
#include "admin/stores.h"
#include "core/redis_internal.h"
#include "fuzz.h"
#include "petrel/json.h"
#include "petrel/redis_client.h"
#include "petrel/vault.h"

enum { MAX_EVENT_BYTES = 4096, RESPONSE_MAX_BYTES = 16 * 1024 * 1024, QUERIES_MAX = 40 };

// The one request that runs.
static struct {
    struct span body;
    const char *idempotency_key; // NULL: none
    char *names[QUERIES_MAX], *values[QUERIES_MAX];
    size_t query_count;
    redisReader *replies;
} run;

// ---- in place of the HTTP server

const char *__wrap_http_request_header(const struct http_request *request, const char *name);
void __wrap_http_request_each_query(const struct http_request *request,
                                    bool (*visit)(void *arg, const char *name, const char *value),
                                    void *arg);

const char *__wrap_http_request_header(const struct http_request *request, const char *name)
{
    (void)request;
    if (strcmp(name, "content-type") == 0)
        return "application/json";
    return strcmp(name, "idempotency-key") == 0 ? run.idempotency_key : NULL;
}

void __wrap_http_request_each_query(const struct http_request *request,
                                    bool (*visit)(void *arg, const char *name, const char *value),
                                    void *arg)
{
    (void)request;
    for (size_t i = 0; i < run.query_count && visit(arg, run.names[i], run.values[i]); i++) {
    }
}

// ---- in place of Redis

redis_reply *__wrap_redis_client_call(struct redis_client *client, struct redis_command **command);
void __wrap_redis_client_call_all(struct redis_client *client, struct redis_command **commands,
                                  redis_reply **replies, size_t count);
const char *__wrap_redis_client_error(const struct redis_client *client);

const char *__wrap_redis_client_error(const struct redis_client *client)
{
    (void)client;
    return "no answer";
}

// XADD key * name value …
static void check_event(const redisReply *words)
{
    struct span fields[64];
    size_t count = 0;
    for (size_t i = 3; i < words->elements && count < 64; i++)
        fields[count++] =
            (struct span){.data = words->element[i]->str, .size = words->element[i]->len};
    struct event_entry entry = {.entry_id = "1-1", .fields = fields, .field_count = count};
    struct event_fault fault;
    struct event *event = event_parse(&entry, MAX_EVENT_BYTES, &fault);
    FUZZ_CHECK(event);
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (span_equals_text(fields[i], "data") && !event_is_own(event->type))
            FUZZ_CHECK(span_find_part(run.body, fields[i + 1]));
    }
    event_destroy(&event);
}

// What is sent is one array of strings, as hiredis reads it.
static void check_command(struct redis_command *command)
{
    struct span wire = redis_command_wire(command);
    redisReader *reader = redisReaderCreate();
    void *parsed = NULL;
    redisReaderFeed(reader, wire.data, wire.size);
    FUZZ_CHECK(redisReaderGetReply(reader, &parsed) == REDIS_OK && parsed);
    const redisReply *words = parsed;
    FUZZ_CHECK(words->type == REDIS_REPLY_ARRAY && words->elements > 0);
    for (size_t i = 0; i < words->elements; i++)
        FUZZ_CHECK(words->element[i]->type == REDIS_REPLY_STRING);
    if (strcmp(words->element[0]->str, "XADD") == 0 && strstr(words->element[1]->str, ":events"))
        check_event(words);
    freeReplyObject(parsed);
    FUZZ_CHECK(redisReaderGetReply(reader, &parsed) == REDIS_OK && !parsed);
    redisReaderFree(reader);
}

redis_reply *__wrap_redis_client_call(struct redis_client *client, struct redis_command **command)
{
    void *reply = NULL;
    (void)client;
    FUZZ_CHECK(*command && !redis_command_is_spoiled(*command));
    check_command(*command);
    redis_command_destroy(command);
    if (redisReaderGetReply(run.replies, &reply) != REDIS_OK)
        return NULL;
    return reply;
}

void __wrap_redis_client_call_all(struct redis_client *client, struct redis_command **commands,
                                  redis_reply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        replies[i] = __wrap_redis_client_call(client, &commands[i]);
}

// ---- a request

static void add_queries(struct span text)
{
    struct span item;
    while (run.query_count < QUERIES_MAX && span_next(&text, '&', &item)) {
        struct span name = {0};
        bool has_value = span_find(item, '=');
        span_next(&item, '=', &name);
        run.names[run.query_count] = span_duplicate(name);
        run.values[run.query_count++] = has_value ? span_duplicate(item) : NULL;
    }
}

static bool is_json(const char *content_type)
{
    return content_type && strstr(content_type, "json");
}

// The answer to an Idempotency-Key's first use comes from Redis as it was put there.
static bool is_replayed(const struct http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "idempotency-replayed") == 0)
            return true;
    }
    return false;
}

static void check_response(const struct http_response *response)
{
    unsigned status = response->status;
    FUZZ_CHECK(status >= 200 && status <= 599 && !response->body.failed);
    if (is_replayed(response))
        FUZZ_CHECK(status < 500);
    else if (is_json(response->content_type))
        FUZZ_CHECK(json_validate(text_span(&response->body), NULL));
    else
        FUZZ_CHECK(status < 400);
    for (size_t i = 0; i < response->header_count && !is_replayed(response); i++)
        FUZZ_CHECK(!strpbrk(response->headers[i].value, "\r\n"));
}

static void answer(struct exchange *exchange, const struct route *route)
{
    struct idempotency idempotency = {.is_on = false};
    bool is_repeatable = strcmp(route->method, "POST") == 0;
    query_collect(exchange->request, &exchange->query);
    if (!is_repeatable || idempotency_begin(&idempotency, exchange)) {
        route->handle(exchange);
        if (is_repeatable)
            idempotency_finish(&idempotency, exchange);
    }
    check_response(exchange->response);
}

static void request(struct span method, struct span path, struct span body)
{
    static char namespace_name[] = "petrel";
    static const struct config config = {
        .max_event_bytes = MAX_EVENT_BYTES, .namespace_name = namespace_name, .shards = 2};
    static const struct redis_url redis = {.host = "127.0.0.1", .port = 6379};
    struct router_match match;
    if (router_find(routes, routes_count, method, path, &match) != ROUTER_FOUND)
        return;
    char *path_text = span_duplicate(path);
    struct status_cache status;
    struct http_request given = {.method = match.route->method, .path = path_text, .body = body};
    struct http_response response = {.status = 0};
    struct store store = {.max_event_bytes = MAX_EVENT_BYTES, .rotation_grace_ms = 1000};
    span_copy(SPAN("petrel"), store.keys.namespace_name, sizeof store.keys.namespace_name);
    store.keys.shards = 2;
    struct exchange exchange = {.store = &store,
                                .config = &config,
                                .status = &status,
                                .request = &given,
                                .response = &response};
    memcpy(exchange.id, match.id, sizeof exchange.id);
    static struct vault *vault;
    if (!vault)
        vault = vault_create(namespace_name);
    struct admin_options options = {.config = &config, .redis = &redis, .vault = vault};
    FUZZ_CHECK(status_cache_init(&status, &options));
    store.vault = vault;
    text_init(&response.body, RESPONSE_MAX_BYTES);
    answer(&exchange, match.route);
    text_fini(&response.body);
    status_cache_fini(&status);
    free(path_text);
}

// hiredis reserves memory for as many elements as Redis, which is trusted, says that an array will have.
static bool announces_too_much(struct span replies)
{
    enum { DIGITS_MAX = 5 };
    for (size_t i = 0; i < replies.size; i++) {
        size_t digits = 0;
        while (replies.data[i] == '*' && i + 1 + digits < replies.size &&
               isdigit((unsigned char)replies.data[i + 1 + digits]))
            digits++;
        if (digits > DIGITS_MAX)
            return true;
    }
    return false;
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct span method = {0}, path = {0};
    fuzz_cut(input, &parts);
    struct span query = fuzz_part(&parts, 0);
    span_next(&query, ' ', &method);
    span_next(&query, '?', &path);
    char *key = span_duplicate(fuzz_part(&parts, 1));
    struct span replies = fuzz_part(&parts, 3);
    run.body = fuzz_part(&parts, 2);
    run.idempotency_key = key[0] ? key : NULL;
    run.query_count = 0;
    run.replies = redisReaderCreate();
    if (!announces_too_much(replies))
        redisReaderFeed(run.replies, replies.data, replies.size);
    add_queries(query);
    request(method, path, run.body);
    redisReaderFree(run.replies);
    for (size_t i = 0; i < run.query_count; i++) {
        free(run.names[i]);
        free(run.values[i]);
    }
    free(key);
    fuzz_free(&parts);
}
