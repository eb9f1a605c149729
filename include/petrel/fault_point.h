// SPDX-License-Identifier: Apache-2.0
// Places where a test lets the process die (SIGKILL to itself), to prove that nothing accepted is lost there.
// Compiled in by the CMake option PETREL_FAULT_POINTS only (preset `chaos`); otherwise they are nothing.
// Every Redis command passes "<command>.before_send" and "<command>.after_reply" by itself (redis_link.c,
// redis_client.c): a new script has its points from the start. tests/chaos/points.py lists them all.
#ifndef PETREL_FAULT_POINT_H
#define PETREL_FAULT_POINT_H

#ifdef PETREL_FAULT_POINTS

#include "petrel/redis_command.h"

// Dies if PETREL_FAULT_POINT=<name>[:<n>] names this point and this is its n-th pass (default: the first).
// From any thread.
void fault_point_pass(const char *name);
// The same for a command; the name's first part is the script's name, or the verb in small letters.
void fault_point_pass_command(const struct redis_command *command, const char *when);

#define FAULT_POINT(name) fault_point_pass(name)
#define FAULT_POINT_COMMAND(command, when) fault_point_pass_command((command), (when))

#else

#define FAULT_POINT(name) ((void)0)
#define FAULT_POINT_COMMAND(command, when) ((void)0)

#endif

#endif
