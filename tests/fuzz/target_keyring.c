// SPDX-License-Identifier: Apache-2.0
// Key rings and sealed values. Parts: the text of a key file, a stored value, and the field it stands in.
//
// A ring that is accepted is found again by a second reader of its lines; a message never shows what a line holds. A
// value opens only as it was sealed: changed anywhere, at another place, under another key it doesn't, and what is made
// up opens never.
#include "petrel/keyring.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/vault.h"

enum { VALUE_MAX_BYTES = 16 * 1024, DIGITS_OF_KEY = 43 };

// OpenSSL's base64, with the padding that it wants.
static bool decode_key(struct span digits, unsigned char key[SEAL_KEY_BYTES])
{
    unsigned char out[64];
    char padded[64];
    while (digits.size > DIGITS_OF_KEY && digits.data[digits.size - 1] == '=')
        digits.size--;
    if (digits.size != DIGITS_OF_KEY)
        return false;
    memcpy(padded, digits.data, digits.size);
    padded[DIGITS_OF_KEY] = '=';
    if (EVP_DecodeBlock(out, (const unsigned char *)padded, DIGITS_OF_KEY + 1) < SEAL_KEY_BYTES)
        return false;
    memcpy(key, out, SEAL_KEY_BYTES);
    return true;
}

// Every line that is no comment is a key of the ring, and the first is the current one.
static void check_ring(const struct keyring *ring, struct span text)
{
    struct span line;
    size_t count = 0;
    while (span_next(&text, '\n', &line)) {
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        line = span_trim(line);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        size_t id_size = 0;
        while (id_size < line.size && line.data[id_size] != ' ' && line.data[id_size] != '\t')
            id_size++;
        struct span id = {line.data, id_size};
        const struct seal_key *key = keyring_find(ring, id);
        unsigned char bytes[SEAL_KEY_BYTES];
        FUZZ_CHECK(key && span_equals_text(id, key->id) && seal_is_key_id(id));
        FUZZ_CHECK(
            decode_key(span_trim((struct span){line.data + id_size, line.size - id_size}), bytes));
        FUZZ_CHECK(memcmp(bytes, key->bytes, sizeof bytes) == 0);
        FUZZ_CHECK(count++ > 0 || key == keyring_current(ring));
    }
    FUZZ_CHECK(count >= 1 && count <= KEYRING_KEYS_MAX);
}

// What may stand in a message is an id, which is short; no run of a line that could be a key.
static void check_message(const char *error, struct span text)
{
    FUZZ_CHECK(fuzz_is_printable(error) && strlen(error) < KEYRING_ERROR_SIZE - 1);
    for (size_t i = 0; i + DIGITS_OF_KEY <= text.size; i++)
        FUZZ_CHECK(!span_find_part(span_of(error), (struct span){text.data + i, DIGITS_OF_KEY}));
}

// A field that nothing else bears; NUL can't be in one.
static void take_field(struct span part, char field[64])
{
    size_t size = 0;
    for (size_t i = 0; i < part.size && size < 63; i++)
        if (part.data[i])
            field[size++] = part.data[i];
    field[size] = '\0';
}

static bool opens(const struct keyring *ring, const char *subscription, const char *field,
                  struct span sealed, struct text *plain)
{
    struct vault *vault = vault_create("petrel");
    struct text why;
    FUZZ_CHECK(vault);
    vault_set_ring(vault, keyring_ref((struct keyring *)ring));
    text_init(&why, 1024);
    text_init_secret(plain, VALUE_MAX_BYTES);
    enum vault_result result = vault_open(vault, subscription, field, sealed, plain, &why);
    FUZZ_CHECK(result == VAULT_OK ? why.size == 0 : plain->size == 0 && why.size > 0);
    FUZZ_CHECK(result == VAULT_OK || fuzz_is_printable(text_string(&why)));
    vault_destroy(&vault);
    text_fini(&why);
    return result == VAULT_OK;
}

static bool is_refused(const struct keyring *ring, const char *subscription, const char *field,
                       struct span sealed)
{
    struct text plain;
    bool is_open = opens(ring, subscription, field, sealed, &plain);
    text_fini(&plain);
    return !is_open;
}

// One digit of the base64 changed, or the key's id.
static void check_changed(const struct keyring *ring, const char *field, struct text *sealed,
                          size_t where)
{
    char *c = &sealed->data[where % sealed->size];
    char was = *c;
    *c = was == 'A' ? 'B' : 'A';
    FUZZ_CHECK(!seal_is_sealed(text_span(sealed)) ||
               is_refused(ring, "sub_1", field, text_span(sealed)));
    *c = was;
    // Cut short by a digit (the padding may be left out) it isn't the value either.
    FUZZ_CHECK(is_refused(ring, "sub_1", field, (struct span){sealed->data, sealed->size - 3}));
}

static void check_sealing(const struct keyring *ring, struct span value, const char *field)
{
    const struct seal_key *key = keyring_current(ring);
    struct seal_place place = {SPAN("petrel"), SPAN("sub_1"), span_of(field)};
    struct text sealed, plain;
    struct span id;
    char other[65];
    text_init(&sealed, 2 * VALUE_MAX_BYTES);
    FUZZ_CHECK(seal_close(key, &place, value, &sealed));
    FUZZ_CHECK(seal_is_sealed(text_span(&sealed)) && fuzz_is_printable(sealed.data));
    FUZZ_CHECK(seal_find_key_id(text_span(&sealed), &id) && span_equals_text(id, key->id));
    FUZZ_CHECK(opens(ring, "sub_1", field, text_span(&sealed), &plain));
    FUZZ_CHECK(plain.size == value.size &&
               (value.size == 0 || memcmp(plain.data, value.data, value.size) == 0));
    text_fini(&plain);
    snprintf(other, sizeof other, "%sx", field);
    FUZZ_CHECK(is_refused(ring, "sub_1", other, text_span(&sealed)));
    FUZZ_CHECK(is_refused(ring, "sub_2", field, text_span(&sealed)));
    check_changed(ring, field, &sealed, value.size * 7);
    text_fini(&sealed);
}

void fuzz_one(struct span input)
{
    static struct keyring *known; // for inputs whose ring is refused
    char error[KEYRING_ERROR_SIZE], field[64];
    struct fuzz_parts parts;
    if (!known)
        known = keyring_parse(SPAN("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), error);
    FUZZ_CHECK(known);
    fuzz_cut(input, &parts);
    struct span value = fuzz_part(&parts, 1);
    struct keyring *ring = keyring_parse(fuzz_part(&parts, 0), error);
    if (ring)
        check_ring(ring, fuzz_part(&parts, 0));
    else
        check_message(error, fuzz_part(&parts, 0));
    take_field(fuzz_part(&parts, 2), field);
    // A nonce and a tag that somebody made up.
    FUZZ_CHECK(!seal_is_sealed(value) || is_refused(ring ? ring : known, "sub_1", field, value));
    if (value.size <= VALUE_MAX_BYTES)
        check_sealing(ring ? ring : known, value, field);
    keyring_unref(&ring);
    fuzz_free(&parts);
}
