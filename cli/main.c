// SPDX-License-Identifier: Apache-2.0
// `petrel`: finds the command, parses its options, loads the configuration, runs it. One file per command; each
// exports one descriptor, listed here.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "core_dumps.h"
#include "help.h"
#include "own_arguments.h"
#include "petrel/log.h"
#include "suggest.h"
#include "terminal.h"

static const struct command *const commands[] = {
    &command_serve,    &command_dispatcher,    &command_admin,
    &command_publish,  &command_subscriptions, &command_dead_letters,
    &command_attempts, &command_keys,          &command_listen,
    &command_verify,   &command_check,         &command_config_values,
    &command_bench,    &command_version,       NULL,
};

static const struct command *find_command(const struct command *const *table, const char *name)
{
    for (; *table != NULL; table++) {
        bool is_alias = (*table)->alias != NULL && strcmp((*table)->alias, name) == 0;
        if (is_alias || strcmp((*table)->name, name) == 0)
            return *table;
    }
    return NULL;
}

static void refuse_command(const struct command *parent, const struct command *const *table,
                           const char *given)
{
    const char *group = parent != NULL ? parent->name : "";
    const char *space = parent != NULL ? " " : "";
    struct suggest suggest;
    suggest_init(&suggest, given, strlen(given));
    for (; *table != NULL; table++)
        suggest_offer(&suggest, (*table)->name);
    const char *nearest = suggest_nearest(&suggest);
    if (nearest != NULL)
        terminal_error("unknown command \"%s%s%.80s\"; did you mean `petrel %s%s%s`?", group, space,
                       given, group, space, nearest);
    else
        terminal_error("unknown command \"%s%s%.80s\"; `petrel %s%s--help` lists them", group,
                       space, given, group, space);
}

// What one run needs and run_command frees.
struct run {
    const struct command *parent, *command;
    struct arguments arguments;
    char **reload_argv;
    struct config *config;
    const char **flags; // the configuration's, for suggestions
};

static bool list_config_flags(struct run *run)
{
    size_t count = config_count();
    run->flags = calloc(count + 1, sizeof *run->flags);
    for (size_t i = 0; run->flags != NULL && i < count; i++) {
        struct config_item item;
        config_describe(NULL, i, &item);
        run->flags[i] = item.flag;
    }
    return run->flags != NULL;
}

static bool load_config(struct run *run, int *argc, char **argv)
{
    char error[CONFIG_ERROR_SIZE];
    run->reload_argv = calloc((size_t)*argc + 1, sizeof *run->reload_argv);
    if (run->reload_argv == NULL || !list_config_flags(run)) {
        terminal_error("out of memory");
        return false;
    }
    memcpy(run->reload_argv, argv, (size_t)*argc * sizeof *argv);
    run->config = config_load(argc, argv, error);
    if (run->config == NULL) {
        terminal_error("%s", error);
        return false;
    }
    log_configure(run->config->log_level, run->config->log_format);
    if (run->config->core_dumps)
        core_dumps_enable();
    return true;
}

static bool has_right_words(const struct run *run)
{
    const struct command *command = run->command;
    size_t count = run->arguments.word_count;
    const char *group = run->parent != NULL ? run->parent->name : "";
    const char *space = run->parent != NULL ? " " : "";
    if (count > command->words_max)
        terminal_error("unexpected \"%.80s\"; usage: petrel %s%s%s %s [options]",
                       run->arguments.words[command->words_max], group, space, command->name,
                       command->words);
    else if (count < command->words_min)
        terminal_error("missing %s; usage: petrel %s%s%s %s [options]", command->words, group,
                       space, command->name, command->words);
    else
        return true;
    return false;
}

static int run_prepared(struct run *run, int argc, char **argv)
{
    char error[ARGUMENTS_ERROR_SIZE];
    int reload_argc;
    if (!arguments_take(run->command->options, &argc, argv, &run->arguments, error)) {
        terminal_error("%s", error);
        return EXIT_USAGE;
    }
    if (run->arguments.wants_help) {
        help_print_command(run->parent, run->command);
        return EXIT_OK;
    }
    reload_argc = argc;
    if (run->command->config != COMMAND_WITHOUT_CONFIG && !load_config(run, &argc, argv))
        return EXIT_USAGE;
    if (!arguments_finish(&run->arguments, argc, argv, run->flags, error)) {
        terminal_error("%s", error);
        return EXIT_USAGE;
    }
    if (!has_right_words(run))
        return EXIT_USAGE;
    struct command_input input = {
        .command = run->command,
        .arguments = &run->arguments,
        .config = run->config,
        .reload_argc = reload_argc,
        .reload_argv = run->reload_argv,
    };
    return run->command->run(&input);
}

static int run_command(const struct command *parent, const struct command *command, int argc,
                       char **argv)
{
    struct run run = {.parent = parent, .command = command};
    int code = run_prepared(&run, argc, argv);
    arguments_fini(&run.arguments);
    config_destroy(&run.config);
    free(run.reload_argv);
    free(run.flags);
    return code;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

// argv[0] is the first word after the group's name.
static int run_group(const struct command *group, int argc, char **argv)
{
    if (argc == 0 || is_one_of(argv[0], "--help", "-h") || is_one_of(argv[0], "help", "help")) {
        help_print_command(NULL, group);
        return argc == 0 ? EXIT_USAGE : EXIT_OK;
    }
    const struct command *command = find_command(group->subcommands, argv[0]);
    if (command == NULL) {
        refuse_command(group, group->subcommands, argv[0]);
        return EXIT_USAGE;
    }
    return run_command(group, command, argc - 1, argv + 1);
}

static int run_program(int argc, char **argv)
{
    if (argc > 0 && is_one_of(argv[0], "--help", "-h")) {
        help_print_program(commands);
        return EXIT_OK;
    }
    if (argc > 0 && is_one_of(argv[0], "--version", "-V"))
        return run_command(NULL, &command_version, argc - 1, argv + 1);
    if (argc == 0 || argv[0][0] == '-')
        return run_command(NULL, &command_serve, argc, argv);
    if (strcmp(argv[0], "help") == 0 && argc == 1) {
        help_print_program(commands);
        return EXIT_OK;
    }
    bool is_help = strcmp(argv[0], "help") == 0;
    const char *name = is_help ? argv[1] : argv[0];
    const struct command *command = find_command(commands, name);
    if (command == NULL) {
        refuse_command(NULL, commands, name);
        return EXIT_USAGE;
    }
    if (is_help) {
        help_print_command(NULL, command);
        return EXIT_OK;
    }
    if (command->subcommands != NULL)
        return run_group(command, argc - 1, argv + 1);
    return run_command(NULL, command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    core_dumps_disable();
    // A subscriber, an API client or a pager that goes away must not end the process.
    signal(SIGPIPE, SIG_IGN);
    struct own_arguments own;
    if (!own_arguments_init(&own, argc > 0 ? argc - 1 : 0, argv + 1)) {
        terminal_error("out of memory");
        return EXIT_FAILED;
    }
    int code = terminal_finish(run_program(argc > 0 ? argc - 1 : 0, own.words));
    own_arguments_fini(&own);
    return code;
}
