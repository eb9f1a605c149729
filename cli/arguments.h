// SPDX-License-Identifier: Apache-2.0
// A command's own options, driven by a table: the same table makes its `--help`.
#ifndef PETREL_CLI_ARGUMENTS_H
#define PETREL_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

enum { ARGUMENTS_ERROR_SIZE = 256 };

struct option {
    const char *name;    // "--data"; NULL ends a table
    const char *value;   // "JSON", as help shows it; NULL: a switch
    const char *meaning; // one sentence
    bool is_repeatable;
};

struct argument {
    const struct option *option;
    const char *value; // NULL for a switch
};

struct arguments {
    const struct option *options; // borrowed; or NULL
    struct argument *given;       // owned, in the order given
    size_t given_count;
    const char **words; // owned array, borrowed strings
    size_t word_count;
    bool wants_help;
};

// Takes the table's options, --help and everything after "--" out of argv (compacting it and *argc), and leaves
// the rest in place for others: the configuration's flags, then arguments_finish. The strings of argv are
// borrowed until arguments_fini. False: error is one line.
bool arguments_take(const struct option *options, int *argc, char **argv,
                    struct arguments *arguments, char error[ARGUMENTS_ERROR_SIZE]);
// What is still in argv are words; anything that looks like an option is refused, with the nearest name of
// the table or of other_names (ended by NULL; or NULL).
bool arguments_finish(struct arguments *arguments, int argc, char **argv,
                      const char *const *other_names, char error[ARGUMENTS_ERROR_SIZE]);
void arguments_fini(struct arguments *arguments);

// The names asked for must be in the command's table: anything else is a bug (assertion).
bool arguments_has(const struct arguments *arguments, const char *name);
const char *arguments_value(const struct arguments *arguments,
                            const char *name); // the last; or NULL
// Walks a repeatable option; *position starts at 0. NULL at the end.
const char *arguments_next(const struct arguments *arguments, const char *name, size_t *position);

#endif
