// SPDX-License-Identifier: Apache-2.0
// SHA-256 as hex and comparison in constant time: for API keys and idempotency keys.
#ifndef PETREL_DIGEST_H
#define PETREL_DIGEST_H

#include "petrel/text.h"

enum { DIGEST_HEX_SIZE = 65 };

void digest_sha256_hex(struct span bytes, char out[DIGEST_HEX_SIZE]);
bool digest_equals(const void *a, const void *b, size_t size); // constant time

#endif
