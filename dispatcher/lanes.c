// SPDX-License-Identifier: Apache-2.0
// Admission. A fresh delivery is attempted now if its lane has a slot and nobody is before it; otherwise it waits in
// memory if its turn comes soon; otherwise it parks. Those of ordered subscriptions, and of subscriptions whose breaker
// isn't closed, always park: their queues decide what goes when.
// A lane is kept for a while after its last use, since what it knows of its subscriber is worth more than its memory.
#include "lanes.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "claims.h"
#include "lanes_internal.h"
#include "petrel/clock.h"
#include "worker.h"

enum {
    FORGET_EVERY_MS = 10000,
    FORGET_AFTER_MS = 300000,
    REFILL_TRIES = 16,   // lanes with a backlog looked at when a slot frees
    REFILL_AT_ONCE = 16, // deliveries claimed per turn, so that backlogs alternate
    BURST_MIN = 8,       // deliveries of a lane
};

// ---- the set of lanes

struct lane *lanes_find(struct lanes *lanes, struct subscription *subscription)
{
    const struct config *config = lanes->worker->engine->config;
    struct lane *lane = NULL;
    HASH_FIND_STR(lanes->by_id, subscription->id, lane);
    if (!lane) {
        lane = calloc(1, sizeof *lane);
        assert(lane);
        span_copy(span_of(subscription->id), lane->id, sizeof lane->id);
        lane->owner = lanes;
        lane->told_ms = clock_mono_ms();
        HASH_ADD_STR(lanes->by_id, id, lane);
    }
    // The newest subscription seen decides.
    lane->cap =
        subscription->max_concurrency ? subscription->max_concurrency : config->max_concurrency;
    lane->is_ordered = subscription->is_ordered;
    if (lane->is_ordered)
        lane->cap = 1;
    lanes_rate_set(lanes, lane, subscription);
    lane->last_used_ms = clock_mono_ms();
    lanes_slots_init(lanes, lane, subscription);
    return lane;
}

static bool is_backlogged(const struct lanes *lanes, const struct lane *lane)
{
    return lane->previous_backlogged || lanes->backlogged_first == lane;
}

static void backlogged_add(struct lanes *lanes, struct lane *lane)
{
    lane->next_backlogged = NULL;
    lane->previous_backlogged = lanes->backlogged_last;
    if (lanes->backlogged_last)
        lanes->backlogged_last->next_backlogged = lane;
    else
        lanes->backlogged_first = lane;
    lanes->backlogged_last = lane;
}

static void backlogged_remove(struct lanes *lanes, struct lane *lane)
{
    if (lane->previous_backlogged)
        lane->previous_backlogged->next_backlogged = lane->next_backlogged;
    else
        lanes->backlogged_first = lane->next_backlogged;
    if (lane->next_backlogged)
        lane->next_backlogged->previous_backlogged = lane->previous_backlogged;
    else
        lanes->backlogged_last = lane->previous_backlogged;
    lane->next_backlogged = lane->previous_backlogged = NULL;
}

static void lane_free(struct lanes *lanes, struct lane *lane)
{
    if (is_backlogged(lanes, lane))
        backlogged_remove(lanes, lane);
    lanes_rate_forget(lanes, lane);
    lanes_slots_fini(lanes, lane);
    sender_target_unref(&lane->target);
    subscription_unref(&lane->target_of);
    HASH_DEL(lanes->by_id, lane); // NOLINT(clang-analyzer-unix.Malloc): uthash
    free(lane);
}

static bool is_forgettable(const struct lane *lane, int64_t now_ms)
{
    return !lane_in_flight(lane) && !lane->promised && !lane->waiting && !lane->leaving_first &&
           !lane->backlog_shards && !lane->blocked_shards && !lane->is_asking &&
           !lane->is_telling && !lane->is_cut && lane->hold_until_ms <= now_ms &&
           now_ms - lane->last_used_ms > FORGET_AFTER_MS;
}

