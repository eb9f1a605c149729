// SPDX-License-Identifier: Apache-2.0
// JSON request bodies: the members of an object as raw slices, so that what a producer wrote stays byte for byte.
// Pure.
#ifndef PETREL_ADMIN_BODY_H
#define PETREL_ADMIN_BODY_H

#include "petrel/json.h"
#include "petrel/subscription.h"

enum { BODY_MEMBERS_MAX = 16, BODY_NAME_SIZE = 64 };

struct body_member {
    const char *name; // one of the allowed names
    struct span raw;  // borrowed from the body
};
struct body {
    size_t count;
    struct body_member members[BODY_MEMBERS_MAX];
};

// json has passed json_validate. False (with errors) if it is no object, or has unknown or repeated members.
// allowed: NULL-terminated, at most BODY_MEMBERS_MAX. A member that is null counts as absent, except "data".
bool body_parse(struct span json, const char *const *allowed, struct body *body,
                struct field_errors *errors);
// NULL when absent.
const struct span *body_find(const struct body *body, const char *name);
// Decodes a JSON string into *out (malloc'd by text; may hold NUL bytes). False if raw is none, or too large.
bool body_decode_string(struct span raw, struct text *out);
// The member as text; "" when absent; an error when it is no string, or holds NUL.
bool body_read_string(const struct body *body, const char *name, struct text *out,
                      struct field_errors *errors);

#endif
