// SPDX-License-Identifier: Apache-2.0
// Subscriptions from the API and from Redis. Parts: the body of a POST, of a PATCH, and a stored form.
//
// Whatever was made of a body is stored, read again as the same, and shown as JSON without a secret in it; everything
// that will become a request's head passes its own checks once more.
#include "petrel/subscription.h"

#include <string.h>

#include "fuzz.h"
#include "petrel/header.h"
#include "petrel/json.h"
#include "petrel/pattern.h"
#include "petrel/vault.h"

enum { NOW_MS = 1700000000, JSON_MAX_BYTES = 1024 * 1024 };

// One without keys, which stores secrets as they are, and one with.
static struct vault *find_vault(bool has_keys)
{
    static struct vault *vaults[2];
    char error[KEYRING_ERROR_SIZE];
    if (!vaults[has_keys]) {
        vaults[has_keys] = vault_create("petrel");
        FUZZ_CHECK(vaults[has_keys]);
        if (has_keys)
            vault_set_ring(
                vaults[true],
                keyring_parse(SPAN("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), error));
        FUZZ_CHECK(vault_has_ring(vaults[has_keys]) == has_keys);
    }
    return vaults[has_keys];
}

static void check_no_secret(const struct subscription *subscription, struct span json)
{
    for (size_t i = 0; i < subscription->secret_count; i++) {
        char secret[SECRET_TEXT_SIZE];
        secret_format(&subscription->secrets[i].secret, secret);
        const char *digits = strchr(secret, '_') + 1;
        // The user may have written his secret into his metadata.
        if (!strstr(subscription->metadata_json, digits) &&
            !strstr(subscription->description, digits) &&
            !strstr(subscription->url->text, digits) && subscription->header_count == 0)
            FUZZ_CHECK(!span_find_part(json, span_of(digits)));
    }
}

static void check_fields(const struct subscription *subscription)
{
    char error[URL_ERROR_SIZE];
    struct url url;
    FUZZ_CHECK(event_is_id(span_of(subscription->id)));
    FUZZ_CHECK(event_is_tenant(span_of(subscription->tenant)));
    FUZZ_CHECK(url_parse(span_of(subscription->url->text), &url, error));
    FUZZ_CHECK(url_destination(&url) == subscription->destination);
    FUZZ_CHECK(subscription->event_type_count >= 1);
    FUZZ_CHECK(subscription->event_type_count <= SUBSCRIPTION_MAX_TYPES);
    FUZZ_CHECK(subscription->header_count <= HEADER_MAX_COUNT);
    FUZZ_CHECK(subscription->secret_count >= 1 && subscription->secrets[0].expires_at_ms == 0);
    for (size_t i = 0; i < subscription->event_type_count; i++)
        FUZZ_CHECK(pattern_is_valid(span_of(subscription->event_types[i])));
    for (size_t i = 0; i < subscription->header_count; i++) {
        FUZZ_CHECK(!header_refuse_name(span_of(subscription->headers[i].name)));
        FUZZ_CHECK(!header_refuse_value(span_of(subscription->headers[i].value)));
        FUZZ_CHECK(fuzz_is_printable(subscription->headers[i].name));
        FUZZ_CHECK(!strpbrk(subscription->headers[i].value, "\r\n"));
    }
    FUZZ_CHECK(json_validate(span_of(subscription->metadata_json), NULL));
    FUZZ_CHECK(subscription->metadata_json[0] == '{');
}

// Stored and read again it is the same; with keys, no secret can be read from what is stored.
static void check_stored(const struct subscription *subscription, bool has_keys)
{
    struct vault *vault = find_vault(has_keys);
    struct text stored, why;
    text_init(&stored, JSON_MAX_BYTES);
    text_init(&why, 512);
    subscription_format_stored(subscription, vault, &stored);
    FUZZ_CHECK(!stored.failed && json_validate(text_span(&stored), NULL));
    if (has_keys)
        check_no_secret(subscription, text_span(&stored));
    struct subscription *again = subscription_parse_stored(text_span(&stored), vault, &why);
    FUZZ_CHECK(again && why.size == 0 && again->lock == SUBSCRIPTION_NOT_LOCKED);
    FUZZ_CHECK(subscription_equals(subscription, again));
    subscription_unref(&again);
    text_fini(&stored);
    text_fini(&why);
}

static void check_forms(const struct subscription *subscription)
{
    struct text public;
    text_init(&public, JSON_MAX_BYTES);
    subscription_format_public(subscription, &public);
    FUZZ_CHECK(!public.failed && json_validate(text_span(&public), NULL));
    check_no_secret(subscription, text_span(&public));
    check_stored(subscription, false);
    check_stored(subscription, true);
    text_fini(&public);
}

static void check_errors(const struct field_errors *errors)
{
    FUZZ_CHECK(errors->count >= 1 && errors->count <= FIELD_ERRORS_MAX);
    for (size_t i = 0; i < errors->count; i++) {
        FUZZ_CHECK(errors->items[i].message[0] != '\0');
        // Nothing an input of this size says can be a shortage of memory.
        FUZZ_CHECK(!strstr(errors->items[i].message, "memory"));
    }
}

static struct subscription *create(struct span body)
{
    struct field_errors errors = {0};
    struct subscription *subscription = subscription_create(body, NOW_MS, &errors);
    if (!subscription) {
        check_errors(&errors);
        return NULL;
    }
    FUZZ_CHECK(errors.count == 0);
    check_fields(subscription);
    check_forms(subscription);
    return subscription;
}

static void patch(const struct subscription *from, struct span body)
{
    struct field_errors errors = {0};
    struct subscription *changed = subscription_patch(from, body, NOW_MS + 1, &errors);
    if (!changed) {
        check_errors(&errors);
        return;
    }
    check_fields(changed);
    check_forms(changed);
    FUZZ_CHECK(strcmp(changed->id, from->id) == 0 && strcmp(changed->tenant, from->tenant) == 0);
    FUZZ_CHECK(changed->state == from->state && changed->created_at_ms == from->created_at_ms);
    FUZZ_CHECK(changed->secret_count == from->secret_count);
    FUZZ_CHECK(changed->secrets[0].secret.size == from->secrets[0].secret.size &&
               memcmp(changed->secrets[0].secret.bytes, from->secrets[0].secret.bytes,
                      from->secrets[0].secret.size) == 0);
    subscription_unref(&changed);
}

static void read_stored(struct span json)
{
    struct text why;
    text_init(&why, 512);
    for (int has_keys = 0; has_keys < 2; has_keys++) {
        struct subscription *subscription =
            subscription_parse_stored(json, find_vault(has_keys), &why);
        if (!subscription || subscription->lock != SUBSCRIPTION_NOT_LOCKED)
            FUZZ_CHECK(why.size > 0 || why.failed);
        else
            check_forms(subscription);
        subscription_unref(&subscription);
        text_clear(&why);
    }
    text_fini(&why);
}

void fuzz_one(struct span input)
{
    static const char plain[] =
        "{\"url\":\"https://a.example/\",\"event_types\":[\"*\"],"
        "\"metadata\":{\"a\":{\"b\":1},\"c\":[2]},\"headers\":{\"X-A\":\"1\"}}";
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    struct subscription *subscription = create(fuzz_part(&parts, 0));
    if (!subscription)
        subscription = create(SPAN(plain));
    FUZZ_CHECK(subscription);
    if (parts.count > 1)
        patch(subscription, fuzz_part(&parts, 1));
    if (parts.count > 2)
        read_stored(fuzz_part(&parts, 2));
    subscription_unref(&subscription);
    fuzz_free(&parts);
}
