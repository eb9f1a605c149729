// SPDX-License-Identifier: Apache-2.0
// Admission. A fresh delivery is attempted now if its lane and the worker have a slot; otherwise it waits in
// memory if, by the lane's own pace, its turn comes within WAIT_TARGET_MS; otherwise it parks. So a fast
// subscriber's burst never goes through Redis, and a slow one's never holds the intake back.
// What happens to an attempt's outcome is in lanes_outcome.c.
#include "lanes.h"

#include <assert.h>
#include <stdlib.h>

#include "claims.h"
#include "lanes_internal.h"
#include "ledger.h"
#include "petrel/clock.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    WAIT_TARGET_MS = 250,
    WAIT_LIMIT_MS = 1000,    // whoever waited this long parks after all
    WAIT_UNKNOWN_COUNT = 64, // of a lane that has finished no attempt yet
    SWEEP_MS = 100,
    HUNGRY_TRIES = 16, // lanes looked at when a slot frees
};

// ---- the set of lanes

struct lane *lanes_find(struct lanes *lanes, struct subscription *subscription)
{
    struct lane *lane = NULL;
    HASH_FIND_STR(lanes->by_id, subscription->id, lane);
    if (!lane) {
        lane = calloc(1, sizeof *lane);
        assert(lane);
        span_copy(span_of(subscription->id), lane->id, sizeof lane->id);
        lane->owner = lanes;
        lane->average_ms = -1;
        HASH_ADD_STR(lanes->by_id, id, lane);
    }
    // The newest subscription seen decides.
    lane->cap = subscription->max_concurrency ? subscription->max_concurrency
                                              : lanes->worker->engine->config->max_concurrency;
    return lane;
}

void lanes_release(struct lanes *lanes, struct lane *lane)
{
    if (lane->in_flight || lane->promised || lane->waiting || lane->is_congested ||
        lane->backlog_shards)
        return;
    if (lane->hold_until_ms > clock_mono_ms())
        return;                   // swept later
    HASH_DEL(lanes->by_id, lane); // NOLINT(clang-analyzer-unix.Malloc): uthash
    free(lane);
}

static void hungry_add(struct lanes *lanes, struct lane *lane)
{
    lane->next_hungry = NULL;
    lane->previous_hungry = lanes->hungry_last;
    if (lanes->hungry_last)
        lanes->hungry_last->next_hungry = lane;
    else
        lanes->hungry_first = lane;
    lanes->hungry_last = lane;
}

static void hungry_remove(struct lanes *lanes, struct lane *lane)
{
    if (lane->previous_hungry)
        lane->previous_hungry->next_hungry = lane->next_hungry;
    else
        lanes->hungry_first = lane->next_hungry;
    if (lane->next_hungry)
        lane->next_hungry->previous_hungry = lane->previous_hungry;
    else
        lanes->hungry_last = lane->previous_hungry;
}

// ---- waiting in memory

static void wait_in_lane(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    delivery->lane = lane;
    delivery->waiting_since_ms = clock_mono_ms();
    delivery->next = NULL;
    if (lane->waiting_last)
        lane->waiting_last->next = delivery;
    else
        lane->waiting_first = delivery;
    lane->waiting_last = delivery;
    if (lane->waiting++ == 0)
        hungry_add(lanes, lane);
    metrics_add(METRIC_WAITING, 1);
}

static struct delivery *take_waiting(struct lanes *lanes, struct lane *lane)
{
    struct delivery *delivery = lane->waiting_first;
    lane->waiting_first = delivery->next;
    if (!lane->waiting_first)
        lane->waiting_last = NULL;
    if (--lane->waiting == 0)
        hungry_remove(lanes, lane);
    metrics_add(METRIC_WAITING, -1);
    return delivery;
}

static bool has_slot(const struct lanes *lanes, const struct lane *lane)
{
    // After a freeze nothing that waited may start: the next tick parks it.
    if (worker_was_frozen(lanes->worker))
        return false;
    return lane->in_flight + lane->promised < lane->cap &&
           lanes->in_flight + lanes->promised < lanes->worker->engine->slots;
}

