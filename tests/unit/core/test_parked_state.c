// SPDX-License-Identifier: Apache-2.0
// Reading a delivery's state as Redis keeps it, which anybody may have written. (That it is what the scripts write:
// test_scripts.c.)
#include "petrel/parked_state.h"

#include "unit.h"

#define BORN INT64_C(1767225599000)

TEST(the_state_of_one_that_was_attempted)
{
    struct parked_state state = {.attempts = 9};
    CHECK(parked_state_parse(SPAN("1767225599000 3 1000 300000 503 @ab12cd34ef56.0.17"), &state));
    CHECK_INT(state.attempts, 3);
    CHECK_INT(state.born_ms, BORN);
    CHECK_INT(state.first_attempt_ms, BORN + 1000);
    CHECK_INT(state.last_attempt_ms, BORN + 301000);
    CHECK_INT(state.last_status, 503);
    CHECK_STR(state.last_error, "http_status");
    CHECK(parked_state_parse(SPAN("1767225599000 1 -5 0 0 timeout"), &state));
    CHECK_INT(state.first_attempt_ms, BORN - 5);
    CHECK_INT(state.last_attempt_ms, BORN - 5);
    CHECK_INT(state.last_status, 0);
    CHECK_STR(state.last_error, "timeout");
    CHECK(parked_state_parse(SPAN("1767225599000 1 0 0 200 response_too_large @a.0.1"), &state));
    CHECK_STR(state.last_error, "response_too_large");
    CHECK(parked_state_parse(SPAN("1767225599000 1 0 0 0"), &state));
    CHECK_STR(state.last_error, "-");
}

TEST(the_state_of_one_that_was_not)
{
    static const char *const rows[] = {"1767225599000", "1767225599000 @ab12cd34ef56.0.17"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parked_state state = {.attempts = 9, .last_error = "before", .last_status = 9};
        CHECK(parked_state_parse(span_of(rows[i]), &state));
        CHECK_INT(state.born_ms, BORN);
        CHECK(state.attempts == 0 && state.first_attempt_ms == 0 && state.last_attempt_ms == 0);
        CHECK_INT(state.last_status, 0);
        CHECK_STR(state.last_error, "-");
    }
}

// Half of it taken would be worse than none: a time far from now gives ages that no arithmetic holds.
TEST(of_anything_else_nothing_is_taken)
{
    static const char *const rows[] = {
        "",
        " ",
        "@a.0.1",
        "not a state at all",
        "-1",
        "253402300800000",
        "9223372036854775808",
        "5 x",
        "5 1",
        "5 1 2",
        "5 1 2 3",
        "5 1 2 3 x",
        "5 0 0 0 0",
        "5 -1 0 0 0",
        "5 2147483648 0 0 0",
        "5 1 -6 0 0",
        "5 1 0 -6 0",
        "5 1 253402300799999 0 0",
        "5 1 253402300799994 1 0",
        "5 1 -9223372036854775808 0 0",
        "5 1 0 9223372036854775807 0",
        "5 1 0 0 -200",
        "5 1 0 0 10000",
        "5 1 0 0 0  @a.0.1",
        "5 1 0 0 0 \x1b[2J",
        "5 1 0 0 0 a_word_that_is_longer_than_any_of_ours",
        "5 1 0 0 0 timeout more",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parked_state state = {.last_error = "before"};
        CHECK_ROW(!parked_state_parse(span_of(rows[i]), &state), rows[i]);
        CHECK(state.attempts == 0 && state.last_status == 0 && state.born_ms == 0);
        CHECK(state.first_attempt_ms == 0 && state.last_attempt_ms == 0);
        CHECK_STR(state.last_error, "before");
    }
}

UNIT_MAIN()
