// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "petrel/backoff.h"
#include "petrel/random.h"
#include "unit.h"

TEST(schedules_parse_and_format)
{
    static const struct {
        const char *text;
        uint32_t steps;
        int64_t first_ms, last_ms;
        const char *format; // NULL: as text
    } cases[] = {
        {BACKOFF_DEFAULT, 9, 5000, 86400000, "5s,5m,30m,2h,5h,10h,14h,20h,1d"},
        {"none", 0, 0, 0, NULL},
        {" none\t", 0, 0, 0, "none"},
        {"5s", 1, 5000, 5000, NULL},
        {"0", 1, 0, 0, NULL},
        {"0,0,1ms", 3, 0, 1, NULL},
        {" 5s ,\t5m ", 2, 5000, 300000, "5s,5m"},
        {"30d", 1, BACKOFF_MAX_STEP_MS, BACKOFF_MAX_STEP_MS, NULL},
        {"720h,2592000000ms", 2, BACKOFF_MAX_STEP_MS, BACKOFF_MAX_STEP_MS, "30d,30d"},
        {"1h,1s", 2, 3600000, 1000, NULL}, // steps needn't grow
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct backoff backoff = {.steps = 99};
        char error[BACKOFF_ERROR_SIZE] = "x";
        char text[BACKOFF_TEXT_SIZE];
        CHECK_ROW(backoff_parse(span_of(cases[i].text), &backoff, error), cases[i].text);
        CHECK_ROW(backoff.steps == cases[i].steps, cases[i].text);
        CHECK_ROW(!error[0], cases[i].text);
        if (backoff.steps > 0) {
            CHECK_ROW(backoff.delay_ms[0] == cases[i].first_ms, cases[i].text);
            CHECK_ROW(backoff.delay_ms[backoff.steps - 1] == cases[i].last_ms, cases[i].text);
        }
        backoff_format(&backoff, text);
        CHECK_STR(text, cases[i].format ? cases[i].format : cases[i].text);
    }
}

TEST(faults_name_the_step)
{
    static const struct {
        const char *text, *part; // a part of the error
    } cases[] = {
        {"", "\"none\""},
        {"  ", "\"none\""},
        {"None", "step 1 (\"None\")"},
        {"none,5s", "step 1 (\"none\")"},
        {"5s,none", "step 2 (\"none\")"},
        {"5", "step 1 (\"5\")"},
        {"5s,5", "step 2 (\"5\")"},
        {"5s,,5m", "step 2 (\"\")"},
        {"5s,", "step 2 (\"\")"},
        {"5s, ", "step 2 (\"\")"},
        {",5s", "step 1 (\"\")"},
        {",", "step 1 (\"\")"},
        {"5s;5m", "step 1 (\"5s;5m\")"},
        {"5s,\x1b[2J\r", "step 2 (\"\")"},
        {"5s 5m", "step 1 (\"5s 5m\")"},
        {"-5s", "step 1 (\"-5s\")"},
        {"1s,31d", "step 2 is longer than 30d"},
        {"2592000001ms", "step 1 is longer than 30d"},
        {"1s,99999999999999999999d", "step 2 (\"99999999999999999999d\")"},
        {"a very long word that is no duration at all, and more of it", "step 1 (\"\")"},
        {"5s,\xff\xfe", "step 2 (\"\")"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct backoff backoff = {.steps = 99};
        char error[BACKOFF_ERROR_SIZE] = "";
        CHECK_ROW(!backoff_parse(span_of(cases[i].text), &backoff, error), cases[i].text);
        CHECK_ROW(strstr(error, cases[i].part), cases[i].text);
        CHECK_ROW(backoff.steps == 99, cases[i].text);
    }
}

TEST(sixty_four_steps_and_no_more)
{
    struct text text;
    struct backoff backoff;
    char error[BACKOFF_ERROR_SIZE];
    char formatted[BACKOFF_TEXT_SIZE];
    text_init(&text, 4096);
    for (int i = 0; i < BACKOFF_MAX_STEPS; i++)
        text_append_format(&text, "%s2591999999ms", i ? "," : ""); // the longest text of a step
    CHECK(backoff_parse(text_span(&text), &backoff, error));
    CHECK_INT(backoff.steps, BACKOFF_MAX_STEPS);
    backoff_format(&backoff, formatted);
    CHECK_STR(formatted, text_string(&text));
    text_append_string(&text, ",1s");
    CHECK(!backoff_parse(text_span(&text), &backoff, error));
    CHECK(strstr(error, "more than 64"));
    text_fini(&text);
}

TEST(delays_are_within_the_jitter_and_reach_its_ends)
{
    struct backoff backoff;
    char error[BACKOFF_ERROR_SIZE];
    CHECK(backoff_parse(SPAN("100ms,5s,30d,0,4ms"), &backoff, error));
    static const struct {
        uint32_t attempts;
        int64_t low_ms, high_ms;
    } cases[] = {
        {1, 80, 120},
        {2, 4000, 6000},
        {3, BACKOFF_MAX_STEP_MS / 5 * 4, BACKOFF_MAX_STEP_MS / 5 * 6},
        {4, 0, 0},
        {5, 4, 4}, // 20 % of it is less than a millisecond
    };
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t sum_ms = 0;
        for (int round = 0; round < 4000; round++) {
            int64_t delay_ms = backoff_delay_ms(&backoff, cases[i].attempts, random_next(&state));
            CHECK(delay_ms >= cases[i].low_ms && delay_ms <= cases[i].high_ms);
            sum_ms += delay_ms;
        }
        int64_t middle_ms = (cases[i].low_ms + cases[i].high_ms) / 2;
        CHECK(llabs(sum_ms / 4000 - middle_ms) <= middle_ms / 50);
    }
    CHECK_INT(backoff_delay_ms(&backoff, 1, 0), 80);
    CHECK_INT(backoff_delay_ms(&backoff, 1, 40), 120);
    CHECK_INT(backoff_delay_ms(&backoff, 1, 41), 80);
    CHECK(backoff_delay_ms(&backoff, 3, UINT64_MAX) > 0);
}

TEST(schedules_end)
{
    struct backoff backoff;
    char error[BACKOFF_ERROR_SIZE];
    CHECK(backoff_parse(SPAN(BACKOFF_DEFAULT), &backoff, error));
    CHECK(backoff_delay_ms(&backoff, 9, 0) > 0); // the tenth attempt is the last one
    CHECK_INT(backoff_delay_ms(&backoff, 10, 0), -1);
    CHECK_INT(backoff_delay_ms(&backoff, UINT32_MAX, 0), -1);
    CHECK(backoff_parse(SPAN("none"), &backoff, error));
    CHECK_INT(backoff_delay_ms(&backoff, 1, 0), -1);
}

UNIT_MAIN()
