// SPDX-License-Identifier: Apache-2.0
// The table of outcomes, row by row: status, error and response headers → what follows.
#include "../../../dispatcher/outcome.h"
#include "../unit.h"
#include "petrel/random.h"

static struct backoff schedule(const char *text)
{
    struct backoff backoff;
    char error[BACKOFF_ERROR_SIZE];
    CHECK(backoff_parse(span_of(text), &backoff, error));
    return backoff;
}

static struct attempt_result answer(int status)
{
    return (struct attempt_result){.status = status, .retry_after_ms = -1};
}

static struct verdict judge(const struct attempt_result *result, uint32_t attempts)
{
    struct backoff backoff = schedule("10s,1m");
    // The middle of the random range: no jitter to speak of.
    return outcome_judge(result, &backoff, attempts, UINT64_MAX / 2);
}

TEST(every_2xx_is_delivered)
{
    for (int status = 200; status <= 299; status++) {
        struct attempt_result result = answer(status);
        CHECK_INT(judge(&result, 1).action, VERDICT_DELIVERED);
    }
}

TEST(every_other_status_but_410_is_retried)
{
    for (int status = 300; status <= 599; status++) {
        struct attempt_result result = answer(status);
        CHECK_INT(judge(&result, 1).action, status == 410 ? VERDICT_DISABLE : VERDICT_RETRY);
    }
}

TEST(transport_errors)
{
    static const struct {
        enum attempt_error error;
        enum verdict_action action;
        const char *text;
    } rows[] = {
        {ATTEMPT_TIMEOUT, VERDICT_RETRY, "timeout"},
        {ATTEMPT_DNS, VERDICT_RETRY, "dns"},
        {ATTEMPT_CONNECT_REFUSED, VERDICT_RETRY, "connect_refused"},
        {ATTEMPT_CONNECT, VERDICT_RETRY, "connect"},
        {ATTEMPT_PROXY, VERDICT_RETRY, "proxy"},
        {ATTEMPT_TLS_CERTIFICATE, VERDICT_RETRY, "tls_certificate"},
        {ATTEMPT_TLS, VERDICT_RETRY, "tls"},
        {ATTEMPT_RESET, VERDICT_RETRY, "connection_reset"},
        {ATTEMPT_PROTOCOL, VERDICT_RETRY, "protocol"},
        {ATTEMPT_RESPONSE_TOO_LARGE, VERDICT_RETRY, "response_too_large"},
        {ATTEMPT_BLOCKED_ADDRESS, VERDICT_BURY, "blocked_address"},
        {ATTEMPT_INTERNAL, VERDICT_RETRY, "internal"},
        {ATTEMPT_ABORTED, VERDICT_RELEASE, "aborted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct attempt_result result = {.error = rows[i].error, .retry_after_ms = -1};
        CHECK_ROW(judge(&result, 1).action == rows[i].action, rows[i].text);
        CHECK_STR(outcome_error_text(&result), rows[i].text);
    }
}

TEST(an_exhausted_schedule_buries)
{
    struct attempt_result result = answer(500);
    CHECK_INT(judge(&result, 2).action, VERDICT_RETRY);
    struct verdict last = judge(&result, 3);
    CHECK_INT(last.action, VERDICT_BURY);
    CHECK_STR(last.reason, "exhausted");
}

TEST(an_aborted_attempt_counts_for_nothing_even_when_exhausted)
{
    struct attempt_result result = {.error = ATTEMPT_ABORTED, .retry_after_ms = -1};
    CHECK_INT(judge(&result, 99).action, VERDICT_RELEASE);
}

TEST(directives_of_the_subscriber)
{
    struct attempt_result result = answer(500);
    result.directive = DIRECTIVE_ABORT_MESSAGE;
    struct verdict verdict = judge(&result, 1);
    CHECK_INT(verdict.action, VERDICT_BURY);
    CHECK_STR(verdict.reason, "aborted_by_subscriber");
    result = answer(200);
    result.directive = DIRECTIVE_ABORT_MESSAGE; // it has arrived all the same
    CHECK_INT(judge(&result, 1).action, VERDICT_DELIVERED);
    result.directive = DIRECTIVE_DISABLE;
    CHECK_INT(judge(&result, 1).action, VERDICT_DISABLE);
    result = answer(410);
    CHECK_STR(judge(&result, 1).reason, "gone");
}

TEST(retry_after_is_a_lower_bound_and_holds_the_subscription)
{
    struct attempt_result result = answer(503);
    result.retry_after_ms = 30000;
    struct verdict verdict = judge(&result, 1);
    CHECK_INT(verdict.delay_ms, 30000);
    CHECK_INT(verdict.hold_ms, 30000);
    result.retry_after_ms = 1000; // less than the schedule's 10 s
    verdict = judge(&result, 1);
    CHECK(verdict.delay_ms >= 8000);
    CHECK_INT(verdict.hold_ms, 1000);
    result = answer(500);
    CHECK_INT(judge(&result, 1).hold_ms, 0);
    result = answer(429);
    CHECK(judge(&result, 1).hold_ms > 0);
}

TEST(jitter_stays_within_a_fifth_and_uses_it)
{
    struct backoff backoff = schedule("10s");
    struct attempt_result result = answer(500);
    int64_t low = INT64_MAX, high = 0;
    uint64_t seed = 1;
    for (int i = 0; i < 10000; i++) {
        int64_t delay = outcome_judge(&result, &backoff, 1, random_next(&seed)).delay_ms;
        low = delay < low ? delay : low;
        high = delay > high ? delay : high;
    }
    CHECK(low >= 8000 && low < 8050);
    CHECK(high <= 12000 && high > 11950);
}

TEST(retry_after_values)
{
    static const struct {
        const char *value;
        int64_t ms;
    } rows[] = {
        {"0", 0},
        {"120", 120000},
        {" 7 ", 7000},
        {"86400", RETRY_AFTER_MAX_MS},
        {"86401", RETRY_AFTER_MAX_MS},
        {"18446744073709551615", RETRY_AFTER_MAX_MS},
        {"99999999999999999999999999", RETRY_AFTER_MAX_MS},
        {"-1", -1},
        {"1.5", -1},
        {"soon", -1},
        {"", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT", -1},                 // past
        {"Tue, 14 Nov 2023 22:14:20 GMT", 60000},              // now + 60 s
        {"Tuesday, 14-Nov-23 22:14:20 GMT", 60000},            // RFC 850
        {"Tue Nov 14 22:14:20 2023", 60000},                   // asctime
        {"Tue, 14 Nov 2033 22:14:20 GMT", RETRY_AFTER_MAX_MS}, // years away
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_ROW(outcome_parse_retry_after(span_of(rows[i].value), 1700000000) == rows[i].ms,
                  rows[i].value);
}

UNIT_MAIN()
