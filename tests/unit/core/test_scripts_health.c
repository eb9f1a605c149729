// SPDX-License-Identifier: Apache-2.0
// A subscription's health in Redis: the breaker's transitions, probes, slow start, holds; rate limits; order. On a real
// redis-server, through the scripts as they are.
#include "script_calls.h"

#define RECOVERY "own_1", "t", "{}"       // the event that tells of it
#define QUICK "3 80 20 100 400 432000000" // opens after 3, probes after 100 ms, 400 ms at most

static char event_id[64];
static int events;

static const char *park_for(const char *report, const char *policy, const char *is_ordered)
{
    snprintf(event_id, sizeof event_id, "e%d", ++events);
    char message[80], settled[80];
    snprintf(message, sizeof message, "message:%s", event_id);
    snprintf(settled, sizeof settled, "settled:%s", entry);
    return eval(SCRIPT_PARK,
                WORDS("events", "queue:s", "due", "parked:s", message, settled, "totals",
                      "health:s", "open", "breakers", "order:s"),
                WORDS("petrel", entry, event_id, "s", "0", "1", "1000", "1000", "500",
                      "http_status", COPY, "1", "0", "c", report, policy, is_ordered));
}

static const char *fail_one(const char *report, const char *policy)
{
    read_one("c");
    return park_for(report, policy, "0");
}

static const char *claim_as(const char *lease, const char *count, const char *max_age)
{
    return eval(SCRIPT_CLAIM,
                WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers", "events"),
                WORDS("s", count, "30000", lease, "8", max_age, RECOVERY));
}

static const char *finish_as(const char *event, const char *lease)
{
    char message[80];
    snprintf(message, sizeof message, "message:%s", event);
    return eval(SCRIPT_FINISH,
                WORDS("queue:s", "parked:s", "totals", "health:s", "open", "breakers", "due",
                      "order:s", "events", message),
                WORDS("s", RECOVERY, event, lease));
}

static const char *retry_as(const char *event, const char *lease, const char *delay)
{
    return eval(SCRIPT_RETRY, WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers"),
                WORDS(event, lease, "s", delay, "2", "1000", "2000", "500", "http_status", "0",
                      "0 0 1", QUICK));
}

// Of a claim: the event and the state of what was attempted once, with a status.
enum { CLAIM_WORDS = 6 };

// Word `index` of an answer "[a b c …]", without brackets.
static const char *word(const char *answer, int index)
{
    static char out[80];
    while (*answer == '[' || *answer == ' ')
        answer++;
    for (; index > 0 && *answer; index--) {
        answer += strcspn(answer, " ");
        answer += strspn(answer, " ");
    }
    snprintf(out, sizeof out, "%.*s", (int)strcspn(answer, " ]"), answer);
    return out;
}

static void wait_ms(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL); // for Redis's clock, which can't be set
}

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
        claim_as("l", "2", "5"); // 5 ms are too old: two of the three, as many as asked for
    CHECK(word(answer, 4)[0] == 'e');
    CHECK(word(answer, 4 + CLAIM_WORDS)[0] == 'e');
    CHECK_STR(word(answer, 4 + 2 * CLAIM_WORDS), "");
    CHECK_STR(ASK("HGET", "t:health:s", "state"), "open");
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

// ---- order

static const char *claim_first(const char *lease)
{
    return eval(SCRIPT_CLAIM_ORDERED,
                WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers", "order:s",
                      "events", "fanned", "fanned_to"),
                WORDS("s", "1", "30000", lease, "1", "petrel", RECOVERY));
}

TEST(ordered_ones_go_one_at_a_time_in_the_streams_order)
{
    char ids[3][64];
    fresh();
    for (int i = 0; i < 3; i++)
        snprintf(ids[i], sizeof ids[i], "%s", read_one("c"));
    // Parked in another order.
    static const int order[] = {2, 0, 1};
    char of_entry[3][64];
    for (int i = 0; i < 3; i++) {
        snprintf(entry, sizeof entry, "%s", ids[order[i]]);
        park_for("", QUICK, "1");
        snprintf(of_entry[order[i]], sizeof of_entry[0], "%s", event_id);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_STR(word(claim_first("l"), 4), of_entry[i]);
        CHECK_STR(word(claim_first("m"), 4), ""); // one at a time
        CHECK_STR(word(finish_as(of_entry[i], "l"), 0), "1");
    }
    CHECK_STR(ASK("EXISTS", "t:order:s", "t:queue:s"), "0");
}

TEST(the_first_that_waits_for_its_retry_holds_the_others)
{
    fresh();
    read_one("c");
    park_for("", QUICK, "1");
    char first[64];
    snprintf(first, sizeof first, "%s", event_id);
    read_one("c");
    park_for("", QUICK, "1");
    CHECK_STR(word(claim_first("l"), 4), first);
    retry_as(first, "l", "60000");
    CHECK_STR(word(claim_first("m"), 4), "");
    ASK("ZADD", "t:queue:s", "1", first);
    CHECK_STR(word(claim_first("m"), 4), first);
}

TEST(an_earlier_entry_that_is_not_fanned_out_holds_the_order)
{
    fresh();
    char early[64];
    snprintf(early, sizeof early, "%s", read_one("other"));
    read_one("c");
    park_for("", QUICK, "1");
    CHECK_STR(word(claim_first("l"), 4), "");
    ASK("ZADD", "t:fanned", "0", early); // no delivery of it is ours
    CHECK_STR(word(claim_first("l"), 4), event_id);
    CHECK_STR(ASK("GET", "t:fanned_to"), entry);
}

TEST(an_entry_whose_delivery_to_another_went_out_may_still_hold_ours)
{
    char early[64];
    fresh();
    snprintf(early, sizeof early, "%s", read_one("other"));
    ASK("SET", "t:fanned_to", early); // a claim of another ordered subscription came this far
    read_one("c");
    park_for("", QUICK, "1");
    CHECK_STR(word(claim_first("l"), 4), "");
    ASK("ZADD", "t:fanned", "0", early);
    CHECK_STR(word(claim_first("l"), 4), event_id);
}

TEST(a_dead_one_keeps_its_place_for_a_redrive)
{
    fresh();
    read_one("c");
    park_for("", QUICK, "1");
    char first[64], letter[80], key[90], message[80];
    snprintf(first, sizeof first, "%s", event_id);
    snprintf(letter, sizeof letter, "%s.s", first);
    snprintf(key, sizeof key, "dead:%s", letter);
    snprintf(message, sizeof message, "message:%s", first);
    read_one("c");
    park_for("", QUICK, "1");
    claim_first("l");
    eval(SCRIPT_BURY,
         WORDS("events", "queue:s", "parked:s", message, "settled:0-0", "totals", "dead", key,
               "health:s", "open", "breakers", "order:s"),
         WORDS("petrel", "", first, "s", letter, "l", "", "0", "", "", QUICK, "", "", "", "reason",
               "exhausted"));
    CHECK_STR(eval(SCRIPT_REDRIVE,
                   WORDS("dead", key, "queue:s", "due", "parked:s", message, "totals", "order:s"),
                   WORDS(letter, first, "s")),
              "1");
    CHECK_STR(word(claim_first("l"), 4), first);
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
