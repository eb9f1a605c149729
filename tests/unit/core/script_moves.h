// SPDX-License-Identifier: Apache-2.0
// What the tests of scripts share that move deliveries: each move in a line, what a delivery's state is after it, whether
// anything has changed at all.
#ifndef PETREL_TEST_SCRIPT_MOVES_H
#define PETREL_TEST_SCRIPT_MOVES_H

#include "petrel/parked_state.h"
#include "script_calls.h"

static inline bool is_about(int64_t a, int64_t b)
{
    return a >= b - 2000 && a <= b + 2000;
}

// Everything in the database as one digest: "nothing has changed" is one comparison.
static char digest[64];
static inline const char *take_digest(void)
{
    snprintf(digest, sizeof digest, "%s", ASK("DEBUG", "DIGEST"));
    return digest;
}

// ---- the moves

// Scripts that move a delivery answer {1, breaker, ms to wait, flag}: the shorthands give the 1; `answered` has it all.

static char answered[4096];
static inline const char *done(const char *answer)
{
    snprintf(answered, sizeof answered, "%s", answer);
    return strncmp(answered, "[1 ", 3) == 0 ? "1" : answered;
}

// As it is in Redis.
static inline const char *raw_state_of(const char *sub, const char *event)
{
    static char state[256];
    char parked[80];
    snprintf(parked, sizeof parked, "t:parked:%s", sub);
    snprintf(state, sizeof state, "%s", ASK("HGET", parked, event));
    return state;
}

// What the scripts wrote, as the program reads it: "<attempts> <first ms> <last ms> <status> <error> <lease or ->".
static inline const char *state_of(const char *sub, const char *event)
{
    static char out[256];
    struct parked_state state = {0};
    const char *text = raw_state_of(sub, event);
    const char *lease = strchr(text, '@');
    CHECK(parked_state_parse(span_of(text), &state));
    CHECK(is_about(state.born_ms, clock_wall_ms()));
    snprintf(out, sizeof out, "%u %lld %lld %d %s %s", state.attempts,
             (long long)state.first_attempt_ms, (long long)state.last_attempt_ms, state.last_status,
             state.last_error, lease ? lease + 1 : "-");
    return out;
}
#define POLICY "10 80 20 5000 300000 432000000"

static inline const char *letter_of(const char *event, const char *sub)
{
    static char letter[160];
    snprintf(letter, sizeof letter, "%s.%s", event, sub);
    return letter;
}

static inline const char *park(const char *entry_id, const char *event, const char *sub,
                               const char *delay, const char *is_sole)
{
    return done(eval(SCRIPT_PARK,
                     WORDS("events", key_of("queue", sub), "due", key_of("parked", sub),
                           key_of("message", event), key_of("settled", entry_id), "totals",
                           key_of("health", sub), "open", "breakers", key_of("order", sub)),
                     WORDS("petrel", entry_id, event, sub, delay, "1", "1000", "1000", "500",
                           "http_status", COPY, is_sole, "0", "c", "", POLICY, "0")));
}

static inline const char *claim(const char *sub, const char *limit, const char *lease_ms,
                                const char *lease)
{
    snprintf(answered, sizeof answered, "%s",
             eval(SCRIPT_CLAIM,
                  WORDS(key_of("queue", sub), "due", key_of("parked", sub), key_of("health", sub),
                        "open", "breakers", "events"),
                  WORDS(sub, limit, lease_ms, lease, "64", "100000000", "", "", "")));
    // Without the breaker, which the tests of health look at.
    char *breaker = strstr(answered, " closed 0");
    if (breaker)
        memmove(breaker, breaker + 9, strlen(breaker + 9) + 1);
    return answered;
}

static inline const char *finish(const char *event, const char *sub, const char *lease)
{
    return last_result(eval(SCRIPT_FINISH,
                            WORDS(key_of("queue", sub), key_of("parked", sub), "totals",
                                  key_of("health", sub), "open", "breakers", "due",
                                  key_of("order", sub), "events", key_of("message", event)),
                            WORDS(sub, "", "", "", event, lease)));
}

static inline const char *retry(const char *event, const char *sub, const char *lease)
{
    return done(eval(SCRIPT_RETRY,
                     WORDS(key_of("queue", sub), "due", key_of("parked", sub),
                           key_of("health", sub), "open", "breakers"),
                     WORDS(event, lease, sub, "60000", "2", "1000", "2000", "503", "http_status",
                           "0", "", POLICY)));
}

static inline const char *bury(const char *entry_id, const char *event, const char *sub,
                               const char *lease, const char *is_sole)
{
    const char *letter = letter_of(event, sub);
    return done(
        eval(SCRIPT_BURY,
             WORDS("events", key_of("queue", sub), key_of("parked", sub), key_of("message", event),
                   key_of("settled", entry_id[0] ? entry_id : "0-0"), "totals", "dead",
                   key_of("dead", letter), key_of("health", sub), "open", "breakers",
                   key_of("order", sub)),
             WORDS("petrel", entry_id, event, sub, letter, lease, lease[0] ? "" : COPY, is_sole,
                   lease[0] ? "" : "c", "", POLICY, "", "", "", "reason", "exhausted", "attempts",
                   "10")));
}

static inline const char *redrive(const char *event, const char *sub)
{
    const char *letter = letter_of(event, sub);
    return eval(SCRIPT_REDRIVE,
                WORDS("dead", key_of("dead", letter), key_of("queue", sub), "due",
                      key_of("parked", sub), key_of("message", event), "totals",
                      key_of("order", sub)),
                WORDS(letter, event, sub));
}

static inline const char *discard(const char *event, const char *sub)
{
    const char *letter = letter_of(event, sub);
    return eval(SCRIPT_DISCARD, WORDS("dead", key_of("dead", letter), key_of("message", event)),
                WORDS(letter));
}

static inline int64_t score(const char *key, const char *member)
{
    return strtoll(ASK("ZSCORE", key, member), NULL, 10);
}

static inline void park_two(void)
{
    fresh();
    read_one("c");
    park(entry, "e1", "s1", "0", "1");
    read_one("c");
    park(entry, "e2", "s1", "0", "1");
}

#endif