void lanes_on_tick(struct lanes *lanes)
{
    int64_t now_ms = clock_mono_ms();
    struct lane *lane, *next;
    lanes_take_census(lanes, now_ms);
    if (now_ms < lanes->forget_at_ms)
        return;
    lanes->forget_at_ms = now_ms + FORGET_EVERY_MS;
    HASH_ITER (hh, lanes->by_id, lane, next) {
        // A subscription that is gone has no breaker to remember.
        if (lane->blocked_shards && !snapshot_find(lanes->worker->snapshot, lane->id))
            lane->blocked_shards = 0;
        if (is_forgettable(lane, now_ms))
            lane_free(lanes, lane);
    }
}

// ---- slots go to who waits

// A claim costs Redis much more than each delivery that it brings, so one is made for a quarter of what the lane may
// have under way; the rest of it goes on meanwhile.
static void refill_lane(struct lanes *lanes, struct lane *lane)
{
    if (lane->backlog_shards && !lane->promised && lanes_is_idle_by_quarter(lanes, lane))
        claims_refill(lanes->worker->claims, lane, REFILL_AT_ONCE);
}

// Lanes with more in their queues than they had slots for take turns, a few deliveries each.
static void refill_in_turn(struct lanes *lanes, size_t tries)
{
    const struct lane *last = lanes->backlogged_last;
    for (size_t i = 0; i < tries && lanes->backlogged_first; i++) {
        struct lane *other = lanes->backlogged_first;
        if (lanes_restricted_left(lanes) == 0)
            return;
        backlogged_remove(lanes, other);
        backlogged_add(lanes, other);
        refill_lane(lanes, other);
        if (other == last)
            return; // each had its turn
    }
}

static void refill(struct lanes *lanes, struct lane *lane)
{
    uint32_t slots = lanes->worker->engine->slots;
    // While there is plenty, who has just freed a slot may fill it at once.
    if (lanes_restricted_left(lanes) > slots / 8)
        refill_lane(lanes, lane);
    refill_in_turn(lanes, REFILL_TRIES);
}

void lanes_on_commands_up(struct lanes *lanes)
{
    if (!lanes->is_draining)
        refill_in_turn(lanes, SIZE_MAX);
}

void lanes_fill(struct lanes *lanes, struct lane *lane)
{
    lanes_feed(lanes, lane);
    if (!lanes->is_draining)
        refill(lanes, lane);
}

void lanes_on_settled(struct lanes *lanes, const struct delivery *delivery)
{
    struct lane *lane = NULL;
    HASH_FIND_STR(lanes->by_id, delivery->subscription_id, lane);
    // The next of an ordered subscription was asked for when the attempt ended, but a command that had to be sent
    // again may have come too late for that.
    if (!lane || !lane->is_ordered || lanes->is_draining)
        return;
    lanes_on_claimed(lanes, lane, delivery->event->shard, true);
    lanes_fill(lanes, lane);
}

// ---- what comes in

// The subscription as it is now may differ from the one the delivery was matched with.
static void refresh_subscription(struct lanes *lanes, struct delivery *delivery)
{
    struct subscription *current = snapshot_find(lanes->worker->snapshot, delivery->subscription_id);
    if (!current || current == delivery->subscription)
        return;
    subscription_unref(&delivery->subscription);
    delivery->subscription = subscription_ref(current);
}

// One of a burst for the same lane takes turns with what waits; the first few don't.
static bool may_start(struct lanes *lanes, struct lane *lane)
{
    return !lane->waiting && !lane->is_congested && lanes_has_slot(lanes, lane) &&
           lanes_has_token(lanes, lane) &&
           (!lane->is_proven || lane_in_flight(lane) < BURST_MIN || lanes_has_turn(lanes, lane));
}

