// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM by OpenSSL's EVP interface, and the text form around it.
//
// Invariant: what seal_open appends was sealed by seal_close with this key, id and place; before the tag is verified no
// byte of it leaves this file. Every plain intermediate is wiped. Left to others: which key (keyring.c), what is
// sealed (subscription_format.c).
#include "petrel/seal.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/random.h"

#define VERSION "v1"

enum {
    OVERHEAD_BYTES = SEAL_NONCE_BYTES + SEAL_TAG_BYTES,
    PLAIN_MAX_BYTES = 64 * 1024, // far more than any secret or header value
    AAD_MAX_BYTES = 1024,
};

// ---- names

bool seal_is_key_id(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alphanumeric && c != '_' && c != '.' && c != '-')
            return false;
    }
    return text.size > 0 && text.size < SEAL_KEY_ID_SIZE;
}

bool seal_is_sealed(struct span text)
{
    return span_starts_with(text, SPAN(SEAL_PREFIX));
}

static bool split(struct span sealed, struct span *id, struct span *base64)
{
    struct span part;
    bool is_ours = span_next(&sealed, ':', &part) && span_equals_text(part, "enc") &&
                   span_next(&sealed, ':', &part) && span_equals_text(part, VERSION) &&
                   span_next(&sealed, ':', id) && seal_is_key_id(*id);
    *base64 = sealed;
    return is_ours;
}

bool seal_find_key_id(struct span sealed, struct span *id)
{
    struct span base64;
    return split(sealed, id, &base64);
}

// Each part ended by NUL, which none of them holds: two places never give the same bytes.
static void format_aad(const struct seal_key *key, const struct seal_place *place, struct text *aad)
{
    const struct span parts[] = {SPAN("petrel " VERSION), span_of(key->id), place->namespace_name,
                                 place->subscription, place->field};
    text_init(aad, AAD_MAX_BYTES);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert(!span_find(parts[i], '\0'));
        text_append_span(aad, parts[i]);
        text_append_char(aad, '\0');
    }
}

// ---- the cipher

static const unsigned char *bytes_of(struct span span)
{
    return (const unsigned char *)(span.data ? span.data : "");
}

bool seal_encrypt(const unsigned char key[SEAL_KEY_BYTES],
                  const unsigned char nonce[SEAL_NONCE_BYTES], struct span aad, struct span plain,
                  unsigned char *out)
{
    int size = 0;
    int rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    // 96 bits is GCM's own nonce size, OpenSSL's default.
    bool ok =
        context && aad.size <= INT_MAX && plain.size <= INT_MAX &&
        EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
        EVP_EncryptUpdate(context, NULL, &size, bytes_of(aad), (int)aad.size) == 1 &&
        EVP_EncryptUpdate(context, out, &size, bytes_of(plain), (int)plain.size) == 1 &&
        EVP_EncryptFinal_ex(context, out + size, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, out + plain.size) == 1;
    EVP_CIPHER_CTX_free(context); // wipes its key schedule
    if (!ok)
        ERR_clear_error(); // or a later TLS connection on this thread would take it for its own
    return ok;
}

// `sealed` is nonce, ciphertext, tag; out has room for the ciphertext.
static bool decrypt(const unsigned char key[SEAL_KEY_BYTES], struct span aad, struct span sealed,
                    unsigned char *out)
{
    const unsigned char *nonce = bytes_of(sealed);
    const unsigned char *cipher = nonce + SEAL_NONCE_BYTES;
    size_t cipher_size = sealed.size - OVERHEAD_BYTES;
    unsigned char tag[SEAL_TAG_BYTES]; // OpenSSL's interface isn't const
    memcpy(tag, cipher + cipher_size, sizeof tag);
    int size = 0;
    int rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
              EVP_DecryptUpdate(context, NULL, &size, bytes_of(aad), (int)aad.size) == 1 &&
              EVP_DecryptUpdate(context, out, &size, cipher, (int)cipher_size) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
              EVP_DecryptFinal_ex(context, out + size, &rest) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        ERR_clear_error();
    return ok;
}

// ---- sealing and opening

bool seal_close(const struct seal_key *key, const struct seal_place *place, struct span plain,
                struct text *out)
{
    if (plain.size > PLAIN_MAX_BYTES)
        return false;
    size_t size = plain.size + OVERHEAD_BYTES;
    unsigned char *bytes = malloc(size);
    char *base64 = malloc(base64_encoded_size(size) + 1);
    struct text aad;
    format_aad(key, place, &aad);
    bool ok = bytes && base64 && !aad.failed;
    if (ok) {
        random_bytes(bytes, SEAL_NONCE_BYTES);
        ok = seal_encrypt(key->bytes, bytes, text_span(&aad), plain, bytes + SEAL_NONCE_BYTES);
    }
    if (ok) {
        base64_encode(bytes, size, base64);
        text_append_format(out, SEAL_PREFIX VERSION ":%s:%s", key->id, base64);
        ok = !out->failed;
    }
    text_fini(&aad);
    free(base64);
    free(bytes);
    return ok;
}

bool seal_open(const struct seal_key *key, const struct seal_place *place, struct span sealed,
               struct text *out)
{
    struct span id;
    struct span base64;
    size_t size = 0;
    if (!split(sealed, &id, &base64) || !span_equals_text(id, key->id) ||
        base64.size > base64_encoded_size(PLAIN_MAX_BYTES + OVERHEAD_BYTES))
        return false;
    size_t capacity = base64.size / 4 * 3 + 3;
    unsigned char *bytes = malloc(capacity);
    unsigned char *plain = malloc(capacity);
    struct text aad;
    format_aad(key, place, &aad);
    bool ok = bytes && plain && !aad.failed && base64_decode(base64, bytes, capacity, &size) &&
              size >= OVERHEAD_BYTES &&
              decrypt(key->bytes, text_span(&aad),
                      (struct span){.data = (const char *)bytes, .size = size}, plain);
    if (ok) {
        text_append(out, plain, size - OVERHEAD_BYTES);
        ok = !out->failed;
    }
    text_fini(&aad);
    if (plain)
        OPENSSL_cleanse(plain, capacity);
    free(plain);
    free(bytes);
    return ok;
}
