// SPDX-License-Identifier: Apache-2.0
// SIGHUP: the configuration is loaded again; log level and key ring take effect at once, of others the log says that they
// need a restart.
#include <stdlib.h>
#include <string.h>

#include "petrel/log.h"
#include "process_internal.h"

enum { VALUE_MAX_BYTES = 64 * 1024 };
#define KEYS_FILE "encryption_keys_file"

static bool is_same_value(const struct config *a, const struct config *b, size_t index)
{
    struct text text_a, text_b;
    text_init(&text_a, VALUE_MAX_BYTES);
    text_init(&text_b, VALUE_MAX_BYTES);
    config_format_value(a, index, &text_a);
    config_format_value(b, index, &text_b);
    bool is_same = span_equals(text_span(&text_a), text_span(&text_b));
    text_fini(&text_a);
    text_fini(&text_b);
    return is_same;
}

// Removing the ring would write the next secrets unencrypted: that is no slip of a reload.
static void reload_keys(const struct process *process, const char *path)
{
    char error[KEYRING_ERROR_SIZE];
    struct vault *vault = process->session.vault;
    bool had_ring = vault_has_ring(vault);
    if (!path[0] && had_ring)
        log_warn("this change needs a restart: the key ring stays in force",
                 LOG_STR("key", KEYS_FILE));
    if (!path[0])
        return;
    if (!vault_load(vault, path, error)) {
        log_error("the key ring is not loaded again: the one in force stays",
                  LOG_STR("error", error));
        return;
    }
    if (process->dispatcher)
        dispatcher_on_new_keys(process->dispatcher);
    process_log_encryption(process);
}

static bool is_reloadable(const char *key)
{
    static const char *const keys[] = {"log_level",   "allow_networks", "deny_networks",
                                       "allow_ports", "nat64",          KEYS_FILE};
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
    reload_keys(process, fresh->encryption_keys_file);
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
