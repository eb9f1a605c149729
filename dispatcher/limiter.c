// SPDX-License-Identifier: Apache-2.0
// The arithmetic. Two things keep it from shrinking a healthy subscription: one decrease per round trip (what was
// under way before it proves nothing new), and a floor below which no answer is slow, whatever the usual is.
#include "limiter.h"

#include <math.h>

enum {
    SLOW_FLOOR_MS = 250,  // an answer within this is never a sign of load
    SAMPLES_TO_JUDGE = 8, // before these the mean is a guess
    SAMPLES_MAX = 1000,
    DEVIATIONS = 4, // as TCP's retransmission timer allows (RFC 6298)
};
#define WEIGHT 0.125 // of a new sample, as RFC 6298 weighs round-trip times
#define DECREASE_OVERLOAD 0.5
#define DECREASE_LATENCY 0.9

void limiter_init(struct limiter *limiter, uint32_t first)
{
    *limiter = (struct limiter){.limit = first, .mean_ms = -1, .is_slow_start = true};
}

static void decrease(struct limiter *limiter, double factor, int64_t now_ms)
{
    limiter->limit = fmax(1, limiter->limit * factor);
    limiter->is_slow_start = false;
    limiter->decreased_at_ms = now_ms;
}

static void increase(struct limiter *limiter, uint32_t cap)
{
    limiter->limit += limiter->is_slow_start ? 1 : 1 / limiter->limit;
    limiter->limit = fmin(limiter->limit, cap);
}

static bool is_late(const struct limiter *limiter, double duration_ms)
{
    return limiter->samples >= SAMPLES_TO_JUDGE && duration_ms > SLOW_FLOOR_MS &&
           duration_ms > 2 * limiter->mean_ms &&
           duration_ms > limiter->mean_ms + DEVIATIONS * limiter->deviation_ms;
}

static void learn(struct limiter *limiter, double duration_ms)
{
    if (limiter->mean_ms < 0) {
        limiter->mean_ms = duration_ms;
        limiter->deviation_ms = duration_ms / 2;
    } else {
        limiter->deviation_ms +=
            (fabs(duration_ms - limiter->mean_ms) - limiter->deviation_ms) * WEIGHT;
        limiter->mean_ms += (duration_ms - limiter->mean_ms) * WEIGHT;
    }
    if (limiter->samples < SAMPLES_MAX)
        limiter->samples++;
}

void limiter_observe(struct limiter *limiter, const struct limiter_sample *sample)
{
    bool may_decrease = sample->started_ms >= limiter->decreased_at_ms;
    switch (sample->signal) {
    case LIMITER_ANSWERED: {
        bool was_late = is_late(limiter, (double)sample->duration_ms);
        learn(limiter, (double)sample->duration_ms);
        if (was_late && may_decrease)
            decrease(limiter, DECREASE_LATENCY, sample->now_ms);
        else if (!was_late && sample->was_full)
            increase(limiter, sample->cap);
        break;
    }
    case LIMITER_OVERLOAD:
        if (may_decrease)
            decrease(limiter, DECREASE_OVERLOAD, sample->now_ms);
        break;
    case LIMITER_NEUTRAL:
        break;
    }
}

void limiter_observe_age(struct limiter *limiter, int64_t age_ms, int64_t now_ms)
{
    bool is_usual = limiter->mean_ms >= 0 && 4 * limiter->mean_ms >= (double)age_ms;
    if (!is_usual && now_ms - limiter->decreased_at_ms >= age_ms) {
        bool was_slow_start = limiter->is_slow_start;
        decrease(limiter, DECREASE_OVERLOAD, now_ms);
        // Nothing was known yet: a slow subscriber isn't a sick one, it may grow quickly once it answers.
        limiter->is_slow_start = was_slow_start && limiter->mean_ms < 0;
    }
}

void limiter_restart(struct limiter *limiter)
{
    limiter->limit = 1;
    limiter->is_slow_start = true;
}

uint32_t limiter_limit(const struct limiter *limiter, uint32_t cap)
{
    uint32_t limit = limiter->limit >= cap ? cap : (uint32_t)limiter->limit;
    return limit ? limit : 1;
}
