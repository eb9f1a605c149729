// SPDX-License-Identifier: Apache-2.0
// Shared by the lanes*.c files, by nobody else.
#ifndef PETREL_LANES_INTERNAL_H
#define PETREL_LANES_INTERNAL_H

#include <uv.h>

#include "lanes.h"
#include "ledger.h"

enum { SWEEP_MS = 100 };

// Host and port: a cap over all its subscriptions.
struct destination {
    UT_hash_handle hh;
    uint64_t id;
    uint32_t in_flight; // attempts running
    uint32_t promised;  // slots kept for claims of its lanes
    uint32_t lanes;     // that point here
};

struct lanes {
    struct worker *worker;
    struct lane *by_id;                              // uthash
    struct destination *destinations;                // uthash
    struct lane *hungry_first, *hungry_last;         // lanes in which something waits, in turn
    struct lane *backlogged_first, *backlogged_last; // lanes with more due in their queues, in turn
    struct lane *thirsty_first;                      // lanes that want tokens
    struct delivery *young_first, *young_last;       // attempts not old yet, by start
    uint32_t in_flight;                              // attempts running
    uint32_t restricted; // of them, those that may use half of the slots only (lanes_slots.c)
    uint32_t promised;   // slots promised to claims
    uint32_t waiting;    // deliveries waiting in memory, all lanes
    uint32_t parking;    // moves of fresh deliveries that Redis hasn't answered
    uint32_t asking;     // questions to Redis that it hasn't answered
    struct lane *leaving_first, *leaving_last;     // lanes with something to be parked, in turn
    uint32_t leaving_calls;                        // for those, that Redis hasn't answered
    struct delivery *failed_first;                 // attempts that could not even be started
    struct delivery *claimed_first, *claimed_last; // to be attempted on the next turns of the loop
    struct lane *cut_first, *cut_last;             // with something to start on the next turns
    uint32_t started_in_turn;                      // of what had waited
    uv_idle_t turn;                                // runs while there are such
    uv_timer_t sweep, rate_timer;
    int64_t forget_at_ms; // mono; when unused lanes are looked for next
    int64_t census_at_ms; // mono; when what they do is told next
    bool has_census;      // Redis has something to show of them
    bool is_draining;
};

// ---- lanes_park.c
// A fresh delivery goes to its queue without an attempt: now …
void lanes_park_unattempted(struct lanes *lanes, struct delivery *delivery, int64_t delay_ms);
// … or in its turn, since others are more urgent …
void lanes_park_in_turn(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
// … or so because it found no slot: newcomers go behind it.
void lanes_park_overflow(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
// … everything that waits in a lane, too.
void lanes_park_waiting(struct lanes *lanes, struct lane *lane);
// Those that wait for their turn go now, or (teardown) nowhere.
void lanes_park_leaving(struct lanes *lanes);
void lanes_drop_leaving(struct lanes *lanes);

// ---- lanes.c
// Slots or tokens are free: they go to what waits (this lane first, then the others in turn), then to backlogs.
void lanes_fill(struct lanes *lanes, struct lane *lane);

// Redis has the outcome of a claimed delivery.
void lanes_on_settled(struct lanes *lanes, const struct delivery *delivery);

// ---- lanes_slots.c
void lanes_slots_init(struct lanes *lanes, struct lane *lane,
                      const struct subscription *subscription);
void lanes_slots_fini(struct lanes *lanes, struct lane *lane);
bool lanes_has_slot(const struct lanes *lanes, const struct lane *lane);
// Slots a claim for this lane could fill now.
uint32_t lanes_claimable(const struct lanes *lanes, const struct lane *lane);
// A quarter or more of what the lane may have under way isn't.
bool lanes_is_idle_by_quarter(const struct lanes *lanes, const struct lane *lane);
// Slots left for what is restricted: 0 … half of the worker's.
uint32_t lanes_restricted_left(const struct lanes *lanes);
void lanes_take_slot(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
void lanes_free_slot(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
// The outcome of an attempt, for the adaptive limit and for being proven. Before its slot is freed.
void lanes_learn(struct lanes *lanes, struct lane *lane, const struct delivery *delivery,
                 const struct attempt_result *result);
// Attempts that have run for long by now tell on their lanes.
void lanes_age(struct lanes *lanes, int64_t now_ms);
static inline uint32_t lane_in_flight(const struct lane *lane)
{
    return lane->fresh_in_flight + lane->claimed_in_flight;
}

// ---- lanes_turns.c
void lanes_turns_init(struct lanes *lanes);
// One of those that wait in the lane may start now; if not, they are started from the next turn of the loop on.
bool lanes_has_turn(struct lanes *lanes, struct lane *lane);
// None of the claimed deliveries waits for its turn any more.
void lanes_attempt_all_claimed(struct lanes *lanes);

// ---- lanes_wait.c
bool lanes_may_wait(const struct lanes *lanes, const struct lane *lane);
void lanes_wait(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
struct delivery *lanes_take_waiting(struct lanes *lanes, struct lane *lane);
// Starts what waits in the lane, as far as slots, tokens and the turn go.
void lanes_start_waiting(struct lanes *lanes, struct lane *lane);
// The same for this lane, then the others in turn.
void lanes_feed(struct lanes *lanes, struct lane *lane);
void lanes_sweep_soon(struct lanes *lanes);
void lanes_wait_init(struct lanes *lanes);

// ---- lanes_health.c
// The report of an attempt's outcome that goes with its move.
struct ledger_report lanes_report(struct lane *lane, const struct attempt_result *result,
                                  int64_t hold_ms);
// The subscriber asked to be left alone for so long.
void lanes_hold(struct lanes *lanes, struct lane *lane, int64_t wait_ms);
// What the move's script answered.
void lanes_on_answer(struct lanes *lanes, const struct delivery *delivery,
                     const struct ledger_answer *answer);
// A delivery arrived: for the next report.
void lanes_count_success(struct lane *lane);
// The same of a fresh one: told to Redis if it has to know.
void lanes_note_success(struct lanes *lanes, struct lane *lane, uint32_t shard);

// ---- lanes_rate.c
// A send may start now, as far as the rate limit goes; if not, tokens are asked for.
bool lanes_has_token(struct lanes *lanes, struct lane *lane);
void lanes_use_token(struct lane *lane);
void lanes_rate_init(struct lanes *lanes);
// The subscription's limit; another one than before begins anew.
void lanes_rate_set(struct lanes *lanes, struct lane *lane, const struct subscription *subscription);
void lanes_rate_forget(struct lanes *lanes, struct lane *lane);

// ---- lanes_census.c
// Tells Redis what the lanes in use are doing, every 2 s; nothing while none is.
void lanes_take_census(struct lanes *lanes, int64_t now_ms);

// ---- lanes_outcome.c
// Starts the attempt of a delivery: it takes a slot of the lane and of the worker until its outcome is known.
void lanes_start(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
// A claimed delivery goes back to its queue as it was, due now.
void lanes_put_back(struct lanes *lanes, struct delivery *delivery);
// A claimed delivery is too old to be attempted: a dead letter.
void lanes_bury_expired(struct lanes *lanes, struct delivery *delivery);
// Attempts that could not be started end as internal failures.
void lanes_conclude_failed(struct lanes *lanes);

#endif
