// SPDX-License-Identifier: Apache-2.0
// The life of a running petrel, on the main thread's loop:
//
//   start ──> WAITING ──Redis answers, layout is ours──> RUNNING ──SIGTERM/SIGINT──> DRAINING ──on_stopped──> STOPPED
//                └───────────SIGTERM/SIGINT────────────────────────────────────────────────────────────────────┘
//
// A second signal exits at once: Redis has what was accepted, and what was in flight is taken over by others. But not right
// behind the first: GNU timeout and some supervisors send one to the process and one to its group, which is one wish.
// Order of the end: dispatcher, admin server, then the private Redis, which both need until then.
#include "process_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "petrel/check.h"
#include "petrel/clock.h"
#include "petrel/log.h"
#include "terminal.h"

enum { RETRY_MS = 1000, RESTART_MS = 1000, HURRY_AFTER_MS = 1000 };

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop(struct process *process)
{
    process->state = PROCESS_STOPPED;
    close_handle((uv_handle_t *)&process->interrupt);
    close_handle((uv_handle_t *)&process->terminate);
    close_handle((uv_handle_t *)&process->hangup);
    close_handle((uv_handle_t *)&process->child);
    close_handle((uv_handle_t *)&process->retry);
    close_handle((uv_handle_t *)&process->restart);
}

static void on_dispatcher_stopped(void *arg)
{
    stop(arg);
}

// ---- starting the dispatcher, once Redis is there

static void fail(struct process *process, const char *why)
{
    terminal_error("%s", why);
    process->code = EXIT_FAILED;
    stop(process);
}

static void run(struct process *process)
{
    char error[512];
    struct dispatcher_options options = {
        .config = process->input->config,
        .redis = &process->redis,
        .guard = process->guard,
        .vault = process->session.vault,
        .loop = &process->loop,
        .on_stopped = on_dispatcher_stopped,
        .arg = process,
    };
    if (process->kind != PROCESS_ADMIN) {
        process->dispatcher = dispatcher_start(&options, error, sizeof error);
        if (!process->dispatcher) {
            fail(process, error);
            return;
        }
    }
    process->state = PROCESS_RUNNING;
    process_print_banner(process);
}

static void on_retry(uv_timer_t *timer);

// CONFLICT, with the store's error, on a Redis that may lose accepted events.
static enum store_result check_durability(struct store *store)
{
    struct store_status status;
    struct check_report report = {.count = 0};
    enum store_result result = store_read_status(store, &status);
    if (result != STORE_OK)
        return result;
    check_redis_status(&report, &status);
    const struct check_finding *failed = check_require_durability(&report);
    if (!failed)
        return STORE_OK;
    snprintf(store->error, sizeof store->error, "require_durability: %s is %.60s: %.120s",
             failed->name, failed->value, failed->meaning);
    return STORE_CONFLICT;
}

// Redis may come later than petrel (both started by the same machine): that is waited for, not given up.
static void try_to_run(struct process *process)
{
    enum store_result result = store_check_schema(&process->session.store);
    if (result == STORE_OK)
        result = store_check_encryption(&process->session.store);
    if (result == STORE_OK && process->input->config->require_durability)
        result = check_durability(&process->session.store);
    switch (result) {
    case STORE_OK:
        run(process);
        return;
    case STORE_NOT_FOUND:
    case STORE_INVALID:
    case STORE_CONFLICT:
        fail(process, process->session.store.error);
        return;
    case STORE_FULL:
    case STORE_UNAVAILABLE:
    case STORE_UNCONFIRMED:
        if (!process->has_warned)
            log_warn("waiting for Redis", LOG_STR("error", process->session.store.error));
        process->has_warned = true;
        uv_timer_start(&process->retry, on_retry, RETRY_MS, 0);
        return;
    }
}

static void on_retry(uv_timer_t *timer)
{
    try_to_run(timer->data);
}

// ---- signals

