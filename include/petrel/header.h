// SPDX-License-Identifier: Apache-2.0
// Custom request headers of a subscription: which names and values may be sent. Pure.
// Sources: RFC 9110 §5.1 (token), §5.5 (field values); reserved: what petrel or the protocol sets.
#ifndef PETREL_HEADER_H
#define PETREL_HEADER_H

#include "petrel/text.h"

enum { HEADER_MAX_COUNT = 20, HEADER_NAME_MAX_BYTES = 128, HEADER_VALUE_MAX_BYTES = 4096 };

// What is shown in place of a value, everywhere but in the one answer that gives secrets.
#define HEADER_HIDDEN "(hidden)"

// NULL when allowed, otherwise a static sentence that says why not. Case-insensitive.
const char *header_refuse_name(struct span name);
const char *header_refuse_value(struct span value);

#endif
