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

static void take_configured(struct api_key *key)
{
    *key = (struct api_key){.id = AUTH_CONFIGURED_ID, .scope = API_KEY_ADMIN};
}

static enum auth_result find_key(const struct auth *auth, struct store *store, struct span text,
                                 struct api_key *found)
{
    char id[API_KEY_ID_SIZE];
    if (is_right(auth, text)) {
        take_configured(found);
        return AUTH_OK;
    }
    if (!api_key_read_id(text, id))
        return AUTH_WRONG;
    switch (store_find_api_key(store, id, found)) {
    case STORE_OK:
        return api_key_matches(found, text) ? AUTH_OK : AUTH_WRONG;
    case STORE_NOT_FOUND:
    case STORE_INVALID:
        return AUTH_WRONG;
    case STORE_CONFLICT:
    case STORE_FULL:
    case STORE_UNCONFIRMED:
    case STORE_UNAVAILABLE:
        return AUTH_UNAVAILABLE;
    }
    return AUTH_WRONG;
}

bool auth_has_key(const struct auth *auth, struct store *store, const char *authorization,
                  int64_t now_wall_ms)
{
    struct span text;
    struct api_key found;
    return authorization && find_bearer(authorization, &text) &&
           find_key(auth, store, text, &found) == AUTH_OK &&
           !api_key_has_expired(&found, now_wall_ms);
}

enum auth_result auth_check(struct auth *auth, struct store *store,
                            const struct auth_request *request, struct access *access,
                            int64_t *retry_after_s)
{
    struct span text;
    struct api_key found = {.created_at_ms = 0};
    *access = (struct access){.key.scope = API_KEY_READ};
    if (is_limited(auth, request, retry_after_s))
        return AUTH_LIMITED;
    if (!request->authorization || !find_bearer(request->authorization, &text))
        return AUTH_MISSING;
    enum auth_result result = find_key(auth, store, text, &found);
    if (result == AUTH_WRONG)
        count_failure(auth, request);
    if (result != AUTH_OK)
        return result;
    access->key = found; // who it was is worth a line in the log, even when it has expired
    if (api_key_has_expired(&found, request->now_wall_ms))
        return AUTH_EXPIRED;
    if (strcmp(found.id, AUTH_CONFIGURED_ID) != 0)
        store_note_api_key_used(store, &found);
    return AUTH_OK;
}
