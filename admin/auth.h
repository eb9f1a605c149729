// SPDX-License-Identifier: Apache-2.0
// Who may use the API: one bearer key, known by its SHA-256 only, and a limit on wrong keys per address.
#ifndef PETREL_ADMIN_AUTH_H
#define PETREL_ADMIN_AUTH_H

#include <pthread.h>

#include "petrel/digest.h"

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

enum auth_result { AUTH_OK, AUTH_MISSING, AUTH_WRONG, AUTH_LIMITED };

struct auth_request {
    const char *authorization; // the header; may be NULL
    const char *peer;
    int64_t now_mono_ms;
};

void auth_init(struct auth *auth, const char *key);
void auth_fini(struct auth *auth);
// Is the header (may be NULL) the right one? Counts nothing. From any thread.
bool auth_has_key(const struct auth *auth, const char *authorization);
// From any thread. *retry_after_s is set for AUTH_LIMITED.
enum auth_result auth_check(struct auth *auth, const struct auth_request *request,
                            int64_t *retry_after_s);

#endif
