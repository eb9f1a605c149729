// SPDX-License-Identifier: Apache-2.0
// The bearer check and the counting of wrong keys. The table of addresses has a fixed size: an address that finds
// its places taken replaces the oldest, so an attacker with many addresses can forget himself, but not fill memory.
#include "auth.h"

#include <stdio.h>
#include <string.h>

void auth_init(struct auth *auth, const char *key)
{
    memset(auth, 0, sizeof *auth);
    digest_sha256_hex(span_of(key), auth->key_digest);
    pthread_mutex_init(&auth->lock, NULL);
}

void auth_fini(struct auth *auth)
{
    pthread_mutex_destroy(&auth->lock);
}

// The slot of this address, or the one it may take: a free one, an expired one, else the oldest.
static struct auth_address *find_slot(struct auth *auth, const char *peer, int64_t now_ms)
{
    size_t start = (size_t)(hash_bytes(span_of(peer)) % AUTH_ADDRESSES);
    struct auth_address *best = &auth->addresses[start];
    for (size_t i = 0; i < AUTH_PROBES; i++) {
        struct auth_address *slot = &auth->addresses[(start + i) % AUTH_ADDRESSES];
        if (slot->failures > 0 && now_ms - slot->since_mono_ms >= AUTH_WINDOW_MS)
            slot->failures = 0;
        if (slot->failures > 0 && strcmp(slot->peer, peer) == 0)
            return slot;
        if (best->failures > 0 && (slot->failures == 0 || slot->since_mono_ms < best->since_mono_ms))
            best = slot;
    }
    return best;
}

static bool is_slot_of(const struct auth_address *slot, const char *peer)
{
    return slot->failures > 0 && strcmp(slot->peer, peer) == 0;
}

static bool is_limited(struct auth *auth, const struct auth_request *request, int64_t *retry_after_s)
{
    pthread_mutex_lock(&auth->lock);
    const struct auth_address *slot = find_slot(auth, request->peer, request->now_mono_ms);
    bool is_over = is_slot_of(slot, request->peer) && slot->failures >= AUTH_FAILURES_MAX;
    if (is_over)
        *retry_after_s = (slot->since_mono_ms + AUTH_WINDOW_MS - request->now_mono_ms + 999) / 1000;
    pthread_mutex_unlock(&auth->lock);
    return is_over;
}

static void count_failure(struct auth *auth, const struct auth_request *request)
{
    pthread_mutex_lock(&auth->lock);
    struct auth_address *slot = find_slot(auth, request->peer, request->now_mono_ms);
    if (!is_slot_of(slot, request->peer)) {
        snprintf(slot->peer, sizeof slot->peer, "%s", request->peer);
        slot->since_mono_ms = request->now_mono_ms;
        slot->failures = 0;
    }
    slot->failures++;
    pthread_mutex_unlock(&auth->lock);
}

// RFC 6750 §2.1; the scheme's case doesn't matter (RFC 9110 §11.1).
static bool find_bearer(const char *authorization, struct span *key)
{
    static const size_t scheme_size = sizeof "Bearer " - 1;
    struct span all = span_trim(span_of(authorization));
    if (all.size <= scheme_size ||
        !span_equals_ignoring_case((struct span){all.data, scheme_size}, SPAN("Bearer ")))
        return false;
    *key = span_trim((struct span){all.data + scheme_size, all.size - scheme_size});
    return true;
}

static bool is_right(const struct auth *auth, struct span key)
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(key, digest);
    return digest_equals(digest, auth->key_digest, DIGEST_HEX_SIZE - 1);
}

bool auth_has_key(const struct auth *auth, const char *authorization)
{
    struct span key;
    return authorization && find_bearer(authorization, &key) && is_right(auth, key);
}

enum auth_result auth_check(struct auth *auth, const struct auth_request *request,
                            int64_t *retry_after_s)
{
    struct span key;
    if (is_limited(auth, request, retry_after_s))
        return AUTH_LIMITED;
    if (!request->authorization || !find_bearer(request->authorization, &key))
        return AUTH_MISSING;
    if (is_right(auth, key))
        return AUTH_OK;
    count_failure(auth, request);
    return AUTH_WRONG;
}
