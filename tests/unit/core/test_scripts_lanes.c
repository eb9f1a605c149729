// SPDX-License-Identifier: Apache-2.0
// What workers tell of their lanes, and rate limits: the fleet's view of who sends how much. On a real redis-server.
#include "script_health.h"

// ---- what workers tell

TEST(a_worker_replaces_what_it_told_before)
{
    fresh();
    eval(SCRIPT_LANES, WORDS("lanes:i:0"), WORDS("10000", "s1", "1 16 0", "s2", "2 16 0"));
    eval(SCRIPT_LANES, WORDS("lanes:i:0"), WORDS("10000", "s2", "3 4 5"));
    CHECK_STR(ASK("HGETALL", "t:lanes:i:0"), "[s2 3 4 5]");
    CHECK(first_number(ASK("PTTL", "t:lanes:i:0")) > 5000);
    eval(SCRIPT_LANES, WORDS("lanes:i:0"), WORDS("10000"));
    CHECK_STR(ASK("EXISTS", "t:lanes:i:0"), "0");
}

TEST(a_worker_may_tell_of_many)
{
    enum { MANY = 1000 };
    static char names[MANY][16];
    const char *args[2 * MANY + 2] = {"10000"};
    fresh();
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "s%d", i);
        args[1 + 2 * i] = names[i];
        args[2 + 2 * i] = "1 2 3";
    }
    CHECK_STR(eval(SCRIPT_LANES, WORDS("lanes:i:0"), args), "1");
    CHECK_STR(ASK("HLEN", "t:lanes:i:0"), "1000");
    CHECK_STR(ASK("HGET", "t:lanes:i:0", "s999"), "1 2 3");
}

// ---- rate limits

static const char *tokens(const char *rate, const char *burst, const char *wanted)
{
    return eval(SCRIPT_TOKENS, WORDS("rate:s"), WORDS(rate, burst, wanted));
}

TEST(tokens_come_at_the_rate_after_the_burst)
{
    fresh();
    CHECK_STR(word(tokens("10", "5", "100"), 0), "5");
    const char *answer = tokens("10", "5", "100");
    CHECK_STR(word(answer, 0), "0");
    CHECK(first_number(word(answer, 1)) > 50 && first_number(word(answer, 1)) <= 100);
    wait_ms(310);
    int64_t granted = first_number(word(tokens("10", "5", "100"), 0));
    CHECK(granted == 3 || granted == 4);               // the test may be late, never the bucket
    CHECK_STR(word(tokens("1000", "5", "2"), 0), "0"); // in debt at the old rate still
}

TEST(tokens_asked_for_a_little_late_are_not_lost)
{
    fresh();
    // The first was due 40 ms ago by a bucket of one: the next comes 60 ms from now, not 100; two never come at once.
    char full_at[32];
    snprintf(full_at, sizeof full_at, "%lld", (long long)clock_wall_ms() * 1000 - 40000);
    ASK("SET", "t:rate:s", full_at);
    const char *answer = tokens("10", "1", "5");
    CHECK_STR(word(answer, 0), "1");
    int64_t wait_ms = first_number(word(answer, 1));
    CHECK(wait_ms > 30 && wait_ms <= 61);
    CHECK_STR(word(tokens("10", "1", "5"), 0), "0");
}

TEST(tokens_of_a_slow_rate)
{
    fresh();
    CHECK_STR(word(tokens("0.1", "1", "3"), 0), "1");
    CHECK(first_number(word(tokens("0.1", "1", "1"), 1)) > 9000);
    CHECK(first_number(ASK("PTTL", "t:rate:s")) > 9000);
}

TEST(tokens_of_a_raised_rate_come_at_once)
{
    fresh();
    CHECK_STR(word(tokens("0.001", "3", "3"), 0), "3"); // in debt for 50 minutes
    const char *answer = tokens("50", "5", "1");
    CHECK_STR(word(answer, 0), "0");
    CHECK(first_number(word(answer, 1)) <= 20);
    wait_ms(50);
    CHECK_STR(word(tokens("50", "5", "1"), 0), "1");
}

TEST(tokens_are_granted_by_a_full_redis_too)
{
    fresh();
    CHECK_STR(word(tokens("1000", "5", "1"), 0), "1");
    become_full();
    CHECK_STR(word(tokens("1000", "5", "1"), 0), "1");
    become_roomy();
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
