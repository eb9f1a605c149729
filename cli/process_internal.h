// SPDX-License-Identifier: Apache-2.0
// A running petrel, as its files share it: process.c (life and signals), process_start.c (what has to be there
// first), process_report.c (what is said about it), process_reload.c.
#ifndef PETREL_CLI_PROCESS_INTERNAL_H
#define PETREL_CLI_PROCESS_INTERNAL_H

#include <uv.h>

#include "embedded_redis.h"
#include "petrel/admin.h"
#include "petrel/dispatcher.h"
#include "process.h"
#include "session.h"

enum process_state {
    PROCESS_WAITING,  // for Redis; the admin server runs
    PROCESS_RUNNING,  // dispatcher too
    PROCESS_DRAINING, // until the dispatcher says that it has stopped
    PROCESS_STOPPED   // the loop's handles are closing
};

struct process {
    enum process_kind kind;
    const struct command_input *input;
    enum process_state state;
    int64_t draining_since_ms; // mono
    int code;                  // to exit with

    struct redis_url redis;
    struct embedded_redis *embedded; // NULL unless Redis is a private one
    struct session session;          // for the check of the layout
    struct guard *guard;             // the one in force; owned
    struct admin_key key;
    struct admin *admin;
    struct dispatcher *dispatcher; // NULL for PROCESS_ADMIN, and while waiting

    uv_loop_t loop;
    uv_signal_t interrupt, terminate, hangup, child;
    uv_timer_t retry;   // Redis is away
    uv_timer_t restart; // the private Redis has ended by itself
    bool has_warned;    // that Redis is away
};

// process_start.c. False after an error line; process->code says which.
bool process_find_redis(struct process *process);  // starts the private one if it is wanted
bool process_start_admin(struct process *process); // with its key
void process_raise_open_files(const struct config *config);

// process_report.c
void process_print_banner(const struct process *process);
void process_log_encryption(const struct process *process);

// process_reload.c
void process_reload(struct process *process); // SIGHUP

#endif
