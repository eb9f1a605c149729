// SPDX-License-Identifier: Apache-2.0
// The lock guards the pointer to the ring and nothing else: it is held to take a reference, never while anything is
// sealed or opened. Left to others: which fields are secret (subscription_format.c).
#include "petrel/vault.h"

#include <pthread.h>
#include <stdlib.h>

#include "petrel/keys.h"

struct vault {
    pthread_mutex_t lock; // guards ring
    struct keyring *ring; // a reference; NULL: none
    char namespace_name[NAMESPACE_MAX_BYTES + 1];
};

struct vault *vault_create(const char *namespace_name)
{
    struct vault *vault = calloc(1, sizeof *vault);
    if (!vault)
        return NULL;
    if (!span_copy(span_of(namespace_name), vault->namespace_name, sizeof vault->namespace_name) ||
        pthread_mutex_init(&vault->lock, NULL) != 0) {
        free(vault);
        return NULL;
    }
    return vault;
}

void vault_destroy(struct vault **vault)
{
    if (!*vault)
        return;
    keyring_unref(&(*vault)->ring);
    pthread_mutex_destroy(&(*vault)->lock);
    free(*vault);
    *vault = NULL;
}

void vault_set_ring(struct vault *vault, struct keyring *ring)
{
    pthread_mutex_lock(&vault->lock);
    struct keyring *former = vault->ring;
    vault->ring = ring;
    pthread_mutex_unlock(&vault->lock);
    keyring_unref(&former);
}

struct keyring *vault_ring(struct vault *vault)
{
    pthread_mutex_lock(&vault->lock);
    struct keyring *ring = vault->ring ? keyring_ref(vault->ring) : NULL;
    pthread_mutex_unlock(&vault->lock);
    return ring;
}

bool vault_has_ring(struct vault *vault)
{
    struct keyring *ring = vault_ring(vault);
    bool has_one = ring != NULL;
    keyring_unref(&ring);
    return has_one;
}

bool vault_load(struct vault *vault, const char *path, char error[KEYRING_ERROR_SIZE])
{
    struct keyring *ring = NULL;
    if (path[0] && !(ring = keyring_read(path, error)))
        return false;
    vault_set_ring(vault, ring);
    return true;
}

static struct seal_place place_of(const struct vault *vault, const char *subscription,
                                  const char *field)
{
    return (struct seal_place){
        .namespace_name = span_of(vault->namespace_name),
        .subscription = span_of(subscription),
        .field = span_of(field),
    };
}

bool vault_close(struct vault *vault, const char *subscription, const char *field,
                 struct span plain, struct text *out)
{
    struct keyring *ring = vault_ring(vault);
    if (!ring) {
        text_append_span(out, plain);
        return !out->failed;
    }
    struct seal_place place = place_of(vault, subscription, field);
    bool is_closed = seal_close(keyring_current(ring), &place, plain, out);
    keyring_unref(&ring);
    return is_closed;
}

static enum vault_result open_sealed(const struct keyring *ring, const struct seal_place *place,
                                     struct span stored, struct text *out, struct text *why)
{
    struct span id;
    if (!seal_find_key_id(stored, &id)) {
        text_append_string(why, "its encrypted form is damaged, or a newer petrel's");
        return VAULT_BROKEN;
    }
    const struct seal_key *key = ring ? keyring_find(ring, id) : NULL;
    if (!key) {
        text_append_format(why, "it is encrypted with the key \"%.*s\", and %s", SPAN_FMT(id),
                           ring ? "encryption_keys_file has no such key"
                                : "no encryption_keys_file is given");
        return VAULT_NO_KEY;
    }
    if (seal_open(key, place, stored, out))
        return VAULT_OK;
    if (out->failed) {
        text_append_string(why, "not enough memory");
        return VAULT_NO_MEMORY;
    }
    text_append_format(why,
                       "it doesn't open with the key \"%.*s\": it was changed in Redis, or another "
                       "key bears this id",
                       SPAN_FMT(id));
    return VAULT_BROKEN;
}

enum vault_result vault_open(struct vault *vault, const char *subscription, const char *field,
                             struct span stored, struct text *out, struct text *why)
{
    if (!seal_is_sealed(stored)) {
        text_append_span(out, stored);
        return out->failed ? VAULT_NO_MEMORY : VAULT_OK;
    }
    struct keyring *ring = vault_ring(vault);
    struct seal_place place = place_of(vault, subscription, field);
    enum vault_result result = open_sealed(ring, &place, stored, out, why);
    keyring_unref(&ring);
    return result;
}