void lanes_accept(struct lanes *lanes, struct delivery *delivery)
{
    refresh_subscription(lanes, delivery);
    struct subscription *subscription = delivery->subscription;
    struct lane *lane = lanes_find(lanes, subscription);
    bool is_blocked = (lane->blocked_shards & (UINT64_C(1) << delivery->event->shard)) != 0;
    if (lanes->is_draining || worker_was_frozen(lanes->worker))
        lanes_park_unattempted(lanes, delivery, 0);
    else if (!subscription_is_ready(subscription) || subscription->is_ordered || is_blocked ||
             lanes_hold_ms(lane) > 0)
        lanes_park_in_turn(lanes, lane, delivery);
    else if (may_start(lanes, lane))
        lanes_start(lanes, lane, delivery);
    else if (lanes_may_wait(lanes, lane))
        lanes_wait(lanes, lane, delivery);
    else
        lanes_park_overflow(lanes, lane, delivery);
}

// ---- for claims

uint32_t lanes_promise(struct lanes *lanes, struct lane *lane, uint32_t at_most)
{
    if (lanes->is_draining || lanes_hold_ms(lane) > 0 || !lanes_has_token(lanes, lane))
        return 0;
    uint32_t slots = lanes_claimable(lanes, lane);
    if (lane->rate_per_second > 0 && slots > lane->tokens)
        slots = lane->tokens;
    if (slots > at_most)
        slots = at_most;
    lane->promised += slots;
    lane->destination->promised += slots;
    lanes->promised += slots;
    if (lane->rate_per_second > 0)
        lane->tokens -= slots;
    return slots;
}

void lanes_give_back(struct lanes *lanes, struct lane *lane, uint32_t slots)
{
    assert(lane->promised >= slots && lanes->promised >= slots);
    lane->promised -= slots;
    lane->destination->promised -= slots;
    lanes->promised -= slots;
    if (lane->rate_per_second > 0)
        lane->tokens += slots;
}

void lanes_on_claimed(struct lanes *lanes, struct lane *lane, uint32_t shard, bool has_more)
{
    uint64_t bit = UINT64_C(1) << shard;
    if (has_more)
        lane->backlog_shards |= bit;
    else
        lane->backlog_shards &= ~bit;
    if (!lane->backlog_shards)
        lane->is_congested = false;
    bool is_listed = is_backlogged(lanes, lane);
    if (lane->backlog_shards && !is_listed)
        backlogged_add(lanes, lane);
    else if (!lane->backlog_shards && is_listed)
        backlogged_remove(lanes, lane);
}

// ---- life

struct lanes *lanes_create(struct worker *worker)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    assert(lanes);
    lanes->worker = worker;
    lanes_wait_init(lanes);
    lanes_rate_init(lanes);
    lanes_turns_init(lanes);
    return lanes;
}

void lanes_park_all(struct lanes *lanes)
{
    while (lanes->hungry_first)
        lanes_park_waiting(lanes, lanes->hungry_first);
    lanes_park_leaving(lanes);
}

void lanes_drain(struct lanes *lanes)
{
    lanes->is_draining = true;
    uv_timer_stop(&lanes->rate_timer);
    lanes_park_all(lanes);
    lanes_attempt_all_claimed(lanes);
}

bool lanes_is_empty(const struct lanes *lanes)
{
    return !lanes->in_flight && !lanes->hungry_first && !lanes->leaving_first && !lanes->parking &&
           !lanes->asking;
}

void lanes_close(struct lanes *lanes)
{
    uv_close((uv_handle_t *)&lanes->sweep, NULL);
    uv_close((uv_handle_t *)&lanes->rate_timer, NULL);
    uv_close((uv_handle_t *)&lanes->turn, NULL);
}

void lanes_destroy(struct lanes **lanes)
{
    if (!*lanes)
        return;
    struct lane *lane, *next;
    lanes_drop_leaving(*lanes);
    HASH_ITER (hh, (*lanes)->by_id, lane, next) {
        while (lane->waiting) {
            struct delivery *delivery = lanes_take_waiting(*lanes, lane);
            delivery_destroy(&delivery);
        }
        lane->destination->in_flight = 0;
        lane_free(*lanes, lane);
    }
    free(*lanes);
    *lanes = NULL;
}
