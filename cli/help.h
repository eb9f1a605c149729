// SPDX-License-Identifier: Apache-2.0
// `--help`, made from the same descriptors that the parsing uses. Written to stdout.
#ifndef PETREL_CLI_HELP_H
#define PETREL_CLI_HELP_H

#include "command.h"

// The list of commands and the exit codes.
void help_print_program(const struct command *const *commands);
// One command; parent is the group it belongs to, or NULL.
void help_print_command(const struct command *parent, const struct command *command);

#endif
