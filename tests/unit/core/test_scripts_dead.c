// SPDX-License-Identifier: Apache-2.0
// The scripts of dead letters, on a real redis-server: buried, sent again, deleted.
#include "script_moves.h"

// ---- bury, redrive, discard

TEST(bury_of_a_fresh_delivery)
{
    fresh();
    read_one("c");
    CHECK_STR(bury(entry, "e1", "s1", "", "1"), "1");
    take_digest();
    CHECK_STR(bury(entry, "e1", "s1", "", "1"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK(is_about(score("t:dead", "e1.s1"), clock_wall_ms()));
    CHECK_STR(ASK("HMGET", "t:dead:e1.s1", "event", "subscription", "reason", "attempts"),
              "[e1 s1 exhausted 10]");
    CHECK_STR(ASK("GET", "t:message:e1"), COPY);
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
    CHECK_STR(ASK("HGETALL", "t:totals"), "[dead 1]");
}

TEST(bury_of_a_leased_delivery_hands_its_reference_on)
{
    park_two();
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(bury("", "e1", "s1", "lease-x", "0"), "0");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "1");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "0");
    CHECK_STR(ASK("GET", "t:message:e1"), COPY);
    CHECK_STR(ASK("HMGET", "t:totals", "parked", "dead"), "[1 1]");
    CHECK_STR(ASK("ZSCORE", "t:queue:s1", "e1"), "nil");
    CHECK_STR(ASK("HEXISTS", "t:parked:s1", "e1"), "0");
}

TEST(bury_tells_of_the_death_in_the_same_script_and_once)
{
    fresh();
    read_one("c");
    for (int i = 0; i < 2; i++)
        eval(SCRIPT_BURY,
             WORDS("events", "queue:s1", "parked:s1", "message:e1", "settled:0-0", "totals", "dead",
                   "dead:e1.s1", "health:s1", "open", "breakers", "order:s1"),
             WORDS("petrel", entry, "e1", "s1", "e1.s1", "", COPY, "1", "c", "", POLICY, "own_1",
                   "acme", "{}", "reason", "exhausted"));
    CHECK_STR(ASK("HGET", "t:dead:e1.s1", "reason"), "exhausted");
    CHECK_STR(ASK("XLEN", "t:events"), "2");
    CHECK(strstr(ASK("XREVRANGE", "t:events", "+", "-", "COUNT", "1"),
                 "type petrel.delivery.dead id own_1 tenant acme data {}") != NULL);
}

TEST(bury_again_over_an_older_dead_letter_of_the_same_event_counts_once)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    read_one("c"); // the same event id published again
    park(entry, "e1", "s1", "0", "1");
    CHECK_STR(references("e1"), "00000002");
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "1");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(discard("e1", "s1"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
}

TEST(bury_without_the_copy_leaves_no_half_copy_behind)
{
    park_two();
    bury("", "e1", "s1", "", "1");
    claim("s1", "1", "30000", "lease-a");
    ASK("HSET", "t:dead:e1.s1", "reason", "before");
    ASK("DEL", "t:message:e1");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
}

TEST(bury_is_refused_when_full_and_changes_nothing)
{
    park_two();
    claim("s1", "1", "30000", "lease-a");
    read_one("c");
    take_digest();
    become_full();
    CHECK(is_oom(bury("", "e1", "s1", "lease-a", "0")));
    CHECK(is_oom(bury(entry, "e3", "s1", "", "1")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(redrive_starts_a_new_schedule_and_does_so_once)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    CHECK_STR(redrive("e1", "s1"), "1");
    CHECK_STR(redrive("e1", "s1"), "0");
    CHECK_STR(state_of("s1", "e1"), "0 0 0 0 - -");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(ASK("EXISTS", "t:dead", "t:dead:e1.s1"), "0");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK(is_about(score("t:due", "s1"), clock_wall_ms()));
    CHECK_INT(span_of(raw_state_of("s1", "e1")).size, 13); // when it was born, and no more
    CHECK(strstr(claim("s1", "1", "30000", "lease-a"), " e1 ") != NULL);
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
}

TEST(redrive_without_the_copy_does_nothing)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    ASK("DEL", "t:message:e1");
    take_digest();
    CHECK_STR(redrive("e1", "s1"), "-1");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(redrive_of_what_is_parked_again_meanwhile_keeps_one_delivery)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    read_one("c");
    park(entry, "e1", "s1", "60000", "1");
    CHECK_STR(redrive("e1", "s1"), "1");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK_STR(ASK("ZCARD", "t:dead"), "0");
}

TEST(redrive_is_refused_when_full_and_changes_nothing)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    take_digest();
    become_full();
    CHECK(is_oom(redrive("e1", "s1")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(discard_takes_the_copy_with_the_last_reference)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "0");
    bury(entry, "e1", "s2", "", "0");
    CHECK_STR(references("e1"), "00000002");
    CHECK_STR(discard("e1", "s1"), "1");
    CHECK_STR(discard("e1", "s1"), "0");
    CHECK_STR(references("e1"), "00000001");
    become_full(); // giving memory back always works
    CHECK_STR(discard("e1", "s2"), "1");
    become_roomy();
    CHECK_STR(ASK("EXISTS", "t:message:e1", "t:dead", "t:dead:e1.s2"), "0");
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
