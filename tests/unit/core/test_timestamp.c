// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <time.h>

#include "petrel/random.h"
#include "petrel/timestamp.h"
#include "unit.h"

#define MIN_MS INT64_C(-62135596800000)

TEST(format_writes_utc_with_milliseconds)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {1769860800042, "2026-01-31T12:00:00.042Z"},
        {MIN_MS, "0001-01-01T00:00:00.000Z"},
        {MIN_MS - 1, "0001-01-01T00:00:00.000Z"},
        {INT64_MIN, "0001-01-01T00:00:00.000Z"},
        {TIMESTAMP_MAX_MS, "9999-12-31T23:59:59.999Z"},
        {TIMESTAMP_MAX_MS + 1, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TIMESTAMP_SIZE];
        timestamp_format(cases[i].wall_ms, text);
        CHECK_STR(text, cases[i].text);
    }
}

TEST(parse_accepts_rfc_3339)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T00:01:00-23:59", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        // RFC 3339 §5.8
        {"1985-04-12T23:20:50.52Z", 482196050520},
        {"1996-12-19T16:39:57-08:00", 851042397000},
        {"1937-01-01T12:00:27.87+00:20", -1041337172130},
        {"1990-12-31T23:59:60Z", 662688000000},
        {"1990-12-31T15:59:60-08:00", 662688000000},
        {"2015-06-30T23:59:60.5Z", 1435708800500},
        // fractions are cut, also before 1970
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1970-01-01T00:00:00.0009Z", 0},
        {"1970-01-01T00:00:00.9999999999999999999999Z", 999},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2024-02-29T23:59:59Z", 1709251199000},
        {"0001-01-01T00:00:00Z", MIN_MS},
        {"9999-12-31T23:59:59.999Z", TIMESTAMP_MAX_MS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wall_ms = 42;
        CHECK_ROW(timestamp_parse(span_of(cases[i].text), &wall_ms), cases[i].text);
        CHECK_ROW(wall_ms == cases[i].wall_ms, cases[i].text);
    }
}

TEST(parse_refuses_what_only_looks_like_it)
{
    static const char *const cases[] = {
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00 Z",
        " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z ",
        "2026-01-31T12:00:00ZZ",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.5",
        "2026-01-31T12:00:00.5-",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+01",
        "2026-01-31T12:00:00+1:00",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-1-31T12:00:00Z",
        "2026-01-1T12:00:00Z",
        "26-01-31T12:00:00Z",
        "02026-01-31T12:00:00Z",
        "+2026-01-31T12:00:00Z",
        "-026-01-31T12:00:00Z",
        "2026-00-31T12:00:00Z",
        "2026-13-31T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "2026-01-32T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:60Z",
        "2026-01-30T23:59:60Z",      // no month's end
        "2026-01-31T23:59:60+00:01", // not the last minute of UTC
        "1990-12-31T23:59:60-08:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01", // year 0 in UTC
        "9999-12-31T23:59:59-00:01", // year 10000 in UTC
        "9999-12-31T23:59:60Z",
        "2026_01-31T12:00:00Z",
        "2026-01-31T12-00:00Z",
        "1769860800",
        "now",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wall_ms = 42;
        CHECK_ROW(!timestamp_parse(span_of(cases[i]), &wall_ms), cases[i]);
        CHECK_ROW(wall_ms == 42, cases[i]);
    }
    int64_t wall_ms;
    CHECK(!timestamp_parse(SPAN("2026-01-31T12:00:00Z\0"), &wall_ms));
    CHECK(!timestamp_parse((struct span){0}, &wall_ms));
}

TEST(format_and_parse_agree_with_libc)
{
    uint64_t state = 3339;
    for (int i = 0; i < 20000; i++) {
        uint64_t range = (uint64_t)(TIMESTAMP_MAX_MS - MIN_MS) + 1;
        int64_t wall_ms = MIN_MS + (int64_t)(random_next(&state) % range);
        int64_t again_ms;
        char text[TIMESTAMP_SIZE];
        char expected[64];
        struct tm tm;
        int ms = (int)((wall_ms % 1000 + 1000) % 1000);
        time_t seconds = (wall_ms - ms) / 1000;
        gmtime_r(&seconds, &tm);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
        timestamp_format(wall_ms, text);
        CHECK_STR(text, expected);
        CHECK_ROW(timestamp_parse(span_of(text), &again_ms) && again_ms == wall_ms, text);
    }
}

#define NOW_S INT64_C(1769860800) // 2026-01-31T12:00:00Z

