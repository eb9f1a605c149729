// SPDX-License-Identifier: Apache-2.0
#include "lanes_stage.h"

static bool is_at_rest(void)
{
    return !uv_is_active((uv_handle_t *)&lanes->turn);
}

// ---- what waited in memory

TEST(what_waited_starts_four_a_turn_in_its_order)
{
    open_stage();
    wait_in(a, 10);
    lanes_fill(lanes, a);
    CHECK_STR(started(), "1 2 3 4");
    CHECK(!is_at_rest());
    lanes_fill(lanes, a); // the same turn still
    CHECK_STR(started(), "1 2 3 4");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 9 10");
    CHECK_INT(lanes->in_flight, 10);
    CHECK_INT(lanes->waiting + a->waiting, 0);
    turn();
    CHECK(is_at_rest());
    CHECK_INT(written(), 0);
    close_stage();
}

TEST(each_turn_counts_anew)
{
    open_stage();
    wait_in(a, 7);
    lanes_fill(lanes, a);
    turn();
    CHECK_INT(lanes->in_flight, 7);
    CHECK(!is_at_rest()); // nobody waits, but this turn's three are to be forgotten
    turn();
    CHECK(is_at_rest());
    wait_in(a, 4);
    lanes_fill(lanes, a);
    CHECK_INT(lanes->in_flight, 11);
    close_stage();
}

TEST(lanes_share_the_turn)
{
    open_stage();
    wait_in(a, 6);
    wait_in(b, 5);
    lanes_fill(lanes, a);
    lanes_fill(lanes, b);
    CHECK_STR(started(), "1 2 3 4");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 9 10 11");
    turn();
    CHECK(is_at_rest());
    close_stage();
}

TEST(a_lane_with_much_leaves_turns_to_others)
{
    open_stage();
    wait_in(a, 16);
    wait_in(b, 6);
    lanes_fill(lanes, a);
    lanes_fill(lanes, b);
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 17 18 19 20");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 17 18 19 20 9 10 11 12");
    turn();
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 17 18 19 20 9 10 11 12 21 22 13 14 15 16");
    close_stage();
}

TEST(a_burst_of_fresh_ones_starts_in_its_order_too)
{
    open_stage();
    a->has_succeeded = a->is_proven = true;
    for (int i = 0; i < 20; i++)
        lanes_accept(lanes, make_fresh(a));
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 9 10 11 12"); // the first eight don't count
    CHECK_INT(a->waiting, 8);
    turn();
    CHECK_INT(lanes->in_flight, 16);
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
    CHECK_INT(written(), 0);
    close_stage();
}

static void hold(void)
{
    lanes_hold(lanes, a, AN_HOUR_MS);
}

static void open_breaker(void)
{
    lanes_on_breaker(lanes, a, 0, BREAKER_OPEN);
}

static void drain(void)
{
    lanes_drain(lanes);
}

TEST(a_lane_empties_while_it_waits_for_its_turn)
{
    void (*const ends[])(void) = {hold, open_breaker, drain};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        open_stage();
        wait_in(a, 10);
        lanes_fill(lanes, a);
        ends[i]();
        CHECK_INT(a->waiting, 0);
        CHECK_INT(lanes->parking, 6); // all that had not started, in one call
        CHECK_INT(written(), 1);
        turn();
        CHECK_STR(started(), "1 2 3 4");
        turn();
        CHECK(is_at_rest());
        CHECK(!a->is_cut);
        CHECK_INT(written(), 1);
        close_stage();
    }
}

TEST(a_lane_that_emptied_takes_turns_again)
{
    open_stage();
    wait_in(a, 5);
    lanes_fill(lanes, a);
    lanes_park_waiting(lanes, a);
    wait_in(a, 5); // before the turn that it was cut for
    turn();
    CHECK_STR(started(), "1 2 3 4 6 7 8 9");
    turn();
    CHECK_STR(started(), "1 2 3 4 6 7 8 9 10");
    close_stage();
}

TEST(without_a_slot_a_lane_leaves_the_turn_to_others)
{
    open_stage();
    wait_in(a, 10);
    wait_in(b, 3);
    a->limiter.limit = 6;
    lanes_fill(lanes, a);
    lanes_fill(lanes, b);
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 11 12");
    turn();
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 11 12 13");
    CHECK_INT(a->waiting, 4);
    CHECK(is_at_rest()); // whoever frees a slot fills it
    close_stage();
}

