// SPDX-License-Identifier: Apache-2.0
// The Redis string is the state:
//
//     absent --SET NX EX 60--> "busy <body digest>" --handled, below 500--> "done <body digest> <status> …", 24 h
//                                    |                                              |
//                                    +--5xx or 409: DEL; a crash: after 60 s--> absent <--after 24 h--+
//
// Stored answer: "done <body digest> <status> <content type> <location or ->\n<body>"; the content type is "-" when
// there is none.
#include "idempotency.h"

#include <stdio.h>
#include <string.h>

enum {
    KEY_MAX_CHARACTERS = 255,
    BUSY_SECONDS = 60,
    KEPT_SECONDS = 24 * 3600,
    STORED_MAX_BYTES = 1024 * 1024
};

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7E)
            return false;
    }
    return true;
}

static bool accept_key(struct exchange *exchange, const char *key)
{
    struct field_errors errors = {.count = 0};
    if (key[0] == '\0' || strlen(key) > KEY_MAX_CHARACTERS || !is_printable(key))
        field_errors_add(&errors, "Idempotency-Key", "must be 1 to %d printable ASCII characters",
                         KEY_MAX_CHARACTERS);
    return exchange_accept(exchange, &errors);
}

// The credential is part of it, so that one client can't read the answers given to another.
static void make_digests(struct idempotency *idempotency, const struct http_request *request,
                         const char *key)
{
    const char *authorization = http_request_header(request, "authorization");
    const char *parts[] = {request->method, request->path, authorization ? authorization : "", key};
    struct text all;
    text_init(&all, SIZE_MAX / 2);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        text_append(&all, parts[i],
                    strlen(parts[i]) + 1); // with its NUL, so that parts can't flow together
    digest_sha256_hex(text_span(&all), idempotency->digest);
    if (all.data)
        explicit_bzero(all.data, all.size);
    text_fini(&all);
    digest_sha256_hex(request->body, idempotency->body_digest);
}

static void name_request(const struct idempotency *idempotency, struct exchange *exchange)
{
    char both[2 * DIGEST_HEX_SIZE];
    int size = snprintf(both, sizeof both, "%s%s", idempotency->digest, idempotency->body_digest);
    digest_sha256_hex((struct span){.data = both, .size = (size_t)size}, exchange->request_digest);
}

static redis_reply *call(struct exchange *exchange, const struct idempotency *idempotency,
                         const char *verb, const struct span *arguments, size_t count)
{
    struct key key =
        keys_format(&exchange->store->keys, 0, KEY_IDEMPOTENCY, span_of(idempotency->digest));
    struct redis_command *command = redis_command_create(verb);
    if (!command)
        return NULL;
    redis_command_add_key(command, &key);
    for (size_t i = 0; i < count; i++)
        redis_command_add_span(command, arguments[i]);
    return redis_client_call(exchange->store->client, &command);
}

static redis_reply *set(struct exchange *exchange, const struct idempotency *idempotency,
                        struct span value, int seconds, bool is_new)
{
    char lifetime[16];
    snprintf(lifetime, sizeof lifetime, "%d", seconds);
    struct span arguments[] = {value, SPAN("EX"), span_of(lifetime), SPAN("NX")};
    return call(exchange, idempotency, "SET", arguments, is_new ? 4 : 3);
}

// Of stored content types only those that petrel answers with: the response wants static text.
static const char *known_content_type(struct span name)
{
    static const char *const known[] = {"application/json", "application/problem+json"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (span_equals_text(name, known[i]))
            return known[i];
    }
    return NULL;
}

static void replay(struct exchange *exchange, struct span head, struct span body)
{
    struct http_response *response = exchange->response;
    struct span status, content_type, location;
    uint64_t number = 0;
    if (!span_next(&head, ' ', &status) || !span_to_uint64(status, &number) || number < 200 ||
        number > 499 || !span_next(&head, ' ', &content_type) || !span_next(&head, ' ', &location)) {
        problem_set(response, 500, "The stored answer to this Idempotency-Key can't be read.");
        return;
    }
    response->status = (unsigned)number;
    response->content_type = known_content_type(content_type);
    text_append_span(&response->body, body);
    if (!span_equals_text(location, "-"))
        http_response_add_header(response, "location", "%.*s", SPAN_FMT(location));
    http_response_add_header(response, "idempotency-replayed", "true");
}

