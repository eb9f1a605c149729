// SPDX-License-Identifier: Apache-2.0
// What a running petrel says of itself when it is ready. Keys are never shown, only where they are.
#include <inttypes.h>
#include <stdio.h>
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
    const struct config *config = process->input->config;
    const char *listen = config->listen;
    const char *colon = strrchr(listen, ':');
    struct span host = colon ? (struct span){listen, (size_t)(colon - listen)} : span_of(listen);
    text_append_format(out, "%s://%.*s:%u", config->tls_cert[0] != '\0' ? "https" : "http",
                       SPAN_FMT(host), (unsigned)admin_port(process->admin));
}

// How redis-cli reaches the same Redis; a password is left to the reader.
static void append_redis_cli(struct text *out, const struct redis_url *redis)
{
    text_append_string(out, "redis-cli");
    if (redis->master_name[0]) {
        text_append_string(out, " -h MASTER"); // whoever it is by then
        return;
    }
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

static void append_encryption(struct text *out, const struct process *process)
{
    struct keyring *ring = vault_ring(process->session.vault);
    if (ring)
        text_append_format(out, "encrypted in Redis, with the key %s", keyring_current(ring)->id);
    else
        text_append_string(out, "UNENCRYPTED in Redis; --encryption-keys-file encrypts them");
    keyring_unref(&ring);
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
    begin_line(out, "secrets");
    append_encryption(out, process);
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

void process_log_encryption(const struct process *process)
{
    struct keyring *ring = vault_ring(process->session.vault);
    if (ring)
        log_info("secrets are encrypted in Redis", LOG_STR("key", keyring_current(ring)->id));
    else
        log_warn("secrets and header values lie unencrypted in Redis: set encryption_keys_file");
    keyring_unref(&ring);
}

static void log_exposure(const struct process *process)
{
    const struct config *config = process->input->config;
    struct span listen = span_of(config->listen);
    bool is_this_machine = span_starts_with(listen, SPAN("127.")) ||
                           span_starts_with(listen, SPAN("[::1]")) ||
                           span_starts_with(listen, SPAN("localhost:"));
    if (process->kind != PROCESS_DISPATCHER && !is_this_machine && config->tls_cert[0] == '\0')
        log_warn(
            "the admin API listens beyond this machine without TLS: keys can be read on their way",
            LOG_STR("listen", config->listen));
}

// For people; with a log for machines (json) the log line has to do.
void process_print_banner(const struct process *process)
{
    log_start(process);
    process_log_encryption(process);
    log_exposure(process);
    if (process->input->config->log_format == LOG_FORMAT_JSON)
        return;
    struct text out;
    text_init(&out, REPORT_MAX_BYTES);
    append_banner(&out, process);
    terminal_write(&out);
    fflush(stdout);
    text_fini(&out);
}
