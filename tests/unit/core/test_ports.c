// SPDX-License-Identifier: Apache-2.0
#include "petrel/ports.h"
#include "unit.h"

TEST(lists_parse_and_come_back)
{
    static const struct {
        const char *text, *formatted;
        uint16_t in, out;
    } cases[] = {
        {"", "", 0, 443},
        {" \t", "", 0, 443},
        {"443", "443", 443, 442},
        {" 80 ,443", "80,443", 80, 8080},
        {"8000-8099,443", "8000-8099,443", 8050, 8100},
        {"8000 - 8099", "8000-8099", 8000, 7999},
        {"1-65535", "1-65535", 65535, 0},
        {"443-443", "443", 443, 444},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct port_list list;
        struct text out;
        char error[PORTS_ERROR_SIZE] = "x";
        text_init(&out, 1000);
        CHECK_ROW(port_list_parse(span_of(cases[i].text), &list, error), cases[i].text);
        CHECK_STR(error, "");
        port_list_format(&list, &out);
        CHECK_STR(text_string(&out), cases[i].formatted);
        CHECK_ROW(!cases[i].in || port_list_contains(&list, cases[i].in), cases[i].text);
        CHECK_ROW(!port_list_contains(&list, cases[i].out), cases[i].text);
        text_fini(&out);
    }
}

TEST(faults_name_the_item)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"0", "port 1 (\"0\")"},
        {"65536", "port 1"},
        {"443,", "port 2 (\"\")"},
        {",", "port 1 (\"\")"},
        {"80,,443", "port 2 (\"\")"},
        {"443;80", "port 1"},
        {"http", "port 1 (\"http\")"},
        {"-80", "port 1"},
        {"80-", "port 1"},
        {"90-80", "port 1"},
        {"1-2-3", "port 1"},
        {"+80", "port 1"},
        {"080000", "port 1"},
        {"\xff", "port 1 (\"\")"},
        {"8\x1b[2J", "port 1 (\"\")"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct port_list list;
        char error[PORTS_ERROR_SIZE] = "";
        CHECK_ROW(!port_list_parse(span_of(cases[i].text), &list, error), cases[i].text);
        CHECK_ROW(strstr(error, cases[i].part), cases[i].text);
        CHECK_ROW(list.count == 0, cases[i].text);
    }
}

TEST(a_list_has_an_end)
{
    struct port_list list;
    struct text text;
    char error[PORTS_ERROR_SIZE];
    text_init(&text, 10000);
    for (int i = 0; i < PORTS_MAX_RANGES; i++)
        text_append_format(&text, "%s%d", i ? "," : "", i + 1);
    CHECK(port_list_parse(text_span(&text), &list, error));
    CHECK_INT(list.count, PORTS_MAX_RANGES);
    text_append_string(&text, ",1000");
    CHECK(!port_list_parse(text_span(&text), &list, error));
    CHECK(strstr(error, "more than 64"));
    text_fini(&text);
}

UNIT_MAIN()
