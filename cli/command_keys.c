// SPDX-License-Identifier: Apache-2.0
// The group `petrel keys`.
#include "keys.h"

static const struct command *const subcommands[] = {
    &keys_new_encryption,
    &keys_rotate_encryption,
    NULL,
};

const struct command command_keys = {
    .name = "keys",
    .words = "",
    .summary = "make encryption keys, encrypt stored secrets with a new one",
    .subcommands = subcommands,
};
