// SPDX-License-Identifier: Apache-2.0
#include "sender_lookups.h"

#include <stdlib.h>

#include "petrel/random.h"
#include "unit.h"

TEST(a_known_name_lets_everybody_through_for_a_while)
{
    struct lookups *lookups = lookups_create(2);
    struct lookup_waiter first, second, third;
    CHECK(lookups_enter(lookups, 7, &first, 1000));
    CHECK_INT(lookups_running(lookups), 1);
    CHECK(!lookups_enter(lookups, 7, &second, 1000));
    CHECK(!lookups_take_ready(lookups, 1000));
    lookups_end(lookups, &first, LOOKUP_RESOLVED, 1100);
    lookups_end(lookups, &first, LOOKUP_UNNEEDED, 1100); // told twice: nothing to it
    CHECK_INT(lookups_running(lookups), 0);
    CHECK(lookups_take_ready(lookups, 1100) == &second);
    CHECK(!lookups_take_ready(lookups, 1100));
    CHECK(lookups_enter(lookups, 7, &third, 1100 + LOOKUP_KNOWN_MS - 1));
    CHECK(!third.lookup); // it goes on without one
    CHECK(lookups_enter(lookups, 7, &third, 1100 + LOOKUP_KNOWN_MS));
    CHECK_INT(lookups_running(lookups), 1); // known too long: looked up again
    lookups_end(lookups, &third, LOOKUP_FAILED, 90000);
    lookups_destroy(&lookups);
    CHECK(!lookups);
}

TEST(slots_are_given_in_turn)
{
    struct lookups *lookups = lookups_create(2);
    struct lookup_waiter waiters[5];
    for (uint64_t i = 0; i < 5; i++)
        CHECK(lookups_enter(lookups, i, &waiters[i], 0) == (i < 2));
    CHECK(!lookups_take_ready(lookups, 0));
    lookups_end(lookups, &waiters[1], LOOKUP_RESOLVED, 0);
    CHECK(lookups_take_ready(lookups, 0) == &waiters[2]);
    CHECK(!lookups_take_ready(lookups, 0));
    lookups_leave(lookups, &waiters[3]); // it didn't want to wait so long
    lookups_end(lookups, &waiters[0], LOOKUP_FAILED, 0);
    CHECK(lookups_take_ready(lookups, 0) == &waiters[4]);
    lookups_end(lookups, &waiters[2], LOOKUP_UNNEEDED, 0);
    lookups_end(lookups, &waiters[4], LOOKUP_UNNEEDED, 0);
    CHECK_INT(lookups_running(lookups), 0);
    lookups_destroy(&lookups);
}

TEST(after_a_failure_the_next_one_looks_up_himself)
{
    struct lookups *lookups = lookups_create(2);
    struct lookup_waiter a, b, c;
    lookups_enter(lookups, 1, &a, 0);
    lookups_enter(lookups, 1, &b, 0);
    lookups_enter(lookups, 1, &c, 0);
    lookups_end(lookups, &a, LOOKUP_FAILED, 0);
    CHECK(lookups_take_ready(lookups, 0) == &b && !b.is_waiting);
    CHECK(!lookups_take_ready(lookups, 0)); // one at a time
    lookups_end(lookups, &b, LOOKUP_RESOLVED, 0);
    CHECK(lookups_take_ready(lookups, 0) == &c && !c.lookup);
    lookups_destroy(&lookups);
}

TEST(a_lookup_given_up_keeps_its_slot)
{
    struct lookups *lookups = lookups_create(1);
    struct lookup_waiter a, b, c;
    lookups_enter(lookups, 1, &a, 0);
    lookups_end(lookups, &a, LOOKUP_GIVEN_UP, 5000);
    CHECK(!lookups_enter(lookups, 1, &b, 5000));
    CHECK(!lookups_enter(lookups, 2, &c, 5000));
    CHECK(!lookups_take_ready(lookups, 5000 + LOOKUP_GIVEN_UP_MS - 1));
    lookups_leave(lookups, &b);
    CHECK(lookups_take_ready(lookups, 5000 + LOOKUP_GIVEN_UP_MS) == &c);
    lookups_end(lookups, &c, LOOKUP_RESOLVED, 0);
    CHECK_INT(lookups_running(lookups), 0);
    lookups_destroy(&lookups);
}

static void look_up(struct lookups *lookups, uint64_t destination, enum lookup_end end,
                    int64_t now_ms)
{
    struct lookup_waiter waiter;
    CHECK(lookups_enter(lookups, destination, &waiter, now_ms));
    lookups_end(lookups, &waiter, end, now_ms);
}

