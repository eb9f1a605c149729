// SPDX-License-Identifier: Apache-2.0
// Signing and verifying as Standard Webhooks 1.0 says: over "<id>.<timestamp s>.<body>".
#ifndef PETREL_SIGNATURE_H
#define PETREL_SIGNATURE_H

#include "petrel/secret.h"
#include "petrel/text.h"

enum { SIGNATURE_TOLERANCE_S = 300 };

struct signed_content {
    const char *id;
    int64_t timestamp_s;
    struct span body;
};

// Appends "v1,<base64>" or "v1a,<base64>" to out, after one space if out isn't empty (so several
// secrets give one header value). Safe from any thread. False if OpenSSL fails.
bool signature_append(const struct secret *secret, const struct signed_content *content,
                      struct text *out);

enum signature_verdict {
    SIGNATURE_OK,
    SIGNATURE_NO_MATCH,      // signatures of this kind, none of this secret
    SIGNATURE_NONE_OF_KIND,  // no signature with the secret's version prefix
    SIGNATURE_MALFORMED,     // header isn't a list of "<version>,<base64>"
    SIGNATURE_TOO_OLD,       // outside the tolerance, past
    SIGNATURE_IN_THE_FUTURE, // outside the tolerance, ahead
};

// Compares in constant time. `secret` may be an ed25519 pair or its public half (kind ED25519, size 32).
// tolerance_s < 0 skips the time check.
enum signature_verdict signature_verify(const struct secret *secret,
                                        const struct signed_content *content, struct span header,
                                        int64_t now_s, int64_t tolerance_s);
const char *signature_verdict_text(enum signature_verdict verdict); // a sentence

#endif
