// SPDX-License-Identifier: Apache-2.0
// What the tests of scripts share that are about a subscription's health and order: a delivery that fails, is claimed, arrives,
// each as a call about the subscription s.
#ifndef PETREL_TEST_SCRIPT_HEALTH_H
#define PETREL_TEST_SCRIPT_HEALTH_H

#include "script_calls.h"

#define RECOVERY "own_1", "t", "{}"       // the event that tells of it
#define QUICK "3 80 20 100 400 432000000" // opens after 3, probes after 100 ms, 400 ms at most

static char event_id[64];
static int events;

static inline const char *park_for(const char *report, const char *policy, const char *is_ordered)
{
    snprintf(event_id, sizeof event_id, "e%d", ++events);
    return eval(SCRIPT_PARK,
                WORDS("events", "queue:s", "due", "parked:s", key_of("message", event_id),
                      key_of("settled", entry), "totals", "health:s", "open", "breakers", "order:s"),
                WORDS("petrel", entry, event_id, "s", "0", "1", "1000", "1000", "500",
                      "http_status", COPY, "1", "0", "c", report, policy, is_ordered));
}

static inline const char *fail_one(const char *report, const char *policy)
{
    read_one("c");
    return park_for(report, policy, "0");
}

static inline const char *claim_as(const char *lease, const char *count, const char *max_age)
{
    return eval(SCRIPT_CLAIM,
                WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers", "events"),
                WORDS("s", count, "30000", lease, "8", max_age, RECOVERY));
}

static inline const char *finish_as(const char *event, const char *lease)
{
    return eval(SCRIPT_FINISH,
                WORDS("queue:s", "parked:s", "totals", "health:s", "open", "breakers", "due",
                      "order:s", "events", key_of("message", event)),
                WORDS("s", RECOVERY, event, lease));
}

static inline const char *retry_as(const char *event, const char *lease, const char *delay)
{
    return eval(SCRIPT_RETRY, WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers"),
                WORDS(event, lease, "s", delay, "2", "1000", "2000", "500", "http_status", "0",
                      "0 0 1", QUICK));
}

// Of a claim: the event and the state of what was attempted once, with a status.
enum { CLAIM_WORDS = 6 };

// Word `index` of an answer "[a b c …]", without brackets.
static inline const char *word(const char *answer, int index)
{
    static char out[64];
    while (*answer == '[' || *answer == ' ')
        answer++;
    for (; index > 0 && *answer; index--) {
        answer += strcspn(answer, " ");
        answer += strspn(answer, " ");
    }
    snprintf(out, sizeof out, "%.*s", (int)strcspn(answer, " ]"), answer);
    return out;
}

static inline void wait_ms(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL); // for Redis's clock, which can't be set
}

#endif
