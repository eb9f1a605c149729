// SPDX-License-Identifier: Apache-2.0
// The request of one attempt: the headers of the Standard Webhooks contract, signed at this moment.
#ifndef PETREL_ATTEMPT_H
#define PETREL_ATTEMPT_H

#include "delivery.h"
#include "sender.h"

// Signs and starts. False: could not be started (memory, OpenSSL); done will not be called.
bool attempt_start(struct sender *sender, const struct delivery *delivery, int64_t timeout_ms,
                   sender_done *done, void *arg);

#endif
