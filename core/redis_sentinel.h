// SPDX-License-Identifier: Apache-2.0
// Where the master is, asked of the sentinels of an address: the blocking way, for redis_client.c. The asynchronous one is
// redis_resolver.h.
#ifndef PETREL_REDIS_SENTINEL_H
#define PETREL_REDIS_SENTINEL_H

#include "petrel/redis_command.h"
#include "petrel/redis_url.h"

enum { REDIS_SENTINEL_WHY_SIZE = 180, REDIS_SENTINEL_TIMEOUT_MS = 500 };
// What a sentinel is asked; %s is the master's name.
#define REDIS_SENTINEL_QUESTION "SENTINEL GET-MASTER-ADDR-BY-NAME %s"

// Reads the answer: `target` becomes `url` with the master's host and port. False: why not.
bool redis_sentinel_read_answer(redis_reply *reply, const struct redis_url *url,
                                struct redis_url *target, char why[REDIS_SENTINEL_WHY_SIZE]);
// Asks one after the other, beginning with *first (which becomes the one that answered), each for at most
// REDIS_SENTINEL_TIMEOUT_MS and all until the deadline.
bool redis_sentinel_find_master(const struct redis_url *url, uint32_t *first,
                                int64_t deadline_mono_ms, struct redis_url *target,
                                char why[REDIS_SENTINEL_WHY_SIZE]);

#endif
