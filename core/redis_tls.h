// SPDX-License-Identifier: Apache-2.0
// TLS to Redis (rediss://): present when hiredis ≥ 1.0 was found with its SSL library at build time.
#ifndef PETREL_REDIS_TLS_H
#define PETREL_REDIS_TLS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

// Starts TLS on a connecting or connected context, verifying the server against the system's CAs and `host`, its name or
// address. False with `why` (a sentence) when it can't, or when this build has no TLS to Redis.
bool redis_tls_start(redisContext *context, const char *host, char *why, size_t why_size);
bool redis_tls_is_built_in(void);

#endif
