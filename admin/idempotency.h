// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key: the answer to a POST is kept for 24 hours, and a repetition gets it again instead of a second
// effect. Kept in Redis, so it holds across instances and restarts.
#ifndef PETREL_ADMIN_IDEMPOTENCY_H
#define PETREL_ADMIN_IDEMPOTENCY_H

#include "exchange.h"
#include "petrel/digest.h"

struct idempotency {
    bool is_on;                        // the request has a key, and we own its marker
    char digest[DIGEST_HEX_SIZE];      // names the Redis key
    char body_digest[DIGEST_HEX_SIZE]; // tells another request from a repetition
};

// False: the answer is set already (a replay, or why not). True: handle the request, then call finish.
bool idempotency_begin(struct idempotency *idempotency, struct exchange *exchange);
// For answers that must be kept nowhere. False: 422 is the answer, since the request has an Idempotency-Key.
bool idempotency_refuse(struct exchange *exchange);
void idempotency_finish(const struct idempotency *idempotency, struct exchange *exchange);

#endif
