// SPDX-License-Identifier: Apache-2.0
// To the queue without an attempt. What overflows parks a few at a time, in turn, while everything else goes on: a
// flood of one subscription in the stream is read past quickly, and neither Redis nor this thread is busy with it
// when another's event comes. What must leave now (a drain, a freeze) doesn't wait for its turn.
#include <assert.h>

#include "claims.h"
#include "lanes_internal.h"
#include "petrel/clock.h"
#include "petrel/metrics.h"
#include "worker.h"

enum { AT_ONCE = 4 }; // parks that Redis hasn't answered; each costs it some 30 microseconds

static void park_some(struct lanes *lanes);

static void on_parked(void *arg, struct delivery *delivery, const struct ledger_answer *answer)
{
    struct lanes *lanes = arg;
    lanes->parking--;
    if (delivery->is_leaving)
        lanes->leaving--;
    lanes_on_answer(lanes, delivery, answer);
    worker_return(lanes->worker, delivery);
    park_some(lanes);
}

void lanes_park_unattempted(struct lanes *lanes, struct delivery *delivery, int64_t delay_ms)
{
    metrics_add(METRIC_DELIVERIES_PARKED_OVERFLOW, 1);
    lanes->parking++;
    delivery->lane = NULL;
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

static struct delivery *take_leaving(struct lanes *lanes)
{
    struct delivery *delivery = lanes->leaving_first;
    lanes->leaving_first = delivery->next;
    if (!lanes->leaving_first)
        lanes->leaving_last = NULL;
    metrics_add(METRIC_WAITING, -1);
    return delivery;
}

static void park_some(struct lanes *lanes)
{
    while (lanes->leaving_first && (lanes->leaving < AT_ONCE || lanes->is_draining)) {
        struct delivery *delivery = take_leaving(lanes);
        struct lane *lane = lanes_find(lanes, delivery->subscription);
        int64_t hold_ms = lanes_hold_ms(lane);
        lanes->leaving++;
        lanes_park_unattempted(lanes, delivery, hold_ms > 0 ? hold_ms : 0);
    }
}

void lanes_park_in_turn(struct lanes *lanes, struct delivery *delivery)
{
    delivery->lane = NULL;
    delivery->is_leaving = true;
    delivery->next = NULL;
    if (lanes->leaving_last)
        lanes->leaving_last->next = delivery;
    else
        lanes->leaving_first = delivery;
    lanes->leaving_last = delivery;
    metrics_add(METRIC_WAITING, 1);
    park_some(lanes);
}

void lanes_park_overflow(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    lane->is_congested = true;
    lanes_on_claimed(lanes, lane, delivery->event->shard, true);
    lanes_park_in_turn(lanes, delivery);
}

void lanes_park_leaving(struct lanes *lanes)
{
    while (lanes->leaving_first) {
        struct delivery *delivery = take_leaving(lanes);
        delivery->is_leaving = false;
        lanes_park_unattempted(lanes, delivery, 0);
    }
}

void lanes_drop_leaving(struct lanes *lanes)
{
    while (lanes->leaving_first) {
        struct delivery *delivery = take_leaving(lanes);
        delivery_destroy(&delivery);
    }
}