TEST(slots_by_standing)
{
    enum { SLOTS = 8, NEW = 100, SUSPECT = 200, PROVEN = 300, LATER_MS = 2 * LOOKUP_KNOWN_MS };
    struct lookups *lookups = lookups_create(SLOTS);
    struct lookup_waiter suspects[SLOTS], fresh[SLOTS], proven[SLOTS];
    for (uint64_t i = 0; i < SLOTS; i++)
        look_up(lookups, PROVEN + i, LOOKUP_RESOLVED, 0);
    for (uint64_t i = 0; i < SLOTS; i++) {
        look_up(lookups, SUSPECT + i, LOOKUP_GIVEN_UP, (int64_t)i * LOOKUP_GIVEN_UP_MS);
        lookups_take_ready(lookups, (int64_t)(i + 1) * LOOKUP_GIVEN_UP_MS); // its slot is free again
    }
    CHECK_INT(lookups_running(lookups), 0);
    for (uint64_t i = 0; i < SLOTS; i++)
        CHECK(lookups_enter(lookups, SUSPECT + i, &suspects[i], LATER_MS) == (i < 2));
    for (uint64_t i = 0; i < SLOTS; i++)
        CHECK(lookups_enter(lookups, NEW + i, &fresh[i], LATER_MS) == (i < 4));
    for (uint64_t i = 0; i < SLOTS; i++)
        CHECK(lookups_enter(lookups, PROVEN + i, &proven[i], LATER_MS) == (i < 2));
    CHECK_INT(lookups_running(lookups), SLOTS);
    CHECK(!lookups_take_ready(lookups, LATER_MS));
    // A slot that gets free goes to the best.
    lookups_end(lookups, &suspects[0], LOOKUP_FAILED, LATER_MS);
    CHECK(lookups_take_ready(lookups, LATER_MS) == &proven[2]);
    lookups_end(lookups, &fresh[0], LOOKUP_RESOLVED, LATER_MS);
    CHECK(lookups_take_ready(lookups, LATER_MS) == &proven[3]);
    for (int i = 4; i < SLOTS; i++)
        lookups_leave(lookups, &proven[i]);
    lookups_end(lookups, &proven[0], LOOKUP_RESOLVED, LATER_MS);
    CHECK(lookups_take_ready(lookups, LATER_MS) == &fresh[4]);
    for (int i = 0; i < SLOTS; i++) {
        struct lookup_waiter *all[] = {&suspects[i], &fresh[i], &proven[i]};
        for (int j = 0; j < 3; j++) {
            lookups_leave(lookups, all[j]);
            lookups_end(lookups, all[j], LOOKUP_FAILED, LATER_MS);
        }
    }
    CHECK_INT(lookups_running(lookups), 0);
    // After a while nobody is a suspect any more.
    int64_t last_ms = (int64_t)SLOTS * LOOKUP_GIVEN_UP_MS + LOOKUP_REMEMBERED_MS;
    for (uint64_t i = 0; i < SLOTS / 4 * 3; i++)
        CHECK(lookups_enter(lookups, SUSPECT + i, &suspects[i], last_ms));
    for (int i = 0; i < SLOTS; i++)
        lookups_end(lookups, &suspects[i], LOOKUP_FAILED, last_ms);
    lookups_destroy(&lookups);
}

TEST(what_was_known_is_forgotten)
{
    struct lookups *lookups = lookups_create(4);
    struct lookup_waiter a, b;
    lookups_enter(lookups, 1, &a, 0);
    lookups_enter(lookups, 1, &b, 0);
    lookups_end(lookups, &a, LOOKUP_RESOLVED, 0);
    lookups_forget(lookups); // b was about to go on with what is no longer known
    CHECK(lookups_take_ready(lookups, 0) == &b && b.lookup);
    CHECK_INT(lookups_running(lookups), 1);
    lookups_end(lookups, &b, LOOKUP_RESOLVED, 0);
    lookups_forget(lookups);
    CHECK(lookups_enter(lookups, 1, &a, 1));
    CHECK_INT(lookups_running(lookups), 1);
    lookups_end(lookups, &a, LOOKUP_FAILED, 0);
    lookups_destroy(&lookups);
}

// Whatever happens in whatever order: never more than the maximum, never two for a destination, nobody forgotten.
TEST(random_orders)
{
    enum { WAITERS = 60, DESTINATIONS = 9, SLOTS = 3 };
    struct lookups *lookups = lookups_create(SLOTS);
    struct lookup_waiter waiters[WAITERS] = {0};
    uint64_t destinations[WAITERS] = {0};
    enum { OUT, GOING, WAITING } states[WAITERS] = {0};
    uint64_t state = 5;
    int64_t now_ms = 0;
    for (int round = 0; round < 200000; round++) {
        uint64_t i = random_next(&state) % WAITERS;
        now_ms += (int64_t)(random_next(&state) % 100);
        if (states[i] == OUT) {
            destinations[i] = random_next(&state) % DESTINATIONS;
            bool goes = lookups_enter(lookups, destinations[i], &waiters[i], now_ms);
            states[i] = goes ? GOING : WAITING;
        } else if (states[i] == GOING) {
            lookups_end(lookups, &waiters[i], (enum lookup_end)(random_next(&state) % 4), now_ms);
            states[i] = OUT;
        } else if (random_next(&state) % 8 == 0) {
            lookups_leave(lookups, &waiters[i]);
            states[i] = OUT;
        }
        struct lookup_waiter *ready;
        while ((ready = lookups_take_ready(lookups, now_ms))) {
            CHECK(states[ready - waiters] == WAITING);
            states[ready - waiters] = GOING;
        }
        uint32_t own[DESTINATIONS] = {0};
        for (int j = 0; j < WAITERS; j++) {
            if (states[j] == GOING && waiters[j].lookup)
                own[destinations[j]]++;
        }
        for (int d = 0; d < DESTINATIONS; d++)
            CHECK(own[d] <= 1);
        CHECK(lookups_running(lookups) <= SLOTS);
    }
    // At last everybody gets through.
    for (int tries = 0; tries < 1000; tries++) {
        struct lookup_waiter *ready;
        now_ms += 1000;
        for (int j = 0; j < WAITERS; j++) {
            if (states[j] == GOING)
                lookups_end(lookups, &waiters[j], LOOKUP_RESOLVED, now_ms);
            states[j] = states[j] == GOING ? OUT : states[j];
        }
        while ((ready = lookups_take_ready(lookups, now_ms)))
            states[ready - waiters] = GOING;
    }
    for (int j = 0; j < WAITERS; j++)
        CHECK(states[j] == OUT);
    CHECK_INT(lookups_running(lookups), 0);
    lookups_destroy(&lookups);
}

UNIT_MAIN()