static bool may_wait(const struct lane *lane)
{
    if (lane->is_congested)
        return false;
    if (lane->average_ms < 0)
        return lane->waiting < WAIT_UNKNOWN_COUNT;
    // cap attempts end every average_ms, so this many turns come within the target (Little's law).
    int64_t pace = lane->average_ms > 0 ? lane->average_ms : 1;
    return lane->waiting < (uint64_t)lane->cap * WAIT_TARGET_MS / (uint64_t)pace + 1;
}

static void park_overflow(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    lane->is_congested = true;
    lane->backlog_shards |= UINT64_C(1) << delivery->event->shard;
    lanes_park_unattempted(lanes, delivery, 0);
}

static void on_sweep(uv_timer_t *timer)
{
    struct lanes *lanes = timer->data;
    int64_t now_ms = clock_mono_ms();
    struct lane *next;
    for (struct lane *lane = lanes->hungry_first; lane; lane = next) {
        next = lane->next_hungry;
        while (lane->waiting && has_slot(lanes, lane))
            lanes_start(lanes, lane, take_waiting(lanes, lane));
        while (lane->waiting && now_ms - lane->waiting_first->waiting_since_ms > WAIT_LIMIT_MS)
            park_overflow(lanes, lane, take_waiting(lanes, lane));
    }
    lanes_conclude_failed(lanes);
    if (!lanes->hungry_first && !lanes->failed_first)
        uv_timer_stop(timer);
}

