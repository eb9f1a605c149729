// SPDX-License-Identifier: Apache-2.0
// A small pool of stores, each with a Redis connection of its own, and the status that observers share.
#ifndef PETREL_ADMIN_STORES_H
#define PETREL_ADMIN_STORES_H

#include <pthread.h>

#include "petrel/admin.h"
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
bool stores_init(struct stores *stores, const struct admin_options *options, size_t count);
void stores_fini(struct stores *stores);
// Waits until one is idle.
struct store *stores_take(struct stores *stores);
void stores_give(struct stores *stores, struct store *store);

// The status of the whole, read at most twice a second however many ask, by one of them; that it can't be read, too.
// It has a connection of its own, with a short timeout: a probe must learn in time that Redis doesn't answer.
struct status_reading {
    int64_t read_mono_ms;                // 0: never
    enum store_result result;            // whether status could be read
    char error[REDIS_CLIENT_ERROR_SIZE]; // of that result
    struct store_status status;
};
struct status_cache {
    pthread_mutex_t lock; // guards all, and is held while Redis is asked
    struct store store;
    struct status_reading last;
};

bool status_cache_init(struct status_cache *cache, const struct admin_options *options);
void status_cache_fini(struct status_cache *cache);
void status_cache_read(struct status_cache *cache, struct status_reading *reading);

#endif
