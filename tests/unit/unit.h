// SPDX-License-Identifier: Apache-2.0
// The unit tests' frame: cases register themselves, checks say what differs and where, and go on.
//
//   TEST(base64_refuses_whitespace) { CHECK(!decode("a b")); CHECK_INT(1 + 1, 2); CHECK_STR(name(), "x"); }
//   UNIT_MAIN()
//
// The last line printed is "N passed, N failed" (cases); the exit status is 1 if any failed.
#ifndef PETREL_UNIT_H
#define PETREL_UNIT_H

#include <stdio.h>
#include <string.h>

struct unit_case {
    const char *name;
    void (*run)(void);
    struct unit_case *next;
};

static struct unit_case *unit_first, **unit_last = &unit_first;
static int unit_failures; // of the case that runs

#define TEST(case_name)                                                                            \
    static void test_##case_name(void);                                                            \
    static struct unit_case unit_case_##case_name = {#case_name, test_##case_name, NULL};          \
    __attribute__((constructor)) static void unit_add_##case_name(void)                            \
    {                                                                                              \
        *unit_last = &unit_case_##case_name;                                                       \
        unit_last = &unit_case_##case_name.next;                                                   \
    }                                                                                              \
    static void test_##case_name(void)

#define UNIT_FAIL(...)                                                                             \
    (unit_failures++, printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), putchar('\n'))

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            UNIT_FAIL("not true: %s", #condition);                                                 \
    } while (0)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long unit_a = (long long)(actual), unit_e = (long long)(expected);                    \
        if (unit_a != unit_e)                                                                      \
            UNIT_FAIL("%s is %lld, expected %lld", #actual, unit_a, unit_e);                       \
    } while (0)

#define CHECK_STR(actual, expected)                                                                \
    do {                                                                                           \
        const char *unit_a = (actual), *unit_e = (expected);                                       \
        if (!unit_a || strcmp(unit_a, unit_e) != 0)                                                \
            UNIT_FAIL("%s is \"%s\", expected \"%s\"", #actual, unit_a ? unit_a : "(null)",        \
                      unit_e);                                                                     \
    } while (0)

// For tables: says which row failed.
#define CHECK_ROW(condition, row)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            UNIT_FAIL("row %s: not true: %s", (row), #condition);                                  \
    } while (0)

static inline int unit_run(void)
{
    int passed = 0, failed = 0;
    for (struct unit_case *unit = unit_first; unit; unit = unit->next) {
        unit_failures = 0;
        unit->run();
        if (unit_failures)
            printf("FAILED %s\n", unit->name);
        unit_failures ? failed++ : passed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}

#define UNIT_MAIN()                                                                                \
    int main(void)                                                                                 \
    {                                                                                              \
        return unit_run();                                                                         \
    }

#endif
