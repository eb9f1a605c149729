// SPDX-License-Identifier: Apache-2.0
// The scripts of a subscription's queue, on a real redis-server: into it, leased, out of it. Each again after a lost reply, by who
// no longer may, and on a full Redis.
#include "script_moves.h"

// ---- park

TEST(park_of_the_only_delivery_stores_and_acknowledges)
{
    fresh();
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    CHECK_STR(state_of("s1", "e1"), "1 1000 1000 500 http_status -");
    CHECK_STR(ASK("GET", "t:message:e1"), COPY);
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
    CHECK_STR(ASK("EXISTS", "t:settled:x"), "0");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 5000));
    CHECK_INT(score("t:due", "s1"), score("t:queue:s1", "e1"));
}

TEST(park_again_after_a_lost_reply_changes_nothing)
{
    fresh();
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    take_digest();
    CHECK_STR(park(entry, "e1", "s1", "9000", "1"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(park_of_one_delivery_of_several_notes_it_and_leaves_the_entry_pending)
{
    fresh();
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "5000", "0"), "1");
    CHECK_STR(park(entry, "e1", "s2", "5000", "0"), "1");
    take_digest();
    CHECK_STR(park(entry, "e1", "s1", "5000", "0"), "2");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK_STR(references("e1"), "00000002");
    char settled[80];
    snprintf(settled, sizeof settled, "t:settled:%s", entry);
    CHECK_STR(ASK("SCARD", settled), "2");
    CHECK(first_number(ASK("PTTL", settled)) > 6LL * 86400000);
    CHECK(strncmp(ASK("XPENDING", "t:events", "petrel"), "[1 ", 3) == 0);
}

TEST(a_copy_is_counted_in_its_place)
{
    fresh();
    ASK("SET", "t:message:e1", "00000099 1\ntype a\n\nbody");
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "0", "1"), "1");
    CHECK_STR(ASK("GET", "t:message:e1"), "00000100 1\ntype a\n\nbody");
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(ASK("GET", "t:message:e1"), "00000099 1\ntype a\n\nbody");
}

// By whoever: what isn't petrel's is neither counted nor deleted, and the delivery ends all the same.
TEST(a_copy_that_counts_nothing_is_left_alone)
{
    fresh();
    ASK("SET", "t:message:e1", "damaged copy");
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "0", "1"), "1");
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(ASK("GET", "t:message:e1"), "damaged copy");
    CHECK_STR(ASK("EXISTS", "t:parked:s1", "t:queue:s1"), "0");
}

TEST(park_moves_the_look_only_forward)
{
    fresh();
    read_one("c");
    park(entry, "e1", "s1", "1000", "1");
    int64_t first = score("t:due", "s1");
    read_one("c");
    park(entry, "e2", "s1", "90000", "1");
    CHECK_INT(score("t:due", "s1"), first);
}

TEST(park_of_a_paused_one_leaves_due_alone)
{
    fresh();
    read_one("c");
    CHECK_STR(done(eval(SCRIPT_PARK,
                        WORDS("events", "queue:s1", "due", "parked:s1", "message:e1", "settled:1",
                              "totals", "health:s1", "open", "breakers", "order:s1"),
                        WORDS("petrel", entry, "e1", "s1", "0", "0", "0", "0", "0", "-", COPY, "1",
                              "1", "c", "", POLICY, "0"))),
              "1");
    CHECK_STR(ASK("ZCARD", "t:queue:s1"), "1");
    CHECK_STR(ASK("EXISTS", "t:due"), "0");
}

TEST(park_is_refused_when_full_and_changes_nothing)
{
    fresh();
    read_one("c");
    take_digest();
    become_full();
    CHECK(is_oom(park(entry, "e1", "s1", "5000", "1")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1"); // and works once there is room
}

TEST(park_without_the_group_keeps_the_delivery)
{
    fresh();
    read_one("c");
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    CHECK_STR(references("e1"), "00000001");
    // The group comes back from 0, the entry is read again: still parked once.
    ASK("XGROUP", "CREATE", "t:events", "petrel", "0");
    ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
}

TEST(park_bury_and_reject_are_refused_to_who_no_longer_holds_the_entry)
{
    fresh();
    read_one("c");
    ASK("XCLAIM", "t:events", "petrel", "other", "0", entry);
    take_digest();
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "0");
    CHECK_STR(bury(entry, "e1", "s1", "", "1"), "0");
    CHECK_STR(eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                   WORDS("petrel", entry, "why", "c")),
              "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

// ---- due

TEST(due_books_the_look_for_one_caller)
{
    fresh();
    ASK("ZADD", "t:due", "1", "s1", "2", "s2", "99999999999999", "s3");
    const char *answer = eval(SCRIPT_DUE, WORDS("due"), WORDS("10"));
    CHECK(is_about(first_number(answer), clock_wall_ms()));
    CHECK(strstr(answer, " s1 s2]") != NULL);
    CHECK(is_about(score("t:due", "s1"), clock_wall_ms() + 1000));
    answer = eval(SCRIPT_DUE, WORDS("due"), WORDS("10"));
    CHECK(strstr(answer, "s1") == NULL);
    long long wait = strtoll(after_first(answer), NULL, 10);
    CHECK(wait >= 0 && wait <= 1000);
}

TEST(due_takes_at_most_the_limit_and_tells_when_nothing_is_there)
{
    fresh();
    CHECK_STR(after_first(eval(SCRIPT_DUE, WORDS("due"), WORDS("10"))), "-1]");
    ASK("ZADD", "t:due", "1", "s1", "2", "s2");
    CHECK_STR(after_first(eval(SCRIPT_DUE, WORDS("due"), WORDS("1"))), "0 s1]");
}

// ---- claim

TEST(claim_leases_what_is_due_to_one_caller)
{
    char expected[288];
    park_two();
    snprintf(expected, sizeof expected, "0 e1 %s]", raw_state_of("s1", "e1"));
    const char *answer = claim("s1", "1", "30000", "lease-a");
    CHECK_STR(after_first(answer), expected);
    claim("s1", "10", "30000", "lease-b");
    CHECK_STR(state_of("s1", "e1"), "1 1000 1000 500 http_status lease-a");
    CHECK_STR(state_of("s1", "e2"), "1 1000 1000 500 http_status lease-b");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 30000));
    // Nothing is due now; the look is set for the first lease's end.
    answer = claim("s1", "10", "30000", "lease-c");
    CHECK(strstr(answer, "e1") == NULL);
    CHECK(is_about(strtoll(after_first(answer), NULL, 10), 30000));
    CHECK_INT(score("t:due", "s1"), score("t:queue:s1", "e1"));
}

