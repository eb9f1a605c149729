// SPDX-License-Identifier: Apache-2.0
// Instants as RFC 3339 and HTTP-dates, lengths of time with a unit.
//
// Own calendar arithmetic (proleptic Gregorian, no leap seconds), because libc's depends on locale
// and environment. Parsers accept the grammar and nothing near it. Left to others: what time it is
// (clock.c).
#include "petrel/timestamp.h"

#include <stdio.h>
#include <string.h>

#define SECOND_MS INT64_C(1000)
#define DAY_S INT64_C(86400)
#define YEAR_0001_S (INT64_C(-719162) * DAY_S)
#define YEAR_10000_S (INT64_C(2932897) * DAY_S)

struct civil {
    int64_t year;
    int month, day, hour, minute, second;
};

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

// Second 60 passes here; who accepts it decides where.
static bool is_civil(const struct civil *civil)
{
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= days_in_month(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 60;
}

// Years are counted from March, so that the leap day is the last of its year, in eras of 400 years
// (146097 days); 719468 days lie between 0000-03-01 and 1970-01-01. Years ≥ 0 only.
static int64_t civil_to_s(const struct civil *civil)
{
    int64_t year = civil->month <= 2 ? civil->year - 1 : civil->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (civil->month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + civil->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t days = era * 146097 + day_of_era - 719468;
    return ((days * 24 + civil->hour) * 60 + civil->minute) * 60 + civil->second;
}

// From YEAR_0001_S on.
static struct civil civil_from_s(int64_t seconds)
{
    int64_t days = seconds / DAY_S - (seconds % DAY_S < 0);
    int rest = (int)(seconds - days * DAY_S);
    int64_t day = days + 719468;
    int64_t era = day / 146097;
    int64_t day_of_era = day - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct civil civil = {
        .month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9),
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
    };
    civil.year = year_of_era + era * 400 + (civil.month <= 2);
    return civil;
}

static void put_digits(char *out, int64_t value, int count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void timestamp_format(int64_t wall_ms, char out[TIMESTAMP_SIZE])
{
    // Four digits of year is all the format has; what lies outside becomes its nearest end.
    if (wall_ms < YEAR_0001_S * SECOND_MS)
        wall_ms = YEAR_0001_S * SECOND_MS;
    if (wall_ms > TIMESTAMP_MAX_MS)
        wall_ms = TIMESTAMP_MAX_MS;
    int64_t seconds = wall_ms / SECOND_MS - (wall_ms % SECOND_MS < 0);
    struct civil civil = civil_from_s(seconds);
    memcpy(out, "0000-00-00T00:00:00.000Z", TIMESTAMP_SIZE);
    put_digits(out, civil.year, 4);
    put_digits(out + 5, civil.month, 2);
    put_digits(out + 8, civil.day, 2);
    put_digits(out + 11, civil.hour, 2);
    put_digits(out + 14, civil.minute, 2);
    put_digits(out + 17, civil.second, 2);
    put_digits(out + 20, wall_ms - seconds * SECOND_MS, 3);
}

// Takes exactly `count` digits from the front.
static bool take_digits(struct span *text, size_t count, int *value)
{
    if (text->size < count)
        return false;
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        char c = text->data[i];
        if (c < '0' || c > '9')
            return false;
        sum = sum * 10 + (c - '0');
    }
    text->data += count;
    text->size -= count;
    *value = sum;
    return true;
}

static bool take_text(struct span *text, struct span wanted)
{
    if (!span_starts_with(*text, wanted))
        return false;
    text->data += wanted.size;
    text->size -= wanted.size;
    return true;
}

static bool take_either(struct span *text, char a, char b)
{
    if (text->size == 0 || (text->data[0] != a && text->data[0] != b))
        return false;
    text->data++;
    text->size--;
    return true;
}

static bool take_clock(struct span *text, struct civil *civil)
{
    return take_digits(text, 2, &civil->hour) && take_text(text, SPAN(":")) &&
           take_digits(text, 2, &civil->minute) && take_text(text, SPAN(":")) &&
           take_digits(text, 2, &civil->second);
}

// time-secfrac: digits beyond the third only have to be digits.
static bool take_fraction(struct span *text, int *ms)
{
    *ms = 0;
    if (!take_text(text, SPAN(".")))
        return true;
    int scale = 100;
    int digit;
    size_t count = 0;
    while (take_digits(text, 1, &digit)) {
        *ms += digit * scale;
        scale /= 10;
        count++;
    }
    return count > 0;
}

// time-offset: seconds east of UTC.
static bool take_offset(struct span *text, int *offset_s)
{
    *offset_s = 0;
    if (take_either(text, 'Z', 'z'))
        return true;
    bool is_west = text->size > 0 && text->data[0] == '-';
    int hours;
    int minutes;
    if (!take_either(text, '+', '-') || !take_digits(text, 2, &hours) ||
        !take_text(text, SPAN(":")) || !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_s = (hours * 60 + minutes) * 60 * (is_west ? -1 : 1);
    return true;
}

bool timestamp_parse(struct span text, int64_t *wall_ms)
{
    struct civil civil = {0};
    int year;
    int ms;
    int offset_s;
    bool fits = take_digits(&text, 4, &year) && take_text(&text, SPAN("-")) &&
                take_digits(&text, 2, &civil.month) && take_text(&text, SPAN("-")) &&
                take_digits(&text, 2, &civil.day) && take_either(&text, 'T', 't') &&
                take_clock(&text, &civil) && take_fraction(&text, &ms) &&
                take_offset(&text, &offset_s) && text.size == 0;
    if (!fits)
        return false;
    civil.year = year;
    if (year < 1 || !is_civil(&civil))
        return false;
    int64_t seconds = civil_to_s(&civil) - offset_s;
    if (civil.second == 60) {
        // RFC 3339 §5.7: a leap second is the last second of a month in UTC. It counts as the next
        // one.
        if (seconds < YEAR_0001_S || seconds % DAY_S != 0 || civil_from_s(seconds).day != 1)
            return false;
    }
    if (seconds < YEAR_0001_S || seconds >= YEAR_10000_S)
        return false;
    *wall_ms = seconds * SECOND_MS + ms;
    return true;
}

static bool take_month(struct span *text, int *month)
{
    for (int i = 0; i < 12; i++) {
        if (take_text(text, (struct span){.data = month_names + (size_t)i * 3, .size = 3})) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

// The day's name must be one; whether it is the right one settles nothing.
static bool take_day_name(struct span *text, bool *is_long)
{
    static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct span name = span_of(names[i]);
        *is_long = take_text(text, name);
        name.size = 3;
        if (*is_long || take_text(text, name))
            return true;
    }
    return false;
}

// "06 Nov 1994 08:49:37 GMT", after "Sun, ".
static bool take_fixdate(struct span *text, struct civil *civil)
{
    int year;
    bool fits = take_digits(text, 2, &civil->day) && take_text(text, SPAN(" ")) &&
                take_month(text, &civil->month) && take_text(text, SPAN(" ")) &&
                take_digits(text, 4, &year) && take_text(text, SPAN(" ")) &&
                take_clock(text, civil) && take_text(text, SPAN(" GMT"));
    civil->year = fits ? year : 0;
    return fits;
}

// RFC 9110 §5.6.7: a two-digit year that would be more than 50 years ahead is the most recent year
// with these digits.
static int64_t settle_century(struct civil civil, int64_t now_s)
{
    if (now_s < 0)
        now_s = 0;
    if (now_s >= YEAR_10000_S)
        now_s = YEAR_10000_S - 1;
    struct civil limit = civil_from_s(now_s);
    limit.year += 50;
    civil.year += limit.year / 100 * 100;
    while (civil_to_s(&civil) > civil_to_s(&limit))
        civil.year -= 100;
    return civil.year;
}

// "06-Nov-94 08:49:37 GMT", after "Sunday, ".
static bool take_rfc850_date(struct span *text, struct civil *civil, int64_t now_s)
{
    int year;
    bool fits = take_digits(text, 2, &civil->day) && take_text(text, SPAN("-")) &&
                take_month(text, &civil->month) && take_text(text, SPAN("-")) &&
                take_digits(text, 2, &year) && take_text(text, SPAN(" ")) &&
                take_clock(text, civil) && take_text(text, SPAN(" GMT"));
    if (!fits)
        return false;
    civil->year = year;
    civil->year = settle_century(*civil, now_s);
    return true;
}

// "Nov  6 08:49:37 1994", after "Sun ".
static bool take_asctime_date(struct span *text, struct civil *civil)
{
    int year;
    if (!take_month(text, &civil->month) || !take_text(text, SPAN(" ")))
        return false;
    size_t digits = take_text(text, SPAN(" ")) ? 1 : 2;
    bool fits = take_digits(text, digits, &civil->day) && take_text(text, SPAN(" ")) &&
                take_clock(text, civil) && take_text(text, SPAN(" ")) &&
                take_digits(text, 4, &year);
    civil->year = fits ? year : 0;
    return fits;
}

bool timestamp_parse_http_date(struct span text, int64_t now_s, int64_t *wall_s)
{
    struct civil civil = {0};
    bool is_long;
    bool fits = take_day_name(&text, &is_long);
    if (!fits)
        return false;
    if (is_long)
        fits = take_text(&text, SPAN(", ")) && take_rfc850_date(&text, &civil, now_s);
    else if (take_text(&text, SPAN(", ")))
        fits = take_fixdate(&text, &civil);
    else
        fits = take_text(&text, SPAN(" ")) && take_asctime_date(&text, &civil);
    if (!fits || text.size > 0 || civil.year < 1 || !is_civil(&civil))
        return false;
    *wall_s = civil_to_s(&civil);
    return true;
}

struct unit {
    const char *name;
    int64_t ms;
};

static const struct unit units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

bool duration_parse(struct span text, int64_t *ms)
{
    if (span_equals_text(text, "0")) {
        *ms = 0;
        return true;
    }
    struct span number = {.data = text.data};
    while (number.size < text.size && text.data[number.size] >= '0' && text.data[number.size] <= '9')
        number.size++;
    uint64_t count;
    if (!span_to_uint64(number, &count))
        return false;
    struct span name = {.data = text.data + number.size, .size = text.size - number.size};
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (!span_equals_text(name, units[i].name))
            continue;
        if (count > (uint64_t)(INT64_MAX / units[i].ms))
            return false;
        *ms = (int64_t)count * units[i].ms;
        return true;
    }
    return false;
}

void duration_format(int64_t ms, char out[DURATION_SIZE])
{
    if (ms == 0) {
        memcpy(out, "0", 2);
        return;
    }
    size_t i = 0;
    while (ms % units[i].ms != 0)
        i++;
    snprintf(out, DURATION_SIZE, "%lld%s", (long long)(ms / units[i].ms), units[i].name);
}
