// SPDX-License-Identifier: Apache-2.0
// The receiver's side of signing: a few secrets, of which one must have signed. For `verify` and `listen`.
#ifndef PETREL_CLI_VERIFIER_H
#define PETREL_CLI_VERIFIER_H

#include "arguments.h"
#include "input.h"
#include "petrel/signature.h"

enum { VERIFIER_MAX_SECRETS = 32 };

struct verifier {
    struct secret secrets[VERIFIER_MAX_SECRETS];
    size_t count;
    int64_t tolerance_s; // < 0: no look at the clock
};

// What a request says about itself; missing headers are NULL data.
struct verifier_headers {
    struct span id, timestamp, signature;
};

struct verifier_result {
    bool is_verified;
    const char *why; // static sentence
};

// whsec_…, whsk_… or whpk_… (public half of an ed25519 pair). False: error doesn't repeat the secret.
bool verifier_add(struct verifier *verifier, struct span secret, char error[INPUT_ERROR_SIZE]);
// All of --secret and --secret-file (one a line; empty lines and lines that start with # are skipped).
bool verifier_add_arguments(struct verifier *verifier, const struct arguments *arguments,
                            char error[INPUT_ERROR_SIZE]);
struct verifier_result verifier_check(const struct verifier *verifier,
                                      const struct verifier_headers *headers, struct span body,
                                      int64_t now_s);
void verifier_wipe(struct verifier *verifier);

#endif
