// SPDX-License-Identifier: Apache-2.0
// What seals and opens the secret values of stored subscriptions: the namespace, and the key ring in force, which can
// be exchanged while others use it. Without a ring values are stored as they are, and plain ones are always read: so
// encryption can be taken up at any time.
// Thread-safe. One per process; everything that reads or writes a stored subscription is given it.
#ifndef PETREL_VAULT_H
#define PETREL_VAULT_H

#include "petrel/keyring.h"

struct vault;

enum vault_result {
    VAULT_OK,
    VAULT_NO_KEY, // sealed with a key that isn't in the ring, or there is no ring
    VAULT_BROKEN, // changed, or sealed for another place
    VAULT_NO_MEMORY,
};

struct vault *vault_create(const char *namespace_name); // without a ring; NULL without memory
void vault_destroy(struct vault **vault);

// Puts the ring of this file in force ("": none). False with an error line: the ring in force stays.
bool vault_load(struct vault *vault, const char *path, char error[KEYRING_ERROR_SIZE]);
void vault_set_ring(struct vault *vault, struct keyring *ring); // takes the reference; NULL: none
struct keyring *vault_ring(struct vault *vault);                // a reference; NULL: none
bool vault_has_ring(struct vault *vault);

// Appends the value as it is to be stored. False if memory or OpenSSL fails.
bool vault_close(struct vault *vault, const char *subscription, const char *field,
                 struct span plain, struct text *out);
// Appends the plain value of a stored one; *out should be a secret text. On failure *why gets a sentence that names
// the key id where there is one, never the value.
enum vault_result vault_open(struct vault *vault, const char *subscription, const char *field,
                             struct span stored, struct text *out, struct text *why);

#endif
