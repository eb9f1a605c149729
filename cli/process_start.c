// SPDX-License-Identifier: Apache-2.0
// What has to be there before a petrel runs: open files, a Redis (a private one if there is none), the admin server
// and its key.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "input.h"
#include "petrel/log.h"
#include "process_internal.h"
#include "terminal.h"

enum { OPEN_FILES_RESERVE = 512 }; // as check.c counts

void process_raise_open_files(const struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)config->max_in_flight + OPEN_FILES_RESERVE)
        log_warn(
            "few open files are allowed: attempts may fail for want of sockets; raise ulimit -n",
            LOG_INT("open_files", limit.rlim_max), LOG_INT("max_in_flight", config->max_in_flight));
}

// ---- Redis

static bool refuse(struct process *process, int code, const char *why)
{
    terminal_error("%s", why);
    process->code = code;
    return false;
}

static bool start_private_redis(struct process *process, uint16_t port)
{
    char error[EMBEDDED_REDIS_ERROR_SIZE];
    process->embedded = embedded_redis_start(process->input->config->data_dir, port, error);
    if (!process->embedded)
        return refuse(process, EXIT_FAILED, error);
    process->redis = (struct redis_url){.host = "127.0.0.1", .port = port};
    log_info("no Redis was configured or found: a private one is started", LOG_INT("port", port),
             LOG_STR("folder", embedded_redis_folder(process->embedded)),
             LOG_STR("log", embedded_redis_log(process->embedded)));
    return true;
}

// A port asked for explicitly must be free: whose Redis it would be otherwise nobody knows.
static bool find_own_redis(struct process *process, const char *given, bool *is_found)
{
    const struct config *config = process->input->config;
    uint64_t port = EMBEDDED_REDIS_PORT;
    *is_found = true;
    if (given && !input_parse_number(given, 1, UINT16_MAX, &port))
        return refuse(process, EXIT_USAGE, "--private-redis-port: no port number");
    if (given && config->redis_url[0] != '\0')
        return refuse(process, EXIT_USAGE,
                      "--private-redis-port and a redis_url are both set: give one of them");
    if (config->redis_url[0] != '\0') {
        *is_found = false;
        return true;
    }
    if (!embedded_redis_is_port_taken(config->data_dir, (uint16_t)port))
        return start_private_redis(process, (uint16_t)port);
    if (given)
        return refuse(process, EXIT_FAILED,
                      "--private-redis-port: something listens there already; give another port, or "
                      "use it with --redis-url");
    *is_found = false;
    return true;
}

bool process_find_redis(struct process *process)
{
    char error[CONFIG_ERROR_SIZE];
    bool is_found = false;
    if (process->kind == PROCESS_SERVE) {
        const char *given = arguments_value(process->input->arguments, "--private-redis-port");
        if (!find_own_redis(process, given, &is_found))
            return false;
    }
    if (is_found || session_find_redis(process->input->config, &process->redis, error))
        return true;
    return refuse(process, EXIT_USAGE, error);
}

// ---- the admin server

bool process_start_admin(struct process *process)
{
    char error[1024];
    const struct config *config = process->input->config;
    bool is_observable_only = process->kind == PROCESS_DISPATCHER;
    if (!is_observable_only && !admin_load_key(config, &process->key, error, sizeof error))
        return refuse(process, EXIT_FAILED, error);
    struct admin_options options = {
        .config = config,
        .redis = &process->redis,
        .vault = process->session.vault,
        .key = process->key.key,
        .guard = process->guard,
        .observability_only = is_observable_only,
        .workers = process->kind == PROCESS_ADMIN ? 0 : process->input->config->workers,
    };
    process->admin = admin_start(&options, error, sizeof error);
    explicit_bzero(process->key.key, sizeof process->key.key);
    return process->admin || refuse(process, EXIT_FAILED, error);
}
