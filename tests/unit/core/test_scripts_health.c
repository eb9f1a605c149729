// SPDX-License-Identifier: Apache-2.0
// A subscription's health in Redis: the breaker's transitions, probes, slow start, holds. On a real redis-server, through the
// scripts as they are.
#include "script_health.h"

static int recoveries_told(void)
{
    int told = 0;
    const char *entries = ASK("XRANGE", "t:events", "-", "+");
    while ((entries = strstr(entries,
                             "[type petrel.subscription.recovered id own_1 tenant t data {}]"))) {
        entries++;
        told++;
    }
    return told;
}

static void open_it(void)
{
    fresh();
    for (int i = 0; i < 3; i++)
        fail_one("0 0 1", QUICK);
    CHECK_STR(ASK("HGET", "t:health:s", "state"), "open");
}

TEST(failures_in_a_row_open)
{
    fresh();
    CHECK_STR(word(fail_one("0 0 1", QUICK), 1), "closed");
    CHECK_STR(word(fail_one("0 0 1", QUICK), 1), "closed");
    CHECK_STR(word(fail_one("0 0 1", QUICK), 1), "open");
    CHECK_STR(ASK("ZCARD", "t:open"), "1");
    CHECK_STR(ASK("ZCOUNT", "t:open", "(0", "+inf"), "1"); // scored as open
    CHECK(strstr(ASK("XRANGE", "t:breakers", "-", "+"), "subscription s state open") != NULL);
}

TEST(successes_told_with_a_failure_start_the_count_anew)
{
    fresh();
    fail_one("0 0 1", QUICK);
    fail_one("0 0 1", QUICK);
    CHECK_STR(word(fail_one("5 0 1", QUICK), 1), "closed");
    CHECK_STR(ASK("HGET", "t:health:s", "failures"), "1");
}

TEST(what_does_not_count_does_not_open)
{
    fresh();
    for (int i = 0; i < 10; i++)
        CHECK_STR(word(fail_one("0 5000 0", QUICK), 1), "closed"); // 429: only a hold
    CHECK(first_number(word(fail_one("0 5000 0", QUICK), 2)) > 4000);
    CHECK_STR(word(claim_as("l", "10", "1000000"), 4), ""); // held back
}

TEST(a_rate_of_failures_opens_too)
{
    fresh();
    // 80 % of 20, never 10 in a row.
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++)
            fail_one(j ? "0 0 1" : "1 0 1", "10 80 20 5000 300000 432000000");
        CHECK_STR(ASK("HGET", "t:health:s", "state"), "nil");
    }
    for (int j = 0; j < 4; j++)
        fail_one(j ? "0 0 1" : "1 0 1", "10 80 20 5000 300000 432000000");
    CHECK_STR(ASK("HMGET", "t:health:s", "total", "failed"), "[20 16]");
    CHECK_STR(ASK("HGET", "t:health:s", "state"), "open");
}

TEST(open_means_one_probe_when_its_time_has_come)
{
    open_it();
    CHECK_STR(word(claim_as("early", "10", "1000000"), 4), "");
    wait_ms(150);
    CHECK(word(claim_as("probe", "10", "1000000"), 4)[0] == 'e');
    CHECK_STR(word(claim_as("second", "10", "1000000"), 4), ""); // while one is under way
    CHECK_STR(ASK("HGET", "t:health:s", "probe"), "probe");
}

TEST(a_probe_that_fails_doubles_the_interval_up_to_its_end)
{
    static const char *const intervals[] = {"200", "400", "400"};
    open_it();
    for (size_t i = 0; i < 3; i++) {
        wait_ms(500);
        char event[64];
        snprintf(event, sizeof event, "%s", word(claim_as("probe", "10", "1000000"), 4));
        CHECK_STR(word(retry_as(event, "probe", "0"), 1), "open");
        CHECK_STR(ASK("HGET", "t:health:s", "interval"), intervals[i]);
    }
}

TEST(late_failures_of_attempts_from_before_change_nothing)
{
    open_it();
    char before[64];
    snprintf(before, sizeof before, "%s", ASK("HGET", "t:health:s", "probe_at"));
    fail_one("0 0 1", QUICK);
    CHECK_STR(ASK("HGET", "t:health:s", "probe_at"), before);
}

TEST(a_probe_whose_holder_died_gives_way_to_another)
{
    open_it();
    wait_ms(150);
    char event[64];
    snprintf(event, sizeof event, "%s", word(claim_as("dead", "1", "1000000"), 4));
    ASK("ZADD", "t:queue:s", "1", event); // its lease is over
    CHECK(word(claim_as("alive", "10", "1000000"), 4)[0] == 'e');
    CHECK_STR(ASK("HGET", "t:health:s", "probe"), "alive");
}

