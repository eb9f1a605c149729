// SPDX-License-Identifier: Apache-2.0
// A request's query parameters: collected once, each read as its type, faults gathered as field errors. Pure but
// for query_collect.
#ifndef PETREL_ADMIN_QUERY_H
#define PETREL_ADMIN_QUERY_H

#include "petrel/http_server.h"
#include "petrel/subscription.h"

enum { QUERY_MAX_PARAMETERS = 32, QUERY_LIMIT_DEFAULT = 50, QUERY_LIMIT_MAX = 200 };

struct query {
    size_t count;
    bool has_too_many;
    struct {
        const char *name;
        const char *value;              // "" when the request has none
    } parameters[QUERY_MAX_PARAMETERS]; // borrowed from the request
};

void query_collect(const struct http_request *request, struct query *query);
bool query_add(struct query *query, const char *name, const char *value);

// An error for each parameter that isn't in `known` (NULL-terminated) or comes twice.
void query_check(const struct query *query, const char *const *known, struct field_errors *errors);
// NULL when absent or empty.
const char *query_text(const struct query *query, const char *name);
size_t query_limit(const struct query *query, struct field_errors *errors);
// RFC 3339, or a length of time before now_ms ("24h"); 0 when absent.
int64_t query_instant(const struct query *query, const char *name, int64_t now_ms,
                      struct field_errors *errors);
// One of `choices` (NULL-terminated); NULL when absent.
const char *query_choice(const struct query *query, const char *name, const char *const *choices,
                         struct field_errors *errors);

#endif
