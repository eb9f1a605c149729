// SPDX-License-Identifier: Apache-2.0
#include "terminal.h"

#include "unit.h"

static const char *safe(struct span bytes, enum terminal_lines lines)
{
    static struct text out;
    text_fini(&out);
    text_init(&out, 1000);
    terminal_append_safe(&out, bytes, lines);
    return text_string(&out);
}

TEST(bytes_from_outside_are_harmless)
{
    CHECK_STR(safe(SPAN("plain"), TERMINAL_ONE_LINE), "plain");
    CHECK_STR(safe(SPAN("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa6"), TERMINAL_ONE_LINE),
              "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa6");
    CHECK_STR(safe(SPAN("\x1b[31mred\x1b]0;title\a"), TERMINAL_ONE_LINE),
              "\\x1b[31mred\\x1b]0;title\\x07");
    CHECK_STR(safe(SPAN("\xc2\x9b"
                        "31m"),
                   TERMINAL_ONE_LINE),
              "\\xc2\\x9b31m"); // CSI in one character
    CHECK_STR(safe(SPAN("a\u202egpj.exe\u2066\u061c"), TERMINAL_KEEP_LINES),
              "a\\xe2\\x80\\xaegpj.exe\\xe2\\x81\\xa6\\xd8\\x9c"); // shown as "a", "exe.jpg"
    CHECK_STR(safe(SPAN("\xff\xc3"), TERMINAL_ONE_LINE), "\\xff\\xc3");
    CHECK_STR(safe(SPAN("a\0b\x7f"), TERMINAL_ONE_LINE), "a\\x00b\\x7f");
    CHECK_STR(safe(SPAN("a\r\n\tb"), TERMINAL_ONE_LINE), "a\\x0d\\x0a\\x09b");
    CHECK_STR(safe(SPAN("a\r\n\tb"), TERMINAL_KEEP_LINES), "a\\x0d\n\tb");
}

TEST(no_colour_where_no_terminal_is)
{
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK_STR(terminal_color(file, TERMINAL_RED), "");
    fclose(file);
}

UNIT_MAIN()
