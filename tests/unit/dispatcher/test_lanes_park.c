// SPDX-License-Identifier: Apache-2.0
#include "lanes_stage.h"

static char body[9 << 20];

static void leave_with(size_t count, size_t body_bytes)
{
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = make_fresh(a);
        events[fresh_count - 1].body = body; // borrowed
        events[fresh_count - 1].body_size = body_bytes;
        lanes_wait(lanes, a, delivery);
    }
    lanes_park_waiting(lanes, a);
}

TEST(several_park_in_one_call_two_calls_at_a_time)
{
    open_stage();
    leave_with(40, 100);
    CHECK_INT(written(), 2);
    CHECK_INT(lanes->parking, 16);
    lanes_park_leaving(lanes); // a drain doesn't wait for answers
    CHECK_INT(written(), 5);
    CHECK_INT(lanes->parking, 40);
    CHECK_INT(lanes->in_flight, 0);
    close_stage();
}

TEST(one_call_has_few_bytes)
{
    static const struct {
        size_t body_bytes, calls;
    } cases[] = {{1 << 10, 1}, {128 << 10, 4}, {200 << 10, 8}, {256 << 10, 8}, {9 << 20, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_stage();
        leave_with(8, cases[i].body_bytes);
        lanes_park_leaving(lanes);
        CHECK_INT(written(), cases[i].calls);
        CHECK_INT(lanes->parking, 8);
        close_stage();
    }
}

UNIT_MAIN()
