// SPDX-License-Identifier: Apache-2.0
// Times as text: Retry-After (seconds or one of three forms of HTTP-date), RFC 3339, lengths of time, retry schedules.
// Parts: a text, and eight bytes of the present second. Calendar arithmetic is compared with libc's.
#include "petrel/timestamp.h"

#include <string.h>
#include <time.h>

#include "dispatcher/outcome.h"
#include "fuzz.h"
#include "petrel/backoff.h"

#define YEAR_10000_S INT64_C(253402300800)

static void check_date(struct span text, int64_t now_s)
{
    int64_t seconds;
    if (!timestamp_parse_http_date(text, now_s, &seconds))
        return;
    // libc writes the preferred form of the same instant, which reads the same, whatever the present is.
    char written[64];
    int64_t again;
    struct tm tm;
    time_t instant = (time_t)seconds;
    FUZZ_CHECK(gmtime_r(&instant, &tm));
    strftime(written, sizeof written, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    // Year 0 to 999 wants four digits, which libc's %Y doesn't write; a leap second may lead into year 10000.
    if (seconds < YEAR_10000_S && tm.tm_year >= 1000 - 1900)
        FUZZ_CHECK(timestamp_parse_http_date(span_of(written), 0, &again) && again == seconds);
}

// RFC 9110: a two-digit year is never more than 50 years ahead.
static void check_century(struct span text, int64_t now_s)
{
    int64_t seconds;
    bool is_rfc850 = text.size > 6 && span_find(text, '-');
    if (is_rfc850 && now_s >= 0 && now_s < YEAR_10000_S - INT64_C(101) * 366 * 86400 &&
        timestamp_parse_http_date(text, now_s, &seconds))
        FUZZ_CHECK(seconds <= now_s + INT64_C(50) * 366 * 86400 &&
                   seconds > now_s - INT64_C(51) * 366 * 86400);
}

static void check_retry_after(struct span text, int64_t now_s)
{
    int64_t wait_ms = outcome_parse_retry_after(text, now_s);
    FUZZ_CHECK(wait_ms >= -1 && wait_ms <= RETRY_AFTER_MAX_MS);
    struct span trimmed = span_trim(text);
    bool is_digits = trimmed.size > 0;
    for (size_t i = 0; i < trimmed.size; i++)
        is_digits = is_digits && trimmed.data[i] >= '0' && trimmed.data[i] <= '9';
    if (is_digits)
        FUZZ_CHECK(wait_ms >= 0 && wait_ms % 1000 == 0);
}

static int digits_at(const char *text, size_t at, size_t count)
{
    int value = 0;
    for (size_t i = at; i < at + count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

// Fields where RFC 3339 has them, through timegm.
static int64_t oracle_ms(struct span text)
{
    char copy[512] = "";
    int64_t ms = 0;
    size_t at = 19;
    if (!span_copy(text, copy, sizeof copy))
        return INT64_MIN;
    struct tm tm = {
        .tm_year = digits_at(copy, 0, 4) - 1900,
        .tm_mon = digits_at(copy, 5, 2) - 1,
        .tm_mday = digits_at(copy, 8, 2),
        .tm_hour = digits_at(copy, 11, 2),
        .tm_min = digits_at(copy, 14, 2),
        .tm_sec = digits_at(copy, 17, 2),
    };
    if (copy[at] == '.') {
        char digits[] = "000";
        size_t count = strspn(copy + at + 1, "0123456789");
        memcpy(digits, copy + at + 1, count < 3 ? count : 3);
        ms = digits_at(digits, 0, 3);
        at += 1 + count;
    }
    int64_t offset_s = 0;
    if (copy[at] != 'Z' && copy[at] != 'z')
        offset_s = (digits_at(copy, at + 1, 2) * 60 + digits_at(copy, at + 4, 2)) * INT64_C(60) *
                   (copy[at] == '-' ? -1 : 1);
    return ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
}

static void check_instant(struct span text)
{
    int64_t ms, again;
    char written[TIMESTAMP_SIZE];
    if (!timestamp_parse(text, &ms))
        return;
    timestamp_format(ms, written);
    FUZZ_CHECK(timestamp_parse(span_of(written), &again) && again == ms);
    int64_t expected = oracle_ms(text);
    FUZZ_CHECK(expected == INT64_MIN || expected == ms);
}

static void check_duration(struct span text)
{
    int64_t ms, again;
    char written[DURATION_SIZE];
    if (!duration_parse(text, &ms))
        return;
    FUZZ_CHECK(ms >= 0);
    duration_format(ms, written);
    FUZZ_CHECK(strlen(written) <= text.size || ms == 0);
    FUZZ_CHECK(duration_parse(span_of(written), &again) && again == ms);
}

static void check_schedule(struct span text, uint64_t random)
{
    struct backoff schedule, again;
    char error[BACKOFF_ERROR_SIZE];
    char written[BACKOFF_TEXT_SIZE];
    if (!backoff_parse(text, &schedule, error)) {
        FUZZ_CHECK(error[0] != '\0' && utf8_is_valid(span_of(error)));
        return;
    }
    FUZZ_CHECK(schedule.steps <= BACKOFF_MAX_STEPS);
    backoff_format(&schedule, written);
    FUZZ_CHECK(backoff_parse(span_of(written), &again, error) && again.steps == schedule.steps);
    for (uint32_t i = 0; i < schedule.steps; i++) {
        int64_t delay_ms = schedule.delay_ms[i];
        int64_t jittered_ms = backoff_delay_ms(&schedule, i + 1, random);
        FUZZ_CHECK(again.delay_ms[i] == delay_ms);
        FUZZ_CHECK(jittered_ms >= delay_ms - delay_ms / 5 - 1);
        FUZZ_CHECK(jittered_ms <= delay_ms + delay_ms / 5 + 1);
    }
    FUZZ_CHECK(backoff_delay_ms(&schedule, schedule.steps + 1, random) == -1);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    struct span text = fuzz_part(&parts, 0);
    struct span present = fuzz_part(&parts, 1);
    int64_t now_s = INT64_C(1767225600); // 2026
    if (present.size >= sizeof now_s)
        memcpy(&now_s, present.data, sizeof now_s);
    check_date(text, now_s);
    check_century(text, now_s);
    check_retry_after(text, now_s);
    check_instant(text);
    check_duration(text);
    check_schedule(text, (uint64_t)now_s * UINT64_C(0x9e3779b97f4a7c15));
    fuzz_free(&parts);
}
