// SPDX-License-Identifier: Apache-2.0
// Who may use a slot. An attempt needs room in four places: its lane's cap and adaptive limit, its destination's cap,
// and the worker. Of the worker's slots half are kept for first attempts of proven lanes; everything else (retries,
// lanes that fail, lanes whose answers are long in coming, lanes nobody knows yet) shares the other half. So neither
// a backlog nor any number of hanging subscribers can take what the healthy need.
//
// A lane stops being proven while its attempts hang, not only when they time out: whatever has run for OLD_MS counts.
// Attempts are started in time order, so the oldest stand first in the list of young ones and each is looked at once.
//
// Invariant: restricted == Σ claimed_in_flight + Σ fresh_in_flight of lanes that aren't proven.
#include <assert.h>
#include <stdlib.h>

#include "lanes_internal.h"
#include "ledger.h"
#include "petrel/clock.h"
#include "worker.h"

enum {
    OLD_MS = 300,
    FIRST_LIMIT = 16, // of a lane nobody knows yet
    FAILURES_MAX = 3, // in a row; now and then one fails everywhere
};

// ---- destinations

static struct destination *find_destination(struct lanes *lanes, uint64_t id)
{
    struct destination *destination = NULL;
    HASH_FIND(hh, lanes->destinations, &id, sizeof id, destination);
    if (!destination) {
        destination = calloc(1, sizeof *destination);
        assert(destination);
        destination->id = id;
        HASH_ADD(hh, lanes->destinations, id, sizeof id, destination);
    }
    return destination;
}

static void leave_destination(struct lanes *lanes, struct lane *lane)
{
    struct destination *destination = lane->destination;
    lane->destination = NULL;
    if (!destination || --destination->lanes > 0)
        return;
    assert(destination->in_flight == 0);
    HASH_DEL(lanes->destinations, destination); // NOLINT(clang-analyzer-unix.Malloc): uthash
    free(destination);
}

void lanes_slots_init(struct lanes *lanes, struct lane *lane,
                      const struct subscription *subscription)
{
    if (!lane->destination)
        limiter_init(&lane->limiter, FIRST_LIMIT);
    // What is under way was counted where it goes.
    if (lane->destination && (lane->destination->id == subscription->destination ||
                              lane_in_flight(lane) || lane->promised))
        return;
    leave_destination(lanes, lane);
    lane->destination = find_destination(lanes, subscription->destination);
    lane->destination->lanes++;
}

void lanes_slots_fini(struct lanes *lanes, struct lane *lane)
{
    leave_destination(lanes, lane);
}

// ---- room