TEST(a_probe_that_succeeds_begins_a_slow_start)
{
    open_it();
    for (int i = 0; i < 20; i++)
        fail_one("", QUICK);
    wait_ms(150);
    char event[64];
    snprintf(event, sizeof event, "%s", word(claim_as("probe", "10", "1000000"), 4));
    const char *finished = finish_as(event, "probe");
    CHECK_STR(word(finished, 1), "half_open");
    CHECK_STR(word(finished, 4), "half_open");             // the change that it made
    CHECK_STR(ASK("ZCOUNT", "t:open", "-inf", "(0"), "1"); // scored as half open
    CHECK_INT(recoveries_told(), 0);
    // 2, then 4, then 8 a second; 16 would be over the cap of 8.
    for (int allowed = 2; allowed <= 8; allowed *= 2) {
        const char *answer = claim_as("l", "100", "1000000");
        int claimed = 0;
        while (word(answer, 4 + claimed * CLAIM_WORDS)[0])
            claimed++;
        CHECK_INT(claimed, allowed);
        CHECK_STR(word(claim_as("m", "100", "1000000"), 4), "");
        wait_ms(900);
        CHECK_STR(word(claim_as("m", "100", "1000000"), 4), ""); // the second isn't over
        wait_ms(130);
    }
    const char *last = claim_as("n", "100", "1000000");
    CHECK_STR(word(last, 3), "1"); // closed by this
    CHECK(word(last, 4)[0] == 'e');
    CHECK_INT(recoveries_told(), 1);
    CHECK_STR(ASK("EXISTS", "t:open"), "0");
    CHECK_STR(ASK("HGET", "t:health:s", "state"), "nil");
}

TEST(recovery_with_nothing_parked_closes_at_once)
{
    open_it();
    ASK("DEL", "t:queue:s");
    const char *answer =
        eval(SCRIPT_SUCCEED, WORDS("health:s", "open", "breakers", "queue:s", "due", "events"),
             WORDS("s", RECOVERY));
    CHECK_STR(word(answer, 1), "closed");
    CHECK(strstr(answer, " half_open closed]") != NULL); // both changes, in order
    CHECK(strstr(ASK("XREVRANGE", "t:breakers", "+", "-", "COUNT", "1"), "state closed") != NULL);
    CHECK_INT(recoveries_told(), 1);
    eval(SCRIPT_SUCCEED, WORDS("health:s", "open", "breakers", "queue:s", "due", "events"),
         WORDS("s", RECOVERY));
    CHECK_INT(recoveries_told(), 1); // once: it was closed then
}

TEST(a_last_delivery_that_arrives_closes_and_tells)
{
    open_it();
    wait_ms(150);
    ASK("ZREMRANGEBYRANK", "t:queue:s", "1", "-1"); // the only one
    char event[64];
    snprintf(event, sizeof event, "%s", word(claim_as("probe", "10", "1000000"), 4));
    CHECK_STR(word(finish_as(event, "probe"), 1), "closed");
    CHECK_INT(recoveries_told(), 1);
    CHECK_STR(word(finish_as(event, "probe"), 1), "closed");
    CHECK_INT(recoveries_told(), 1);
}

TEST(nobody_asks_then_a_recovery_is_not_told)
{
    open_it();
    ASK("DEL", "t:queue:s");
    const char *length = ASK("XLEN", "t:events");
    char before[16];
    snprintf(before, sizeof before, "%s", length);
    eval(SCRIPT_SUCCEED, WORDS("health:s", "open", "breakers", "queue:s", "due", "events"),
         WORDS("s", "", "", ""));
    CHECK_STR(ASK("XLEN", "t:events"), before);
}

TEST(a_failure_early_in_the_slow_start_opens_again)
{
    open_it();
    fail_one("", QUICK);
    wait_ms(150);
    char event[64];
    snprintf(event, sizeof event, "%s", word(claim_as("probe", "1", "1000000"), 4));
    finish_as(event, "probe");
    CHECK_STR(word(fail_one("0 0 1", QUICK), 1), "half_open"); // stage 1 bears one
    CHECK_STR(word(fail_one("0 0 1", QUICK), 1), "open");
    CHECK_STR(ASK("HGET", "t:health:s", "interval"), "200");
}

TEST(what_is_too_old_leaves_an_open_breaker)
{
    open_it();
    wait_ms(20);
    CHECK_STR(word(claim_as("l", "10", "1000000"), 4), "");
    const char *answer =
        claim_as("l", "1", "5"); // 5 ms are too old: all three, as they need no slot
    CHECK_STR(word(answer, 3), "2");
    CHECK(word(answer, 4)[0] == 'e');
    CHECK(word(answer, 4 + 2 * CLAIM_WORDS)[0] == 'e');
    CHECK_STR(ASK("HGET", "t:health:s", "state"), "open");
}

TEST(what_is_too_old_stands_in_nobodys_way)
{
    fresh();
    for (int i = 0; i < 3; i++)
        fail_one("", QUICK);
    eval(SCRIPT_WAKE, WORDS("due", "queue:s", "health:s", "open", "breakers"), WORDS("s", "0", "1"));
    wait_ms(20);
    const char *answer = claim_as("l", "1", "5");
    CHECK_STR(word(answer, 3), "2");
    CHECK(word(answer, 4 + 2 * CLAIM_WORDS)[0] == 'e');
    CHECK_STR(ASK("HGET", "t:health:s", "used"), "0"); // nothing of the slow start
    fail_one("", QUICK);
    answer = claim_as("l", "1", "1000000");
    CHECK_STR(word(answer, 3), "0");
    CHECK(word(answer, 4)[0] == 'e');
    CHECK_STR(word(answer, 4 + CLAIM_WORDS), "");
    CHECK_STR(ASK("HGET", "t:health:s", "used"), "1");
}

