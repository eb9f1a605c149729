// SPDX-License-Identifier: Apache-2.0
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

TEST(text_grows_to_its_maximum)
{
    struct text text;
    text_init(&text, 1000);
    CHECK_STR(text_string(&text), "");
    CHECK(text_span(&text).size == 0);
    for (int i = 0; i < 1000; i++) {
        text_append_char(&text, (char)('a' + i % 26));
        CHECK(text.size == (size_t)i + 1 && text.data[text.size] == '\0');
    }
    CHECK(!text.failed);
    CHECK(text.capacity <= 1001);
    text_append_char(&text, 'x');
    CHECK(text.failed && text.size == 1000 && text.data[999] == 'a' + 999 % 26);
    text_append(&text, "", 0);
    CHECK(text.failed && text.size == 1000);
    text_clear(&text);
    CHECK(!text.failed && text.size == 0);
    CHECK_STR(text_string(&text), "");
    text_append_string(&text, "again");
    CHECK_STR(text_string(&text), "again");
    text_fini(&text);
    CHECK(!text.data && text.size == 0);
}

TEST(text_that_failed_stays_as_it_was)
{
    struct text text;
    text_init(&text, 5);
    text_append_string(&text, "abc");
    text_append_string(&text, "def");
    CHECK(text.failed);
    CHECK_STR(text_string(&text), "abc");
    text_append_string(&text, "d"); // would fit, but would hide the gap
    text_append_char(&text, 'd');
    text_append_int(&text, 1);
    text_append_format(&text, "%d", 1);
    text_append_span(&text, SPAN("d"));
    CHECK_STR(text_string(&text), "abc");
    CHECK(!text_take(&text));
    CHECK(!text.data);

    text_init(&text, 0);
    text_append(&text, NULL, 0);
    CHECK(!text.failed);
    text_append_char(&text, 'a');
    CHECK(text.failed);
    text_fini(&text);

    text_init(&text, SIZE_MAX);
    text_append_char(&text, 'a');
    text_append(&text, "never read", SIZE_MAX - 1); // size + NUL overflows
    CHECK(text.failed);
    CHECK_STR(text_string(&text), "a");
    text_fini(&text);
}

TEST(text_formats)
{
    struct text text;
    char long_text[301];
    memset(long_text, 'x', 300);
    long_text[300] = '\0';
    text_init(&text, 1000);
    text_append_format(&text, "%s-%d", "a", 5);
    CHECK_STR(text_string(&text), "a-5");
    text_append_format(&text, "%s", "");
    CHECK_STR(text_string(&text), "a-5");
    text_append_format(&text, "%s", long_text); // longer than the room that is left
    CHECK(text.size == 303 && text.data[303] == '\0' && text.data[302] == 'x');
    text_append_format(&text, "%s%s%s", long_text, long_text, long_text);
    CHECK(text.failed && text.size == 303 && text.data[303] == '\0');
    text_fini(&text);

    // Every length around the first capacity, alone and after a prefix.
    for (int size = 50; size < 140; size++) {
        text_init(&text, 1000);
        text_append_format(&text, "%.*s", size, long_text);
        CHECK_INT(text.size, size);
        text_append_format(&text, "%.*s|", size, long_text);
        CHECK_INT(text.size, 2 * size + 1);
        CHECK(strlen(text.data) == text.size && text.data[text.size - 1] == '|');
        text_fini(&text);
    }
}

TEST(text_integers)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {9, "9"},
        {-1, "-1"},
        {1000, "1000"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text text;
        text_init(&text, 20);
        text_append_int(&text, cases[i].value);
        CHECK_STR(text_string(&text), cases[i].text);
        text_fini(&text);
    }
}

TEST(text_is_taken)
{
    struct text text;
    text_init(&text, 100);
    text_append(&text, "a\0b", 3);
    char *taken = text_take(&text);
    CHECK(taken && memcmp(taken, "a\0b", 4) == 0);
    CHECK(!text.data && text.size == 0 && text.max_bytes == 100);
    free(taken);
    taken = text_take(&text); // nothing appended
    CHECK(taken && taken[0] == '\0');
    free(taken);
}

TEST(hex)
{
    char out[9];
    hex_encode((const unsigned char *)"\x00\x0f\xf0\xff", 4, out);
    CHECK_STR(out, "000ff0ff");
    hex_encode(NULL, 0, out);
    CHECK_STR(out, "");
}

