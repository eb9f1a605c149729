// SPDX-License-Identifier: Apache-2.0
// There are as many stores as handler threads, so taking one waits only if a handler held two.
#include "stores.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "petrel/clock.h"

// A Redis that hangs is known after at most STATUS_MAX_AGE_MS + STATUS_TIMEOUT_MS: below 2 s. The timeout is per round
// trip; the first one connects, too.
enum { REDIS_TIMEOUT_MS = 5000, STATUS_TIMEOUT_MS = 1200, STATUS_MAX_AGE_MS = 500 };

static bool init_store(struct store *store, const struct admin_options *options, int64_t timeout_ms)
{
    const struct config *config = options->config;
    *store = (struct store){
        .client = redis_client_create(options->redis, timeout_ms),
        .vault = options->vault,
        .keys.shards = config->shards,
        .max_event_bytes = config->max_event_bytes,
        .max_concurrency = config->max_concurrency,
        .rotation_grace_ms = config->rotation_grace_ms,
        .publish_replicas = config->publish_replicas,
    };
    snprintf(store->keys.namespace_name, sizeof store->keys.namespace_name, "%s",
             config->namespace_name);
    return store->client != NULL;
}

bool stores_init(struct stores *stores, const struct admin_options *options, size_t count)
{
    assert(count > 0 && count <= STORES_MAX);
    memset(stores, 0, sizeof *stores);
    pthread_mutex_init(&stores->lock, NULL);
    pthread_cond_init(&stores->given, NULL);
    for (; stores->count < count; stores->count++) {
        struct store *store = &stores->all[stores->count];
        if (!init_store(store, options, REDIS_TIMEOUT_MS)) {
            stores_fini(stores);
            return false;
        }
        stores->idle[stores->idle_count++] = store;
    }
    return true;
}

void stores_fini(struct stores *stores)
{
    assert(stores->idle_count == stores->count);
    for (size_t i = 0; i < stores->count; i++)
        redis_client_destroy(&stores->all[i].client);
    stores->count = stores->idle_count = 0;
    pthread_cond_destroy(&stores->given);
    pthread_mutex_destroy(&stores->lock);
}

struct store *stores_take(struct stores *stores)
{
    pthread_mutex_lock(&stores->lock);
    while (stores->idle_count == 0)
        pthread_cond_wait(&stores->given, &stores->lock);
    // The one given back last: its connection is the likeliest to be up.
    struct store *store = stores->idle[--stores->idle_count];
    pthread_mutex_unlock(&stores->lock);
    store->error[0] = '\0';
    return store;
}

void stores_give(struct stores *stores, struct store *store)
{
    pthread_mutex_lock(&stores->lock);
    stores->idle[stores->idle_count++] = store;
    pthread_cond_signal(&stores->given);
    pthread_mutex_unlock(&stores->lock);
}

bool status_cache_init(struct status_cache *cache, const struct admin_options *options)
{
    memset(cache, 0, sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    return init_store(&cache->store, options, STATUS_TIMEOUT_MS);
}

void status_cache_fini(struct status_cache *cache)
{
    redis_client_destroy(&cache->store.client);
    pthread_mutex_destroy(&cache->lock);
}

static void refresh(struct status_cache *cache)
{
    struct status_reading *last = &cache->last;
    last->result = store_read_status(&cache->store, &last->status);
    memcpy(last->error, cache->store.error, sizeof last->error);
    last->read_mono_ms = clock_mono_ms();
}

void status_cache_read(struct status_cache *cache, struct status_reading *reading)
{
    pthread_mutex_lock(&cache->lock);
    if (cache->last.read_mono_ms == 0 ||
        clock_mono_ms() - cache->last.read_mono_ms >= STATUS_MAX_AGE_MS)
        refresh(cache);
    *reading = cache->last;
    pthread_mutex_unlock(&cache->lock);
}
