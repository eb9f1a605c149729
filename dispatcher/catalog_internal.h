// SPDX-License-Identifier: Apache-2.0
// The catalog as its files share it: catalog.c (loading, watching, life), catalog_table.c (the entries and what workers
// get), catalog_disable.c (the one change that comes from here).
#ifndef PETREL_CATALOG_INTERNAL_H
#define PETREL_CATALOG_INTERNAL_H

#include <uthash.h>
#include <uv.h>

#include "catalog.h"
#include "petrel/digest.h"

enum { CATALOG_STREAM_ID_SIZE = 48 };

struct entry {
    UT_hash_handle hh;
    char id[EVENT_SUBSCRIPTION_SIZE];
    struct subscription *subscription;  // a reference
    unsigned char digest[DIGEST_BYTES]; // of the bytes Redis holds: whether they have changed
    bool is_marked;                     // seen in the load under way
    bool is_disabling;                  // catalog_disable.c is at it
};

// What a new ring that lacks keys would lock if it were read now: it stays open here, but not in a process that starts.
struct missing_keys {
    size_t count; // of subscriptions
    char key_id[SEAL_KEY_ID_SIZE];
    char first[EVENT_SUBSCRIPTION_SIZE];
};

struct catalog {
    struct catalog_options options;
    struct redis_link *watcher; // blocking reads of `changes`
    struct entry *by_id;
    uv_timer_t gather;
    char position[CATALOG_STREAM_ID_SIZE]; // last change read
    char applied[CATALOG_STREAM_ID_SIZE]; // last change that by_id has; behind it while others are fetched
    char loading[CATALOG_STREAM_ID_SIZE]; // the same for the load under way
    int64_t locked;                       // as counted in the metrics
    struct snapshot *published;           // a reference; NULL once by_id has changed
    bool is_loading, is_loaded, must_reload, is_watching, is_closed;
    // Another key ring came: the next load looks at each stored form with it, the load under way does so.
    bool must_examine, is_examining;
    struct missing_keys missing; // found by it
    void (*on_closed)(void *arg);
    void *closed_arg;
};

void catalog_add_key(const struct catalog *catalog, struct redis_command *command,
                     enum key_name name);

// ---- catalog_table.c
// Takes a stored subscription over. What workers see need not change by it; publish anyhow: some wait for the position.
void catalog_put(struct catalog *catalog, struct span id, struct span stored);
void catalog_remove(struct catalog *catalog, struct entry *entry);
// NULL when it can't be read at all; the log says so, and when its secrets can't. One reference.
struct subscription *catalog_parse(const struct catalog *catalog, struct span id,
                                   struct span stored);
// Same to a worker: encrypted anew, a subscription has other bytes and is the same.
bool catalog_is_same(const struct subscription *a, const struct subscription *b);
void catalog_report_missing_keys(const struct catalog *catalog);
void catalog_publish(struct catalog *catalog);
void catalog_publish_soon(struct catalog *catalog); // shared by changes that come together

#endif
