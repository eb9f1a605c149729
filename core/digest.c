// SPDX-License-Identifier: Apache-2.0
// SHA-256 and constant-time comparison, by OpenSSL's EVP interface.
#include "petrel/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHA256_BYTES = 32 };

void digest_sha256_hex(struct span bytes, char out[DIGEST_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    const void *data = bytes.data ? bytes.data : "";
    if (EVP_Digest(data, bytes.size, digest, NULL, EVP_sha256(), NULL) != 1) {
        // Going on would compare a key with garbage.
        fputs("petrel: OpenSSL has no SHA-256\n", stderr);
        abort();
    }
    hex_encode(digest, sizeof(digest), out);
    OPENSSL_cleanse(digest, sizeof(digest));
}

bool digest_equals(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
