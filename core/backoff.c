// SPDX-License-Identifier: Apache-2.0
// The retry schedule: a list of delays, and the jittered delay after the n-th attempt.
// Invariant: every delay is in 0…BACKOFF_MAX_STEP_MS, so no arithmetic here can overflow.
// Left to others: Retry-After, the breaker, and drawing the random bits.
#include "petrel/backoff.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "petrel/timestamp.h"

static bool add_step(struct span item, struct backoff *backoff, char error[BACKOFF_ERROR_SIZE])
{
    unsigned number = backoff->steps + 1;
    char shown[DURATION_SIZE];
    int64_t delay_ms;
    if (number > BACKOFF_MAX_STEPS) {
        snprintf(error, BACKOFF_ERROR_SIZE, "there are more than %d steps", BACKOFF_MAX_STEPS);
        return false;
    }
    if (!duration_parse(item, &delay_ms)) {
        // A value that doesn't fit or isn't plain text isn't worth showing.
        if (!span_copy(item, shown, sizeof(shown)) || !span_is_printable(item))
            shown[0] = '\0';
        snprintf(error, BACKOFF_ERROR_SIZE,
                 "step %u (\"%s\") is no length of time like 250ms, 5s, 30m, 2h or 1d", number,
                 shown);
        return false;
    }
    if (delay_ms > BACKOFF_MAX_STEP_MS) {
        snprintf(error, BACKOFF_ERROR_SIZE, "step %u is longer than 30d", number);
        return false;
    }
    backoff->delay_ms[backoff->steps++] = delay_ms;
    return true;
}

bool backoff_parse(struct span text, struct backoff *backoff, char error[BACKOFF_ERROR_SIZE])
{
    struct backoff parsed = {0};
    error[0] = '\0';
    text = span_trim(text);
    if (span_equals_text(text, "none")) {
        *backoff = parsed;
        return true;
    }
    if (text.size == 0) {
        snprintf(error, BACKOFF_ERROR_SIZE,
                 "the schedule is empty; write \"none\" for no retries, or delays like %s",
                 BACKOFF_DEFAULT);
        return false;
    }
    // span_next doesn't show what follows a final comma, which is an empty step like any other.
    bool ends_with_comma = text.data[text.size - 1] == ',';
    struct span item;
    while (span_next(&text, ',', &item)) {
        if (!add_step(span_trim(item), &parsed, error))
            return false;
    }
    if (ends_with_comma && !add_step(SPAN(""), &parsed, error))
        return false;
    *backoff = parsed;
    return true;
}

void backoff_format(const struct backoff *backoff, char out[BACKOFF_TEXT_SIZE])
{
    assert(backoff->steps <= BACKOFF_MAX_STEPS);
    if (backoff->steps == 0) {
        memcpy(out, "none", sizeof("none"));
        return;
    }
    // A formatted delay and its comma fit in the 24 bytes that BACKOFF_TEXT_SIZE counts for each.
    size_t size = 0;
    for (uint32_t i = 0; i < backoff->steps; i++) {
        char delay[DURATION_SIZE];
        duration_format(backoff->delay_ms[i], delay);
        size += (size_t)snprintf(out + size, BACKOFF_TEXT_SIZE - size, "%s%s", i ? "," : "", delay);
    }
}

int64_t backoff_delay_ms(const struct backoff *backoff, uint32_t attempts_made, uint64_t random)
{
    assert(attempts_made >= 1);
    if (attempts_made > backoff->steps)
        return -1;
    int64_t delay_ms = backoff->delay_ms[attempts_made - 1];
    int64_t spread_ms = delay_ms * BACKOFF_JITTER_PERCENT / 100;
    return delay_ms - spread_ms + (int64_t)(random % (uint64_t)(2 * spread_ms + 1));
}

int64_t backoff_longest_ms(const struct backoff *backoff)
{
    int64_t sum_ms = 0; // 64 steps of at most 36 days: far from overflowing
    for (uint32_t i = 0; i < backoff->steps; i++)
        sum_ms += backoff->delay_ms[i] + backoff->delay_ms[i] * BACKOFF_JITTER_PERCENT / 100;
    return sum_ms;
}
