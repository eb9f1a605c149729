// SPDX-License-Identifier: Apache-2.0
// Randomness: unpredictable bytes for secrets and ids, a small fast generator for jitter.
#ifndef PETREL_RANDOM_H
#define PETREL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

// Cryptographically secure (OpenSSL RAND_bytes). Aborts the process if the source fails.
void random_bytes(unsigned char *out, size_t size);

// `prefix` + 22 characters of [0-9A-Za-z] (≥ 130 random bits), NUL-terminated; out must have
// strlen(prefix) + 23 bytes.
void random_id(const char *prefix, char *out, size_t out_size);

// splitmix64; *state is the caller's, any seed. For jitter and tests with a seed, never for secrets.
uint64_t random_next(uint64_t *state);

#endif
