// SPDX-License-Identifier: Apache-2.0
// The group `petrel keys`.
#include "keys.h"

static const struct command *const subcommands[] = {
    &keys_create, &keys_list, &keys_revoke, &keys_new_encryption, &keys_rotate_encryption, NULL,
};

const struct command command_keys = {
    .name = "keys",
    .words = "",
    .summary = "keys of the admin API; encryption keys of stored secrets",
    .description =
        "Talks to Redis directly, no API key needed. Besides the keys that create makes there is always\n"
        "the one of --admin-key or <data_dir>/admin.key, which may do everything.",
    .examples = "  petrel keys create --name dashboard --scope read\n"
                "  petrel keys create --name acme --scope write --tenant acme --expires 90d\n"
                "  petrel keys revoke key_…",
    .subcommands = subcommands,
};