TEST(http_dates_in_all_three_forms)
{
    static const struct {
        const char *text;
        int64_t wall_s;
    } cases[] = {
        // RFC 9110 §5.6.7
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sun Nov 16 08:49:37 1994", 784975777},
        {"Sat, 31 Jan 2026 12:00:05 GMT", NOW_S + 5},
        {"Mon, 31 Jan 2026 12:00:05 GMT", NOW_S + 5}, // the wrong day's name settles nothing
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Wednesday, 01-Jan-69 00:00:00 GMT", 3124224000}, // 2069: 43 years ahead
        {"Saturday, 31-Jan-76 12:00:00 GMT", 3347697600},  // 2076: 50 years ahead exactly
        {"Saturday, 31-Jan-76 12:00:01 GMT", 191937601},   // a second more: 1976
        {"Friday, 31-Dec-99 23:59:59 GMT", 946684799},
        {"Saturday, 29-Feb-00 00:00:00 GMT", 951782400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wall_s = 42;
        CHECK_ROW(timestamp_parse_http_date(span_of(cases[i].text), NOW_S, &wall_s), cases[i].text);
        CHECK_ROW(wall_s == cases[i].wall_s, cases[i].text);
    }
}

TEST(two_digit_years_over_the_centuries)
{
    static const struct {
        const char *now, *text, *date;
    } cases[] = {
        {"1999-12-31T00:00:00Z", "Saturday, 01-Jan-00 00:00:00 GMT", "2000-01-01T00:00:00.000Z"},
        {"2000-01-01T00:00:00Z", "Friday, 31-Dec-99 00:00:00 GMT", "1999-12-31T00:00:00.000Z"},
        {"2049-01-01T00:00:00Z", "Friday, 31-Dec-99 00:00:00 GMT", "1999-12-31T00:00:00.000Z"},
        {"2049-12-31T00:00:00Z", "Friday, 31-Dec-99 00:00:00 GMT", "2099-12-31T00:00:00.000Z"},
        {"2099-06-01T00:00:00Z", "Friday, 01-Jan-05 00:00:00 GMT", "2105-01-01T00:00:00.000Z"},
        {"1970-01-01T00:00:00Z", "Friday, 01-Jan-71 00:00:00 GMT", "1971-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t now_ms;
        int64_t wall_s = 0;
        char date[TIMESTAMP_SIZE];
        CHECK_ROW(timestamp_parse(span_of(cases[i].now), &now_ms), cases[i].now);
        CHECK_ROW(timestamp_parse_http_date(span_of(cases[i].text), now_ms / 1000, &wall_s),
                  cases[i].text);
        timestamp_format(wall_s * 1000, date);
        CHECK_STR(date, cases[i].date);
    }
    // A broken clock gives a wrong century at worst.
    int64_t wall_s;
    CHECK(timestamp_parse_http_date(SPAN("Friday, 31-Dec-99 00:00:00 GMT"), INT64_MIN, &wall_s));
    CHECK(timestamp_parse_http_date(SPAN("Friday, 31-Dec-99 00:00:00 GMT"), INT64_MAX, &wall_s));
}

TEST(http_dates_refused)
{
    static const char *const cases[] = {
        "",
        "Sun",
        "Sun,",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 6-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37",
        "Wednesday, 29-Feb-23 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov   6 08:49:37 1994",
        "Sun, Nov  6 08:49:37 1994",
        "2026-01-31T12:00:00Z",
        "120",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t wall_s = 42;
        CHECK_ROW(!timestamp_parse_http_date(span_of(cases[i]), NOW_S, &wall_s), cases[i]);
        CHECK_ROW(wall_s == 42, cases[i]);
    }
}

// Every prefix and every one-byte change is either refused or read without a fault (a sanitizer
// sees).
TEST(mangled_dates_are_survived)
{
    static const char *const texts[] = {
        "2026-01-31T12:00:00.123+01:00",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Wednesday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t size = strlen(texts[i]);
        int64_t value;
        for (size_t cut = 0; cut < size; cut++) {
            char *copy = malloc(cut ? cut : 1);
            memcpy(copy, texts[i], cut);
            struct span prefix = {.data = copy, .size = cut};
            CHECK_ROW(!timestamp_parse(prefix, &value), texts[i]);
            CHECK_ROW(!timestamp_parse_http_date(prefix, NOW_S, &value), texts[i]);
            free(copy);
        }
        for (size_t at = 0; at < size * 256; at++) {
            char copy[64];
            memcpy(copy, texts[i], size);
            copy[at / 256] = (char)(at % 256);
            struct span changed = {.data = copy, .size = size};
            timestamp_parse(changed, &value);
            timestamp_parse_http_date(changed, NOW_S, &value);
        }
    }
}

TEST(durations)
{
    static const struct {
        const char *text;
        int64_t ms;         // -1: refused
        const char *format; // NULL: as text
    } cases[] = {
        {"0", 0, NULL},
        {"0s", 0, "0"},
        {"1ms", 1, NULL},
        {"250ms", 250, NULL},
        {"1000ms", 1000, "1s"},
        {"1500ms", 1500, NULL},
        {"5s", 5000, NULL},
        {"60s", 60000, "1m"},
        {"90s", 90000, NULL},
        {"15m", 900000, NULL},
        {"120m", 7200000, "2h"},
        {"24h", 86400000, "1d"},
        {"36h", 129600000, NULL},
        {"3d", 259200000, NULL},
        {"007s", 7000, "7s"},
        {"9223372036854775807ms", INT64_MAX, NULL},
        {"106751991167d", 9223372036828800000, NULL},
        {"106751991168d", -1, NULL},
        {"9223372036854775808ms", -1, NULL},
        {"99999999999999999999s", -1, NULL},
        {"", -1, NULL},
        {"1", -1, NULL},
        {"00", -1, NULL},
        {"s", -1, NULL},
        {"ms", -1, NULL},
        {"-1s", -1, NULL},
        {"+1s", -1, NULL},
        {"1.5s", -1, NULL},
        {"1 s", -1, NULL},
        {" 1s", -1, NULL},
        {"1s ", -1, NULL},
        {"1S", -1, NULL},
        {"1sec", -1, NULL},
        {"1us", -1, NULL},
        {"1w", -1, NULL},
        {"1h30m", -1, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 42;
        char text[DURATION_SIZE];
        bool is_good = cases[i].ms >= 0;
        CHECK_ROW(duration_parse(span_of(cases[i].text), &ms) == is_good, cases[i].text);
        CHECK_ROW(ms == (is_good ? cases[i].ms : 42), cases[i].text);
        if (!is_good)
            continue;
        duration_format(ms, text);
        CHECK_STR(text, cases[i].format ? cases[i].format : cases[i].text);
    }
    char text[DURATION_SIZE];
    duration_format(INT64_MIN, text);
    CHECK_STR(text, "-9223372036854775808ms");
}

UNIT_MAIN()
