// SPDX-License-Identifier: Apache-2.0
// What a command of `petrel` is: one file, one descriptor. The table is in main.c; help, parsing of options and
// loading of the configuration are done there, so that a command only does its work.
#ifndef PETREL_CLI_COMMAND_H
#define PETREL_CLI_COMMAND_H

#include "arguments.h"
#include "petrel/config.h"

// The exit codes of every command; documented in `petrel --help`.
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1, // it was tried and didn't work: Redis away, not found, not verified …
    EXIT_USAGE =
        2 // nothing was tried: the command line, a given value or the configuration is wrong
};

struct command_input {
    const struct command *command;
    const struct arguments *arguments; // the command's own options, and the words
    const struct config *config;       // NULL unless the command uses it
    int reload_argc;                   // configuration flags as given, for loading it again …
    char **reload_argv;                // … on SIGHUP (borrowed)
};

enum command_config {
    COMMAND_WITHOUT_CONFIG,
    COMMAND_WITH_CONFIG,    // flags of the configuration are accepted; help names the Redis ones
    COMMAND_SHOWING_CONFIG, // … and help lists them all
};

struct command {
    const char *name;
    const char *alias;            // another name that people try; or NULL
    const char *words;            // "TYPE [-]"; "" when it takes none
    const char *summary;          // one line of the list of commands
    const char *description;      // paragraphs of its own help; or NULL
    const char *examples;         // lines; or NULL
    const struct option *options; // ended by an option without name; NULL when it has none
    enum command_config config;
    size_t words_min, words_max;
    const struct command *const *subcommands;      // ended by NULL; NULL for a command that runs
    int (*run)(const struct command_input *input); // gives the exit code
};

extern const struct command command_serve, command_dispatcher, command_admin;
extern const struct command command_publish, command_subscriptions, command_dead_letters;
extern const struct command command_keys, command_attempts, command_listen, command_verify;
extern const struct command command_check, command_config_values, command_bench, command_version;

#endif
