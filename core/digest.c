// SPDX-License-Identifier: Apache-2.0
// SHA-256, SHA-1 and constant-time comparison, by OpenSSL's EVP interface.
#include "petrel/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHA256_BYTES = 32, SHA1_BYTES = 20 };

static void digest_or_abort(struct span bytes, const EVP_MD *kind, unsigned char *digest)
{
    const void *data = bytes.data ? bytes.data : "";
    if (EVP_Digest(data, bytes.size, digest, NULL, kind, NULL) != 1) {
        // Going on would compare a key with garbage.
        fputs("petrel: OpenSSL lacks SHA-256 or SHA-1\n", stderr);
        abort();
    }
}

void digest_sha256_hex(struct span bytes, char out[DIGEST_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    digest_or_abort(bytes, EVP_sha256(), digest);
    hex_encode(digest, sizeof(digest), out);
    OPENSSL_cleanse(digest, sizeof(digest));
}

void digest_sha1_hex(struct span bytes, char out[DIGEST_SHA1_HEX_SIZE])
{
    unsigned char digest[SHA1_BYTES];
    digest_or_abort(bytes, EVP_sha1(), digest);
    hex_encode(digest, sizeof(digest), out);
}

bool digest_equals(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
