// SPDX-License-Identifier: Apache-2.0
// The webhook-signature header as a receiver reads it. Parts: the header; the timestamp in it stands for itself. In the
// header a `@` becomes the right signature of the HMAC secret and a `~` that of the ed25519 one, so that mutations meet
// headers that verify.
#include "petrel/signature.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { HEADER_MAX_BYTES = 64 * 1024 };
static const char hmac_text[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char pair_text[] =
    "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";

struct signer {
    struct secret secret;
    struct text signature; // "v1,…"
};

static void init(struct signer *signer, const char *text, const struct signed_content *content)
{
    const char *why;
    FUZZ_CHECK(secret_parse(span_of(text), &signer->secret, &why));
    text_init(&signer->signature, 256);
    FUZZ_CHECK(signature_append(&signer->secret, content, &signer->signature));
}

static void expand(struct span input, const struct signer *hmac, const struct signer *pair,
                   struct text *header)
{
    for (size_t i = 0; i < input.size; i++) {
        if (input.data[i] == '@')
            text_append_span(header, text_span(&hmac->signature));
        else if (input.data[i] == '~')
            text_append_span(header, text_span(&pair->signature));
        else
            text_append_char(header, input.data[i]);
    }
}

static bool is_digit_of_base64(char c)
{
    return c && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", c);
}

// Is some part exactly this signature, with or without its padding?
static bool has_part(struct span header, const struct text *signature)
{
    struct span part;
    struct span whole = text_span(signature);
    struct span bare = whole;
    while (bare.size > 0 && bare.data[bare.size - 1] == '=')
        bare.size--;
    while (span_next(&header, ' ', &part)) {
        if (span_equals(part, whole) || span_equals(part, bare))
            return true;
    }
    return false;
}

// No empty part, and none of the known versions with anything but base64 behind it.
static bool may_be_well_formed(struct span header)
{
    struct span part;
    if (header.size == 0 || header.data[header.size - 1] == ' ')
        return false;
    while (span_next(&header, ' ', &part)) {
        struct span version;
        if (!span_find(part, ',') || !span_next(&part, ',', &version) || version.size == 0 ||
            part.size == 0)
            return false;
        for (size_t i = 0; i < part.size; i++) {
            if (!is_digit_of_base64(part.data[i]) &&
                (span_equals_text(version, "v1") || span_equals_text(version, "v1a")))
                return false;
        }
    }
    return true;
}

static void check(const struct signer *signer, const struct signed_content *content,
                  struct span header)
{
    enum signature_verdict verdict =
        signature_verify(&signer->secret, content, header, content->timestamp_s, 300);
    bool has_right_one = has_part(header, &signer->signature);
    if (verdict == SIGNATURE_OK)
        FUZZ_CHECK(has_right_one && may_be_well_formed(header));
    if (!may_be_well_formed(header))
        FUZZ_CHECK(verdict == SIGNATURE_MALFORMED);
    if (has_right_one)
        FUZZ_CHECK(verdict == SIGNATURE_OK || verdict == SIGNATURE_MALFORMED);
    FUZZ_CHECK(signature_verdict_text(verdict)[0] != '\0');
    // The same header never fits another body, nor an old time.
    struct signed_content other = *content;
    other.body = SPAN("another body");
    FUZZ_CHECK(signature_verify(&signer->secret, &other, header, content->timestamp_s, 300) !=
               SIGNATURE_OK);
    FUZZ_CHECK(signature_verify(&signer->secret, content, header, content->timestamp_s + 301,
                                300) == SIGNATURE_TOO_OLD);
    FUZZ_CHECK(signature_verify(&signer->secret, content, header, content->timestamp_s - 301,
                                300) == SIGNATURE_IN_THE_FUTURE);
}

void fuzz_one(struct span input)
{
    const struct signed_content content = {
        .id = "msg_p5jXN8AQM9LWM0D4loKWxJek",
        .timestamp_s = 1614265330,
        .body = SPAN("{\"test\": 2432232314}"),
    };
    static struct signer hmac, pair; // the same for every input, and costly to make
    struct text header;
    if (hmac.signature.size == 0) {
        init(&hmac, hmac_text, &content);
        init(&pair, pair_text, &content);
    }
    text_init(&header, HEADER_MAX_BYTES);
    expand(input, &hmac, &pair, &header);
    if (!header.failed) {
        char *exact = malloc(header.size ? header.size : 1);
        memcpy(exact, text_string(&header), header.size);
        struct span bytes = {.data = exact, .size = header.size};
        check(&hmac, &content, bytes);
        check(&pair, &content, bytes);
        free(exact);
    }
    text_fini(&header);
}
