// SPDX-License-Identifier: Apache-2.0
// To the queue without an attempt. What overflows parks in turn, some of one lane per call of the script and few calls
// at a time, while everything else goes on: a flood of one subscription in the stream is read past quickly, and neither
// Redis nor this thread is busy with it for long when another's event comes. What must leave now (a drain, a freeze)
// doesn't wait for its turn.
#include "intake.h"
#include "lanes_internal.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    CALLS_AT_ONCE = 2,  // that Redis hasn't answered
    PARKS_PER_CALL = 8, // each takes Redis some 10 microseconds, in which it answers nobody
    // Of bodies in a call of several: they take Redis time too, and a command has its bound (redis_command.c).
    BYTES_PER_CALL = 256 * 1024,
};

static void on_parked(void *arg, struct delivery *delivery, const struct ledger_answer *answer)
{
    struct lanes *lanes = arg;
    bool is_last = delivery->ends_call;
    lanes->parking--;
    lanes_on_answer(lanes, delivery, answer);
    worker_return(lanes->worker, delivery);
    if (!is_last)
        return;
    lanes->leaving_calls--;
    lanes_park_on(lanes);
}

// All of one subscription.
static void park(struct lanes *lanes, struct delivery *const *deliveries, size_t count,
                 int64_t delay_ms)
{
    const struct delivery *first = deliveries[0];
    uint32_t shard = first->event->shard;
    struct subscription *current = snapshot_find(lanes->worker->snapshot, first->subscription_id);
    struct ledger_moves moves = {
        .deliveries = deliveries,
        .count = count,
        .delay_ms = delay_ms,
        .is_held = current && current->state == SUBSCRIPTION_PAUSED,
        .moved = on_parked,
        .arg = lanes,
    };
    for (size_t i = 0; i < count; i++)
        deliveries[i]->lane = NULL;
    metrics_add(METRIC_DELIVERIES_PARKED_OVERFLOW, (int64_t)count);
    lanes->parking += (uint32_t)count;
    ledger_park_many(lanes->worker->ledger, &moves);
    if (!moves.is_held)
        worker_hint_due(lanes->worker, shard, delay_ms);
}

void lanes_park_unattempted(struct lanes *lanes, struct delivery *delivery, int64_t delay_ms)
{
    delivery->ends_call = false;
    park(lanes, &delivery, 1, delay_ms);
}

// ---- in turn

static void leaving_lanes_add(struct lanes *lanes, struct lane *lane)
{
    lane->next_leaving = NULL;
    if (lanes->leaving_last)
        lanes->leaving_last->next_leaving = lane;
    else
        lanes->leaving_first = lane;
    lanes->leaving_last = lane;
}

static struct lane *leaving_lanes_take(struct lanes *lanes)
{
    struct lane *lane = lanes->leaving_first;
    lanes->leaving_first = lane->next_leaving;
    if (!lanes->leaving_first)
        lanes->leaving_last = NULL;
    return lane;
}

static struct delivery *take_leaving(struct lane *lane)
{
    struct delivery *delivery = lane->leaving_first;
    lane->leaving_first = delivery->next;
    metrics_add(METRIC_WAITING, -1);
    return delivery;
}

// The next one can go in one call with those taken before: `last`, and so many bytes in all.
static bool goes_along(const struct lane *lane, const struct delivery *last, size_t bytes)
{
    const struct delivery *next = lane->leaving_first;
    return next && bytes + next->event->body_size <= BYTES_PER_CALL &&
           next->event->shard == last->event->shard && next->origin == last->origin &&
           next->subscription->is_ordered == last->subscription->is_ordered &&
           event_is_entry_before(last->event->entry_id, next->event->entry_id);
}

static void park_next(struct lanes *lanes)
{
    struct lane *lane = leaving_lanes_take(lanes);
    struct delivery *some[PARKS_PER_CALL];
    size_t count = 0, bytes = 0;
    do {
        some[count] = take_leaving(lane);
        some[count]->ends_call = false;
        bytes += some[count++]->event->body_size;
    } while (count < PARKS_PER_CALL && goes_along(lane, some[count - 1], bytes));
    if (lane->leaving_first)
        leaving_lanes_add(lanes, lane);
    some[count - 1]->ends_call = true;
    lanes->leaving_calls++;
    int64_t hold_ms = lanes_hold_ms(lane);
    park(lanes, some, count, hold_ms > 0 ? hold_ms : 0);
}

void lanes_park_on(struct lanes *lanes)
{
    if (!lanes->leaving_first)
        return;
    if (intake_is_behind(lanes->worker->intake)) {
        lanes_sweep_soon(lanes);
        return;
    }
    while (lanes->leaving_first && lanes->leaving_calls < CALLS_AT_ONCE)
        park_next(lanes);
}

static void leave(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    delivery->lane = NULL;
    delivery->next = NULL;
    if (lane->leaving_first) {
        lane->leaving_last->next = delivery;
    } else {
        lane->leaving_first = delivery;
        leaving_lanes_add(lanes, lane);
    }
    lane->leaving_last = delivery;
    metrics_add(METRIC_WAITING, 1);
}

void lanes_park_in_turn(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    leave(lanes, lane, delivery);
    lanes_park_on(lanes);
}

void lanes_park_waiting(struct lanes *lanes, struct lane *lane)
{
    while (lane->waiting)
        leave(lanes, lane, lanes_take_waiting(lanes, lane));
    lanes_park_on(lanes);
}

void lanes_park_leaving(struct lanes *lanes)
{
    while (lanes->leaving_first)
        park_next(lanes);
}

void lanes_park_overflow(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    lane->is_congested = true;
    lanes_on_claimed(lanes, lane, delivery->event->shard, true);
    lanes_park_in_turn(lanes, lane, delivery);
}

void lanes_drop_leaving(struct lanes *lanes)
{
    while (lanes->leaving_first) {
        struct lane *lane = leaving_lanes_take(lanes);
        while (lane->leaving_first) {
            struct delivery *delivery = take_leaving(lane);
            delivery_destroy(&delivery);
        }
    }
}
