// SPDX-License-Identifier: Apache-2.0
// The entries: one per subscription, with what was read from the bytes Redis holds. There may be a hundred thousand: of
// the bytes only a digest is kept.
//
// Invariant: an entry's subscription is what those bytes say, opened with the ring that was in force when they came. Left to
// others: when to read (catalog.c), changes (catalog_disable.c, the store).
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_internal.h"
#include "petrel/log.h"
#include "petrel/metrics.h"

// Changes within this share one new snapshot: building one takes time with many subscriptions.
enum { GATHER_MS = 20 };

void catalog_remove(struct catalog *catalog, struct entry *entry)
{
    HASH_DEL(catalog->by_id, entry); // NOLINT(clang-analyzer-unix.Malloc): uthash
    snapshot_unref(&catalog->published);
    subscription_unref(&entry->subscription);
    free(entry);
}

struct subscription *catalog_parse(const struct catalog *catalog, struct span id, struct span stored)
{
    struct text why;
    text_init(&why, 512);
    struct subscription *subscription =
        subscription_parse_stored(stored, catalog->options.vault, &why);
    if (!subscription)
        log_error("a stored subscription is damaged and is left out", LOG_SPAN("id", id),
                  LOG_STR("why", text_string(&why)));
    else if (subscription->lock != SUBSCRIPTION_NOT_LOCKED)
        log_error("a subscription's secrets can't be opened: its deliveries park until they can",
                  LOG_SPAN("subscription", id), LOG_STR("why", text_string(&why)));
    text_fini(&why);
    return subscription;
}

bool catalog_is_same(const struct subscription *a, const struct subscription *b)
{
    return a->lock == SUBSCRIPTION_NOT_LOCKED && b->lock == SUBSCRIPTION_NOT_LOCKED &&
           subscription_equals(a, b);
}

// Takes the reference.
static void set_subscription(struct catalog *catalog, struct entry *entry,
                             struct subscription *subscription)
{
    snapshot_unref(&catalog->published);
    subscription_unref(&entry->subscription);
    entry->subscription = subscription;
}

static struct entry *add_entry(struct catalog *catalog, const struct subscription *subscription)
{
    struct entry *entry = calloc(1, sizeof *entry);
    assert(entry);
    span_copy(span_of(subscription->id), entry->id, sizeof entry->id);
    HASH_ADD_STR(catalog->by_id, id, entry);
    return entry;
}

// What is open stays open with a ring that lacks its key; what is locked may be opened by another ring.
static bool is_current(const struct catalog *catalog, const struct entry *entry,
                       const unsigned char digest[DIGEST_BYTES])
{
    bool is_locked = entry->subscription->lock != SUBSCRIPTION_NOT_LOCKED;
    return memcmp(entry->digest, digest, DIGEST_BYTES) == 0 && !(is_locked && catalog->is_examining);
}

static void examine(struct catalog *catalog, const struct entry *entry, struct span stored)
{
    struct keyring *ring = vault_ring(catalog->options.vault);
    struct missing_keys *missing = &catalog->missing;
    struct subscription_sealing sealing;
    if (entry->subscription->lock == SUBSCRIPTION_NOT_LOCKED &&
        subscription_examine_stored(stored, ring, &sealing) && sealing.unknown &&
        missing->count++ == 0) {
        memcpy(missing->key_id, sealing.key_id, sizeof missing->key_id);
        memcpy(missing->first, entry->id, sizeof missing->first);
    }
    keyring_unref(&ring);
}

static void put(struct catalog *catalog, struct span id, struct span stored)
{
    struct entry *entry = NULL;
    unsigned char digest[DIGEST_BYTES];
    digest_sha256(stored, digest);
    HASH_FIND(hh, catalog->by_id, id.data, id.size, entry);
    if (entry && is_current(catalog, entry, digest)) {
        entry->is_marked = true;
        return;
    }
    struct subscription *subscription = catalog_parse(catalog, id, stored);
    if (!subscription) {
        if (entry)
            catalog_remove(catalog, entry);
        return;
    }
    if (!entry)
        entry = add_entry(catalog, subscription);
    entry->is_marked = true;
    memcpy(entry->digest, digest, sizeof digest);
    if (entry->subscription && catalog_is_same(entry->subscription, subscription))
        subscription_unref(&subscription);
    else
        set_subscription(catalog, entry, subscription);
}

void catalog_put(struct catalog *catalog, struct span id, struct span stored)
{
    struct entry *entry = NULL;
    put(catalog, id, stored);
    if (!catalog->is_examining)
        return;
    HASH_FIND(hh, catalog->by_id, id.data, id.size, entry);
    if (entry)
        examine(catalog, entry, stored);
}

static struct snapshot *make_snapshot(struct catalog *catalog)
{
    size_t count = HASH_COUNT(catalog->by_id), i = 0;
    struct subscription **all = calloc(count ? count : 1, sizeof(struct subscription *));
    assert(all);
    int64_t locked = 0;
    struct entry *entry, *next;
    HASH_ITER (hh, catalog->by_id, entry, next) {
        all[i++] = entry->subscription;
        locked += entry->subscription->lock != SUBSCRIPTION_NOT_LOCKED;
    }
    metrics_add(METRIC_SUBSCRIPTIONS_LOCKED, locked - catalog->locked);
    catalog->locked = locked;
    struct snapshot *snapshot = snapshot_create(all, count);
    free(all);
    return snapshot;
}

// What only is encrypted anew changes nothing for workers: then no new snapshot is built.
void catalog_publish(struct catalog *catalog)
{
    if (!catalog->published)
        catalog->published = make_snapshot(catalog);
    if (!catalog->published) {
        log_error("out of memory: workers keep the old subscription table");
        return;
    }
    catalog->options.on_snapshot(catalog->options.arg, snapshot_ref(catalog->published),
                                 catalog->applied);
}

static void on_gather(uv_timer_t *timer)
{
    catalog_publish(timer->data);
}

void catalog_publish_soon(struct catalog *catalog)
{
    if (!uv_is_active((uv_handle_t *)&catalog->gather))
        uv_timer_start(&catalog->gather, on_gather, GATHER_MS, 0);
}

// ---- another key ring

void catalog_report_missing_keys(const struct catalog *catalog)
{
    const struct missing_keys *missing = &catalog->missing;
    if (missing->count)
        log_error("the new key ring lacks a key that is in use: put it back before any restart",
                  LOG_STR("key", missing->key_id), LOG_STR("subscription", missing->first),
                  LOG_INT("subscriptions", missing->count));
}