TEST(claim_again_when_the_lease_is_over)
{
    char expected[288];
    park_two();
    claim("s1", "10", "0", "lease-a");
    redis_server_nap();
    snprintf(expected, sizeof expected, "e1 %s", raw_state_of("s1", "e1"));
    CHECK(strstr(expected, " @lease-a"));
    CHECK(strstr(claim("s1", "10", "30000", "lease-b"), expected));
    CHECK_STR(state_of("s1", "e1"), "1 1000 1000 500 http_status lease-b");
    CHECK_STR(finish("e1", "s1", "lease-a"), "0"); // fenced off
    CHECK_STR(finish("e1", "s1", "lease-b"), "1");
}

TEST(claim_of_an_empty_queue_ends_the_looks)
{
    fresh();
    ASK("ZADD", "t:due", "1", "s1");
    CHECK_STR(after_first(claim("s1", "10", "30000", "lease-a")), "-1]");
    CHECK_STR(ASK("EXISTS", "t:due"), "0");
}

TEST(claim_forgets_what_has_no_state)
{
    park_two();
    ASK("HDEL", "t:parked:s1", "e1");
    CHECK(strstr(claim("s1", "10", "30000", "lease-a"), " e2 ") != NULL);
    CHECK_STR(ASK("ZSCORE", "t:queue:s1", "e1"), "nil");
}

// ---- renew

TEST(renew_extends_only_own_leases)
{
    park_two();
    claim("s1", "1", "1000", "lease-a");
    claim("s1", "1", "1000", "lease-b");
    CHECK_STR(eval(SCRIPT_RENEW, WORDS("queue:s1", "parked:s1"),
                   WORDS("60000", "lease-a", "e1", "e2", "e3")),
              "1");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 60000));
    CHECK(is_about(score("t:queue:s1", "e2"), clock_wall_ms() + 1000));
    CHECK_STR(ASK("ZSCORE", "t:queue:s1", "e3"), "nil");
}

// ---- finish

TEST(finish_drops_the_last_reference_and_does_so_once)
{
    fresh();
    read_one("c");
    park(entry, "e1", "s1", "0", "0");
    park(entry, "e1", "s2", "0", "0");
    claim("s1", "1", "30000", "lease-a");
    claim("s2", "1", "30000", "lease-a");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(finish("e1", "s1", "lease-a"), "0");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(finish("e1", "s2", "lease-a"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1", "t:parked:s1", "t:queue:s2"), "0");
    CHECK_STR(ASK("HMGET", "t:totals", "parked", "delivered"), "[0 2]");
}

TEST(finish_without_a_lease_or_with_another_does_nothing)
{
    park_two();
    take_digest();
    CHECK_STR(finish("e1", "s1", "lease-a"), "0");
    CHECK_STR(finish("e9", "s1", "lease-a"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

// ---- retry

TEST(retry_puts_it_back_with_its_new_state)
{
    park_two();
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(retry("e1", "s1", "lease-a"), "1");
    CHECK_STR(state_of("s1", "e1"), "2 1000 2000 503 http_status -");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 60000));
    CHECK_STR(retry("e1", "s1", "lease-a"), "0"); // the lease is spent
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "2");
    CHECK_STR(references("e1"), "00000001");
}

// ---- wake

TEST(wake_says_how_many_wait)
{
    park_two();
    CHECK_STR(eval(SCRIPT_WAKE, WORDS("due", "queue:s1", "health:s1", "open", "breakers"),
                   WORDS("s1", "30000", "0")),
              "2");
    CHECK(is_about(score("t:due", "s1"), clock_wall_ms() + 30000));
    CHECK_STR(eval(SCRIPT_WAKE, WORDS("due", "queue:s2", "health:s2", "open", "breakers"),
                   WORDS("s2", "0", "0")),
              "0");
    CHECK_STR(ASK("ZSCORE", "t:due", "s2"), "nil");
}

// ---- a full Redis drains

TEST(what_is_parked_can_leave_a_full_redis)
{
    park_two();
    become_full();
    CHECK(strstr(eval(SCRIPT_DUE, WORDS("due"), WORDS("10")), " s1]") != NULL);
    CHECK(strstr(claim("s1", "1", "30000", "lease-a"), " e1 ") != NULL);
    CHECK_STR(eval(SCRIPT_RENEW, WORDS("queue:s1", "parked:s1"), WORDS("60000", "lease-a", "e1")),
              "1");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK(strstr(claim("s1", "1", "30000", "lease-b"), " e2 ") != NULL);
    CHECK_STR(retry("e2", "s1", "lease-b"), "1");
    CHECK_STR(eval(SCRIPT_WAKE, WORDS("due", "queue:s1", "health:s1", "open", "breakers"),
                   WORDS("s1", "0", "0")),
              "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
    become_roomy();
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
