// SPDX-License-Identifier: Apache-2.0
// `petrel admin`: the admin API, without delivering.
#include "process.h"

static const struct option options[] = {{.name = NULL}};

static int run_admin(const struct command_input *input)
{
    return process_run(PROCESS_ADMIN, input);
}

const struct command command_admin = {
    .name = "admin",
    .words = "",
    .summary = "run only the admin API",
    .description =
        "For installations whose dispatchers run elsewhere. The key is --admin-key (better:\n"
        "PETREL_ADMIN_KEY), or the one in <data_dir>/admin.key, made at the first start.",
    .examples = "  petrel admin --redis-url redis://redis.internal:6379 --listen 0.0.0.0:8080",
    .options = options,
    .config = COMMAND_SHOWING_CONFIG,
    .run = run_admin,
};
