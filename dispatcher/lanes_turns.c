// SPDX-License-Identifier: Apache-2.0
// What had to wait, in memory or in a queue, starts a few at a time, and goes on on the next turn of the loop. All that a
// claim brings, or all that a burst of answers makes room for, would keep the thread from everything else for
// milliseconds: a fresh event that could leave at once would feel every backlog that drains beside it.
//
//   claimed ──────────────────> claimed list ─┐
//   waiting, a slot is free ─┬─ room ─────────┼──> started
//                            └─ none: cut ────┘ on the next turn
//
// Invariants: a claimed one in the list holds the slot promised to its claim; the idle handle runs whenever something
// has been started in this turn, or is left for the next.
#include "lanes_internal.h"
#include "petrel/clock.h"
#include "worker.h"

enum { AT_ONCE = 4 }; // of each kind and turn: some 0.2 ms

static void on_idle(uv_idle_t *idle);

// ---- what waited in memory

static void cut(struct lanes *lanes, struct lane *lane)
{
    if (lane->is_cut)
        return;
    lane->is_cut = true;
    lane->next_cut = NULL;
    if (lanes->cut_first)
        lanes->cut_last->next_cut = lane;
    else
        lanes->cut_first = lane;
    lanes->cut_last = lane;
}

bool lanes_has_turn(struct lanes *lanes, struct lane *lane)
{
    uv_idle_start(&lanes->turn, on_idle);
    if (lanes->started_in_turn < AT_ONCE) {
        lanes->started_in_turn++;
        return true;
    }
    cut(lanes, lane);
    return false;
}

// In the order in which they were cut. One that is cut again goes behind those that were not looked at: else a lane in
// which ever more waits would take every turn.
static void start_cut(struct lanes *lanes)
{
    lanes->started_in_turn = 0;
    while (lanes->cut_first && lanes->started_in_turn < AT_ONCE) {
        struct lane *lane = lanes->cut_first;
        lanes->cut_first = lane->next_cut;
        lane->is_cut = false;
        lanes_start_waiting(lanes, lane);
    }
}

// ---- what was claimed

static void bury_expired(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    lanes_bury_expired(lanes, delivery);
    // No attempt will end and have the slot filled again.
    lanes_fill(lanes, lane);
}

static void attempt(struct lanes *lanes, struct delivery *delivery)
{
    struct lane *lane = lanes_find(lanes, delivery->subscription);
    int64_t age_ms = clock_wall_ms() - delivery->born_ms;
    lanes_give_back(lanes, lane, 1);
    // Near the end of its lease it could be another's before the request is out.
    bool is_late = clock_mono_ms() - delivery->taken_ms > LEASE_MS / 2;
    if (lanes->is_draining || is_late)
        lanes_put_back(lanes, delivery);
    else if (delivery->born_ms && age_ms > lanes_max_age_ms(lanes, delivery->subscription))
        bury_expired(lanes, lane, delivery);
    else
        lanes_start(lanes, lane, delivery);
}

static void attempt_first_claimed(struct lanes *lanes)
{
    struct delivery *delivery = lanes->claimed_first;
    lanes->claimed_first = delivery->next_to_start;
    attempt(lanes, delivery);
}

void lanes_attempt_claimed(struct lanes *lanes, struct delivery *delivery)
{
    if (lanes->is_draining) {
        attempt(lanes, delivery);
        return;
    }
    delivery->next_to_start = NULL;
    if (lanes->claimed_first)
        lanes->claimed_last->next_to_start = delivery;
    else
        lanes->claimed_first = delivery;
    lanes->claimed_last = delivery;
    uv_idle_start(&lanes->turn, on_idle);
}

void lanes_attempt_all_claimed(struct lanes *lanes)
{
    while (lanes->claimed_first)
        attempt_first_claimed(lanes);
}

// ---- turns

static void on_idle(uv_idle_t *idle)
{
    struct lanes *lanes = idle->data;
    start_cut(lanes);
    for (int i = 0; i < AT_ONCE && lanes->claimed_first; i++)
        attempt_first_claimed(lanes);
    if (!lanes->cut_first && !lanes->claimed_first && !lanes->started_in_turn)
        uv_idle_stop(idle);
}

void lanes_turns_init(struct lanes *lanes)
{
    uv_idle_init(&lanes->worker->loop, &lanes->turn);
    lanes->turn.data = lanes;
}
