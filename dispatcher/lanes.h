// SPDX-License-Identifier: Apache-2.0
// Lanes: one per subscription with work here, at its home worker. A lane decides whether a delivery is
// attempted now, waits a moment in memory, or parks in its queue in Redis; runs the attempt; and acts on the
// outcome. A lane takes at most its own share, whatever its subscriber does.
#ifndef PETREL_LANES_H
#define PETREL_LANES_H

#include <uthash.h>

#include "delivery.h"

struct lanes;
struct worker;

struct lane {
    UT_hash_handle hh;
    struct lanes *owner;
    char id[EVENT_SUBSCRIPTION_SIZE];
    struct lane *next_hungry, *previous_hungry; // while something waits
    uint32_t cap;                               // attempts at once
    uint32_t in_flight;                         // attempts running
    uint32_t promised;                          // slots kept for a claim under way
    struct delivery *waiting_first, *waiting_last;
    uint32_t waiting;
    bool is_congested; // it overflowed into its queue: newcomers go behind, until that is drained
    uint64_t backlog_shards; // bit per shard: more is due there than there were slots for
    int64_t hold_until_ms;   // mono; the subscriber asked to wait (Retry-After, 429, 503)
    int64_t average_ms;      // of an attempt; -1: none seen
};

struct lanes *lanes_create(struct worker *worker);
void lanes_close(struct lanes *lanes); // releases loop handles
void lanes_destroy(struct lanes **lanes);
void lanes_accept(struct lanes *lanes, struct delivery *delivery); // fresh, from its origin
// A claimed delivery with its event; uses one of the slots promised.
void lanes_attempt_claimed(struct lanes *lanes, struct delivery *delivery);
void lanes_on_snapshot(struct lanes *lanes); // forgets lanes with nothing left to remember
bool lanes_is_empty(const struct lanes *lanes);
void lanes_park_all(struct lanes *lanes); // what waits goes to the queues
void lanes_drain(struct lanes *lanes);    // parks what waits; what is attempted goes on

// For claims. How many slots a claim may fill now (0: none, or held back), promised until given back.
struct lane *lanes_find(struct lanes *lanes, struct subscription *subscription);
uint32_t lanes_promise(struct lanes *lanes, struct lane *lane, uint32_t at_most);
void lanes_give_back(struct lanes *lanes, struct lane *lane, uint32_t slots);
// What a claim found: more is due now, or the queue has nothing due.
void lanes_on_claimed(struct lanes *lanes, struct lane *lane, uint32_t shard, bool has_more);
// Frees the lane if it has nothing to remember; call last.
void lanes_release(struct lanes *lanes, struct lane *lane);

#endif
