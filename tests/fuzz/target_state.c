// SPDX-License-Identifier: Apache-2.0
// The state of a parked delivery, as Redis keeps it. What is accepted is within its bounds, and written out as Redis' own
// scripts write it, it is read as the same; of what is refused nothing was taken.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/parked_state.h"

#define YEAR_10000_MS INT64_C(253402300800000)

static bool is_time(int64_t ms)
{
    return ms >= 0 && ms < YEAR_10000_MS;
}

static void check_same(const struct parked_state *a, const struct parked_state *b)
{
    FUZZ_CHECK(a->attempts == b->attempts && a->last_status == b->last_status);
    FUZZ_CHECK(a->first_attempt_ms == b->first_attempt_ms &&
               a->last_attempt_ms == b->last_attempt_ms && a->born_ms == b->born_ms);
    FUZZ_CHECK(strcmp(a->last_error, b->last_error) == 0);
}

// As core/lua/lib/state.lua does.
static int write_state(const struct parked_state *state, char *out, size_t size)
{
    bool is_told = strcmp(state->last_error, state->last_status ? "http_status" : "-") == 0;
    if (state->attempts == 0)
        return snprintf(out, size, "%" PRId64 " @a.0.1", state->born_ms);
    return snprintf(out, size, "%" PRId64 " %" PRIu32 " %" PRId64 " %" PRId64 " %" PRId32 "%s%s",
                    state->born_ms, state->attempts, state->first_attempt_ms - state->born_ms,
                    state->last_attempt_ms - state->first_attempt_ms, state->last_status,
                    is_told ? "" : " ", is_told ? "" : state->last_error);
}

static void check_accepted(const struct parked_state *state)
{
    char written[256];
    struct parked_state again;
    memset(&again, 0xa5, sizeof again);
    FUZZ_CHECK(state->attempts <= INT32_MAX); // one more can be counted
    FUZZ_CHECK(state->last_status >= 0 && state->last_status <= 9999);
    FUZZ_CHECK(is_time(state->first_attempt_ms) && is_time(state->last_attempt_ms) &&
               is_time(state->born_ms));
    FUZZ_CHECK(strnlen(state->last_error, sizeof state->last_error) < sizeof state->last_error);
    FUZZ_CHECK(fuzz_is_printable(state->last_error) && !strchr(state->last_error, ' '));
    int size = write_state(state, written, sizeof written);
    FUZZ_CHECK(size > 0 && (size_t)size < sizeof written);
    FUZZ_CHECK(parked_state_parse(span_of(written), &again));
    check_same(&again, state);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct parked_state state = {.attempts = 7, .last_error = "before", .born_ms = 7};
    state.first_attempt_ms = state.last_attempt_ms = state.last_status = 7;
    struct parked_state before = state;
    fuzz_cut(input, &parts);
    if (parked_state_parse(fuzz_part(&parts, 0), &state))
        check_accepted(&state);
    else
        check_same(&state, &before);
    fuzz_free(&parts);
}
