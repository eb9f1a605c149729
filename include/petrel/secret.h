// SPDX-License-Identifier: Apache-2.0
// Signing secrets of Standard Webhooks: whsec_ (HMAC-SHA256) and whsk_/whpk_ (ed25519).
// Source: Standard Webhooks specification 1.0, "Signature scheme", "Secret key serialization".
#ifndef PETREL_SECRET_H
#define PETREL_SECRET_H

#include "petrel/text.h"

enum secret_kind {
    SECRET_HMAC,    // whsec_ + base64 of 24–64 bytes; signs as v1
    SECRET_ED25519, // whsk_ + base64 of 64 bytes (seed, then public key); signs as v1a
};

enum { SECRET_MAX_BYTES = 64, SECRET_TEXT_SIZE = 128 };

struct secret {
    enum secret_kind kind;
    size_t size;
    unsigned char bytes[SECRET_MAX_BYTES];
};

// *why is a static sentence for the API's user. Refuses what the specification refuses: no known
// prefix, bad base64, HMAC keys under 24 or over 64 bytes, ed25519 keys not of 64 bytes or whose
// public half doesn't belong to the seed.
bool secret_parse(struct span text, struct secret *secret, const char **why);
// "whpk_" + base64 of 32 bytes, into an ed25519 secret of 32 bytes that can verify but not sign.
bool secret_parse_public(struct span text, struct secret *secret, const char **why);
void secret_format(const struct secret *secret, char out[SECRET_TEXT_SIZE]);
void secret_generate(enum secret_kind kind, struct secret *secret); // 32 bytes for HMAC
// "whpk_…" of an ed25519 secret.
void secret_format_public(const struct secret *secret, char out[SECRET_TEXT_SIZE]);
void secret_wipe(struct secret *secret);

#endif
