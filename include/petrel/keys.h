// SPDX-License-Identifier: Apache-2.0
// Every Redis key name of petrel. Keys of one shard share a prefix (and so, in a cluster, one slot):
// "petrel:" with one shard, "petrel:{n}:" with more. Control-plane keys have one copy per namespace, always
// under "petrel:". Which of both it is, the layout's text says: whoever comes with another number of shards would neither find
// what is parked nor read what is published.
#ifndef PETREL_KEYS_H
#define PETREL_KEYS_H

#include <stdint.h>

#include "petrel/text.h"

enum { KEY_MAX_BYTES = 320, NAMESPACE_MAX_BYTES = 64, SHARDS_MAX = 64, LAYOUT_SIZE = 16 };

enum key_name {
    // per shard
    KEY_EVENTS,   // stream of inbound events, consumer group KEYS_GROUP
    KEY_DUE,      // zset: subscription → when to look at its queue, ms
    KEY_DEAD,     // zset: dead letter id → time it died, ms
    KEY_REJECTED, // stream of entries that are no event
    KEY_ATTEMPTS, // stream, capped: the attempts log
    KEY_FLOOR,    // string: id of an entry; it and all before are settled
    KEY_TOTALS, // hash: parked (deliveries parked now), delivered, dead, rejected, duplicates so far
    KEY_QUEUE,  // + subscription: zset event id → due time, ms (lease expiry while leased)
    KEY_PARKED,      // + subscription: hash event id → state
    KEY_MESSAGE,     // + event id: string, one copy of a parked or dead event
    KEY_DEAD_LETTER, // + dead letter id: hash
    KEY_SEEN,        // + event id: string, expiring
    KEY_SETTLED,     // + entry id: set of subscriptions already settled of an event still pending
    KEY_HEALTH,      // + subscription: hash, failures and the breaker (core/lua/lib/health.lua)
    KEY_OPEN,        // zset: subscription whose breaker isn't closed → since, ms
    KEY_BREAKERS,    // stream, capped: changes of breakers, for every instance to know
    KEY_ORDER,       // + subscription, ordered ones: zset event id → place in the stream's order
    KEY_FANNED, // zset: pending entry that is fanned out → 0; only while ordered subscriptions exist
    KEY_FANNED_TO,   // string: entry id before which all are fanned out
    KEY_RATE,        // + subscription, always in shard 0: string, the bucket of its rate limit
    KEY_IDEMPOTENCY, // + digest: string, expiring: the answer given to an Idempotency-Key
    // one per namespace; pass shard 0
    KEY_SUBSCRIPTIONS, // hash id → stored JSON
    KEY_CHANGES,       // stream: id, op
    KEY_INSTANCES,     // hash instance id → JSON with the heartbeat
    KEY_LANES, // + consumer: hash, expiring: what a worker's lanes are doing (core/lua/lanes.lua)
    KEY_KEYS,  // hash id → stored form of a key of the admin API
    KEY_KEYS_USED, // hash id → when that key was last used, ms
    KEY_SCHEMA,    // string: version of this layout, and "/<shards>" with more than one
};
#define KEYS_GROUP "petrel"
#define KEYS_SCHEMA_VERSION "1"

struct keys {
    char namespace_name[NAMESPACE_MAX_BYTES + 1];
    uint32_t shards;
};
struct key {
    size_t size;
    char data[KEY_MAX_BYTES];
};

// Fails (assertion) only on a bug: suffixes are ids whose length is bounded by their parsers.
struct key keys_format(const struct keys *keys, uint32_t shard, enum key_name name,
                       struct span suffix);
// The layout of these keys, as KEY_SCHEMA holds it.
void keys_format_layout(const struct keys *keys, char out[LAYOUT_SIZE]);
enum keys_layout { KEYS_LAYOUT_OURS, KEYS_LAYOUT_OTHER_SHARDS, KEYS_LAYOUT_OTHER_VERSION };
// stored_shards: for OTHER_SHARDS, how many it has.
enum keys_layout keys_judge_layout(const struct keys *keys, struct span stored,
                                   uint32_t *stored_shards);
struct span key_span(const struct key *key);
bool keys_is_namespace(struct span text); // [A-Za-z0-9_.-]{1,64}

#endif
