// SPDX-License-Identifier: Apache-2.0
// Members of request bodies that mean the same in several routes.
#ifndef PETREL_ADMIN_BODY_VALUES_H
#define PETREL_ADMIN_BODY_VALUES_H

#include "body.h"

enum { BODY_LIMIT_DEFAULT = 200, BODY_LIMIT_MAX = 1000 };

// text: the member as it was given; NULL: absent. RFC 3339, or a length of time before now_ms ("24h"); 0 when absent.
int64_t body_instant(const char *text, const char *name, int64_t now_ms,
                     struct field_errors *errors);
// The member "limit": how many things one call may change.
size_t body_limit(const struct body *body, struct field_errors *errors);

#endif
