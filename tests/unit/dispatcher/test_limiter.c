// SPDX-License-Identifier: Apache-2.0
// The adaptive limit: it finds what a subscriber can take, gives way when told so, and leaves the healthy alone.
#include "limiter.h"

#include "../unit.h"

static struct limiter limiter;
static int64_t now_ms;

static void begin(uint32_t first)
{
    now_ms = 1000;
    limiter_init(&limiter, first);
}

// An attempt that took duration_ms and ended now, in use of the whole limit.
static void attempt(enum limiter_signal signal, int64_t duration_ms)
{
    struct limiter_sample sample = {
        .signal = signal,
        .duration_ms = duration_ms,
        .started_ms = now_ms - duration_ms,
        .now_ms = now_ms,
        .was_full = true,
        .cap = 64,
    };
    limiter_observe(&limiter, &sample);
}

static void answers(int count, int64_t duration_ms)
{
    for (int i = 0; i < count; i++) {
        now_ms += duration_ms;
        attempt(LIMITER_ANSWERED, duration_ms);
    }
}

TEST(doubles_per_round_trip_up_to_the_cap)
{
    begin(1);
    for (uint32_t expected = 1; expected < 64; expected *= 2) {
        CHECK_INT(limiter_limit(&limiter, 64), expected);
        now_ms += 10;
        for (uint32_t i = 0; i < expected; i++)
            attempt(LIMITER_ANSWERED, 10);
    }
    answers(100, 10);
    CHECK_INT(limiter_limit(&limiter, 64), 64);
    CHECK_INT(limiter_limit(&limiter, 5), 5);
}

TEST(grows_only_while_the_limit_is_in_use)
{
    begin(4);
    struct limiter_sample idle = {
        .signal = LIMITER_ANSWERED, .duration_ms = 1, .now_ms = 2000, .started_ms = 1999, .cap = 64};
    for (int i = 0; i < 100; i++)
        limiter_observe(&limiter, &idle);
    CHECK_INT(limiter_limit(&limiter, 64), 4);
}

TEST(overload_halves_once_per_round_trip_then_it_grows_by_one_per_round_trip)
{
    begin(32);
    // 32 attempts that ran at once all say 429: one decrease, not 32.
    now_ms += 100;
    for (int i = 0; i < 32; i++)
        attempt(LIMITER_OVERLOAD, 100);
    CHECK_INT(limiter_limit(&limiter, 64), 16);
    for (int i = 0; i < 16; i++) {
        now_ms += 200;
        attempt(LIMITER_ANSWERED, 10);
    }
    CHECK_INT(limiter_limit(&limiter, 64), 16); // 16.9…
    now_ms += 200;
    for (int i = 0; i < 2; i++)
        attempt(LIMITER_ANSWERED, 10);
    CHECK_INT(limiter_limit(&limiter, 64), 17);
}

TEST(never_below_one)
{
    begin(2);
    for (int i = 0; i < 20; i++) {
        now_ms += 15000;
        attempt(LIMITER_OVERLOAD, 15000);
    }
    CHECK_INT(limiter_limit(&limiter, 64), 1);
}

TEST(rising_latency_shrinks_steady_latency_does_not)
{
    begin(64);
    answers(200, 400); // slow, but always so
    CHECK_INT(limiter_limit(&limiter, 64), 64);
    now_ms += 5000;
    attempt(LIMITER_ANSWERED, 3000);
    CHECK_INT(limiter_limit(&limiter, 64), 57);
}

TEST(what_is_fast_in_any_case_is_never_late)
{
    begin(64);
    answers(100, 1);
    now_ms += 1000;
    attempt(LIMITER_ANSWERED, 240); // 240 times the usual, and nobody minds
    CHECK_INT(limiter_limit(&limiter, 64), 64);
}

TEST(no_answer_says_nothing_about_load)
{
    begin(16);
    for (int i = 0; i < 50; i++) {
        now_ms += 10;
        attempt(LIMITER_NEUTRAL, 1);
    }
    CHECK_INT(limiter_limit(&limiter, 64), 16);
}

TEST(attempts_that_hang_shrink_it_before_they_time_out)
{
    begin(16);
    answers(20, 5);
    uint32_t before = limiter_limit(&limiter, 64);
    now_ms += 1000;
    limiter_observe_age(&limiter, 300, now_ms);
    limiter_observe_age(&limiter, 300, now_ms + 10); // of the same burst
    CHECK_INT(limiter_limit(&limiter, 64), before / 2);
    for (int i = 0; i < 10; i++) {
        now_ms += 300;
        limiter_observe_age(&limiter, 300, now_ms);
    }
    CHECK_INT(limiter_limit(&limiter, 64), 1);
}

TEST(age_is_no_sign_where_answers_always_take_long)
{
    begin(16);
    answers(20, 800);
    uint32_t before = limiter_limit(&limiter, 64);
    now_ms += 1000;
    limiter_observe_age(&limiter, 300, now_ms);
    CHECK_INT(limiter_limit(&limiter, 64), before);
}

TEST(restarts_at_one_and_doubles)
{
    begin(64);
    answers(10, 5);
    limiter_restart(&limiter);
    CHECK_INT(limiter_limit(&limiter, 64), 1);
    answers(3, 5);
    CHECK_INT(limiter_limit(&limiter, 64), 4);
}

UNIT_MAIN()
