// SPDX-License-Identifier: Apache-2.0
// A blocking connection to Redis for the admin API and the command line: one caller at a time.
// Every call has a deadline. Reconnects by itself on the next call after a failure.
#ifndef PETREL_REDIS_CLIENT_H
#define PETREL_REDIS_CLIENT_H

#include "petrel/redis_command.h"
#include "petrel/redis_url.h"

struct redis_client;

enum { REDIS_CLIENT_ERROR_SIZE = 240 };

// Copies the URL; connects on first use. NULL without memory.
struct redis_client *redis_client_create(const struct redis_url *url, int64_t timeout_ms);
void redis_client_destroy(struct redis_client **client);

// For the calls from now on.
void redis_client_set_timeout(struct redis_client *client, int64_t timeout_ms);

// Sends the command (destroys it, sets *command NULL) and waits. NULL when Redis can't be reached or
// doesn't answer in time: redis_client_error says why. An error reply of Redis is a reply.
// The caller frees the reply. A script unknown to Redis is loaded and sent again.
redis_reply *redis_client_call(struct redis_client *client, struct redis_command **command);
// Several in one round trip; replies[i] may be NULL as above. Destroys the commands.
void redis_client_call_all(struct redis_client *client, struct redis_command **commands,
                           redis_reply **replies, size_t count);
void redis_client_free_reply(redis_reply **reply);
const char *redis_client_error(const struct redis_client *client);

#endif
