// SPDX-License-Identifier: Apache-2.0
// Options of one command: "--name value", "--name=value", switches, "--" for words that start with a dash.
// Pure but for memory. Strings belong to argv; only the arrays are owned here.
// Leaves the configuration's flags to config_load, which looks at argv after arguments_take.
#include "arguments.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

static const struct option *find_option(const struct option *options, const char *name,
                                        size_t name_size)
{
    for (const struct option *option = options; option != NULL && option->name != NULL; option++) {
        if (strlen(option->name) == name_size && memcmp(option->name, name, name_size) == 0)
            return option;
    }
    return NULL;
}

static bool is_given(const struct arguments *arguments, const struct option *option)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        if (arguments->given[i].option == option)
            return true;
    }
    return false;
}

// argv[*index] names `option`; *index is moved to the last string used.
static bool take_option(struct arguments *arguments, const struct option *option, int argc,
                        char **argv, int *index, char error[ARGUMENTS_ERROR_SIZE])
{
    const char *equals = strchr(argv[*index], '=');
    const char *value = NULL;
    if (option->value == NULL && equals != NULL) {
        snprintf(error, ARGUMENTS_ERROR_SIZE, "%s takes no value", option->name);
        return false;
    }
    if (option->value != NULL) {
        if (equals == NULL && *index + 1 >= argc) {
            snprintf(error, ARGUMENTS_ERROR_SIZE, "%s needs a value: %s %s", option->name,
                     option->name, option->value);
            return false;
        }
        value = equals != NULL ? equals + 1 : argv[++*index];
    }
    if (!option->is_repeatable && is_given(arguments, option)) {
        snprintf(error, ARGUMENTS_ERROR_SIZE, "%s is given twice", option->name);
        return false;
    }
    arguments->given[arguments->given_count++] = (struct argument){.option = option, .value = value};
    return true;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

bool arguments_take(const struct option *options, int *argc, char **argv,
                    struct arguments *arguments, char error[ARGUMENTS_ERROR_SIZE])
{
    size_t most = (size_t)*argc + 1;
    *arguments = (struct arguments){.options = options};
    arguments->given = calloc(most, sizeof *arguments->given);
    arguments->words = calloc(most, sizeof *arguments->words);
    if (arguments->given == NULL || arguments->words == NULL) {
        snprintf(error, ARGUMENTS_ERROR_SIZE, "out of memory");
        return false;
    }
    int kept = 0;
    int index = 0;
    for (; index < *argc && strcmp(argv[index], "--") != 0; index++) {
        const struct option *option = find_option(options, argv[index], strcspn(argv[index], "="));
        if (is_help(argv[index]))
            arguments->wants_help = true;
        else if (option == NULL)
            argv[kept++] = argv[index];
        else if (!take_option(arguments, option, *argc, argv, &index, error))
            return false;
    }
    for (index++; index < *argc; index++)
        arguments->words[arguments->word_count++] = argv[index];
    *argc = kept;
    return true;
}

static void refuse_option(const struct arguments *arguments, const char *given,
                          const char *const *other_names, char error[ARGUMENTS_ERROR_SIZE])
{
    struct suggest suggest;
    suggest_init(&suggest, given, strcspn(given, "="));
    for (const struct option *option = arguments->options; option != NULL && option->name != NULL;
         option++)
        suggest_offer(&suggest, option->name);
    for (; other_names != NULL && *other_names != NULL; other_names++)
        suggest_offer(&suggest, *other_names);
    suggest_offer(&suggest, "--help");
    const char *nearest = suggest_nearest(&suggest);
    if (nearest != NULL)
        snprintf(error, ARGUMENTS_ERROR_SIZE, "unknown option %.80s; did you mean %s?", given,
                 nearest);
    else
        snprintf(error, ARGUMENTS_ERROR_SIZE, "unknown option %.80s", given);
}

bool arguments_finish(struct arguments *arguments, int argc, char **argv,
                      const char *const *other_names, char error[ARGUMENTS_ERROR_SIZE])
{
    // Words after "--" came first into the array: move them behind those before it.
    memmove(arguments->words + argc, arguments->words,
            arguments->word_count * sizeof *arguments->words);
    arguments->word_count += (size_t)argc;
    for (int index = 0; index < argc; index++) {
        if (argv[index][0] == '-' && argv[index][1] != '\0') {
            refuse_option(arguments, argv[index], other_names, error);
            return false;
        }
        arguments->words[index] = argv[index];
    }
    return true;
}

void arguments_fini(struct arguments *arguments)
{
    free(arguments->given);
    free(arguments->words);
    *arguments = (struct arguments){.options = NULL};
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    const struct option *option = find_option(arguments->options, name, strlen(name));
    assert(option != NULL);
    return is_given(arguments, option);
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    const char *last = NULL;
    size_t position = 0;
    for (const char *value; (value = arguments_next(arguments, name, &position)) != NULL;)
        last = value;
    return last;
}

const char *arguments_next(const struct arguments *arguments, const char *name, size_t *position)
{
    const struct option *option = find_option(arguments->options, name, strlen(name));
    assert(option != NULL && option->value != NULL);
    while (*position < arguments->given_count) {
        const struct argument *argument = &arguments->given[(*position)++];
        if (argument->option == option)
            return argument->value;
    }
    return NULL;
}
