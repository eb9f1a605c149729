// SPDX-License-Identifier: Apache-2.0
// Keys of the admin API: what one may do, for which tenant, until when. The key itself is shown once, when it is made;
// kept is its SHA-256. It has 130 random bits, so nothing slower than SHA-256 is needed to keep it from being guessed.
// Pure but for random ids and keys.
#ifndef PETREL_API_KEY_H
#define PETREL_API_KEY_H

#include "petrel/digest.h"
#include "petrel/event.h"

enum {
    API_KEY_ID_SIZE = 32,   // "key_" and 22 characters
    API_KEY_TEXT_SIZE = 64, // "petrel_", the 22 characters of the id, "_", 22 secret ones
    API_KEY_NAME_SIZE = 101,
    API_KEY_JSON_MAX_BYTES = 2048
};

// Each may do what those before it may.
enum api_key_scope { API_KEY_READ, API_KEY_WRITE, API_KEY_ADMIN };

struct api_key {
    char id[API_KEY_ID_SIZE];
    char name[API_KEY_NAME_SIZE]; // for people
    enum api_key_scope scope;
    bool has_tenant;                // may see and touch this tenant's things only …
    char tenant[EVENT_TENANT_SIZE]; // … "" being those without a tenant
    char digest[DIGEST_HEX_SIZE];
    int64_t created_at_ms;
    int64_t expires_at_ms;   // 0: never
    int64_t last_used_at_ms; // 0: never; to the minute. Not part of the stored form
};

// Gives it an id, and the key as text, whose digest it gets. The caller wipes the text.
void api_key_make(struct api_key *key, char text[API_KEY_TEXT_SIZE]);
// The id that a key's text names; false when it is none of ours.
bool api_key_read_id(struct span text, char id[API_KEY_ID_SIZE]);
bool api_key_matches(const struct api_key *key, struct span text); // in constant time
bool api_key_has_expired(const struct api_key *key, int64_t now_wall_ms);

const char *api_key_scope_text(enum api_key_scope scope); // "read" …
bool api_key_parse_scope(struct span text, enum api_key_scope *scope);

void api_key_format_stored(const struct api_key *key, struct text *out);
bool api_key_parse_stored(struct span json, struct api_key *key);
// The API's form: a JSON object, without the digest. text is the key, shown when it was just made, else NULL.
void api_key_format_public(const struct api_key *key, const char *text, struct text *out);

#endif