static uint32_t at_most(uint32_t limit, uint32_t used)
{
    return used < limit ? limit - used : 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t lanes_restricted_left(const struct lanes *lanes)
{
    uint32_t slots = lanes->worker->engine->slots;
    return least(at_most(slots / 2, lanes->restricted + lanes->promised),
                 at_most(slots, lanes->in_flight + lanes->promised));
}

// In the lane and at its destination.
static uint32_t lane_left(const struct lanes *lanes, const struct lane *lane)
{
    uint32_t used = lane_in_flight(lane) + lane->promised;
    uint32_t there = lanes->worker->engine->config->max_destination_concurrency;
    return least(at_most(limiter_limit(&lane->limiter, lane->cap), used),
                 at_most(there, lane->destination->in_flight + lane->destination->promised));
}

bool lanes_has_slot(const struct lanes *lanes, const struct lane *lane)
{
    uint32_t slots = lanes->worker->engine->slots;
    // After a freeze nothing that waited may start: the next tick parks it.
    // Nor anything whose outcome Redis couldn't be told of.
    if (lane_left(lanes, lane) == 0 || worker_was_frozen(lanes->worker) ||
        ledger_is_behind(lanes->worker->ledger))
        return false;
    if (!lane->is_proven)
        return lanes_restricted_left(lanes) > 0;
    // The half that is kept for them is theirs also when the others were let in while they still looked well.
    return lanes->in_flight - lanes->restricted < slots / 2 ||
           lanes->in_flight + lanes->promised < slots;
}

bool lanes_is_idle_by_quarter(const struct lanes *lanes, const struct lane *lane)
{
    uint32_t left = lane_left(lanes, lane);
    return left > 0 && 4 * left >= lane_in_flight(lane) + left;
}

uint32_t lanes_claimable(const struct lanes *lanes, const struct lane *lane)
{
    // What waits in memory is older than what waits in the queue.
    return least(at_most(lane_left(lanes, lane), lane->waiting), lanes_restricted_left(lanes));
}

// ---- being proven

static void judge(struct lanes *lanes, struct lane *lane)
{
    bool is_proven = lane->has_succeeded && lane->failures < FAILURES_MAX && lane->aged == 0;
    if (is_proven == lane->is_proven)
        return;
    lane->is_proven = is_proven;
    if (is_proven)
        lanes->restricted -= lane->fresh_in_flight;
    else
        lanes->restricted += lane->fresh_in_flight;
}

static enum limiter_signal signal_of(const struct attempt_result *result)
{
    if (result->error == ATTEMPT_TIMEOUT ||
        (result->error == ATTEMPT_OK && (result->status == 429 || result->status == 503)))
        return LIMITER_OVERLOAD;
    return result->error == ATTEMPT_OK ? LIMITER_ANSWERED : LIMITER_NEUTRAL;
}

void lanes_learn(struct lanes *lanes, struct lane *lane, const struct delivery *delivery,
                 const struct attempt_result *result)
{
    if (result->error == ATTEMPT_ABORTED)
        return;
    struct limiter_sample sample = {
        .signal = signal_of(result),
        .duration_ms = result->duration_ms,
        .started_ms = delivery->started_ms,
        .now_ms = clock_mono_ms(),
        .was_full = delivery->was_full,
        .cap = lane->cap,
    };
    limiter_observe(&lane->limiter, &sample);
    if (result->error == ATTEMPT_OK && result->status >= 200 && result->status <= 299) {
        lane->has_succeeded = true;
        lane->failures = 0;
    } else if (lane->failures < FAILURES_MAX) {
        lane->failures++;
    }
    judge(lanes, lane);
}

// ---- taking and freeing

static void remove_young(struct lanes *lanes, struct delivery *delivery)
{
    if (delivery->previous_young)
        delivery->previous_young->next_young = delivery->next_young;
    else
        lanes->young_first = delivery->next_young;
    if (delivery->next_young)
        delivery->next_young->previous_young = delivery->previous_young;
    else
        lanes->young_last = delivery->previous_young;
    delivery->is_young = false;
}

static void add_young(struct lanes *lanes, struct delivery *delivery)
{
    delivery->is_young = true;
    delivery->next_young = NULL;
    delivery->previous_young = lanes->young_last;
    if (lanes->young_last)
        lanes->young_last->next_young = delivery;
    else
        lanes->young_first = delivery;
    lanes->young_last = delivery;
}

void lanes_take_slot(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    delivery->lane = lane;
    delivery->started_ms = clock_mono_ms();
    lane->last_used_ms = delivery->started_ms;
    if (delivery_is_claimed(delivery)) {
        lane->claimed_in_flight++;
        lanes->restricted++;
    } else {
        lane->fresh_in_flight++;
        if (!lane->is_proven)
            lanes->restricted++;
    }
    lane->destination->in_flight++;
    lanes->in_flight++;
    // More than half of the limit is in use: if this succeeds, a higher one would be used too.
    delivery->was_full = 2 * lane_in_flight(lane) > limiter_limit(&lane->limiter, lane->cap);
    add_young(lanes, delivery);
    lanes_sweep_soon(lanes);
}

void lanes_free_slot(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    if (delivery_is_claimed(delivery)) {
        lane->claimed_in_flight--;
        lanes->restricted--;
    } else {
        lane->fresh_in_flight--;
        if (!lane->is_proven)
            lanes->restricted--;
    }
    lane->destination->in_flight--;
    lanes->in_flight--;
    lane->last_used_ms = clock_mono_ms();
    if (delivery->is_young)
        remove_young(lanes, delivery);
    if (delivery->is_aged) {
        delivery->is_aged = false;
        lane->aged--;
        judge(lanes, lane);
    }
    delivery->lane = NULL;
}

void lanes_age(struct lanes *lanes, int64_t now_ms)
{
    while (lanes->young_first && now_ms - lanes->young_first->started_ms >= OLD_MS) {
        struct delivery *delivery = lanes->young_first;
        struct lane *lane = delivery->lane;
        remove_young(lanes, delivery);
        delivery->is_aged = true;
        lane->aged++;
        limiter_observe_age(&lane->limiter, now_ms - delivery->started_ms, now_ms);
        judge(lanes, lane);
    }
}
