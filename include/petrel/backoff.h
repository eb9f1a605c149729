// SPDX-License-Identifier: Apache-2.0
// The retry schedule: how long to wait after each failed attempt. Pure.
#ifndef PETREL_BACKOFF_H
#define PETREL_BACKOFF_H

#include "petrel/text.h"

enum {
    BACKOFF_MAX_STEPS = 64,
    BACKOFF_JITTER_PERCENT = 20,
    BACKOFF_TEXT_SIZE = BACKOFF_MAX_STEPS * 24,
    BACKOFF_ERROR_SIZE = 160
};
#define BACKOFF_MAX_STEP_MS (30LL * 24 * 3600 * 1000)
#define BACKOFF_DEFAULT "5s,5m,30m,2h,5h,10h,14h,20h,24h"

struct backoff {
    uint32_t steps; // attempts allowed = steps + 1
    int64_t delay_ms[BACKOFF_MAX_STEPS];
};

// "5s,5m,2h"; "none" is no retry at all. error says which step is wrong and why.
bool backoff_parse(struct span text, struct backoff *backoff, char error[BACKOFF_ERROR_SIZE]);
void backoff_format(const struct backoff *backoff, char out[BACKOFF_TEXT_SIZE]);

// Delay in ms before the next attempt after `attempts_made` (≥ 1) attempts, with ±20 % jitter drawn
// from `random` (any 64 random bits); -1 when the schedule is exhausted.
int64_t backoff_delay_ms(const struct backoff *backoff, uint32_t attempts_made, uint64_t random);

// The longest the whole schedule may take in ms, jitter included, the attempts themselves not.
int64_t backoff_longest_ms(const struct backoff *backoff);

#endif
