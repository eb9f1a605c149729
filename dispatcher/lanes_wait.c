// SPDX-License-Identifier: Apache-2.0
// Waiting in memory for a slot: only where, by the lane's own pace, the turn comes within WAIT_TARGET_MS, and never
// longer than WAIT_LIMIT_MS. So a fast subscriber's burst never goes through Redis, and a slow one's never holds the
// intake back. Lanes in which something waits take turns.
#include "lanes_internal.h"
#include "ledger.h"
#include "petrel/clock.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    WAIT_TARGET_MS = 1000,
    WAIT_LIMIT_MS = 3000,    // whoever waited this long parks after all
    WAIT_FEW = 16,           // deliveries of a lane
    WAIT_UNKNOWN_COUNT = 16, // of a lane that has finished no attempt yet
    HUNGRY_TRIES = 16,       // lanes looked at when a slot frees
};

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

void lanes_wait(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
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
    lanes->waiting++;
    metrics_add(METRIC_WAITING, 1);
    lanes_sweep_soon(lanes);
}

struct delivery *lanes_take_waiting(struct lanes *lanes, struct lane *lane)
{
    struct delivery *delivery = lane->waiting_first;
    lane->waiting_first = delivery->next;
    if (!lane->waiting_first)
        lane->waiting_last = NULL;
    if (--lane->waiting == 0)
        hungry_remove(lanes, lane);
    lanes->waiting--;
    metrics_add(METRIC_WAITING, -1);
    return delivery;
}

// The sends a second that the lane can hope for: Little's law, and its rate limit.
static double pace_of(const struct lane *lane)
{
    double mean_ms = lane->limiter.mean_ms > 1 ? lane->limiter.mean_ms : 1;
    double pace = limiter_limit(&lane->limiter, lane->cap) * 1000.0 / mean_ms;
    return lane->rate_per_second > 0 && lane->rate_per_second < pace ? lane->rate_per_second : pace;
}

bool lanes_may_wait(const struct lanes *lanes, const struct lane *lane)
{
    if (ledger_is_behind(lanes->worker->ledger))
        return true;
    // Those whose attempts fail or hang would wait in vain, and all together hold the intake back. Who waits for much
    // leaves as much again to others. A few may wait in every lane that does well: when all of those are busy it is the
    // machine that is, and reading no further costs less than going through Redis.
    uint32_t slots = lanes->worker->engine->slots;
    bool is_few = lane->is_proven && lane->waiting < WAIT_FEW;
    if (lane->is_congested || (!is_few && lanes->waiting + lane->waiting >= slots))
        return false;
    if (lane->limiter.mean_ms < 0)
        return lane->aged == 0 && lane->waiting < WAIT_UNKNOWN_COUNT;
    if (!lane->is_proven && lane->rate_per_second <= 0)
        return false;
    return lane->waiting < pace_of(lane) * WAIT_TARGET_MS / 1000 + 1;
}

void lanes_start_waiting(struct lanes *lanes, struct lane *lane)
{
    while (lane->waiting && lanes_has_slot(lanes, lane) && lanes_has_token(lanes, lane) &&
           lanes_has_turn(lanes, lane))
        lanes_start(lanes, lane, lanes_take_waiting(lanes, lane));
}

void lanes_feed(struct lanes *lanes, struct lane *lane)
{
    lanes_start_waiting(lanes, lane);
    for (int i = 0; i < HUNGRY_TRIES && lanes->hungry_first; i++) {
        struct lane *other = lanes->hungry_first;
        // To the back of the line first: each hungry lane gets its turn.
        hungry_remove(lanes, other);
        hungry_add(lanes, other);
        if (lanes_has_slot(lanes, other) && lanes_has_token(lanes, other) &&
            lanes_has_turn(lanes, other))
            lanes_start(lanes, other, lanes_take_waiting(lanes, other));
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct lanes *lanes = timer->data;
    int64_t now_ms = clock_mono_ms();
    struct lane *next;
    lanes_age(lanes, now_ms);
    for (struct lane *lane = lanes->hungry_first; lane; lane = next) {
        next = lane->next_hungry;
        lanes_start_waiting(lanes, lane);
        while (lane->waiting && now_ms - lane->waiting_first->waiting_since_ms > WAIT_LIMIT_MS &&
               !ledger_is_behind(lanes->worker->ledger))
            lanes_park_overflow(lanes, lane, lanes_take_waiting(lanes, lane));
    }
    lanes_conclude_failed(lanes);
    lanes_park_on(lanes);
    if (!lanes->hungry_first && !lanes->failed_first && !lanes->young_first && !lanes->leaving_first)
        uv_timer_stop(timer);
}

void lanes_sweep_soon(struct lanes *lanes)
{
    if (!uv_is_active((uv_handle_t *)&lanes->sweep))
        uv_timer_start(&lanes->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

void lanes_wait_init(struct lanes *lanes)
{
    uv_timer_init(&lanes->worker->loop, &lanes->sweep);
    lanes->sweep.data = lanes;
}