void lanes_sweep_soon(struct lanes *lanes)
{
    if (!uv_is_active((uv_handle_t *)&lanes->sweep))
        uv_timer_start(&lanes->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

void lanes_fill(struct lanes *lanes, struct lane *lane)
{
    while (lane->waiting && has_slot(lanes, lane))
        lanes_start(lanes, lane, take_waiting(lanes, lane));
    for (int i = 0; i < HUNGRY_TRIES && lanes->hungry_first; i++) {
        struct lane *other = lanes->hungry_first;
        if (lanes->in_flight + lanes->promised >= lanes->worker->engine->slots)
            break;
        // To the back of the line first: each hungry lane gets its turn.
        hungry_remove(lanes, other);
        hungry_add(lanes, other);
        if (has_slot(lanes, other))
            lanes_start(lanes, other, take_waiting(lanes, other));
    }
    if (lane->backlog_shards && !lanes->is_draining)
        claims_refill(lanes->worker->claims, lane);
}

// ---- what comes in

static void on_parked(void *arg, struct delivery *delivery, bool is_ours)
{
    (void)is_ours;
    struct lanes *lanes = arg;
    lanes->parking--;
    worker_return(lanes->worker, delivery);
}

void lanes_park_unattempted(struct lanes *lanes, struct delivery *delivery, int64_t delay_ms)
{
    metrics_add(METRIC_DELIVERIES_PARKED_OVERFLOW, 1);
    lanes->parking++;
    struct subscription *current = snapshot_find(lanes->worker->snapshot, delivery->subscription_id);
    struct ledger_move move = {
        .delivery = delivery,
        .delay_ms = delay_ms,
        .is_held = current && current->state == SUBSCRIPTION_PAUSED,
        .moved = on_parked,
        .arg = lanes,
    };
    ledger_park(lanes->worker->ledger, &move);
    if (!move.is_held)
        worker_hint_due(lanes->worker, delivery->event->shard, delay_ms);
}

// The subscription as it is now may differ from the one the delivery was matched with.
static void refresh_subscription(struct lanes *lanes, struct delivery *delivery)
{
    struct subscription *current = snapshot_find(lanes->worker->snapshot, delivery->subscription_id);
    if (!current || current == delivery->subscription)
        return;
    subscription_unref(&delivery->subscription);
    delivery->subscription = subscription_ref(current);
}

void lanes_accept(struct lanes *lanes, struct delivery *delivery)
{
    refresh_subscription(lanes, delivery);
    struct subscription *subscription = delivery->subscription;
    struct lane *lane = lanes_find(lanes, subscription);
    int64_t hold_ms = lane->hold_until_ms - clock_mono_ms();
    delivery->lane = lane;
    if (lanes->is_draining || !subscription_is_ready(subscription) ||
        worker_was_frozen(lanes->worker)) {
        lanes_park_unattempted(lanes, delivery, 0);
        lanes_release(lanes, lane);
    } else if (hold_ms > 0) {
        lanes_park_unattempted(lanes, delivery, hold_ms);
    } else if (!lane->waiting && !lane->is_congested && has_slot(lanes, lane)) {
        lanes_start(lanes, lane, delivery);
    } else if (may_wait(lane)) {
        wait_in_lane(lanes, lane, delivery);
        lanes_sweep_soon(lanes);
    } else {
        park_overflow(lanes, lane, delivery);
    }
}

// ---- for claims

uint32_t lanes_promise(struct lanes *lanes, struct lane *lane, uint32_t at_most)
{
    uint32_t slots = lanes->worker->engine->slots;
    uint32_t used = lane->in_flight + lane->promised + lane->waiting;
    if (lanes->is_draining || used >= lane->cap || lane->hold_until_ms > clock_mono_ms())
        return 0;
    // What comes from queues takes at most half of the worker: first attempts keep the rest.
    uint32_t claimed = lanes->claimed_in_flight + lanes->promised;
    if (claimed >= slots / 2 || lanes->in_flight + lanes->promised >= slots)
        return 0;
    uint32_t free_slots = lane->cap - used;
    if (free_slots > slots / 2 - claimed)
        free_slots = slots / 2 - claimed;
    if (free_slots > at_most)
        free_slots = at_most;
    lane->promised += free_slots;
    lanes->promised += free_slots;
    return free_slots;
}

void lanes_give_back(struct lanes *lanes, struct lane *lane, uint32_t slots)
{
    assert(lane->promised >= slots && lanes->promised >= slots);
    lane->promised -= slots;
    lanes->promised -= slots;
}

void lanes_on_claimed(struct lanes *lanes, struct lane *lane, uint32_t shard, bool has_more)
{
    (void)lanes;
    uint64_t bit = UINT64_C(1) << shard;
    if (has_more)
        lane->backlog_shards |= bit;
    else
        lane->backlog_shards &= ~bit;
    if (!lane->backlog_shards)
        lane->is_congested = false;
}

void lanes_attempt_claimed(struct lanes *lanes, struct delivery *delivery)
{
    struct lane *lane = lanes_find(lanes, delivery->subscription);
    lanes_give_back(lanes, lane, 1);
    // Near the end of its lease it could be another's before the request is out.
    bool is_late = clock_mono_ms() - delivery->taken_ms > LEASE_MS / 2;
    if (lanes->is_draining || is_late) {
        lanes_put_back(lanes, delivery);
        return;
    }
    lanes->claimed_in_flight++;
    lanes_start(lanes, lane, delivery);
}

// ---- life

struct lanes *lanes_create(struct worker *worker)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    assert(lanes);
    lanes->worker = worker;
    uv_timer_init(&worker->loop, &lanes->sweep);
    lanes->sweep.data = lanes;
    return lanes;
}

void lanes_park_waiting(struct lanes *lanes, struct lane *lane, int64_t delay_ms)
{
    while (lane->waiting)
        lanes_park_unattempted(lanes, take_waiting(lanes, lane), delay_ms);
}

void lanes_park_all(struct lanes *lanes)
{
    while (lanes->hungry_first)
        lanes_park_waiting(lanes, lanes->hungry_first, 0);
}

void lanes_drain(struct lanes *lanes)
{
    lanes->is_draining = true;
    lanes_park_all(lanes);
}

void lanes_on_snapshot(struct lanes *lanes)
{
    struct lane *lane, *next;
    HASH_ITER (hh, lanes->by_id, lane, next)
        lanes_release(lanes, lane);
}

bool lanes_is_empty(const struct lanes *lanes)
{
    return !lanes->in_flight && !lanes->parking && !lanes->promised && !lanes->hungry_first;
}

void lanes_close(struct lanes *lanes)
{
    uv_close((uv_handle_t *)&lanes->sweep, NULL);
}

void lanes_destroy(struct lanes **lanes)
{
    if (!*lanes)
        return;
    struct lane *lane, *next;
    HASH_ITER (hh, (*lanes)->by_id, lane, next) {
        while (lane->waiting) {
            struct delivery *delivery = take_waiting(*lanes, lane);
            delivery_destroy(&delivery);
        }
        HASH_DEL((*lanes)->by_id, lane); // NOLINT(clang-analyzer-unix.Malloc): uthash
        free(lane);
    }
    free(*lanes);
    *lanes = NULL;
}
