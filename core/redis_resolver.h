// SPDX-License-Identifier: Apache-2.0
// Where the master is, asked of the sentinels of an address on a libuv loop: for redis_link_connect.c.
#ifndef PETREL_REDIS_RESOLVER_H
#define PETREL_REDIS_RESOLVER_H

#include "petrel/redis_url.h"
#include "redis_sentinel.h"

struct uv_loop_s;
struct redisAsyncContext;

struct redis_resolver {
    struct uv_loop_s *loop;
    const struct redis_url *url; // borrowed
    // Once per start, unless cancelled; maybe before start has returned. target is NULL when no sentinel gave an
    // address: why.
    void (*on_resolved)(void *arg, const struct redis_url *target, const char *why);
    void *arg;
    // private
    struct redisAsyncContext *context; // to the sentinel being asked
    uint32_t first;                    // the sentinel that answered last
    uint32_t asked;                    // in this round
    char why[REDIS_SENTINEL_WHY_SIZE];
};

void redis_resolver_start(struct redis_resolver *resolver);
// The sentinel being asked has had its time (the caller has the clock): the next one.
void redis_resolver_skip(struct redis_resolver *resolver);
void redis_resolver_cancel(struct redis_resolver *resolver);

#endif
