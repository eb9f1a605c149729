// SPDX-License-Identifier: Apache-2.0
// The private redis-server of `petrel serve`: started when none is configured and none answers, stopped with it.
#ifndef PETREL_CLI_EMBEDDED_REDIS_H
#define PETREL_CLI_EMBEDDED_REDIS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { EMBEDDED_REDIS_PORT = 6379, EMBEDDED_REDIS_ERROR_SIZE = 640 };

struct embedded_redis;

// Does anything accept connections on 127.0.0.1:port? A private server of this data folder that is just
// shutting down (its petrel was killed) is waited for first, so that it isn't taken for a lasting one.
bool embedded_redis_is_port_taken(const char *data_dir, uint16_t port);

// Starts it (data in <data_dir>/redis, AOF on, log in <data_dir>/redis.log) and waits until it has loaded and
// answers. Main thread only, before other threads start. NULL: error is one line that says what to do.
struct embedded_redis *embedded_redis_start(const char *data_dir, uint16_t port,
                                            char error[EMBEDDED_REDIS_ERROR_SIZE]);
pid_t embedded_redis_pid(const struct embedded_redis *redis);
const char *embedded_redis_folder(const struct embedded_redis *redis); // absolute
const char *embedded_redis_log(const struct embedded_redis *redis);    // absolute

// Main thread. Has the process ended by itself? Reaps it and describes how.
bool embedded_redis_has_ended(struct embedded_redis *redis, char how[64]);
// Starts it once more after it has ended; doesn't wait. False when that failed.
bool embedded_redis_restart(struct embedded_redis *redis);
// SIGTERM, then waits until the data is on disk and the process gone. Accepts NULL, leaves NULL. False when it had
// to be killed.
bool embedded_redis_stop(struct embedded_redis **redis);

#endif
