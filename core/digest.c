// SPDX-License-Identifier: Apache-2.0
// SHA-256, SHA-1 and constant-time comparison, by OpenSSL's EVP interface.
#include "petrel/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_BYTES = 32 };

static void digest_hex(const EVP_MD *algorithm, struct span bytes, char *out)
{
    unsigned char digest[MAX_BYTES];
    unsigned size = 0;
    const void *data = bytes.data ? bytes.data : "";
    if (EVP_Digest(data, bytes.size, digest, &size, algorithm, NULL) != 1) {
        // Going on would compare a key with garbage.
        fputs("petrel: OpenSSL can't compute a digest\n", stderr);
        abort();
    }
    hex_encode(digest, size, out);
    OPENSSL_cleanse(digest, sizeof(digest));
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
