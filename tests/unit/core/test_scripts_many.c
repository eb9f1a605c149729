// SPDX-License-Identifier: Apache-2.0
// The scripts about several deliveries of one subscription, on a real redis-server: each gets its own result, one that is
// refused harms none of the others, and a full Redis does all or nothing.
#include "script_calls.h"

static char entries[3][64];

static void read_three(void)
{
    fresh();
    for (int i = 0; i < 3; i++)
        snprintf(entries[i], sizeof entries[i], "%s", read_one("c"));
}

static const char *settled_key(int i)
{
    return key_of("settled", entries[i]);
}

static const char *park_three(const char *is_held, const char *is_ordered)
{
    return eval(SCRIPT_PARK_MANY,
                WORDS("events", "queue:s", "due", "parked:s", "totals", "health:s", "open",
                      "breakers", "order:s", "message:e0", settled_key(0), "message:e1",
                      settled_key(1), "message:e2", settled_key(2)),
                WORDS("petrel", "s", "5000", is_held, is_ordered, "c", entries[0], "e0", COPY, "1",
                      entries[1], "e1", COPY, "0", entries[2], "e2", COPY_OF("event 2"), "1"));
}

static const char *finish_three(const char *third_lease)
{
    return eval(SCRIPT_FINISH,
                WORDS("queue:s", "parked:s", "totals", "health:s", "open", "breakers", "due",
                      "order:s", "events", "message:e0", "message:e1", "message:e2"),
                WORDS("s", "", "", "", "e0", "mine", "e1", "mine", "e2", third_lease));
}

static void claim_three(void)
{
    ASK("ZADD", "t:queue:s", "XX", "1", "e0", "1", "e1", "1", "e2");
    eval(SCRIPT_CLAIM, WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers", "events"),
         WORDS("s", "10", "60000", "mine", "64", "100000000", "", "", ""));
}

TEST(park_many_stores_each_and_acknowledges_the_sole_ones)
{
    char expected[160];
    read_three();
    CHECK_STR(park_three("0", "0"), "[1 closed 0 0  1 1 1]");
    CHECK_STR(ASK("ZCARD", "t:queue:s"), "3");
    snprintf(expected, sizeof expected, "%.13s", entries[2]);
    CHECK_STR(ASK("HGET", "t:parked:s", "e2"), expected);
    CHECK_STR(ASK("GET", "t:message:e2"), COPY_OF("event 2"));
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "3");
    CHECK(strncmp(ASK("XPENDING", "t:events", "petrel"), "[1 ", 3) ==
          0); // e1's, for its other deliveries
    snprintf(expected, sizeof expected, "t:%s", settled_key(1));
    CHECK_STR(ASK("SMEMBERS", expected), "[s]");
    CHECK_STR(ASK("ZSCORE", "t:due", "s"), ASK("ZSCORE", "t:queue:s", "e0"));
    CHECK_STR(ASK("EXISTS", "t:order:s"), "0");
}

TEST(park_many_again_after_a_lost_reply_changes_nothing)
{
    read_three();
    park_three("0", "0");
    char digest[64];
    snprintf(digest, sizeof digest, "%s", ASK("DEBUG", "DIGEST"));
    CHECK_STR(park_three("0", "0"), "[1 closed 0 0  0 2 0]");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(park_many_refuses_those_that_another_holds_and_does_the_others)
{
    read_three();
    ASK("XCLAIM", "t:events", "petrel", "other", "0", entries[0]);
    CHECK_STR(park_three("0", "0"), "[1 closed 0 0  0 1 1]");
    CHECK_STR(ASK("ZRANGE", "t:queue:s", "0", "-1"), "[e1 e2]");
    CHECK_STR(ASK("EXISTS", "t:message:e0"), "0");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "2");
}

TEST(park_many_finds_its_entries_among_many_others)
{
    fresh();
    for (int i = 0; i < 3; i++) {
        snprintf(entries[i], sizeof entries[i], "%s", read_one("c"));
        for (int k = 0; k < 10; k++)
            read_one("c");
    }
    ASK("XCLAIM", "t:events", "petrel", "other", "0", entries[1]);
    CHECK_STR(park_three("0", "0"), "[1 closed 0 0  1 0 1]");
    CHECK_STR(ASK("ZRANGE", "t:queue:s", "0", "-1"), "[e0 e2]");
}

TEST(park_many_of_a_paused_one_leaves_due_alone_and_of_an_ordered_one_keeps_the_order)
{
    read_three();
    CHECK_STR(park_three("1", "1"), "[1 closed 0 0  1 1 1]");
    CHECK_STR(ASK("EXISTS", "t:due"), "0");
    CHECK_STR(ASK("ZRANGE", "t:order:s", "0", "-1"), "[e0 e1 e2]");
}

TEST(park_many_waits_for_the_probe_of_an_open_breaker)
{
    read_three();
    ASK("HSET", "t:health:s", "state", "open", "probe_at", "99999999999999");
    const char *answer = park_three("0", "0");
    CHECK(strncmp(answer, "[1 open ", 8) == 0);
    CHECK_STR(ASK("ZSCORE", "t:due", "s"), "99999999999999");
}

TEST(park_many_is_refused_when_full_and_changes_nothing)
{
    read_three();
    char digest[64];
    snprintf(digest, sizeof digest, "%s", ASK("DEBUG", "DIGEST"));
    become_full();
    CHECK(is_oom(park_three("0", "0")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK_STR(park_three("0", "0"), "[1 closed 0 0  1 1 1]");
}

TEST(finish_of_several_gives_each_its_result_and_works_when_full)
{
    read_three();
    park_three("0", "0");
    claim_three();
    become_full();
    CHECK_STR(finish_three("another's"), "[1 closed 0 0  1 1 0]");
    become_roomy();
    CHECK_STR(ASK("ZRANGE", "t:queue:s", "0", "-1"), "[e2]");
    CHECK_STR(ASK("EXISTS", "t:message:e0", "t:message:e1", "t:message:e2"), "1");
    CHECK_STR(ASK("HMGET", "t:totals", "parked", "delivered"), "[1 2]");
    char digest[64];
    snprintf(digest, sizeof digest, "%s", ASK("DEBUG", "DIGEST"));
    CHECK_STR(finish_three("another's"), "[1 closed 0 0  0 0 0]");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(finish_of_several_with_the_probe_among_them_moves_the_breaker_once)
{
    read_three();
    park_three("0", "0");
    claim_three();
    ASK("HSET", "t:health:s", "state", "open", "probe", "mine", "probe_event", "e0", "probe_at",
        "1");
    CHECK_STR(finish_three("mine"), "[1 closed 0 0 half_open closed 1 1 1]");
    CHECK_STR(ASK("XLEN", "t:breakers"), "2");
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
