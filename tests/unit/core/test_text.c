// SPDX-License-Identifier: Apache-2.0
// Text that grows up to a maximum, and what becomes of it when it can't.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/text.h"
#include "unit.h"

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

UNIT_MAIN()
