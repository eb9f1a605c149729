// SPDX-License-Identifier: Apache-2.0
// What every thread of the engine reads (fixed before the threads start), and the letters between them.
#ifndef PETREL_ENGINE_H
#define PETREL_ENGINE_H

#include "mailbox.h"
#include "petrel/breaker.h"
#include "petrel/config.h"
#include "petrel/event.h"
#include "petrel/keys.h"
#include "petrel/redis_command.h"
#include "petrel/redis_url.h"
#include "petrel/snapshot.h"

enum {
    WORKERS_MAX = 256,
    INSTANCE_ID_SIZE = 96,
    CONSUMER_SIZE = INSTANCE_ID_SIZE + 8,
    // Longer than Redis stands still by itself (a fork, a slow disk: it waits 2 s for an fsync), short enough to
    // notice a connection that died without a word.
    REDIS_COMMAND_TIMEOUT_MS = 3000,
    // Of blocking reads, since what hangs is noticed only after it and the timeout: of events, while there is work and at rest
    // (when each costs as much as all else that is done); of changes.
    REDIS_BLOCK_MS = 1000,
    REDIS_BLOCK_AT_REST_MS = 2500,
    REDIS_BLOCK_FOR_CHANGES_MS = 5000,
    // At rest are those that have had nothing to do for this long.
    REST_AFTER_MS = 5000,
    // How often the watcher of a shard looks for what is due, unasked: what other instances park is found within this.
    DUE_ROUND_MS = 2000,
    // Lease of a claimed delivery, and how often it is renewed while its attempt runs: two renewals may be
    // missed. Short, so that a dead instance's deliveries are due again within seconds.
    LEASE_MS = 6000,
    LEASE_RENEW_MS = 2000,
};

struct worker;

struct engine {
    const struct config *config;
    const struct redis_url *redis;
    struct keys keys;
    char instance[INSTANCE_ID_SIZE]; // unique per process start
    uint32_t worker_count;
    struct worker *workers[WORKERS_MAX];
    struct mailbox *supervisor;
    uint32_t slots;      // attempts in flight per worker
    uint32_t sockets;    // for connections to subscribers, per worker
    struct guard *guard; // the one at the start; owned
    bool has_proxy;
    struct url proxy;
};

enum mail_kind {
    // to a worker
    MAIL_DELIVERY, // struct delivery, from its origin to its home
    MAIL_RETURN,   // struct delivery, settled, back to its origin
    MAIL_SNAPSHOT, // struct note: the new subscription table (a reference), with the changes until `text`
    MAIL_GUARD,    // struct note: another guard (a reference)
    MAIL_DUE,      // struct note: look at the queue of subscription `text` in `shard`
    MAIL_HINT,     // struct note: something in `shard` is due in `delay_ms`
    MAIL_NEWS,     // struct note: what `news` says of subscription `text`
    MAIL_INFORMED, // all news up to now have been sent before this
    MAIL_REAP,     // struct note: take over what consumer `text` holds in `shard`
    MAIL_PAUSE,    // read no new events …
    MAIL_RESUME,   // … until this
    MAIL_SIP,      // struct note: while paused, read once, `count` at most
    MAIL_DRAIN,
    MAIL_STOP,
    // to the supervisor
    MAIL_DISABLE, // struct note: disable subscription `text`, because of `reason`
    MAIL_REAPED, // struct note: the takeover from consumer `text` of `shard` has ended; it is gone, or not yet
    MAIL_DRAINED,
    MAIL_STOPPED,
};

// What the fleet has learnt of a subscription's breaker in a shard.
struct lane_news {
    uint32_t shard;
    enum breaker_state state;
    bool is_hold; // not the breaker: the subscriber asked to be left alone for wait_ms
    int64_t wait_ms;
};

// A small letter; malloc'd by the sender, freed by the receiver.
struct note {
    struct mail mail;
    uint32_t shard, count;
    int64_t delay_ms;
    bool is_gone;
    struct snapshot *snapshot;
    struct guard *guard;
    const char *reason; // static
    struct lane_news news;
    char text[CONSUMER_SIZE];
};

struct note *note_create(enum mail_kind kind, uint32_t shard, const char *text);

// The worker that owns the connections, caps and lanes of a subscription's destination.
static inline uint32_t engine_home(const struct engine *engine,
                                   const struct subscription *subscription)
{
    return (uint32_t)(subscription->destination % engine->worker_count);
}

// The worker that watches a shard's `due`.
static inline uint32_t engine_claimer(const struct engine *engine, uint32_t shard)
{
    return shard % engine->worker_count;
}

// Makes the consumer group of a shard where there is none (group.lua), and tells of it once it is answered.
struct redis_command *engine_create_group_command(const struct engine *engine, uint32_t shard);
void engine_tell_group_created(uint32_t shard, redis_reply *reply);

void engine_format_consumer(const struct engine *engine, uint32_t worker, char out[CONSUMER_SIZE]);

#endif
