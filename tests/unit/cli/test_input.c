// SPDX-License-Identifier: Apache-2.0
#include "input.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

#define NOW_MS INT64_C(1769860800000) // 2026-01-31T12:00:00Z

TEST(instants_are_times_or_ages)
{
    int64_t wall_ms = 0;
    CHECK(input_parse_instant("2026-01-31T11:00:00Z", NOW_MS, &wall_ms));
    CHECK_INT(wall_ms, NOW_MS - 3600000);
    CHECK(input_parse_instant("1h", NOW_MS, &wall_ms));
    CHECK_INT(wall_ms, NOW_MS - 3600000);
    CHECK(!input_parse_instant("", NOW_MS, &wall_ms));
    CHECK(!input_parse_instant("yesterday", NOW_MS, &wall_ms));
    CHECK(!input_parse_instant("5", NOW_MS, &wall_ms));
}

TEST(numbers_have_bounds)
{
    uint64_t number = 0;
    CHECK(input_parse_number("7", 1, 10, &number) && number == 7);
    CHECK(!input_parse_number("0", 1, 10, &number));
    CHECK(!input_parse_number("11", 1, 10, &number));
    CHECK(!input_parse_number("", 0, 10, &number));
    CHECK(!input_parse_number("-1", 0, 10, &number));
    CHECK(!input_parse_number("1x", 0, 10, &number));
}

TEST(addresses)
{
    static const struct {
        const char *given, *host;
        int port; // -1: refused
    } cases[] = {
        {"127.0.0.1:9000", "127.0.0.1", 9000},
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"localhost:80", "127.0.0.1", 80},
        {"[::1]:9000", "::1", 9000},
        {":9000", "127.0.0.1", 9000},
        {"9000", "127.0.0.1", 9000},
        {"::1:9000", "", -1},
        {"127.0.0.1", "", -1},
        {"127.0.0.1:", "", -1},
        {"127.0.0.1:65536", "", -1},
        {"", "", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[INPUT_HOST_SIZE] = "";
        uint16_t port = 0;
        bool is_parsed = input_parse_address(cases[i].given, host, &port);
        CHECK_ROW(is_parsed == (cases[i].port >= 0), cases[i].given);
        if (is_parsed) {
            CHECK_STR(host, cases[i].host);
            CHECK_INT(port, cases[i].port);
        }
    }
}

TEST(files_are_read_whole_up_to_their_limit)
{
    char path[] = "/tmp/petrel-test-input.XXXXXX";
    char error[INPUT_ERROR_SIZE];
    struct text content;
    int descriptor = mkstemp(path);
    CHECK_INT(write(descriptor, "a\0b", 3), 3);
    close(descriptor);
    CHECK(input_read_file(path, 3, &content, error));
    CHECK(span_equals(text_span(&content), SPAN("a\0b")));
    text_fini(&content);
    CHECK(!input_read_file(path, 2, &content, error));
    CHECK(strstr(error, "over the limit of 2 bytes") != NULL);
    text_fini(&content);
    unlink(path);
    CHECK(!input_read_file(path, 3, &content, error));
    CHECK(strstr(error, "no such file") != NULL);
    text_fini(&content);
}

UNIT_MAIN()