// Its subscription is deleted, nothing of it is left, it was last used long ago: but the turn will ask for it.
TEST(a_lane_is_not_forgotten_before_its_turn)
{
    open_stage();
    wait_in(a, 5);
    wait_in(b, 5);
    lanes_fill(lanes, a);
    lanes_fill(lanes, b);
    lanes_park_waiting(lanes, b);
    snapshot_unref(&worker->snapshot);
    worker->snapshot = snapshot_create(subscriptions, 1);
    b->last_used_ms -= AN_HOUR_MS;
    lanes->forget_at_ms = 0;
    lanes_on_tick(lanes);
    CHECK_INT(HASH_COUNT(lanes->by_id), 2);
    turn();
    lanes->forget_at_ms = 0;
    lanes_on_tick(lanes);
    CHECK_INT(HASH_COUNT(lanes->by_id), 1);
    CHECK_STR(started(), "1 2 3 4 5");
    close_stage();
}

// ---- what was claimed

static void claim(struct lane *lane, size_t count)
{
    CHECK_INT(lanes_promise(lanes, lane, (uint32_t)count), count);
    for (size_t i = 0; i < count; i++)
        lanes_attempt_claimed(lanes, make_claimed(lane));
}

TEST(what_was_claimed_starts_four_a_turn_in_its_order)
{
    open_stage();
    claim(a, 6);
    claim(b, 3);
    CHECK_STR(started(), "");
    CHECK_INT(lanes->promised, 9); // until it starts
    turn();
    CHECK_STR(started(), "1 2 3 4");
    CHECK_INT(lanes->promised, 5);
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8");
    turn();
    CHECK_STR(started(), "1 2 3 4 5 6 7 8 9");
    CHECK_INT(lanes->promised + a->promised + b->promised, 0);
    CHECK_INT(a->claimed_in_flight, 6);
    CHECK_INT(b->claimed_in_flight, 3);
    CHECK(is_at_rest());
    claim(a, 1); // after the list was empty
    turn();
    CHECK_INT(lanes->in_flight, 10);
    CHECK_INT(written(), 0);
    close_stage();
}

TEST(four_of_each_kind_start_in_a_turn)
{
    open_stage();
    claim(a, 6);    // 1 … 6
    wait_in(b, 10); // 7 … 16
    lanes_fill(lanes, b);
    CHECK_STR(started(), "7 8 9 10");
    turn();
    CHECK_STR(started(), "7 8 9 10 11 12 13 14 1 2 3 4");
    turn();
    CHECK_STR(started(), "7 8 9 10 11 12 13 14 1 2 3 4 15 16 5 6");
    close_stage();
}

TEST(what_may_not_start_any_more_is_written_down)
{
    open_stage();
    int64_t expired = metrics_read(METRIC_DELIVERIES_EXPIRED);
    CHECK_INT(lanes_promise(lanes, a, 4), 4);
    struct delivery *claimed[4];
    for (int i = 0; i < 4; i++) {
        claimed[i] = make_claimed(a);
        lanes_attempt_claimed(lanes, claimed[i]);
    }
    claimed[0]->taken_ms -= LEASE_MS / 2 + 1;  // near the end of its lease: back to its queue
    claimed[1]->born_ms -= AN_HOUR_MS + 60000; // too old: a dead letter
    turn();
    CHECK_STR(started(), "3 4");
    CHECK_INT(metrics_read(METRIC_DELIVERIES_EXPIRED) - expired, 1);
    CHECK_INT(written(), 2);
    CHECK_INT(lanes->promised, 0);
    turn();
    CHECK_INT(written(), 2);
    close_stage();
}

TEST(a_drain_puts_back_what_was_claimed)
{
    open_stage();
    claim(a, 6);
    CHECK_INT(lanes_promise(lanes, a, 1), 1); // of an answer that is still to come
    turn();
    lanes_drain(lanes);
    CHECK_STR(started(), "1 2 3 4");
    CHECK_INT(written(), 2);
    lanes_attempt_claimed(lanes, make_claimed(a));
    CHECK_INT(written(), 3);
    CHECK_INT(lanes->promised, 0);
    turn();
    CHECK_STR(started(), "1 2 3 4");
    CHECK_INT(written(), 3);
    CHECK(is_at_rest());
    close_stage();
}

UNIT_MAIN()
