// SPDX-License-Identifier: Apache-2.0
// The keys that seal secrets at rest: a text of lines "<key id> <base64 of 32 bytes>", the first one current (it
// seals), the others old (they only open). Blank lines and lines beginning with # are skipped.
// Immutable once read; shared by reference count between threads. Keys are wiped with the last reference.
#ifndef PETREL_KEYRING_H
#define PETREL_KEYRING_H

#include "petrel/seal.h"

struct keyring;

enum { KEYRING_KEYS_MAX = 32, KEYRING_ERROR_SIZE = 512 };

// Pure. NULL: error says which line and what it should be, never what it holds.
struct keyring *keyring_parse(struct span text, char error[KEYRING_ERROR_SIZE]);
// From a file; others being able to read it is worth a warning in the log. NULL: error names the file too.
struct keyring *keyring_read(const char *path, char error[KEYRING_ERROR_SIZE]);
// A line as the file wants it, with a new random key; the caller wipes it.
enum { KEYRING_LINE_SIZE = SEAL_KEY_ID_SIZE + 48 };
void keyring_format_new(const char *id, char line[KEYRING_LINE_SIZE]);

struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring **ring); // accepts NULL

const struct seal_key *keyring_current(const struct keyring *ring);
const struct seal_key *keyring_find(const struct keyring *ring, struct span id); // NULL if none

#endif
