// SPDX-License-Identifier: Apache-2.0
// "<born ms>[ <attempts> <first attempt> <last attempt> <last status>[ <last error>]][ @<lease>]", the first attempt in ms
// after born, the last in ms after the first. No attempts: there was none. No error: the status tells it.
// What Redis holds may be anybody's: beyond these bounds it is no state of petrel's, and arithmetic with it could overflow.
#include "petrel/parked_state.h"

enum { STATUS_MAX = 9999 };
#define TIME_MAX_MS INT64_C(253402300799999) // the end of the year 9999

static bool take_number(struct span *rest, int64_t min, int64_t max, int64_t *value)
{
    struct span part;
    return span_next(rest, ' ', &part) && span_to_int64(part, value) && *value >= min &&
           *value <= max;
}

// A time so many ms after `from_ms`: before it, where clocks differ.
static bool take_time(struct span *rest, int64_t from_ms, int64_t *ms)
{
    int64_t after_ms;
    if (!take_number(rest, -TIME_MAX_MS, TIME_MAX_MS, &after_ms))
        return false;
    *ms = from_ms + after_ms;
    return *ms >= 0 && *ms <= TIME_MAX_MS;
}

static bool is_at_lease(struct span rest)
{
    return rest.size == 0 || rest.data[0] == '@';
}

static bool take_error(struct span *rest, struct parked_state *state)
{
    struct span error = SPAN("-");
    if (is_at_lease(*rest))
        error = state->last_status ? SPAN("http_status") : error;
    else if (!span_next(rest, ' ', &error))
        return false;
    return error.size > 0 && span_is_printable(error) &&
           span_copy(error, state->last_error, sizeof state->last_error);
}

static bool take_attempts(struct span *rest, struct parked_state *state)
{
    int64_t attempts;
    int64_t status;
    if (!take_number(rest, 1, INT32_MAX, &attempts) ||
        !take_time(rest, state->born_ms, &state->first_attempt_ms) ||
        !take_time(rest, state->first_attempt_ms, &state->last_attempt_ms) ||
        !take_number(rest, 0, STATUS_MAX, &status))
        return false;
    state->attempts = (uint32_t)attempts;
    state->last_status = (int32_t)status;
    return take_error(rest, state);
}

bool parked_state_parse(struct span text, struct parked_state *state)
{
    struct parked_state read = {.last_error = "-"};
    bool is_state = take_number(&text, 0, TIME_MAX_MS, &read.born_ms) &&
                    (is_at_lease(text) || take_attempts(&text, &read)) && is_at_lease(text);
    if (is_state)
        *state = read;
    return is_state;
}
