// SPDX-License-Identifier: Apache-2.0
// Views of text that is somebody else's: compared, cut, searched, read as numbers.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/text.h"
#include "unit.h"

TEST(spans_compare)
{
    CHECK(span_of(NULL).size == 0);
    CHECK(span_of("abc").size == 3);
    CHECK(span_equals((struct span){0}, SPAN("")));
    CHECK(span_equals(SPAN("a\0b"), SPAN("a\0b")));
    CHECK(!span_equals(SPAN("a\0b"), SPAN("a\0c")));
    CHECK(!span_equals(SPAN("a"), SPAN("ab")));
    CHECK(span_equals_text(SPAN("type"), "type"));
    CHECK(!span_equals_text(SPAN("type\0"), "type"));
    CHECK(span_equals_text((struct span){0}, ""));
    CHECK(span_equals_ignoring_case(SPAN("Content-TYPE"), SPAN("cONTENT-type")));
    CHECK(!span_equals_ignoring_case(SPAN("a"), SPAN("ab")));
    // "[" and "{" differ by the bit that upper and lower case differ by, and are no letters.
    CHECK(!span_equals_ignoring_case(SPAN("["), SPAN("{")));
    CHECK(!span_equals_ignoring_case(SPAN("\xc4"), SPAN("\xe4")));
    CHECK(span_starts_with(SPAN("petrel.x"), SPAN("petrel.")));
    CHECK(span_starts_with(SPAN("x"), (struct span){0}));
    CHECK(!span_starts_with(SPAN("petrel"), SPAN("petrel.")));
    CHECK(!span_starts_with((struct span){0}, SPAN("x")));
}

