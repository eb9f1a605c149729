// SPDX-License-Identifier: Apache-2.0
// The program's arguments are in the process list, which every user of the machine can read: secrets among them are
// taken out of there at the start, and kept in a copy.
#ifndef PETREL_CLI_OWN_ARGUMENTS_H
#define PETREL_CLI_OWN_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct own_arguments {
    char **words; // as argv, ended by NULL; may be reordered
    char *bytes;  // what they point into
    size_t size;
};

// Copies argv, and overwrites the values of secret flags in it. False without memory: argv is as it was.
bool own_arguments_init(struct own_arguments *own, int argc, char **argv);
void own_arguments_fini(struct own_arguments *own); // wiped

#endif