TEST(base64_vectors)
{
    // RFC 4648 §10, and the two digits that the URL alphabet has otherwise.
    static const struct {
        const char *plain, *padded, *unpadded;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xef\xff", "++//", "++//"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char encoded[16];
        unsigned char decoded[16];
        size_t plain_size = strlen(cases[i].plain);
        size_t size = 99;
        base64_encode((const unsigned char *)cases[i].plain, plain_size, encoded);
        CHECK_STR(encoded, cases[i].padded);
        CHECK(base64_encoded_size(plain_size) == strlen(cases[i].padded));
        CHECK(base64_decode(span_of(cases[i].padded), decoded, sizeof(decoded), &size));
        CHECK(size == plain_size && memcmp(decoded, cases[i].plain, size) == 0);
        size = 99;
        CHECK(base64_decode(span_of(cases[i].unpadded), decoded, plain_size, &size));
        CHECK(size == plain_size && memcmp(decoded, cases[i].plain, size) == 0);
    }
}

TEST(base64_refuses)
{
    static const char *const cases[] = {
        "Z",      "=",        "==",     "===",  "====",     "Zg=",   "Zg===",   "Zm8==", "Zm9v=",
        "Zm9v==", "Zm9v====", "Z===",   "Zh==", "Zh",       "Zm9",   "Zm9=",    "-_-_",  "Zm 9v",
        " Zm9v",  "Zm9v ",    "Zm9v\n", "Zm=9", "Zg==Zg==", "Zm9vZ", "Zm9\x80", "Zm9*",
    };
    unsigned char out[16];
    size_t size;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(!base64_decode(span_of(cases[i]), out, sizeof(out), &size), cases[i]);
    CHECK(!base64_decode(SPAN("Zm9v\0"), out, sizeof(out), &size));
    CHECK(!base64_decode(SPAN("Zm9v"), out, 2, &size));
    CHECK(!base64_decode(SPAN("Zg"), out, 0, &size));
    CHECK(base64_decode((struct span){0}, out, 0, &size) && size == 0);
}

TEST(base64_round_trips)
{
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        char encoded[400];
        unsigned char decoded[256];
        size_t decoded_size;
        base64_encode(bytes, size, encoded);
        CHECK(strlen(encoded) == base64_encoded_size(size));
        CHECK(base64_decode(span_of(encoded), decoded, sizeof(decoded), &decoded_size));
        CHECK(decoded_size == size && memcmp(decoded, bytes, size) == 0);
    }
}

TEST(utf8)
{
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"", true},
        {"plain ASCII, longer than eight", true},
        {"\x7f", true},
        {"\xc2\x80", true},         // U+0080, the first of two bytes
        {"\xdf\xbf", true},         // U+07FF
        {"\xe0\xa0\x80", true},     // U+0800
        {"\xed\x9f\xbf", true},     // U+D7FF, the last before the surrogates
        {"\xee\x80\x80", true},     // U+E000, the first after them
        {"\xef\xbf\xbf", true},     // U+FFFF
        {"\xf0\x90\x80\x80", true}, // U+10000
        {"\xf4\x8f\xbf\xbf", true}, // U+10FFFF
        {"12345678\xc3\xbc"
         "12345678",
         true},
        {"\x80", false}, // a continuation alone
        {"\xbf", false},
        {"\xc0\x80", false}, // overlong NUL
        {"\xc1\xbf", false}, // overlong U+007F
        {"\xc2", false},     // cut off
        {"\xc2\x41", false},
        {"\xc2\xc2\x80", false},
        {"\xe0\x9f\xbf", false}, // overlong U+07FF
        {"\xe0\xa0", false},
        {"\xe1\x80\x41", false},
        {"\xed\xa0\x80", false},     // U+D800
        {"\xed\xbf\xbf", false},     // U+DFFF
        {"\xf0\x8f\xbf\xbf", false}, // overlong U+FFFF
        {"\xf0\x90\x80", false},
        {"\xf0\x90\x80\x41", false},
        {"\xf4\x90\x80\x80", false}, // U+110000
        {"\xf5\x80\x80\x80", false},
        {"\xf8\x88\x80\x80\x80", false}, // five bytes
        {"\xfe", false},
        {"\xff", false},
        {"1234567\xff", false},
        {"12345678\xff", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(utf8_is_valid(span_of(cases[i].text)) == cases[i].is_valid, cases[i].text);
    CHECK(utf8_is_valid(SPAN("a\0b")));
    CHECK(utf8_sequence_size((struct span){0}) == 0);
    CHECK(utf8_sequence_size(SPAN("\0")) == 1);
    CHECK(utf8_sequence_size(SPAN("\xe2\x82\xac!")) == 3);
    // What follows the span is not looked at.
    CHECK(utf8_sequence_size((struct span){.data = "\xe2\x82\xac", .size = 2}) == 0);
}

TEST(hash)
{
    // Vectors of the FNV authors' test suite.
    CHECK(hash_bytes((struct span){0}) == UINT64_C(0xcbf29ce484222325));
    CHECK(hash_bytes(SPAN("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    CHECK(hash_bytes(SPAN("foobar")) == UINT64_C(0x85944171f73967e8));
    CHECK(hash_bytes(SPAN("\xff\0\0\x01")) == UINT64_C(0x6961196491cc682d));
}

UNIT_MAIN()
