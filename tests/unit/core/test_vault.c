// SPDX-License-Identifier: Apache-2.0
// The vault, and the stored form of subscriptions through it: with a ring, without, with another, tampered with.
#include <pthread.h>
#include <stdlib.h>

#include "subscription_fixture.h"
#include "unit.h"

#define RING_A "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define RING_B "b ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define OTHER_A "a QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
#define VALUE "Bearer v4lue \\\"quoted\\\""

static struct text why;

static struct keyring *parse_ring(const char *text)
{
    char error[KEYRING_ERROR_SIZE];
    struct keyring *ring = keyring_parse(span_of(text), error);
    if (!ring)
        UNIT_FAIL("%s", error);
    return ring;
}

static struct vault *make_vault(const char *ring) // NULL: without one
{
    struct vault *vault = vault_create("petrel");
    if (ring)
        vault_set_ring(vault, parse_ring(ring));
    return vault;
}

static struct subscription *with_secrets(void)
{
    return create("{\"url\":\"https://example.com/\",\"event_types\":[\"a\"],\"secret\":\"" WHSEC
                  "\",\"headers\":{\"X-Key\":\"" VALUE "\",\"X-Two\":\"2\"}}");
}

static char *format_with(const struct subscription *subscription, const char *ring)
{
    struct vault *vault = make_vault(ring);
    struct text out;
    text_init(&out, 1 << 20);
    subscription_format_stored(subscription, vault, &out);
    vault_destroy(&vault);
    return text_take(&out);
}

static struct subscription *parse_with(const char *stored, const char *ring)
{
    struct vault *vault = make_vault(ring);
    text_fini(&why);
    text_init(&why, 512);
    struct subscription *subscription = subscription_parse_stored(span_of(stored), vault, &why);
    vault_destroy(&vault);
    return subscription;
}

TEST(nothing_secret_is_in_the_stored_form)
{
    struct subscription *subscription = with_secrets();
    char *stored = format_with(subscription, RING_A);
    CHECK(stored && !strstr(stored, WHSEC) && !strstr(stored, "v4lue") && !strstr(stored, "whsec_"));
    CHECK(stored && strstr(stored, "\"secret\":\"enc:v1:a:") &&
          strstr(stored, "\"X-Key\":\"enc:v1:a:"));
    CHECK(stored && strstr(stored, "\"X-Two\":\"enc:v1:a:"));
    struct subscription *again = parse_with(stored, RING_B "\n" RING_A);
    CHECK(again && again->lock == SUBSCRIPTION_NOT_LOCKED);
    CHECK(again && subscription_equals(again, subscription));
    CHECK_STR(text_string(&why), "");
    subscription_unref(&again);
    subscription_unref(&subscription);
    free(stored);
}

TEST(without_a_ring_it_is_plain_and_plain_is_always_read)
{
    struct subscription *subscription = with_secrets();
    char *stored = format_with(subscription, NULL);
    CHECK(stored && strstr(stored, WHSEC) && strstr(stored, VALUE));
    static const char *const rings[] = {NULL, RING_A};
    for (size_t i = 0; i < 2; i++) {
        struct subscription *again = parse_with(stored, rings[i]);
        CHECK(again && subscription_equals(again, subscription));
        subscription_unref(&again);
    }
    subscription_unref(&subscription);
    free(stored);
}

// Half of it encrypted, as a hand or a fault may leave it.
TEST(each_value_says_for_itself)
{
    char stored[1000];
    struct subscription *subscription = with_secrets();
    char *sealed = format_with(subscription, RING_A);
    const char *header = strstr(sealed, "\"X-Key\":");
    size_t before = (size_t)(header - sealed) + strlen("\"X-Key\":");
    snprintf(stored, sizeof stored, "%.*s\"" VALUE "\"%s", (int)before, sealed,
             strstr(header, ",\"X-Two\""));
    struct subscription *again = parse_with(stored, RING_A);
    CHECK(again && subscription_equals(again, subscription));
    subscription_unref(&again);
    subscription_unref(&subscription);
    free(sealed);
}

