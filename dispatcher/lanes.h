// SPDX-License-Identifier: Apache-2.0
// Lanes: one per subscription with work here, at its home worker. A lane decides whether a delivery is
// attempted now, waits a moment in memory, or parks in its queue in Redis; runs the attempt; and acts on the
// outcome. A lane takes at most its own share, whatever its subscriber does.
//   lanes.c          the set of lanes; admission; what claims ask
//   lanes_slots.c    who may use a slot: caps, the adaptive limit, the share kept for the healthy
//   lanes_turns.c    what had to wait starts a few at a time
//   lanes_wait.c     waiting in memory, the sweep
//   lanes_park.c     to the queue without an attempt
//   lanes_health.c   what the fleet knows of a subscriber: breaker, hold, news
//   lanes_rate.c     rate limits
//   lanes_census.c   what the lanes are doing, for the API to show
//   lanes_outcome.c  attempts and what follows from them
#ifndef PETREL_LANES_H
#define PETREL_LANES_H

#include <uthash.h>

#include "delivery.h"
#include "limiter.h"
#include "petrel/breaker.h"

struct lanes;
struct worker;
struct destination;
struct sender_target;

struct lane {
    UT_hash_handle hh;
    struct lanes *owner;
    char id[EVENT_SUBSCRIPTION_SIZE];
    int64_t last_used_ms; // mono; forgotten when unused for a while
    // slots
    struct destination *destination;
    // Its URL as the sender wants it, and (a reference) the subscription it was made of; from the first attempt on.
    struct sender_target *target;
    struct subscription *target_of;
    uint32_t cap;               // attempts at once: the subscription's, 1 when it is ordered
    struct limiter limiter;     // what the subscriber can take now, up to the cap
    uint32_t fresh_in_flight;   // attempts running that came straight from the stream
    uint32_t claimed_in_flight; // … that came from the queue
    uint32_t promised;          // slots kept for a claim under way
    uint32_t aged;              // attempts running for long already
    uint32_t failures;          // in a row; saturating
    bool has_succeeded;         // ever
    bool is_proven;             // it has, few failed since, and none running is old
    // waiting in memory
    struct lane *next_hungry, *previous_hungry; // while something waits
    struct delivery *waiting_first, *waiting_last;
    uint32_t waiting;
    bool is_congested; // it overflowed into its queue: newcomers go behind, until that is drained
    // to be parked
    struct lane *next_leaving;
    struct delivery *leaving_first, *leaving_last; // the last is undefined while there is no first
    // the queue in Redis
    bool is_ordered;
    struct lane *next_backlogged, *previous_backlogged;
    uint64_t backlog_shards; // bit per shard: more is due there than there were slots for
    // the subscriber's health
    uint64_t blocked_shards; // bit per shard: its breaker isn't closed; the queue decides
    int64_t hold_until_ms;   // mono; the subscriber asked to wait (Retry-After, 429, 503)
    uint32_t successes;      // since the last report to Redis
    int64_t success_minute;  // in which the last of them was
    bool has_failures;       // Redis counts failures of it: the next success is to be told
    bool is_telling;
    int64_t told_ms;       // mono; when a success was told last
    struct lane *next_cut; // of those with something to start on the next turn of the loop
    bool is_cut;
    // its rate limit
    double rate_per_second; // 0: none
    uint32_t rate_burst;
    uint32_t tokens; // sends granted, not used yet
    bool is_asking;
    int64_t ask_at_ms; // mono; not before
    struct lane *next_thirsty;
    bool is_thirsty;
};

struct lanes *lanes_create(struct worker *worker);
void lanes_close(struct lanes *lanes); // releases loop handles
void lanes_destroy(struct lanes **lanes);
void lanes_accept(struct lanes *lanes, struct delivery *delivery); // fresh, from its origin
// A claimed delivery with its event; uses one of the slots promised.
void lanes_attempt_claimed(struct lanes *lanes, struct delivery *delivery);
void lanes_on_tick(struct lanes *lanes); // twice a second: forgets lanes with nothing left to remember
bool lanes_is_empty(const struct lanes *lanes);
void lanes_park_all(struct lanes *lanes); // what waits goes to the queues
void lanes_park_on(struct lanes *lanes); // as far as now is the time: what is to be parked in its turn
void lanes_drain(struct lanes *lanes); // parks what waits; what is attempted goes on

// What other instances' moves have changed.
void lanes_on_news(struct lanes *lanes, const char *subscription_id, const struct lane_news *news);

// For claims. How many slots a claim may fill now (0: none, or held back), promised until given back.
struct lane *lanes_find(struct lanes *lanes, struct subscription *subscription);
uint32_t lanes_promise(struct lanes *lanes, struct lane *lane, uint32_t at_most);
void lanes_give_back(struct lanes *lanes, struct lane *lane, uint32_t slots);
void lanes_on_commands_up(struct lanes *lanes); // what was due meanwhile can be claimed
// What a claim found: more is due now, or the queue has nothing due.
void lanes_on_claimed(struct lanes *lanes, struct lane *lane, uint32_t shard, bool has_more);
// What a script said of the subscription's breaker in a shard.
void lanes_on_breaker(struct lanes *lanes, struct lane *lane, uint32_t shard,
                      enum breaker_state state);
// How old a delivery of this subscription may get before it becomes a dead letter.
int64_t lanes_max_age_ms(const struct lanes *lanes, const struct subscription *subscription);
// ms until the subscriber may be asked again; ≤ 0: now.
int64_t lanes_hold_ms(const struct lane *lane);

#endif
