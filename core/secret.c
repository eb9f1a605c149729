// SPDX-License-Identifier: Apache-2.0
// Signing secrets: text to bytes and back, and making new ones.
//
// Invariant: a struct secret that left secret_parse or secret_generate has the size its kind
// demands, and the public half of an ed25519 key belongs to its seed. Intermediate copies are
// wiped. Left to others: signing (signature.c), keeping secrets encrypted at rest.
#include "petrel/secret.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/random.h"

enum {
    HMAC_MIN_BYTES = 24, // Standard Webhooks: between 24 bytes (192 bits) and 64 bytes (512 bits)
    HMAC_NEW_BYTES = 32,
    ED25519_SEED_BYTES = 32,
    ED25519_PUBLIC_BYTES = 32,
    ED25519_BYTES = ED25519_SEED_BYTES + ED25519_PUBLIC_BYTES
};

#define HMAC_PREFIX "whsec_"
#define ED25519_PREFIX "whsk_"
#define PUBLIC_PREFIX "whpk_"

static bool derive_public(const unsigned char *seed, unsigned char *public_key)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_SEED_BYTES);
    size_t size = ED25519_PUBLIC_BYTES;
    bool ok = key && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1 &&
              size == ED25519_PUBLIC_BYTES;
    EVP_PKEY_free(key);
    if (!ok)
        ERR_clear_error(); // or a later TLS connection on this thread would take it for its own
    return ok;
}

// Why the bytes are no secret of their kind; NULL when they are.
static const char *refuse_bytes(const struct secret *secret)
{
    switch (secret->kind) {
    case SECRET_HMAC:
        if (secret->size < HMAC_MIN_BYTES)
            return "a whsec_ secret must have at least 24 bytes";
        return NULL; // the buffer is as large as the maximum
    case SECRET_ED25519:
        break;
    }
    if (secret->size != ED25519_BYTES)
        return "a whsk_ key must have 64 bytes: the seed, then the public key";
    unsigned char public_key[ED25519_PUBLIC_BYTES];
    if (!derive_public(secret->bytes, public_key))
        return "OpenSSL can't read this ed25519 key";
    if (memcmp(public_key, secret->bytes + ED25519_SEED_BYTES, sizeof(public_key)) != 0)
        return "the public half of the whsk_ key doesn't belong to its private half";
    return NULL;
}

static bool decode(struct span text, struct span prefix, struct secret *secret, const char **why)
{
    // Whole groups of three, more than allowed, so that a secret too long is told from bad base64.
    unsigned char bytes[(SECRET_MAX_BYTES / 3 + 1) * 3];
    size_t size = 0;
    struct span digits = {.data = text.data + prefix.size, .size = text.size - prefix.size};
    bool is_too_long = digits.size > base64_encoded_size(sizeof(bytes));
    bool ok = !is_too_long && base64_decode(digits, bytes, sizeof(bytes), &size);
    *why = NULL;
    if (is_too_long || size > SECRET_MAX_BYTES)
        *why = "a secret may have at most 64 bytes";
    else if (!ok)
        *why = "what follows the prefix must be base64";
    else
        memcpy(secret->bytes, bytes, size);
    secret->size = size;
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return !*why;
}

bool secret_parse(struct span text, struct secret *secret, const char **why)
{
    struct span prefix = SPAN(HMAC_PREFIX);
    *secret = (struct secret){.kind = SECRET_HMAC};
    if (span_starts_with(text, SPAN(ED25519_PREFIX))) {
        secret->kind = SECRET_ED25519;
        prefix = SPAN(ED25519_PREFIX);
    } else if (span_starts_with(text, SPAN(PUBLIC_PREFIX))) {
        *why = "a whpk_ key is public and can't sign; give the whsk_ key";
        return false;
    } else if (!span_starts_with(text, prefix)) {
        *why = "a secret begins with whsec_ (HMAC) or whsk_ (ed25519)";
        return false;
    }
    if (decode(text, prefix, secret, why))
        *why = refuse_bytes(secret);
    if (*why)
        secret_wipe(secret);
    return !*why;
}

bool secret_parse_public(struct span text, struct secret *secret, const char **why)
{
    struct span prefix = SPAN(PUBLIC_PREFIX);
    *secret = (struct secret){.kind = SECRET_ED25519};
    if (!span_starts_with(text, prefix)) {
        *why = "a public key begins with whpk_";
        return false;
    }
    if (decode(text, prefix, secret, why) && secret->size != ED25519_PUBLIC_BYTES)
        *why = "a whpk_ key must have 32 bytes";
    if (*why)
        secret_wipe(secret);
    return !*why;
}

static void format(const char *prefix, const unsigned char *bytes, size_t size,
                   char out[SECRET_TEXT_SIZE])
{
    size_t prefix_size = strlen(prefix);
    assert(prefix_size + base64_encoded_size(size) < SECRET_TEXT_SIZE);
    memcpy(out, prefix, prefix_size + 1);
    base64_encode(bytes, size, out + prefix_size);
}

void secret_format(const struct secret *secret, char out[SECRET_TEXT_SIZE])
{
    switch (secret->kind) {
    case SECRET_HMAC:
        format(HMAC_PREFIX, secret->bytes, secret->size, out);
        return;
    case SECRET_ED25519:
        assert(secret->size == ED25519_BYTES);
        format(ED25519_PREFIX, secret->bytes, secret->size, out);
        return;
    }
}

void secret_format_public(const struct secret *secret, char out[SECRET_TEXT_SIZE])
{
    assert(secret->kind == SECRET_ED25519);
    assert(secret->size == ED25519_BYTES || secret->size == ED25519_PUBLIC_BYTES);
    const unsigned char *public_key = secret->bytes + secret->size - ED25519_PUBLIC_BYTES;
    format(PUBLIC_PREFIX, public_key, ED25519_PUBLIC_BYTES, out);
}

void secret_generate(enum secret_kind kind, struct secret *secret)
{
    *secret = (struct secret){.kind = kind};
    switch (kind) {
    case SECRET_HMAC:
        secret->size = HMAC_NEW_BYTES;
        random_bytes(secret->bytes, secret->size);
        return;
    case SECRET_ED25519:
        secret->size = ED25519_BYTES;
        random_bytes(secret->bytes, ED25519_SEED_BYTES);
        if (!derive_public(secret->bytes, secret->bytes + ED25519_SEED_BYTES)) {
            fputs("petrel: OpenSSL has no ed25519\n", stderr);
            abort();
        }
        return;
    }
}

void secret_wipe(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof(*secret));
}
