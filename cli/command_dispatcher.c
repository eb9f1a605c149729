// SPDX-License-Identifier: Apache-2.0
// `petrel dispatcher`: delivers, without the admin API. Several of them on one Redis share the work.
#include "process.h"

static const struct option options[] = {{.name = NULL}};

static int run_dispatcher(const struct command_input *input)
{
    return process_run(PROCESS_DISPATCHER, input);
}

const struct command command_dispatcher = {
    .name = "dispatcher",
    .words = "",
    .summary = "run only the dispatcher; its --listen has /healthz, /readyz and /metrics",
    .description =
        "Any number of dispatchers may share one Redis: each event is read by one of them, and the work of\n"
        "one that dies is taken over within seconds. Never starts a Redis of its own.",
    .examples = "  petrel dispatcher --redis-url redis://redis.internal:6379 --listen 0.0.0.0:9090",
    .options = options,
    .config = COMMAND_SHOWING_CONFIG,
    .run = run_dispatcher,
};
