// SPDX-License-Identifier: Apache-2.0
// JSON where the producer's bytes matter: validate without building, find the raw bytes of a member,
// append escaped strings. Values that only have to be read are read with cJSON elsewhere.
// Pure: no I/O, no clock. Source: RFC 8259.
#ifndef PETREL_JSON_H
#define PETREL_JSON_H

#include "petrel/text.h"

enum { JSON_MAX_DEPTH = 128 };

struct json_error {
    size_t offset;       // bytes from the start
    const char *message; // static text
};

// One JSON value with optional whitespace around it. Strict RFC 8259: UTF-8, no NaN, no trailing
// comma, no lone surrogate escapes, at most JSON_MAX_DEPTH levels deep.
bool json_validate(struct span text, struct json_error *error);

// The raw bytes (no surrounding whitespace) of the member `name` of a valid JSON object. The first of
// equal names, compared after decoding escapes. False if it isn't an object or has no such member.
bool json_find_member(struct span object, const char *name, struct span *value);

// Appends text as a JSON string with quotes. Bytes that aren't UTF-8 become U+FFFD.
void json_append_string(struct text *out, struct span text);

#endif
