// SPDX-License-Identifier: Apache-2.0
// Which route a request is for: method and path against a table. Pure.
#ifndef PETREL_ADMIN_ROUTER_H
#define PETREL_ADMIN_ROUTER_H

#include "petrel/api_key.h"

struct exchange;

enum { ROUTER_ID_SIZE = 160, ROUTER_ALLOW_SIZE = 64 };

struct route {
    const char *method; // "GET" serves HEAD too
    const char *pattern; // "/v1/subscriptions/{id}/pause"; {…} stands for one segment that isn't empty
    void (*handle)(struct exchange *exchange);
    enum api_key_scope scope; // that the key must have at least
    bool is_global;           // about all tenants: not for a key that is bound to one
    bool is_secret; // its answer holds a secret: never kept for a repetition, and noted when read
    bool is_open;   // needs no key
    bool is_observability; // served even when nothing else is
};

enum router_result {
    ROUTER_FOUND,
    ROUTER_NO_PATH,  // 404
    ROUTER_NO_METHOD // 405: allow is filled
};

struct router_match {
    const struct route *route;
    char id[ROUTER_ID_SIZE];       // what stood for {…}; "" when the pattern has none
    char allow[ROUTER_ALLOW_SIZE]; // "GET, HEAD, POST"
};

// A segment too long to be an id is no path.
enum router_result router_find(const struct route *routes, size_t count, struct span method,
                               struct span path, struct router_match *match);

#endif