TEST(everything_of_a_subscription_that_is_gone_may_leave)
{
    open_it();
    const char *answer = claim_as("l", "10", "-1");
    CHECK(word(answer, 4)[0] == 'e');
    CHECK(word(answer, 4 + 2 * CLAIM_WORDS)[0] == 'e');
}

TEST(failing_for_too_long_is_told)
{
    fresh();
    CHECK_STR(word(fail_one("0 0 1", "10 80 20 5000 300000 50"), 3), "0");
    wait_ms(80);
    CHECK_STR(word(fail_one("0 0 1", "10 80 20 5000 300000 50"), 3), "1");
    CHECK_STR(word(fail_one("1 0 1", "10 80 20 5000 300000 50"), 3),
              "0"); // it has succeeded meanwhile
}

TEST(resuming_drains_at_a_slow_start)
{
    fresh();
    for (int i = 0; i < 5; i++)
        fail_one("", QUICK);
    eval(SCRIPT_WAKE, WORDS("due", "queue:s", "health:s", "open", "breakers"), WORDS("s", "0", "1"));
    CHECK(word(claim_as("l", "100", "1000000"), 4)[0] == 'e');
    CHECK_STR(word(claim_as("l", "100", "1000000"), 4), "");
    wait_ms(1050);
    const char *answer = claim_as("l", "100", "1000000");
    CHECK(word(answer, 4 + CLAIM_WORDS)[0] == 'e');
    CHECK_STR(word(answer, 4 + 2 * CLAIM_WORDS), "");
}

TEST(who_fails_after_a_resume_is_probed_as_after_any_opening)
{
    fresh();
    fail_one("", QUICK);
    eval(SCRIPT_WAKE, WORDS("due", "queue:s", "health:s", "open", "breakers"), WORDS("s", "0", "1"));
    CHECK_STR(word(fail_one("0 0 1", QUICK), 1), "open"); // a slow start's first
    CHECK_STR(ASK("HGET", "t:health:s", "interval"), "100");
    wait_ms(150);
    char event[64];
    snprintf(event, sizeof event, "%s", word(claim_as("probe", "1", "1000000"), 4));
    retry_as(event, "probe", "0");
    CHECK_STR(ASK("HGET", "t:health:s", "interval"), "200");
}

TEST(a_resume_with_nothing_parked_starts_the_counts_anew)
{
    open_it();
    wait_ms(20);
    ASK("DEL", "t:queue:s", "t:parked:s");
    eval(SCRIPT_WAKE, WORDS("due", "queue:s", "health:s", "open", "breakers"), WORDS("s", "0", "1"));
    CHECK_STR(ASK("HMGET", "t:health:s", "state", "failures", "failing_since"), "[half_open 0 0]");
    // It has been failing for 50 ms and more, but not since the resume.
    CHECK_STR(word(fail_one("0 0 1", "10 80 20 5000 300000 15"), 3), "0");
    fresh();
    eval(SCRIPT_WAKE, WORDS("due", "queue:s", "health:s", "open", "breakers"), WORDS("s", "0", "1"));
    CHECK_STR(ASK("EXISTS", "t:health:s", "t:open", "t:due"),
              "0"); // of who was well nothing is noted
}

TEST(a_probe_that_meets_too_many_requests_is_over)
{
    open_it();
    wait_ms(150);
    char event[64];
    snprintf(event, sizeof event, "%s", word(claim_as("probe", "1", "1000000"), 4));
    CHECK(event[0] == 'e');
    eval(SCRIPT_RETRY, WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers"),
         WORDS(event, "probe", "s", "0", "2", "1000", "2000", "429", "http_status", "0", "0 0 0",
               QUICK));
    CHECK_STR(word(claim_as("next", "1", "1000000"), 4), ""); // not at once
    CHECK_STR(ASK("HMGET", "t:health:s", "state", "interval"), "[open 100]");
    wait_ms(150);
    CHECK(word(claim_as("next", "1", "1000000"), 4)[0] == 'e');
}

TEST(a_full_redis_changes_no_health)
{
    fresh();
    read_one("c");
    become_full();
    CHECK(is_oom(park_for("0 0 1", QUICK, "0")));
    become_roomy();
    CHECK_STR(ASK("EXISTS", "t:health:s"), "0");
}

TEST(only_who_made_a_change_is_told_of_it)
{
    fresh();
    for (int i = 0; i < 2; i++)
        CHECK_STR(word(fail_one("0 0 1", QUICK), 4), "");
    CHECK_STR(word(fail_one("0 0 1", QUICK), 4), "open");
    CHECK_STR(word(fail_one("0 0 1", QUICK), 4), "");
    CHECK_STR(word(fail_one("0 5000 0", QUICK), 4), ""); // a hold is none
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