TEST(what_cannot_be_opened_locks)
{
    struct subscription *subscription = with_secrets();
    char *stored = format_with(subscription, RING_A);
    static const struct {
        const char *ring;
        enum subscription_lock lock;
        const char *why;
    } rows[] = {
        {NULL, SUBSCRIPTION_KEY_MISSING, "the key \"a\", and no encryption_keys_file is given"},
        {RING_B, SUBSCRIPTION_KEY_MISSING,
         "the key \"a\", and encryption_keys_file has no such key"},
        {OTHER_A, SUBSCRIPTION_DAMAGED, "another key bears this id"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription *locked = parse_with(stored, rows[i].ring);
        CHECK_ROW(locked && locked->lock == rows[i].lock, rows[i].why);
        CHECK_ROW(strstr(text_string(&why), rows[i].why) != NULL, text_string(&why));
        CHECK_ROW(strstr(text_string(&why), "secrets[0]") != NULL, text_string(&why));
        if (!locked)
            continue;
        // What is matched with is there; what could sign or be sent isn't.
        CHECK_STR(locked->id, subscription->id);
        CHECK_STR(locked->url->text, "https://example.com/");
        CHECK(subscription_wants(locked, SPAN(""), SPAN("a")));
        CHECK(!subscription_is_ready(locked));
        CHECK_INT(locked->secret_count, 0);
        CHECK_INT(locked->header_count, 0);
        subscription_unref(&locked);
    }
    subscription_unref(&subscription);
    free(stored);
}

// A value moved to another subscription or field, as somebody who may write to Redis could.
TEST(values_do_not_move)
{
    struct subscription *subscription = with_secrets();
    char *stored = format_with(subscription, RING_A);
    char *id = strstr(stored, "\"id\":\"sub_") + strlen("\"id\":\"sub_");
    char kept = *id;
    *id = kept == 'A' ? 'B' : 'A';
    struct subscription *moved = parse_with(stored, RING_A);
    CHECK(moved && moved->lock == SUBSCRIPTION_DAMAGED);
    subscription_unref(&moved);
    *id = kept;
    char *name = strstr(stored, "\"X-Key\"");
    memcpy(name, "\"X-Kez\"", 7);
    moved = parse_with(stored, RING_A);
    CHECK(moved && moved->lock == SUBSCRIPTION_DAMAGED);
    CHECK(strstr(text_string(&why), "headers.X-Kez") != NULL);
    subscription_unref(&moved);
    subscription_unref(&subscription);
    free(stored);
}

TEST(examined_without_opening)
{
    struct subscription *subscription = with_secrets();
    static const struct {
        const char *closed_with, *ring;
        uint32_t plain, current, old, unknown;
        const char *key_id;
    } rows[] = {
        {NULL, NULL, 3, 0, 0, 0, ""},      {NULL, RING_A, 3, 0, 0, 0, ""},
        {RING_A, RING_A, 0, 3, 0, 0, "a"}, {RING_A, RING_B "\n" RING_A, 0, 0, 3, 0, "a"},
        {RING_A, RING_B, 0, 0, 0, 3, "a"}, {RING_A, NULL, 0, 0, 0, 3, "a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription_sealing sealing;
        struct keyring *ring = rows[i].ring ? parse_ring(rows[i].ring) : NULL;
        char *stored = format_with(subscription, rows[i].closed_with);
        CHECK(subscription_examine_stored(span_of(stored), ring, &sealing));
        CHECK_INT(sealing.plain, rows[i].plain);
        CHECK_INT(sealing.current, rows[i].current);
        CHECK_INT(sealing.old, rows[i].old);
        CHECK_INT(sealing.unknown, rows[i].unknown);
        CHECK_STR(sealing.key_id, rows[i].key_id);
        free(stored);
        keyring_unref(&ring);
    }
    struct subscription_sealing sealing;
    CHECK(!subscription_examine_stored(SPAN("{}"), NULL, &sealing));
    CHECK(!subscription_examine_stored(SPAN("{"), NULL, &sealing));
    CHECK(subscription_examine_stored(SPAN("{\"secrets\":[{\"secret\":\"enc:v7:x\"}]}"), NULL,
                                      &sealing));
    CHECK_INT(sealing.unknown, 1);
    // What somebody writes elsewhere in a subscription is nobody's key.
    CHECK(subscription_examine_stored(
        SPAN("{\"description\":\"enc:v1:nokey:AAAA\",\"secrets\":[],\"metadata\":{\"secret\":\"enc:v1:x:A\"}}"),
        NULL, &sealing));
    CHECK_INT(sealing.unknown, 0);
    subscription_unref(&subscription);
}

TEST(equal_but_for_the_encryption)
{
    struct subscription *subscription = with_secrets();
    struct subscription *paused =
        subscription_with_state(subscription, SUBSCRIPTION_PAUSED, NULL, now_ms);
    struct subscription *rotated =
        subscription_with_rotated_secret(subscription, NULL, 1000, now_ms);
    struct subscription *changed = patch(subscription, "{\"headers\":{\"X-Two\":\"3\"}}");
    CHECK(subscription_equals(subscription, subscription));
    CHECK(!subscription_equals(subscription, paused));
    CHECK(!subscription_equals(subscription, rotated));
    CHECK(!subscription_equals(subscription, changed));
    subscription_unref(&subscription);
    subscription_unref(&paused);
    subscription_unref(&rotated);
    subscription_unref(&changed);
}

// ---- the ring is exchanged while others use it

static void *use(void *arg)
{
    struct vault *vault = arg;
    for (int i = 0; i < 2000; i++) {
        struct text sealed, plain, reason;
        text_init(&sealed, 1000);
        text_init_secret(&plain, 1000);
        text_init(&reason, 500);
        if (!vault_close(vault, "sub_1", "secrets[0]", SPAN("value"), &sealed) ||
            vault_open(vault, "sub_1", "secrets[0]", text_span(&sealed), &plain, &reason) !=
                VAULT_OK ||
            !span_equals_text(text_span(&plain), "value"))
            return (void *)"failed";
        text_fini(&sealed);
        text_fini(&plain);
        text_fini(&reason);
    }
    return NULL;
}

TEST(exchanged_while_it_is_used)
{
    pthread_t threads[4];
    void *result;
    struct vault *vault = make_vault(RING_A "\n" RING_B);
    for (size_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, use, vault);
    for (int i = 0; i < 500; i++)
        vault_set_ring(vault, parse_ring(i % 2 ? RING_A "\n" RING_B : RING_B "\n" RING_A));
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        CHECK(result == NULL);
    }
    vault_destroy(&vault);
    vault_destroy(&vault);
}

TEST(a_bad_file_leaves_the_ring_in_force)
{
    char error[KEYRING_ERROR_SIZE];
    struct vault *vault = make_vault(RING_A);
    CHECK(!vault_load(vault, "/nonexistent/keys", error));
    CHECK(strstr(error, "/nonexistent/keys") != NULL);
    CHECK(vault_has_ring(vault));
    CHECK(vault_load(vault, "", error));
    CHECK(!vault_has_ring(vault));
    vault_destroy(&vault);
}

UNIT_MAIN()
