// SPDX-License-Identifier: Apache-2.0
// `petrel serve`: dispatcher and admin API in one process; what runs when no command is given.
#include "process.h"

static const struct option options[] = {
    {.name = "--private-redis-port",
     .value = "PORT",
     .meaning =
         "start a private Redis on this port of 127.0.0.1, where none may listen [6379, used as it is "
         "when one listens]"},
    {.name = NULL},
};

static int run_serve(const struct command_input *input)
{
    return process_run(PROCESS_SERVE, input);
}

const struct command command_serve = {
    .name = "serve",
    .words = "",
    .summary = "run the dispatcher and the admin API in one process (the default command)",
    .description =
        "Without a configured Redis, the one at 127.0.0.1:6379 is used; without one there, a private\n"
        "redis-server is started (data in <data_dir>/redis, every write in its append-only file) and stopped\n"
        "with petrel.\n\n"
        "SIGTERM or SIGINT stops reading, lets attempts in flight end within shutdown_timeout and parks the\n"
        "rest; a second one, a second later or more, exits at once. SIGHUP loads the configuration again\n"
        "(log_level applies).",
    .examples = "  petrel serve\n"
                "  petrel serve --redis-url redis://redis.internal:6379 --listen 0.0.0.0:8080",
    .options = options,
    .config = COMMAND_SHOWING_CONFIG,
    .run = run_serve,
};
