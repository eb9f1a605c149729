// SPDX-License-Identifier: Apache-2.0
// A running petrel: what `serve`, `dispatcher` and `admin` have in common. Starts the parts, handles signals, drains.
#ifndef PETREL_CLI_PROCESS_H
#define PETREL_CLI_PROCESS_H

#include "command.h"

enum process_kind {
    PROCESS_SERVE,      // dispatcher and admin API; with a private Redis when there is none
    PROCESS_DISPATCHER, // dispatcher; of the admin server only /healthz, /readyz, /metrics
    PROCESS_ADMIN       // admin API
};

// Runs until SIGTERM or SIGINT has drained it (a second one, a second later or more, exits at once), on the main thread. Gives the exit code.
int process_run(enum process_kind kind, const struct command_input *input);

#endif
