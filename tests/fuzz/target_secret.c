// SPDX-License-Identifier: Apache-2.0
// Signing secrets and base64. The bytes of an accepted secret are those that OpenSSL's base64 finds; what is refused
// leaves nothing behind.
#include "petrel/secret.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/signature.h"

enum { BYTES_MAX = 4096 };

static bool is_wiped(const struct secret *secret)
{
    for (size_t i = 0; i < sizeof secret->bytes; i++) {
        if (secret->bytes[i] != 0)
            return false;
    }
    return secret->size == 0;
}

// OpenSSL wants padding and takes spaces, so it is given neither.
static bool oracle_decode(struct span text, unsigned char *out, size_t *size)
{
    char padded[BYTES_MAX + 8];
    size_t digits = text.size;
    while (digits > 0 && text.size - digits < 2 && text.data[digits - 1] == '=')
        digits--;
    bool has_padding = digits < text.size;
    for (size_t i = 0; i < digits; i++) {
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                    text.data[i]) ||
            text.data[i] == '\0')
            return false;
    }
    size_t missing = (4 - digits % 4) % 4;
    if (missing == 3 || (has_padding && digits + missing != text.size))
        return false;
    memcpy(padded, text.data, digits);
    memcpy(padded + digits, "===", missing);
    int decoded = EVP_DecodeBlock(out, (unsigned char *)padded, (int)(digits + missing));
    if (decoded < 0)
        return false;
    *size = (size_t)decoded - missing;
    // One text per value: bits beyond the end must be zero.
    EVP_EncodeBlock((unsigned char *)padded, out, (int)*size);
    return memcmp(padded, text.data, digits) == 0;
}

static void check_base64(struct span text)
{
    unsigned char own[BYTES_MAX], theirs[BYTES_MAX + 8];
    size_t own_size = 0, their_size = 0;
    if (text.size > BYTES_MAX)
        return;
    bool is_base64 = base64_decode(text, own, sizeof own, &own_size);
    FUZZ_CHECK(is_base64 == (text.size == 0 || oracle_decode(text, theirs, &their_size)));
    if (!is_base64)
        return;
    FUZZ_CHECK(own_size == their_size && memcmp(own, theirs, own_size) == 0);
    // With less room it is refused, not cut.
    unsigned char *exact = malloc(own_size ? own_size : 1);
    FUZZ_CHECK(base64_decode(text, exact, own_size, &their_size));
    FUZZ_CHECK(own_size == 0 || !base64_decode(text, exact, own_size - 1, &their_size));
    free(exact);
}

static void check_secret(const struct secret *secret, struct span text)
{
    char written[SECRET_TEXT_SIZE];
    struct secret again;
    const char *why;
    secret_format(secret, written);
    FUZZ_CHECK(secret_parse(span_of(written), &again, &why) && !why);
    FUZZ_CHECK(secret->kind == again.kind && secret->size == again.size);
    FUZZ_CHECK(memcmp(secret->bytes, again.bytes, sizeof again.bytes) == 0);
    FUZZ_CHECK(strlen(written) >= text.size && memcmp(written, text.data, text.size) == 0);
    FUZZ_CHECK(secret->kind == SECRET_ED25519 ? secret->size == 64
                                              : secret->size >= 24 && secret->size <= 64);
    // It signs, and what it signed it verifies; the public half too.
    struct text header;
    struct signed_content content = {.id = "msg_1", .timestamp_s = 1, .body = text};
    text_init(&header, 256);
    FUZZ_CHECK(signature_append(secret, &content, &header));
    FUZZ_CHECK(signature_verify(secret, &content, text_span(&header), 1, 300) == SIGNATURE_OK);
    if (secret->kind == SECRET_ED25519) {
        secret_format_public(secret, written);
        FUZZ_CHECK(secret_parse_public(span_of(written), &again, &why));
        FUZZ_CHECK(signature_verify(&again, &content, text_span(&header), 1, 300) == SIGNATURE_OK);
        FUZZ_CHECK(!secret_parse(span_of(written), &again, &why));
    }
    text_fini(&header);
}

void fuzz_one(struct span input)
{
    struct secret secret;
    const char *why = NULL;
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    struct span text = fuzz_part(&parts, 0);
    if (secret_parse(text, &secret, &why))
        check_secret(&secret, text);
    else
        FUZZ_CHECK(why && utf8_is_valid(span_of(why)) && is_wiped(&secret));
    why = NULL;
    if (!secret_parse_public(text, &secret, &why))
        FUZZ_CHECK(why && is_wiped(&secret));
    check_base64(text);
    const char *underscore = span_find(text, '_');
    if (underscore)
        check_base64((struct span){.data = underscore + 1,
                                   .size = (size_t)(text.data + text.size - underscore) - 1});
    fuzz_free(&parts);
}