TEST(span_trim)
{
    static const struct {
        const char *text, *trimmed;
    } cases[] = {
        {"", ""}, {" ", ""}, {" \t ", ""}, {" a b\t", "a b"}, {"\na\n", "\na\n"}, {"a", "a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(span_equals_text(span_trim(span_of(cases[i].text)), cases[i].trimmed),
                  cases[i].text);
    CHECK(span_trim((struct span){0}).size == 0);
}

TEST(span_find)
{
    static const struct {
        const char *text;
        int first, last; // of "x"; -1: nowhere
    } cases[] = {
        {"", -1, -1}, {"a", -1, -1}, {"x", 0, 0}, {"xx", 0, 1}, {"axbxc", 1, 3}, {"abx", 2, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span text = span_of(cases[i].text);
        const char *first = span_find(text, 'x');
        const char *last = span_find_last(text, 'x');
        CHECK_ROW(cases[i].first < 0 ? !first : first == text.data + cases[i].first, text.data);
        CHECK_ROW(cases[i].last < 0 ? !last : last == text.data + cases[i].last, text.data);
    }
    struct span bytes = SPAN("a\0\xff\0x");
    CHECK(span_find(bytes, '\0') == bytes.data + 1 && span_find_last(bytes, '\0') == bytes.data + 3);
    CHECK(span_find(bytes, '\xff') == bytes.data + 2);
    bytes.size = 4;
    CHECK(!span_find(bytes, 'x') && !span_find_last(bytes, 'x')); // not beyond its end
}

TEST(span_find_part)
{
    static const struct {
        const char *text, *part;
        int at; // -1: nowhere
    } cases[] = {
        {"", "a", -1},     {"a", "", -1},        {"", "", -1},      {"a", "a", 0},
        {"a", "ab", -1},   {"aab", "ab", 1},     {"abab", "ab", 0}, {"abc", "bd", -1},
        {"ab", "abc", -1}, {"xyzabc", "abc", 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span text = span_of(cases[i].text);
        const char *at = span_find_part(text, span_of(cases[i].part));
        CHECK_ROW(cases[i].at < 0 ? !at : at == text.data + cases[i].at, text.data);
    }
    struct span bytes = SPAN("a\0b");
    CHECK(span_find_part(bytes, SPAN("\0b")) == bytes.data + 1);
    bytes.size = 2;
    CHECK(!span_find_part(bytes, SPAN("\0b")));
}

// Nothing is what a reply of Redis that is no string gives. With the sanitizers this ends where a libc function is given
// it that may not be.
TEST(nothing_is_a_span_too)
{
    struct span nothing = {0};
    struct span part;
    char out[4] = "xxx";
    CHECK(!span_find(nothing, '\0') && !span_find(nothing, 'x') && !span_find_last(nothing, 'x'));
    CHECK(!span_find_part(nothing, SPAN("x")) && !span_find_part(nothing, nothing));
    CHECK(!span_find_part(SPAN("x"), nothing));
    CHECK(!span_next(&nothing, ',', &part));
    CHECK(span_copy(nothing, out, sizeof out) && out[0] == '\0');
    char *copy = span_duplicate(nothing);
    CHECK(copy && copy[0] == '\0');
    free(copy);
    CHECK(span_equals(nothing, SPAN("")) && span_starts_with(SPAN("x"), nothing));
    struct text text;
    text_init(&text, 10);
    text_append_span(&text, nothing);
    text_append_format(&text, "[%.*s]", SPAN_FMT(nothing));
    CHECK_STR(text_string(&text), "[]");
    text_fini(&text);
}

TEST(span_next)
{
    static const struct {
        const char *text, *joined; // the parts, each in brackets
    } cases[] = {
        {"", ""},    {"a", "[a]"},    {"a,b", "[a][b]"}, {"a,,b", "[a][][b]"},
        {",", "[]"}, {",a", "[][a]"}, {"a,", "[a]"},     {",,", "[][]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span rest = span_of(cases[i].text);
        struct span part;
        struct text joined;
        text_init(&joined, 100);
        while (span_next(&rest, ',', &part))
            text_append_format(&joined, "[%.*s]", SPAN_FMT(part));
        CHECK_STR(text_string(&joined), cases[i].joined);
        CHECK(rest.size == 0 && !span_next(&rest, ',', &part));
        text_fini(&joined);
    }
}

TEST(span_to_integers)
{
    static const struct {
        const char *text;
        bool is_unsigned, is_signed;
        uint64_t as_unsigned;
        int64_t as_signed;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"007", true, true, 7, 7},
        {"-0", false, true, 0, 0},
        {"-1", false, true, 0, -1},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, UINT64_C(9223372036854775808), 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"18446744073709551620", false, false, 0, 0},
        {"99999999999999999999999", false, false, 0, 0},
        {"", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {"+1", false, false, 0, 0},
        {"--1", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"1.0", false, false, 0, 0},
        {"0x1", false, false, 0, 0},
        {"1e3", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t as_unsigned = 0;
        int64_t as_signed = 0;
        struct span text = span_of(cases[i].text);
        CHECK_ROW(span_to_uint64(text, &as_unsigned) == cases[i].is_unsigned, cases[i].text);
        CHECK_ROW(as_unsigned == cases[i].as_unsigned, cases[i].text);
        CHECK_ROW(span_to_int64(text, &as_signed) == cases[i].is_signed, cases[i].text);
        CHECK_ROW(as_signed == cases[i].as_signed, cases[i].text);
    }
    uint64_t value;
    CHECK(!span_to_uint64(SPAN("1\0"), &value));
    CHECK(!span_to_uint64((struct span){0}, &value));
}

TEST(span_copies)
{
    char out[4] = "zzz";
    CHECK(span_copy(SPAN("abc"), out, sizeof(out)));
    CHECK_STR(out, "abc");
    CHECK(!span_copy(SPAN("abcd"), out, sizeof(out)));
    CHECK_STR(out, "");
    memcpy(out, "zzz", 4);
    CHECK(!span_copy(SPAN("a\0b"), out, sizeof(out)));
    CHECK_STR(out, "");
    memcpy(out, "zzz", 4);
    CHECK(span_copy((struct span){0}, out, sizeof(out)));
    CHECK_STR(out, "");
    CHECK(span_copy((struct span){0}, out, 1));
    char *copy = span_duplicate(SPAN("a\0b"));
    CHECK(copy && memcmp(copy, "a\0b", 4) == 0);
    free(copy);
    copy = span_duplicate((struct span){0});
    CHECK(copy && copy[0] == '\0');
    free(copy);
}

UNIT_MAIN()
