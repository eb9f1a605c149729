// SPDX-License-Identifier: Apache-2.0
// Who may use the API: the bearer key of the configuration, or one of those in Redis (petrel/api_key.h), all known by
// their SHA-256 only; and a limit on wrong keys per address.
#ifndef PETREL_ADMIN_AUTH_H
#define PETREL_ADMIN_AUTH_H

#include <pthread.h>

#include "petrel/digest.h"
#include "petrel/store.h"

// Wrong keys an address may send within AUTH_WINDOW_MS of its first; then everything it sends is refused until
// the window has passed. Requests without a key are refused but not counted: nothing was guessed.
enum { AUTH_FAILURES_MAX = 20, AUTH_WINDOW_MS = 60 * 1000, AUTH_ADDRESSES = 1024, AUTH_PROBES = 8 };

struct auth_address {
    char peer[64];
    int64_t since_mono_ms;
    unsigned failures; // 0: free
};

struct auth {
    char key_digest[DIGEST_HEX_SIZE];
    pthread_mutex_t lock; // guards addresses
    struct auth_address addresses[AUTH_ADDRESSES];
};

enum auth_result {
    AUTH_OK,
    AUTH_MISSING,
    AUTH_WRONG,
    AUTH_EXPIRED,
    AUTH_LIMITED,
    AUTH_UNAVAILABLE // Redis has to be asked, and doesn't answer; store->error says why
};

// Of the configured key: id AUTH_CONFIGURED_ID, scope admin, all tenants.
struct access {
    struct api_key key;
};
#define AUTH_CONFIGURED_ID "admin"

struct auth_request {
    const char *authorization; // the header; may be NULL
    const char *peer;
    int64_t now_mono_ms, now_wall_ms;
};

void auth_init(struct auth *auth, const char *key);
void auth_fini(struct auth *auth);
// Is the header (may be NULL) a right one? Counts nothing. From any thread; so is the store, the caller's alone.
bool auth_has_key(const struct auth *auth, struct store *store, const char *authorization,
                  int64_t now_wall_ms);
// From any thread. A key in Redis is looked up each time: so one that was revoked ends with the request before.
// store is bound to no tenant. *retry_after_s is set for AUTH_LIMITED.
enum auth_result auth_check(struct auth *auth, struct store *store,
                            const struct auth_request *request, struct access *access,
                            int64_t *retry_after_s);

#endif
