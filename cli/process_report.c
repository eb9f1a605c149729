// SPDX-License-Identifier: Apache-2.0
// What a running petrel says of itself: the banner when it is ready, the log when its configuration is loaded again.
// The key is never shown, only where it is.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "petrel/log.h"
#include "process_internal.h"
#include "terminal.h"

enum { REPORT_MAX_BYTES = 64 * 1024 };

// ---- banner

static void append_redis(struct text *out, const struct process *process)
{
    redis_url_format_safe(&process->redis, out);
    if (process->embedded)
        text_append_format(out, ", private: data in %s, log in %s",
                           embedded_redis_folder(process->embedded),
                           embedded_redis_log(process->embedded));
}

// http://host:port with the port that was bound.
static void append_admin_url(struct text *out, const struct process *process)
{
    const char *listen = process->input->config->listen;
    const char *colon = strrchr(listen, ':');
    struct span host = colon ? (struct span){listen, (size_t)(colon - listen)} : span_of(listen);
    text_append_format(out, "http://%.*s:%u", SPAN_FMT(host), (unsigned)admin_port(process->admin));
}

// How redis-cli reaches the same Redis; a password is left to the reader.
static void append_redis_cli(struct text *out, const struct redis_url *redis)
{
    text_append_string(out, "redis-cli");
    if (redis->is_unix)
        text_append_format(out, " -s %s", redis->host);
    else if (strcmp(redis->host, "127.0.0.1") != 0)
        text_append_format(out, " -h %s", redis->host);
    if (!redis->is_unix && redis->port != EMBEDDED_REDIS_PORT)
        text_append_format(out, " -p %u", (unsigned)redis->port);
    if (redis->is_tls)
        text_append_string(out, " --tls");
    if (redis->database != 0)
        text_append_format(out, " -n %" PRIu32, redis->database);
}

static void append_xadd(struct text *out, const struct process *process)
{
    const struct keys *keys = &process->session.store.keys;
    struct key events = keys_format(keys, 0, KEY_EVENTS, SPAN(""));
    bool needs_quotes = keys->shards > 1; // braces
    append_redis_cli(out, &process->redis);
    text_append_format(out, " XADD %s%.*s%s '*' type invoice.paid data '{\"id\":\"in_1\"}'",
                       needs_quotes ? "'" : "", SPAN_FMT(key_span(&events)),
                       needs_quotes ? "'" : "");
}

static void append_networks(struct text *out, const struct config *config)
{
    if (config->proxy[0] != '\0') {
        text_append_format(out, "what the proxy %s lets through (--proxy)", config->proxy);
        return;
    }
    struct text value;
    text_init(&value, REPORT_MAX_BYTES);
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        config_describe(config, i, &item);
        if (strcmp(item.key, "allow_networks") == 0)
            config_format_value(config, i, &value);
    }
    if (value.size > 0)
        text_append_format(out, "public addresses, and %s (--allow-networks)", text_string(&value));
    else
        text_append_string(out, "public addresses only; private ones need --allow-networks");
    text_fini(&value);
}

static void begin_line(struct text *out, const char *name)
{
    text_append_format(out, "\n  %-14s ", name);
}

static void append_banner(struct text *out, const struct process *process)
{
    const struct config *config = process->input->config;
    bool has_api = process->kind != PROCESS_DISPATCHER;
    text_append_format(out, "petrel %s %s", PETREL_VERSION,
                       process->kind == PROCESS_SERVE        ? "is ready"
                       : process->kind == PROCESS_DISPATCHER ? "dispatcher is ready"
                                                             : "admin is ready");
    begin_line(out, "Redis");
    append_redis(out, process);
    begin_line(out, has_api ? "admin API" : "observability");
    append_admin_url(out, process);
    if (!has_api)
        text_append_string(out, " (/healthz /readyz /metrics)");
    if (has_api) {
        begin_line(out, "admin key");
        text_append_format(out, "%s%s",
                           process->key.path[0] != '\0' ? process->key.path
                                                        : "as configured (admin_key)",
                           process->key.was_created ? " (new)" : "");
    }
    if (process->dispatcher) {
        begin_line(out, "delivers to");
        append_networks(out, config);
    }
    begin_line(out, "publish");
    append_xadd(out, process);
    text_append_char(out, '\n');
}

static void log_start(const struct process *process)
{
    struct text url;
    text_init(&url, REPORT_MAX_BYTES);
    append_admin_url(&url, process);
    log_info("petrel is ready", LOG_STR("version", PETREL_VERSION), LOG_INT("pid", getpid()),
             LOG_STR("command", process->input->command->name), LOG_SPAN("admin", text_span(&url)),
             LOG_INT("workers", process->dispatcher ? process->input->config->workers : 0));
    text_fini(&url);
}

// For people; with a log for machines (json) the log line has to do.
void process_print_banner(const struct process *process)
{
    log_start(process);
    if (process->input->config->log_format == LOG_FORMAT_JSON)
        return;
    struct text out;
    text_init(&out, REPORT_MAX_BYTES);
    append_banner(&out, process);
    terminal_write(&out);
    fflush(stdout);
    text_fini(&out);
}

// ---- SIGHUP

static bool is_same_value(const struct config *a, const struct config *b, size_t index)
{
    struct text text_a, text_b;
    text_init(&text_a, REPORT_MAX_BYTES);
    text_init(&text_b, REPORT_MAX_BYTES);
    config_format_value(a, index, &text_a);
    config_format_value(b, index, &text_b);
    bool is_same = span_equals(text_span(&text_a), text_span(&text_b));
    text_fini(&text_a);
    text_fini(&text_b);
    return is_same;
}

static bool is_reloadable(const char *key)
{
    static const char *const keys[] = {"log_level", "allow_networks", "deny_networks",
                                       "allow_ports", "nat64"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i]) == 0)
            return true;
    }
    return false;
}

static void apply_guard(struct process *process, const struct config *fresh)
{
    struct guard *guard = config_create_guard(fresh);
    if (!guard || guard_equals(guard, process->guard)) {
        guard_unref(&guard);
        return;
    }
    guard_unref(&process->guard);
    process->guard = guard;
    if (process->dispatcher)
        dispatcher_set_guard(process->dispatcher, guard);
    if (process->admin)
        admin_set_guard(process->admin, guard);
    log_info("where requests may go has changed; connections made before are not used again");
}

static void apply(struct process *process, const struct config *fresh)
{
    const struct config *running = process->input->config;
    log_configure(fresh->log_level, running->log_format);
    apply_guard(process, fresh);
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        config_describe(fresh, i, &item);
        if (!is_reloadable(item.key) && !is_same_value(running, fresh, i))
            log_warn("this change needs a restart", LOG_STR("key", item.key));
    }
    log_info("configuration loaded again");
}

void process_reload(struct process *process)
{
    char error[CONFIG_ERROR_SIZE];
    int argc = process->input->reload_argc;
    char **argv = calloc((size_t)argc + 1, sizeof *argv);
    struct config *fresh = NULL;
    if (!argv)
        return;
    memcpy(argv, process->input->reload_argv, (size_t)argc * sizeof *argv);
    fresh = config_load(&argc, argv, error);
    if (fresh)
        apply(process, fresh);
    else
        log_warn("configuration not loaded again: the running one stays", LOG_STR("error", error));
    config_destroy(&fresh);
    free(argv);
}
