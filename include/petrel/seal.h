// SPDX-License-Identifier: Apache-2.0
// One secret value sealed with AES-256-GCM, as text that names its key: "enc:v1:<key id>:<base64>", the base64 being of
// nonce (12 bytes), ciphertext and tag (16 bytes). It opens only with the same key under the same id, and only at the
// place it was sealed for, so a value copied to another subscription or field is refused.
// Source: NIST SP 800-38D; nonces are random (its §8.2.2, a free field of 96 bits), which §8.3 bounds to 2^32 values
// per key: a ring's key is to be changed long before.
// Pure but for the nonces. Thread-safe.
#ifndef PETREL_SEAL_H
#define PETREL_SEAL_H

#include "petrel/text.h"

#define SEAL_PREFIX "enc:"

enum { SEAL_KEY_BYTES = 32, SEAL_KEY_ID_SIZE = 33, SEAL_NONCE_BYTES = 12, SEAL_TAG_BYTES = 16 };

struct seal_key {
    char id[SEAL_KEY_ID_SIZE]; // seal_is_key_id
    unsigned char bytes[SEAL_KEY_BYTES];
};

// What a value belongs to: authenticated with it (AAD), not stored in it. None of them may hold a NUL.
struct seal_place {
    struct span namespace_name, subscription, field;
};

// 1 to 32 characters of A-Z a-z 0-9 _ . -
bool seal_is_key_id(struct span text);
// Is it meant to be sealed (whatever the version, whether or not it opens)?
bool seal_is_sealed(struct span text);
// The id of the key that opens it; false if it is no well-formed text of this version.
bool seal_find_key_id(struct span sealed, struct span *id);

// Appends the sealed text. False if OpenSSL or memory fails; *out may then hold a part.
bool seal_close(const struct seal_key *key, const struct seal_place *place, struct span plain,
                struct text *out);
// Appends the plain text; *out should be a secret text. False, with nothing appended, if it was sealed with another
// key, for another place, was changed, or memory fails.
bool seal_open(const struct seal_key *key, const struct seal_place *place, struct span sealed,
               struct text *out);

// The cipher alone, for known answers. Nonce and additional data given, out has plain.size + SEAL_TAG_BYTES bytes.
bool seal_encrypt(const unsigned char key[SEAL_KEY_BYTES],
                  const unsigned char nonce[SEAL_NONCE_BYTES], struct span aad, struct span plain,
                  unsigned char *out);

#endif
