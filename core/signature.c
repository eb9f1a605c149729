// SPDX-License-Identifier: Apache-2.0
// Signing and verifying as Standard Webhooks 1.0 says: over "<id>.<timestamp>.<body>".
//
// HMAC is on the path of every attempt, so the algorithm is fetched once, and each thread keeps
// one context that knows its digest: a signature then costs only the hashing. OpenSSL contexts
// belong to one thread at a time; the fetched algorithm is shared. Left to others: which secrets
// sign, and when.
#include "petrel/signature.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HMAC_BYTES = 32,
    ED25519_BYTES = 64,
    ED25519_KEY_BYTES = 32,
    SIGNATURE_MAX_BYTES = 64,
    PREAMBLE_SIZE = 128 // the id, two dots and 20 digits
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;
static bool has_context_key;

static void free_context(void *context)
{
    EVP_MAC_CTX_free(context);
}

static void create_context_key(void)
{
    has_context_key = pthread_key_create(&context_key, free_context) == 0;
}

// Fetched by the first thread that needs it and kept; fetched again should memory have been short.
static EVP_MAC *shared_hmac(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static EVP_MAC *hmac;
    pthread_mutex_lock(&lock);
    if (!hmac)
        hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC *fetched = hmac;
    pthread_mutex_unlock(&lock);
    return fetched;
}

static EVP_MAC_CTX *create_context(void)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = shared_hmac();
    EVP_MAC_CTX *context = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    if (context && EVP_MAC_CTX_set_params(context, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    return context;
}

// This thread's HMAC-SHA256 context; NULL if OpenSSL or memory fails. Freed when the thread ends.
static EVP_MAC_CTX *thread_context(void)
{
    pthread_once(&once, create_context_key);
    if (!has_context_key)
        return NULL;
    EVP_MAC_CTX *context = pthread_getspecific(context_key);
    if (context)
        return context;
    context = create_context();
    if (context && pthread_setspecific(context_key, context) != 0) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    return context;
}

// "<id>.<timestamp>."; 0 if the id is too long to be one.
static size_t format_preamble(const struct signed_content *content, char out[PREAMBLE_SIZE])
{
    struct span id = span_of(content->id);
    size_t size = id.size;
    uint64_t seconds = (uint64_t)content->timestamp_s;
    if (id.size > PREAMBLE_SIZE - sizeof ".-." - UINT64_MAX_DIGITS)
        return 0;
    memcpy(out, id.data, id.size);
    out[size++] = '.';
    if (content->timestamp_s < 0)
        out[size++] = '-';
    size += uint64_format(content->timestamp_s < 0 ? 0 - seconds : seconds, out + size);
    out[size++] = '.';
    return size;
}

static bool sign_hmac(const struct secret *secret, const struct signed_content *content,
                      unsigned char out[HMAC_BYTES])
{
    char preamble[PREAMBLE_SIZE];
    size_t preamble_size = format_preamble(content, preamble);
    EVP_MAC_CTX *context = thread_context();
    size_t size = 0;
    return preamble_size > 0 && context &&
           EVP_MAC_init(context, secret->bytes, secret->size, NULL) == 1 &&
           EVP_MAC_update(context, (const unsigned char *)preamble, preamble_size) == 1 &&
           EVP_MAC_update(context, (const unsigned char *)content->body.data, content->body.size) ==
               1 &&
           EVP_MAC_final(context, out, &size, HMAC_BYTES) == 1 && size == HMAC_BYTES;
}

// ed25519 hashes its input twice, so OpenSSL wants it in one piece. The caller frees it.
static unsigned char *join_content(const struct signed_content *content, size_t *size)
{
    char preamble[PREAMBLE_SIZE];
    size_t preamble_size = format_preamble(content, preamble);
    if (preamble_size == 0 || content->body.size > SIZE_MAX - preamble_size)
        return NULL;
    *size = preamble_size + content->body.size;
    unsigned char *joined = malloc(*size);
    if (!joined)
        return NULL;
    memcpy(joined, preamble, preamble_size);
    if (content->body.size > 0)
        memcpy(joined + preamble_size, content->body.data, content->body.size);
    return joined;
}

// Both halves are given, because deriving the public one would take as long as signing. That they
// belong together, without which a signature gives the key away, is secret.h's promise.
static EVP_PKEY *load_pair(const struct secret *secret)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)secret->bytes,
                                          ED25519_KEY_BYTES),
        OSSL_PARAM_construct_octet_string(
            OSSL_PKEY_PARAM_PUB_KEY, (void *)(secret->bytes + ED25519_KEY_BYTES), ED25519_KEY_BYTES),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool sign_ed25519(const struct secret *secret, const struct signed_content *content,
                         unsigned char out[ED25519_BYTES])
{
    if (secret->size != SECRET_MAX_BYTES) // a public half can't sign
        return false;
    size_t joined_size;
    unsigned char *joined = join_content(content, &joined_size);
    EVP_PKEY *key = load_pair(secret);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = ED25519_BYTES;
    bool ok = joined && key && context &&
              EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(context, out, &size, joined, joined_size) == 1 &&
              size == ED25519_BYTES;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    free(joined);
    return ok;
}

