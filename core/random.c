// SPDX-License-Identifier: Apache-2.0
// Unpredictable bytes and ids from OpenSSL's generator; splitmix64 for jitter.
// A process that can't get randomness must not make secrets: it stops.
#include "petrel/random.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_CHARACTERS = 22, BATCH_BYTES = 1 << 20 };

void random_bytes(unsigned char *out, size_t size)
{
    while (size > 0) {
        int batch = size < BATCH_BYTES ? (int)size : BATCH_BYTES;
        if (RAND_bytes(out, batch) != 1) {
            fputs("petrel: the system's source of randomness failed\n", stderr);
            abort();
        }
        out += batch;
        size -= (size_t)batch;
    }
}

void random_id(const char *prefix, char *out, size_t out_size)
{
    static const char characters[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t prefix_size = strlen(prefix);
    assert(out_size > ID_CHARACTERS && prefix_size < out_size - ID_CHARACTERS);
    memcpy(out, prefix, prefix_size);
    out += prefix_size;
    size_t count = 0;
    while (count < ID_CHARACTERS) {
        unsigned char bytes[ID_CHARACTERS];
        random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && count < ID_CHARACTERS; i++) {
            // 248 is the largest multiple of 62 in a byte: taking more would favour some
            // characters.
            if (bytes[i] < 248)
                out[count++] = characters[bytes[i] % 62];
        }
    }
    out[count] = '\0';
}

uint64_t random_next(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}
