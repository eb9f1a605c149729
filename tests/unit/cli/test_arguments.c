// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include "unit.h"

static const struct option options[] = {
    {.name = "--data", .value = "JSON", .meaning = ""},
    {.name = "--secret", .value = "S", .meaning = "", .is_repeatable = true},
    {.name = "--json", .meaning = ""},
    {.name = NULL},
};

static char error[ARGUMENTS_ERROR_SIZE];

// `line` is cut at spaces. What is left for the configuration's flags stays in *argc and argv.
static bool take(struct arguments *arguments, char *line, int *argc, char **argv)
{
    static char empty[] = "";
    *argc = 0;
    for (char *word = line; word; *argc += 1) {
        char *space = strchr(word, ' ');
        if (space)
            *space++ = '\0';
        argv[*argc] = strcmp(word, "''") == 0 ? empty : word;
        word = space;
    }
    error[0] = '\0';
    return arguments_take(options, argc, argv, arguments, error);
}

#define PARSE(text)                                                                                \
    char line[] = text;                                                                            \
    char *argv[32];                                                                                \
    int argc;                                                                                      \
    struct arguments arguments;                                                                    \
    bool is_taken = take(&arguments, line, &argc, argv);                                           \
    bool is_parsed = is_taken && arguments_finish(&arguments, argc, argv, NULL, error)

TEST(options_in_both_forms_and_words_between)
{
    PARSE("one --data {} two --secret=a --secret b --json -");
    CHECK(is_parsed);
    CHECK_STR(arguments_value(&arguments, "--data"), "{}");
    CHECK(arguments_has(&arguments, "--json"));
    size_t position = 0;
    CHECK_STR(arguments_next(&arguments, "--secret", &position), "a");
    CHECK_STR(arguments_next(&arguments, "--secret", &position), "b");
    CHECK(!arguments_next(&arguments, "--secret", &position));
    CHECK_INT(arguments.word_count, 3);
    CHECK_STR(arguments.words[0], "one");
    CHECK_STR(arguments.words[1], "two");
    CHECK_STR(arguments.words[2], "-");
    arguments_fini(&arguments);
}

TEST(a_value_may_look_like_an_option)
{
    PARSE("--data --json --secret= --data2");
    CHECK(!is_parsed);
    CHECK_STR(arguments_value(&arguments, "--data"), "--json");
    CHECK(!arguments_has(&arguments, "--json"));
    CHECK_STR(arguments_value(&arguments, "--secret"), "");
    CHECK_STR(error, "unknown option --data2; did you mean --data?");
    arguments_fini(&arguments);
}

TEST(words_after_two_dashes_are_words)
{
    PARSE("one -- --json --help");
    CHECK(is_parsed);
    CHECK(!arguments.wants_help);
    CHECK_INT(arguments.word_count, 3);
    CHECK_STR(arguments.words[0], "one");
    CHECK_STR(arguments.words[1], "--json");
    CHECK_STR(arguments.words[2], "--help");
    arguments_fini(&arguments);
}

TEST(an_empty_word_is_a_word)
{
    PARSE("'' --json");
    CHECK(is_parsed);
    CHECK_INT(arguments.word_count, 1);
    CHECK_STR(arguments.words[0], "");
    arguments_fini(&arguments);
}

TEST(foreign_options_stay_for_others)
{
    char line[] = "--redis-url redis://h --json word --help";
    char *argv[32];
    int argc;
    struct arguments arguments;
    CHECK(take(&arguments, line, &argc, argv));
    CHECK(arguments.wants_help);
    CHECK_INT(argc, 3);
    CHECK_STR(argv[0], "--redis-url");
    CHECK_STR(argv[1], "redis://h");
    CHECK_STR(argv[2], "word");
    arguments_fini(&arguments);
}

static void check_refused(const char *given, const char *expected)
{
    char line[200];
    char *argv[32];
    int argc;
    struct arguments arguments;
    snprintf(line, sizeof line, "%s", given);
    bool is_parsed = take(&arguments, line, &argc, argv) &&
                     arguments_finish(&arguments, argc, argv, NULL, error);
    CHECK(!is_parsed);
    CHECK_STR(error, expected);
    arguments_fini(&arguments);
}

TEST(mistakes_are_named)
{
    check_refused("--data", "--data needs a value: --data JSON");
    check_refused("--json=yes", "--json takes no value");
    check_refused("--data 1 --data 2", "--data is given twice");
    check_refused("--jsno", "unknown option --jsno; did you mean --json?");
    check_refused("--zzz=1", "unknown option --zzz=1");
    check_refused("-x", "unknown option -x");
}

TEST(other_names_are_suggested_too)
{
    static const char *const flags[] = {"--redis-url", NULL};
    char line[] = "--redis-ulr x";
    char *argv[32];
    int argc;
    struct arguments arguments;
    CHECK(take(&arguments, line, &argc, argv));
    CHECK(!arguments_finish(&arguments, argc, argv, flags, error));
    CHECK_STR(error, "unknown option --redis-ulr; did you mean --redis-url?");
    arguments_fini(&arguments);
}

UNIT_MAIN()
