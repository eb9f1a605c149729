// SPDX-License-Identifier: Apache-2.0
// One request with everything that answers it: what the handlers of all routes get, and how they begin and end.
#ifndef PETREL_ADMIN_EXCHANGE_H
#define PETREL_ADMIN_EXCHANGE_H

#include "auth.h"
#include "petrel/config.h"
#include "petrel/digest.h"
#include "petrel/http_server.h"
#include "petrel/store.h"
#include "problem.h"
#include "query.h"
#include "router.h"

struct status_cache;

// What every list is asked with, and the errors found so far.
struct list_request {
    const char *cursor;
    size_t limit;
    int64_t now_ms; // wall: what "24h" ago counts from
    struct field_errors errors;
};

struct exchange {
    struct store *store; // this request's alone until it is answered
    const struct config *config;
    struct status_cache *status;
    uint32_t workers; // of this process's dispatcher; 0: it has none
    const struct http_request *request;
    struct http_response *response;
    struct query query;
    struct access access;
    char id[ROUTER_ID_SIZE]; // what stood for {id} in the path
    // Names this request and its repetitions, as their Idempotency-Key, sender and body do; "" without a key.
    char request_digest[DIGEST_HEX_SIZE];
};

// False: the problem is already the answer (413, 415, 400 with the offset). json is the whole body.
bool exchange_take_json(struct exchange *exchange, struct span *json);
// The same, where an empty body stands for {}.
bool exchange_take_optional_json(struct exchange *exchange, struct span *json);
// For requests whose body must be empty or {}. Checks that no query is given, too.
bool exchange_take_nothing(struct exchange *exchange);
// False (422 is the answer) when there are errors.
bool exchange_accept(struct exchange *exchange, const struct field_errors *errors);
// False (422) when the request has any query parameter.
bool exchange_accept_no_query(struct exchange *exchange);
// False (404 for `what`) when {id} can't be the id of anything.
bool exchange_accept_id(struct exchange *exchange, const char *what);

// Sets status and content type; the caller appends the body. Returns the body.
struct text *exchange_begin_json(struct exchange *exchange, unsigned status);
void exchange_fail(struct exchange *exchange, enum store_result result, const char *what,
                   const struct field_errors *errors);

// ---- lists: read the page, then the filters into request->errors; accept; ask the store; begin, items, end
// A parameter that isn't in `known` (NULL-terminated) is an error.
void exchange_read_list(struct exchange *exchange, const char *const *known,
                        struct list_request *request);
// The answer's body; NULL when the store failed, which is answered then.
struct text *exchange_begin_list(struct exchange *exchange, enum store_result result,
                                 const char *what, const struct field_errors *errors);

#endif
