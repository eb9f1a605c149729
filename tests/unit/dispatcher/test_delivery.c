// SPDX-License-Identifier: Apache-2.0
// Reading a delivery's state as Redis keeps it, which anybody may have written.
#include "delivery.h"

#include "../unit.h"

TEST(the_state_that_scripts_write)
{
    struct delivery delivery = {.attempts = 9};
    CHECK(delivery_parse_state(&delivery, SPAN("3 1767225600000 1767225900000 503 http_status "
                                               "1767225599000 ab12cd34ef56.0.17")));
    CHECK_INT(delivery.attempts, 3);
    CHECK_INT(delivery.first_attempt_ms, 1767225600000);
    CHECK_INT(delivery.last_attempt_ms, 1767225900000);
    CHECK_INT(delivery.last_status, 503);
    CHECK_STR(delivery.last_error, "http_status");
    CHECK_INT(delivery.born_ms, 1767225599000);
    CHECK(delivery_parse_state(&delivery, SPAN("0 0 0 0 - 1767225600000 -")));
    CHECK_INT(delivery.attempts, 0);
    CHECK_STR(delivery.last_error, "-");
}

// Half of it taken would be worse than none: a time far from now gives ages that no arithmetic holds.
TEST(of_anything_else_nothing_is_taken)
{
    static const char *const rows[] = {
        "",
        "not a state at all",
        "1 2 3 4 word",
        "1 2 3 4 word x",
        "-1 0 0 0 - 0 -",
        "2147483648 0 0 0 - 0 -",
        "1 -1 0 0 - 0 -",
        "1 0 -9223372036854775808 0 - 0 -",
        "1 0 0 -200 - 0 -",
        "1 0 0 10000 - 0 -",
        "1 0 0 0  0 -",
        "1 0 0 0 \x1b[2J 0 -",
        "1 0 0 0 a_word_that_is_longer_than_any_of_ours 0 -",
        "1 0 0 0 - -9223372036854775808 -",
        "1 0 0 0 - 253402300800000 -",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct delivery delivery = {.last_error = "before"};
        CHECK(!delivery_parse_state(&delivery, span_of(rows[i])));
        CHECK(delivery.attempts == 0 && delivery.last_status == 0 && delivery.born_ms == 0);
        CHECK(delivery.first_attempt_ms == 0 && delivery.last_attempt_ms == 0);
        CHECK_STR(delivery.last_error, "before");
    }
}

UNIT_MAIN()
