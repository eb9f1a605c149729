// SPDX-License-Identifier: Apache-2.0
// SHA-256, SHA-1 and constant-time comparison, by OpenSSL's EVP interface.
#include "petrel/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

// Returns how many bytes it has: DIGEST_BYTES at most.
static size_t digest(const EVP_MD *algorithm, struct span bytes, unsigned char out[DIGEST_BYTES])
{
    unsigned size = 0;
    const void *data = bytes.data ? bytes.data : "";
    if (EVP_Digest(data, bytes.size, out, &size, algorithm, NULL) != 1) {
        // Going on would compare a key with garbage.
        fputs("petrel: OpenSSL can't compute a digest\n", stderr);
        abort();
    }
    return size;
}

static void digest_hex(const EVP_MD *algorithm, struct span bytes, char *out)
{
    unsigned char raw[DIGEST_BYTES];
    hex_encode(raw, digest(algorithm, bytes, raw), out);
    OPENSSL_cleanse(raw, sizeof(raw));
}

void digest_sha256(struct span bytes, unsigned char out[DIGEST_BYTES])
{
    digest(EVP_sha256(), bytes, out);
}

void digest_sha256_hex(struct span bytes, char out[DIGEST_HEX_SIZE])
{
    digest_hex(EVP_sha256(), bytes, out);
}

void digest_sha1_hex(struct span bytes, char out[DIGEST_SHA1_HEX_SIZE])
{
    digest_hex(EVP_sha1(), bytes, out);
}

bool digest_equals(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
