// SPDX-License-Identifier: Apache-2.0
// A data command's connection to Redis: the store over a blocking client, made from the configuration.
#ifndef PETREL_CLI_SESSION_H
#define PETREL_CLI_SESSION_H

#include "petrel/config.h"
#include "petrel/redis_url.h"
#include "petrel/store.h"

#define SESSION_DEFAULT_REDIS_URL "redis://127.0.0.1:6379"

struct session {
    struct redis_url redis;
    struct redis_client *client; // owned
    struct vault *vault;         // owned
    struct store store;
};

// The Redis that the configuration means, SESSION_DEFAULT_REDIS_URL when it names none. False: error says why.
bool session_find_redis(const struct config *config, struct redis_url *redis,
                        char error[CONFIG_ERROR_SIZE]);
// A store at this Redis, with the configured key ring; connects on first use. False: error says why; closing is still
// to be done.
bool session_init(struct session *session, const struct config *config,
                  const struct redis_url *redis, int64_t timeout_ms, char error[CONFIG_ERROR_SIZE]);
// Both of the above. False after an error line was printed.
bool session_open(struct session *session, const struct config *config);
void session_close(struct session *session);

// Prints why an operation on `what` ("dead letter dl_1") didn't work, one line per field error, and gives
// the exit code: EXIT_OK, EXIT_USAGE for an invalid value, else EXIT_FAILED.
int session_report(const struct session *session, enum store_result result, const char *what,
                   const struct field_errors *errors);

#endif
