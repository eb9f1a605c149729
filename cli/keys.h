// SPDX-License-Identifier: Apache-2.0
// The commands of the group `petrel keys`, one file each.
#ifndef PETREL_CLI_KEYS_H
#define PETREL_CLI_KEYS_H

#include "command.h"

extern const struct command keys_create, keys_list, keys_revoke;         // of the admin API
extern const struct command keys_new_encryption, keys_rotate_encryption; // of secrets at rest

#endif
