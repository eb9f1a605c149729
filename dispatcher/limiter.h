// SPDX-License-Identifier: Apache-2.0
// How many attempts one subscription may have in flight: grows while its answers come, shrinks when they say "too
// much" or come later and later. Additive increase, multiplicative decrease, as TCP does it (RFC 5681), with the
// answer time as the second signal, as in adaptive concurrency limits of proxies. Pure: the caller brings the time.
#ifndef PETREL_LIMITER_H
#define PETREL_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

enum limiter_signal {
    LIMITER_ANSWERED, // 2xx, or any answer that says nothing about load
    LIMITER_OVERLOAD, // 429, 503, timeout
    LIMITER_NEUTRAL,  // no answer, and no sign of load: refused, DNS, TLS
};

struct limiter {
    double limit;            // attempts at once, ≥ 1
    double mean_ms;          // of answer times, exponentially weighted; < 0: none seen
    double deviation_ms;     // mean absolute deviation from it
    uint32_t samples;        // answers seen, saturating
    bool is_slow_start;      // doubles per round trip until the first decrease
    int64_t decreased_at_ms; // mono; attempts started before it can't cause another decrease
};

struct limiter_sample {
    enum limiter_signal signal;
    int64_t duration_ms;
    int64_t started_ms; // mono
    int64_t now_ms;     // mono
    bool was_full; // the limit was in use when it started: only then does success argue for more
    uint32_t cap;  // the limit never exceeds it
};

// `first`: attempts at once before anything is known.
void limiter_init(struct limiter *limiter, uint32_t first);
// An attempt ended.
void limiter_observe(struct limiter *limiter, const struct limiter_sample *sample);
// An attempt has been running for age_ms without an answer: far beyond what is usual, it counts as rising latency.
// At most one decrease per age_ms.
void limiter_observe_age(struct limiter *limiter, int64_t age_ms, int64_t now_ms);
// After an interruption (breaker closed, subscription resumed): one at first, then doubling.
void limiter_restart(struct limiter *limiter);
uint32_t limiter_limit(const struct limiter *limiter, uint32_t cap); // 1 … cap

#endif
