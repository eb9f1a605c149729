// SPDX-License-Identifier: Apache-2.0
// The subscription table of this process, kept true to Redis: loaded whole at the start and after each
// reconnect, then changed as the `changes` stream tells. Runs on the supervisor's loop; workers get snapshots.
#ifndef PETREL_CATALOG_H
#define PETREL_CATALOG_H

#include "engine.h"
#include "petrel/redis_link.h"
#include "petrel/vault.h"

struct catalog;

struct catalog_options {
    struct uv_loop_s *loop;
    const struct engine *engine;
    struct redis_link *commands; // borrowed
    struct vault *vault;         // borrowed: opens the secret values of subscriptions
    // A snapshot with all changes until the entry `changes` of the stream, maybe the same as before; the receiver owns
    // the reference.
    void (*on_snapshot)(void *arg, struct snapshot *snapshot, const char *changes);
    void *arg;
};

struct catalog *catalog_create(const struct catalog_options *options);
// The supervisor's link came up: (re)loads.
void catalog_on_redis_up(struct catalog *catalog);
// Once a second: takes up again what an error had stopped.
void catalog_tick(struct catalog *catalog);
// A subscriber said it is gone, or asked for it: writes the state, if nobody changed the subscription since.
void catalog_disable(struct catalog *catalog, const char *id, const char *reason);
// The vault has another key ring: opens what it couldn't before.
void catalog_on_new_keys(struct catalog *catalog);
// Releases loop handles and connections, then calls on_closed.
void catalog_close(struct catalog *catalog, void (*on_closed)(void *arg), void *arg);
void catalog_destroy(struct catalog **catalog); // after on_closed

#endif
