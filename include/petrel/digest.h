// SPDX-License-Identifier: Apache-2.0
// Digests as hex and comparison in constant time: SHA-256 for API keys and idempotency keys, SHA-1 only for
// the name that Redis gives a script.
#ifndef PETREL_DIGEST_H
#define PETREL_DIGEST_H

#include "petrel/text.h"

enum { DIGEST_BYTES = 32, DIGEST_HEX_SIZE = 65, DIGEST_SHA1_HEX_SIZE = 41 };

void digest_sha256(struct span bytes, unsigned char out[DIGEST_BYTES]);
void digest_sha256_hex(struct span bytes, char out[DIGEST_HEX_SIZE]);
void digest_sha1_hex(struct span bytes, char out[DIGEST_SHA1_HEX_SIZE]); // not for security
bool digest_equals(const void *a, const void *b, size_t size);           // constant time

#endif
