// SPDX-License-Identifier: Apache-2.0
// The audit log: one line of the log for every request, at info for those that change something or read a secret.
#ifndef PETREL_ADMIN_AUDIT_H
#define PETREL_ADMIN_AUDIT_H

#include "exchange.h"

// route is NULL when there was none, or the key came first.
void audit_write(const struct exchange *exchange, const struct route *route);

#endif