static void on_end_signal(uv_signal_t *signal, int number)
{
    struct process *process = signal->data;
    switch (process->state) {
    case PROCESS_WAITING:
        stop(process);
        return;
    case PROCESS_RUNNING:
        if (process->dispatcher) {
            process->state = PROCESS_DRAINING;
            process->draining_since_ms = clock_mono_ms();
            dispatcher_drain(process->dispatcher);
        } else {
            stop(process);
        }
        return;
    case PROCESS_DRAINING:
        if (clock_mono_ms() - process->draining_since_ms < HURRY_AFTER_MS)
            return;
        log_warn("second signal: exiting at once", LOG_INT("signal", number));
        _exit(128 + number);
    case PROCESS_STOPPED:
        return;
    }
}

static void on_hangup(uv_signal_t *signal, int number)
{
    (void)number;
    process_reload(signal->data);
}

static void on_restart(uv_timer_t *timer)
{
    struct process *process = timer->data;
    if (embedded_redis_restart(process->embedded))
        log_info("the private Redis is started again");
    else
        uv_timer_start(timer, on_restart, RESTART_MS, 0);
}

static void on_child(uv_signal_t *signal, int number)
{
    struct process *process = signal->data;
    char how[64];
    (void)number;
    if (!process->embedded || !embedded_redis_has_ended(process->embedded, how))
        return;
    log_error("the private Redis has ended by itself; starting it again", LOG_STR("how", how),
              LOG_STR("log", embedded_redis_log(process->embedded)));
    uv_timer_start(&process->restart, on_restart, RESTART_MS, 0);
}

static void open_signal(struct process *process, uv_signal_t *handle, uv_signal_cb callback,
                        int number)
{
    uv_signal_init(&process->loop, handle);
    handle->data = process;
    uv_signal_start(handle, callback, number);
}

static void open_loop(struct process *process)
{
    uv_loop_init(&process->loop);
    open_signal(process, &process->interrupt, on_end_signal, SIGINT);
    open_signal(process, &process->terminate, on_end_signal, SIGTERM);
    open_signal(process, &process->hangup, on_hangup, SIGHUP);
    open_signal(process, &process->child, on_child, SIGCHLD);
    uv_timer_init(&process->loop, &process->retry);
    uv_timer_init(&process->loop, &process->restart);
    process->retry.data = process;
    process->restart.data = process;
}

// ---- the whole

static void run_loop(struct process *process)
{
    open_loop(process);
    if (process_start_admin(process))
        try_to_run(process);
    else
        stop(process);
    uv_run(&process->loop, UV_RUN_DEFAULT);
    dispatcher_destroy(&process->dispatcher);
    admin_stop(&process->admin);
    uv_loop_close(&process->loop);
}

static void stop_redis(struct process *process)
{
    if (!process->embedded)
        return;
    log_info("stopping the private Redis");
    if (!embedded_redis_stop(&process->embedded))
        log_error("the private Redis didn't stop in time and was killed");
}

int process_run(enum process_kind kind, const struct command_input *input)
{
    enum { SCHEMA_TIMEOUT_MS = 2000 };
    char error[CONFIG_ERROR_SIZE];
    struct process process = {.kind = kind, .input = input, .code = EXIT_OK};
    process.guard = config_create_guard(input->config);
    if (!process.guard) {
        terminal_error("out of memory");
        return EXIT_FAILED;
    }
    process_raise_open_files(input->config);
    if (process_find_redis(&process)) {
        if (session_init(&process.session, input->config, &process.redis, SCHEMA_TIMEOUT_MS, error)) {
            run_loop(&process);
        } else {
            terminal_error("%s", error);
            process.code = EXIT_USAGE;
        }
        session_close(&process.session);
        stop_redis(&process);
    }
    guard_unref(&process.guard);
    explicit_bzero(&process.key, sizeof process.key);
    explicit_bzero(&process.redis, sizeof process.redis);
    if (process.code == EXIT_OK)
        log_info("petrel has ended");
    return process.code;
}
