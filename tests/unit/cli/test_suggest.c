// SPDX-License-Identifier: Apache-2.0
#include "suggest.h"

#include "unit.h"

static const char *const commands[] = {"serve",         "dispatcher", "admin",  "publish",
                                       "subscriptions", "attempts",   "listen", "verify",
                                       "check",         "config",     "version"};

static const char *nearest(const char *typed)
{
    struct suggest suggest;
    suggest_init(&suggest, typed, strlen(typed));
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        suggest_offer(&suggest, commands[i]);
    const char *name = suggest_nearest(&suggest);
    return name ? name : "";
}

TEST(distance_counts_edits)
{
    CHECK_INT(suggest_distance("", ""), 0);
    CHECK_INT(suggest_distance("abc", "abc"), 0);
    CHECK_INT(suggest_distance("", "abc"), 3);
    CHECK_INT(suggest_distance("abc", ""), 3);
    CHECK_INT(suggest_distance("abc", "abd"), 1);
    CHECK_INT(suggest_distance("abc", "acb"), 1); // neighbours swapped
    CHECK_INT(suggest_distance("listen", "silent"), 4);
}

TEST(a_typing_error_finds_its_name)
{
    static const struct {
        const char *typed, *expected;
    } cases[] = {
        {"serv", "serve"},        {"srve", "serve"},      {"evrify", "verify"},
        {"lisen", "listen"},      {"confgi", "config"},   {"subscription", "subscriptions"},
        {"sub", "subscriptions"}, {"publsih", "publish"}, {"attempst", "attempts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(nearest(cases[i].typed), cases[i].expected);
}

TEST(nothing_near_suggests_nothing)
{
    CHECK_STR(nearest("kubernetes"), "");
    CHECK_STR(nearest("x"), "");
    CHECK_STR(nearest(""), "");
    CHECK_STR(nearest("a-name-that-is-far-too-long-to-be-a-typing-error-of-any-command"), "");
}

UNIT_MAIN()
