// SPDX-License-Identifier: Apache-2.0
// What the files that speak to hiredis share about a command: its bytes, and how a script call changes after
// Redis said that it doesn't know the script.
#ifndef PETREL_REDIS_INTERNAL_H
#define PETREL_REDIS_INTERNAL_H

#include "petrel/redis_command.h"

// The whole command as it is sent, borrowed until it is changed or destroyed. Not for a spoiled command.
struct span redis_command_wire(struct redis_command *command);

// Is it a script call, and of which script? script may be NULL.
bool redis_command_script(const struct redis_command *command, enum script *script);
// Sends the script's source (EVAL) from now on instead of its name (EVALSHA): after NOSCRIPT.
void redis_command_use_eval(struct redis_command *command);

#endif
