// SPDX-License-Identifier: Apache-2.0
// A small pool of stores, each with a Redis connection of its own, and the status that observers share.
#ifndef PETREL_ADMIN_STORES_H
#define PETREL_ADMIN_STORES_H

#include <pthread.h>

#include "petrel/config.h"
#include "petrel/store.h"

enum { STORES_MAX = 16 };

struct stores {
    pthread_mutex_t lock; // guards idle and idle_count
    pthread_cond_t given;
    size_t count, idle_count;
    struct store all[STORES_MAX];
    struct store *idle[STORES_MAX];
};

// Connections are made on first use. False without memory. fini: every store must have been given back.
bool stores_init(struct stores *stores, const struct config *config, const struct redis_url *redis,
                 size_t count);
void stores_fini(struct stores *stores);
// Waits until one is idle.
struct store *stores_take(struct stores *stores);
void stores_give(struct stores *stores, struct store *store);

// The status of the whole, read at most once a second however many ask; that it can't be read, too: a Redis that
// doesn't answer costs each reader a timeout.
struct status_cache {
    pthread_mutex_t lock;
    int64_t read_mono_ms; // 0: never
    enum store_result result;
    char error[REDIS_CLIENT_ERROR_SIZE]; // of that result
    struct store_status status;
};

void status_cache_init(struct status_cache *cache);
void status_cache_fini(struct status_cache *cache);
// store->error says why when the result isn't STORE_OK.
enum store_result status_cache_read(struct status_cache *cache, struct store *store,
                                    struct store_status *status);

#endif
