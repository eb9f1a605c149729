// SPDX-License-Identifier: Apache-2.0
// Who may do what: the key of a request, and whether it is enough for the route. Both answer when it isn't.
#ifndef PETREL_ADMIN_PERMISSION_H
#define PETREL_ADMIN_PERMISSION_H

#include "auth.h"
#include "exchange.h"

// Fills exchange->access and binds the store to its tenant. False: 401, 429 or 503 is the answer.
bool permission_check_key(struct auth *auth, struct exchange *exchange);
// False: 403 is the answer.
bool permission_check_route(const struct exchange *exchange, const struct route *route);

#endif
