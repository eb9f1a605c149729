// SPDX-License-Identifier: Apache-2.0
// Shared by json.c (values) and json_string.c (what is inside of strings), by nobody else.
#ifndef PETREL_JSON_INTERNAL_H
#define PETREL_JSON_INTERNAL_H

#include "petrel/text.h"

// Where the run of plain ASCII characters of a string ends: at a quote, an escape, a control
// character or a byte of a longer UTF-8 sequence; at `end` if there is none.
const char *json_skip_plain(const char *at, const char *end);

// Reads the escape at `at`; returns its size, 0 if it is none. A surrogate pair is one escape.
size_t json_read_escape(const char *at, const char *end, uint32_t *code_point);

// Whether a string's inside, once decoded, is `text`. False too if an escape in it is none.
bool json_string_equals(struct span raw, struct span text);

#endif
