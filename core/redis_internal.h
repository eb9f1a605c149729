// SPDX-License-Identifier: Apache-2.0
// What the files that speak to hiredis share about a command: its words, and how a script call changes after
// Redis said that it doesn't know the script.
#ifndef PETREL_REDIS_INTERNAL_H
#define PETREL_REDIS_INTERNAL_H

#include "petrel/redis_command.h"

// The words to send, borrowed until the command is changed or destroyed. Not for a spoiled command.
void redis_command_argv(struct redis_command *command, int *argc, const char ***argv,
                        const size_t **argvlen);

// Is it a script call, and of which script? script may be NULL.
bool redis_command_script(const struct redis_command *command, enum script *script);
// Sends the script's source (EVAL) from now on instead of its name (EVALSHA): after NOSCRIPT.
void redis_command_use_eval(struct redis_command *command);

#endif
