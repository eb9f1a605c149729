// SPDX-License-Identifier: Apache-2.0
// Opens the store for a command and turns its results into one line and an exit code.
// Needs no key: who may reach Redis may do all this.
#include "session.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "terminal.h"

enum { SESSION_TIMEOUT_MS = 5000 };

bool session_find_redis(const struct config *config, struct redis_url *redis,
                        char error[CONFIG_ERROR_SIZE])
{
    char why[REDIS_URL_ERROR_SIZE];
    const char *text = config->redis_url[0] != '\0' ? config->redis_url : SESSION_DEFAULT_REDIS_URL;
    if (redis_url_parse(span_of(text), redis, why))
        return true;
    snprintf(error, CONFIG_ERROR_SIZE, "redis_url: %s", why);
    return false;
}

bool session_init(struct session *session, const struct config *config,
                  const struct redis_url *redis, int64_t timeout_ms, char error[CONFIG_ERROR_SIZE])
{
    *session = (struct session){.redis = *redis};
    session->client = redis_client_create(redis, timeout_ms);
    session->vault = vault_create(config->namespace_name);
    session->store = (struct store){
        .client = session->client,
        .vault = session->vault,
        .keys = {.shards = config->shards},
        .max_event_bytes = config->max_event_bytes,
        .max_concurrency = config->max_concurrency,
        .rotation_grace_ms = config->rotation_grace_ms,
        .publish_replicas = config->publish_replicas,
    };
    snprintf(session->store.keys.namespace_name, sizeof session->store.keys.namespace_name, "%s",
             config->namespace_name);
    _Static_assert((int)KEYRING_ERROR_SIZE <= (int)CONFIG_ERROR_SIZE, "a ring's error line fits");
    if (session->client && session->vault)
        return vault_load(session->vault, config->encryption_keys_file, error);
    snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
    return false;
}

bool session_open(struct session *session, const struct config *config)
{
    char error[CONFIG_ERROR_SIZE];
    struct redis_url redis;
    *session = (struct session){.client = NULL};
    bool is_open = session_find_redis(config, &redis, error) &&
                   session_init(session, config, &redis, SESSION_TIMEOUT_MS, error);
    explicit_bzero(&redis, sizeof redis); // the password in it
    if (!is_open) {
        terminal_error("%s", error);
        session_close(session);
    }
    return is_open;
}

void session_close(struct session *session)
{
    redis_client_destroy(&session->client);
    vault_destroy(&session->vault);
    explicit_bzero(&session->redis, sizeof session->redis); // the password in it
}

static void report_fields(const char *what, const struct field_errors *errors)
{
    if (errors == NULL || errors->count == 0) {
        terminal_error("%s: not valid", what);
        return;
    }
    for (size_t i = 0; i < errors->count; i++)
        terminal_error("%s: %s", errors->items[i].field, errors->items[i].message);
}

int session_report(const struct session *session, enum store_result result, const char *what,
                   const struct field_errors *errors)
{
    switch (result) {
    case STORE_OK:
        return EXIT_OK;
    case STORE_NOT_FOUND:
        terminal_error("%s: not found", what);
        return EXIT_FAILED;
    case STORE_INVALID:
        report_fields(what, errors);
        return EXIT_USAGE;
    case STORE_CONFLICT:
        terminal_error("%s: %s", what, session->store.error);
        return EXIT_FAILED;
    case STORE_FULL:
        terminal_error("%s: Redis refuses writes: %s", what, session->store.error);
        return EXIT_FAILED;
    case STORE_UNCONFIRMED:
        terminal_error(
            "%s: in Redis, but %s: it is delivered unless a failover loses it; sent again with "
            "the same --id it is delivered once",
            what, session->store.error);
        return EXIT_FAILED;
    case STORE_UNAVAILABLE:
        terminal_error("%s (another Redis: --redis-url or PETREL_REDIS_URL)", session->store.error);
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}