bool signature_append(const struct secret *secret, const struct signed_content *content,
                      struct text *out)
{
    unsigned char bytes[SIGNATURE_MAX_BYTES];
    char encoded[SIGNATURE_MAX_BYTES * 2];
    const char *version = NULL;
    size_t size = 0;
    bool ok = false;
    switch (secret->kind) {
    case SECRET_HMAC:
        version = "v1,";
        size = HMAC_BYTES;
        ok = sign_hmac(secret, content, bytes);
        break;
    case SECRET_ED25519:
        version = "v1a,";
        size = ED25519_BYTES;
        ok = sign_ed25519(secret, content, bytes);
        break;
    }
    if (!ok) {
        // What stays in the thread's queue would be taken for an error of the next TLS connection.
        ERR_clear_error();
        return false;
    }
    base64_encode(bytes, size, encoded);
    if (out->size > 0)
        text_append_char(out, ' ');
    text_append_string(out, version);
    text_append_string(out, encoded);
    return !out->failed;
}

static bool verify_ed25519(const struct secret *secret, const struct signed_content *content,
                           const unsigned char signature[ED25519_BYTES])
{
    assert(secret->size >= ED25519_KEY_BYTES);
    const unsigned char *public_key = secret->bytes + secret->size - ED25519_KEY_BYTES;
    size_t joined_size;
    unsigned char *joined = join_content(content, &joined_size);
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key, ED25519_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = joined && key && context &&
              EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(context, signature, ED25519_BYTES, joined, joined_size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    free(joined);
    if (!ok)
        ERR_clear_error();
    return ok;
}

static bool matches(const struct secret *secret, const struct signed_content *content,
                    const unsigned char *signature, size_t size)
{
    unsigned char expected[HMAC_BYTES];
    switch (secret->kind) {
    case SECRET_HMAC:
        return size == HMAC_BYTES && sign_hmac(secret, content, expected) &&
               CRYPTO_memcmp(expected, signature, HMAC_BYTES) == 0;
    case SECRET_ED25519:
        return size == ED25519_BYTES && verify_ed25519(secret, content, signature);
    }
    return false;
}

// One part of the header: "<version>,<base64>". Versions this petrel doesn't know may hold
// anything.
struct part {
    bool is_well_formed;
    bool is_of_kind;
    size_t size;
    unsigned char bytes[SIGNATURE_MAX_BYTES];
};

static struct part parse_part(struct span text, enum secret_kind kind)
{
    struct part part = {0};
    struct span version;
    bool has_comma = span_find(text, ',');
    if (!has_comma || !span_next(&text, ',', &version) || version.size == 0 || text.size == 0)
        return part;
    bool is_hmac = span_equals_text(version, "v1");
    bool is_ed25519 = span_equals_text(version, "v1a");
    bool is_known = is_hmac || is_ed25519;
    part.is_of_kind = (is_hmac && kind == SECRET_HMAC) || (is_ed25519 && kind == SECRET_ED25519);
    part.is_well_formed =
        !is_known || base64_decode(text, part.bytes, sizeof(part.bytes), &part.size);
    return part;
}

// Every part is looked at, also after a match: a header that only some libraries accept is a fault
// to show.
static enum signature_verdict verify_header(const struct secret *secret,
                                            const struct signed_content *content, struct span header)
{
    enum signature_verdict verdict = SIGNATURE_NONE_OF_KIND;
    if (header.size == 0 || header.data[header.size - 1] == ' ')
        return SIGNATURE_MALFORMED;
    struct span text;
    while (span_next(&header, ' ', &text)) {
        struct part part = parse_part(text, secret->kind);
        if (!part.is_well_formed)
            return SIGNATURE_MALFORMED;
        if (!part.is_of_kind || verdict == SIGNATURE_OK)
            continue;
        verdict =
            matches(secret, content, part.bytes, part.size) ? SIGNATURE_OK : SIGNATURE_NO_MATCH;
    }
    return verdict;
}

enum signature_verdict signature_verify(const struct secret *secret,
                                        const struct signed_content *content, struct span header,
                                        int64_t now_s, int64_t tolerance_s)
{
    // Like the official libraries: the time first, so that an old replay is told from a wrong
    // secret.
    if (tolerance_s >= 0) {
        int64_t earliest_s;
        int64_t latest_s;
        if (!__builtin_sub_overflow(now_s, tolerance_s, &earliest_s) &&
            content->timestamp_s < earliest_s)
            return SIGNATURE_TOO_OLD;
        if (!__builtin_add_overflow(now_s, tolerance_s, &latest_s) &&
            content->timestamp_s > latest_s)
            return SIGNATURE_IN_THE_FUTURE;
    }
    return verify_header(secret, content, header);
}

const char *signature_verdict_text(enum signature_verdict verdict)
{
    switch (verdict) {
    case SIGNATURE_OK:
        return "the signature is valid";
    case SIGNATURE_NO_MATCH:
        return "no signature was made with this secret over this id, timestamp and body";
    case SIGNATURE_NONE_OF_KIND:
        return "the header has no signature of this secret's kind (v1 for whsec_, v1a for whsk_)";
    case SIGNATURE_MALFORMED:
        return "the header is no list of <version>,<base64> separated by single spaces";
    case SIGNATURE_TOO_OLD:
        return "the timestamp is too old";
    case SIGNATURE_IN_THE_FUTURE:
        return "the timestamp is in the future";
    }
    return "unknown verdict";
}