static void answer_from(struct exchange *exchange, const struct idempotency *idempotency,
                        struct span stored)
{
    struct span head = {0}, state = {0}, body_digest = {0};
    span_next(&stored, '\n', &head); // what is left is the body
    span_next(&head, ' ', &state);
    span_next(&head, ' ', &body_digest);
    if (!span_equals_text(body_digest, idempotency->body_digest)) {
        struct field_errors errors = {.count = 0};
        field_errors_add(&errors, "Idempotency-Key", "was used with another body; use a new key");
        problem_set_errors(exchange->response, &errors);
    } else if (span_equals_text(state, "busy")) {
        http_response_add_header(exchange->response, "retry-after", "1");
        problem_set(exchange->response, 409,
                    "A request with this Idempotency-Key is being handled.");
    } else {
        replay(exchange, head, stored);
    }
}

static void fail(struct exchange *exchange, redis_reply *reply)
{
    struct store *store = exchange->store;
    struct span text = redis_reply_span(reply);
    bool is_full = redis_reply_has_code(reply, "OOM");
    if (reply)
        snprintf(store->error, sizeof store->error, "%.*s", SPAN_FMT(text));
    else
        snprintf(store->error, sizeof store->error, "%s", redis_client_error(store->client));
    exchange_fail(exchange, is_full ? STORE_FULL : STORE_UNAVAILABLE, "", NULL);
}

// Somebody was first: their answer, or where they are.
static void answer_second(struct exchange *exchange, const struct idempotency *idempotency)
{
    redis_reply *reply = call(exchange, idempotency, "GET", NULL, 0);
    if (redis_reply_is_error(reply)) {
        fail(exchange, reply);
    } else if (redis_reply_kind_of(reply) == REDIS_REPLY_IS_NIL) {
        // It failed and was forgotten between our two commands.
        http_response_add_header(exchange->response, "retry-after", "1");
        problem_set(exchange->response, 409,
                    "A request with this Idempotency-Key has just failed; send it again.");
    } else {
        answer_from(exchange, idempotency, redis_reply_span(reply));
    }
    redis_client_free_reply(&reply);
}

bool idempotency_begin(struct idempotency *idempotency, struct exchange *exchange)
{
    const char *key = http_request_header(exchange->request, "idempotency-key");
    idempotency->is_on = false;
    if (!key || exchange->request->is_too_large)
        return true;
    if (!accept_key(exchange, key))
        return false;
    make_digests(idempotency, exchange->request, key);
    name_request(idempotency, exchange);
    char marker[DIGEST_HEX_SIZE + 8];
    snprintf(marker, sizeof marker, "busy %s", idempotency->body_digest);
    redis_reply *reply = set(exchange, idempotency, span_of(marker), BUSY_SECONDS, true);
    if (redis_reply_is_error(reply))
        fail(exchange, reply);
    else if (redis_reply_kind_of(reply) == REDIS_REPLY_IS_NIL)
        answer_second(exchange, idempotency);
    else
        idempotency->is_on = true;
    redis_client_free_reply(&reply);
    return idempotency->is_on;
}

bool idempotency_refuse(struct exchange *exchange)
{
    struct field_errors errors = {.count = 0};
    if (http_request_header(exchange->request, "idempotency-key"))
        field_errors_add(&errors, "Idempotency-Key",
                         "isn't possible here: the answer has a secret, which is kept nowhere");
    return exchange_accept(exchange, &errors);
}

static const char *find_location(const struct http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "location") == 0)
            return response->headers[i].value;
    }
    return "-";
}

// If Redis is lost now, the marker expires, and the next request with this key is handled anew.
void idempotency_finish(const struct idempotency *idempotency, struct exchange *exchange)
{
    const struct http_response *response = exchange->response;
    if (!idempotency->is_on)
        return;
    struct text stored;
    text_init(&stored, STORED_MAX_BYTES);
    text_append_format(&stored, "done %s %u %s %s\n", idempotency->body_digest, response->status,
                       response->content_type ? response->content_type : "-",
                       find_location(response));
    text_append_span(&stored, text_span(&response->body));
    bool is_passing = response->status >= 500 || response->status == 409;
    redis_reply *reply = is_passing || stored.failed
                             ? call(exchange, idempotency, "DEL", NULL, 0)
                             : set(exchange, idempotency, text_span(&stored), KEPT_SECONDS, false);
    redis_client_free_reply(&reply);
    text_fini(&stored);
}
