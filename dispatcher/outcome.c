// SPDX-License-Identifier: Apache-2.0
// Pure: no clock, no I/O; the caller brings time and randomness.
#include "outcome.h"

#include "petrel/timestamp.h"

static bool is_success(const struct attempt_result *result)
{
    return result->error == ATTEMPT_OK && result->status >= 200 && result->status <= 299;
}

// delay-seconds, which may have any number of digits (RFC 9110 §10.2.3); too many are very long.
static bool parse_seconds(struct span value, uint64_t *seconds)
{
    if (value.size == 0)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
    }
    if (!span_to_uint64(value, seconds))
        *seconds = UINT64_MAX;
    return true;
}

int64_t outcome_parse_retry_after(struct span value, int64_t now_s)
{
    value = span_trim(value);
    uint64_t seconds;
    int64_t date_s;
    if (parse_seconds(value, &seconds)) {
        if (seconds > RETRY_AFTER_MAX_MS / 1000)
            return RETRY_AFTER_MAX_MS;
        return (int64_t)seconds * 1000;
    }
    if (!timestamp_parse_http_date(value, now_s, &date_s) || date_s <= now_s)
        return -1;
    if (date_s - now_s > RETRY_AFTER_MAX_MS / 1000)
        return RETRY_AFTER_MAX_MS;
    return (date_s - now_s) * 1000;
}

static struct verdict bury(const char *reason)
{
    return (struct verdict){.action = VERDICT_BURY, .reason = reason};
}

static struct verdict retry(const struct attempt_result *result, const struct backoff *schedule,
                            uint32_t attempts_made, uint64_t random)
{
    int64_t delay_ms = backoff_delay_ms(schedule, attempts_made, random);
    if (delay_ms < 0)
        return (struct verdict){.action = VERDICT_BURY, .reason = "exhausted", .is_exhausted = true};
    struct verdict verdict = {.action = VERDICT_RETRY, .delay_ms = delay_ms};
    bool is_overload = result->status == 429 || result->status == 503;
    if (result->retry_after_ms >= 0) {
        verdict.hold_ms = result->retry_after_ms;
        if (verdict.delay_ms < result->retry_after_ms)
            verdict.delay_ms = result->retry_after_ms;
    } else if (is_overload) {
        // No date given: as long as this delivery would wait anyway, a minute at most.
        verdict.hold_ms = delay_ms < 60000 ? delay_ms : 60000;
    }
    return verdict;
}

struct verdict outcome_judge(const struct attempt_result *result, const struct backoff *schedule,
                             uint32_t attempts_made, uint64_t random)
{
    if (result->error == ATTEMPT_ABORTED)
        return (struct verdict){.action = VERDICT_RELEASE};
    if (result->error == ATTEMPT_BLOCKED_ADDRESS)
        return bury("blocked_address");
    if (result->error == ATTEMPT_OK) {
        if (result->status == 410)
            return (struct verdict){.action = VERDICT_DISABLE, .reason = "gone"};
        if (result->directive == DIRECTIVE_DISABLE)
            return (struct verdict){.action = VERDICT_DISABLE, .reason = "disabled_by_subscriber"};
        if (is_success(result))
            return (struct verdict){.action = VERDICT_DELIVERED};
        if (result->directive == DIRECTIVE_ABORT_MESSAGE)
            return bury("aborted_by_subscriber");
    }
    return retry(result, schedule, attempts_made, random);
}

const char *outcome_error_text(const struct attempt_result *result)
{
    switch (result->error) {
    case ATTEMPT_OK:
        return is_success(result) ? "" : "http_status";
    case ATTEMPT_TIMEOUT:
        return "timeout";
    case ATTEMPT_DNS:
        return "dns";
    case ATTEMPT_CONNECT_REFUSED:
        return "connect_refused";
    case ATTEMPT_CONNECT:
        return "connect";
    case ATTEMPT_PROXY:
        return "proxy";
    case ATTEMPT_TLS_CERTIFICATE:
        return "tls_certificate";
    case ATTEMPT_TLS:
        return "tls";
    case ATTEMPT_RESET:
        return "connection_reset";
    case ATTEMPT_PROTOCOL:
        return "protocol";
    case ATTEMPT_RESPONSE_TOO_LARGE:
        return "response_too_large";
    case ATTEMPT_BLOCKED_ADDRESS:
        return "blocked_address";
    case ATTEMPT_INTERNAL:
        return "internal";
    case ATTEMPT_ABORTED:
        return "aborted";
    }
    return "internal";
}
