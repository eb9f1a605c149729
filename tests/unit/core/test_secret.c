// SPDX-License-Identifier: Apache-2.0
#include "petrel/secret.h"
#include "petrel/text.h"
#include "unit.h"

#define WHSK                                                                                       \
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg"

static struct span hmac_text(struct text *text, size_t size, bool is_padded)
{
    unsigned char bytes[128];
    char encoded[200];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(255 - i);
    base64_encode(bytes, size, encoded);
    text_init(text, 300);
    text_append_string(text, "whsec_");
    text_append_string(text, encoded);
    while (!is_padded && text->size > 0 && text->data[text->size - 1] == '=')
        text->size--;
    return text_span(text);
}

TEST(hmac_secrets_have_24_to_64_bytes)
{
    for (size_t size = 0; size <= 100; size++) {
        for (int is_padded = 0; is_padded <= 1; is_padded++) {
            struct text text;
            struct secret secret;
            const char *why = NULL;
            bool is_good = size >= 24 && size <= 64;
            struct span span = hmac_text(&text, size, is_padded);
            CHECK(secret_parse(span, &secret, &why) == is_good);
            if (is_good) {
                CHECK(!why && secret.kind == SECRET_HMAC && secret.size == size);
                CHECK(secret.bytes[0] == 255 && secret.bytes[size - 1] == 256 - size);
            } else {
                CHECK(why && strstr(why, size < 24 ? "at least 24" : "at most 64"));
                CHECK_INT(secret.size, 0);
                CHECK_INT(secret.bytes[0], 0);
            }
            text_fini(&text);
        }
    }
}

TEST(secrets_round_trip)
{
    static const struct {
        const char *text, *formatted;
    } cases[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},
        {WHSK, WHSK "=="},
        {WHSK "==", WHSK "=="},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct secret secret;
        const char *why = NULL;
        char formatted[SECRET_TEXT_SIZE];
        CHECK_ROW(secret_parse(span_of(cases[i].text), &secret, &why), cases[i].text);
        secret_format(&secret, formatted);
        CHECK_STR(formatted, cases[i].formatted);
    }
}

TEST(bad_secrets_are_refused)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "begins with whsec_"},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
        {"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
        {" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
        {"whsec", "begins with whsec_"},
        {"whsec_", "at least 24"},
        {"whsk_", "64 bytes"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ", "base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=", "base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-", "base64"},
        {"whsec_not base64 at all", "base64"},
        {"whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "64 bytes"},
        {WHSK "=", "base64"},
        // the last byte of the public half changed, and of the seed
        {"whsk_6Xb/dCcHpPea21PS1N9VY/"
         "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw",
         "doesn't belong"},
        {"whsk_7Xb/dCcHpPea21PS1N9VY/"
         "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg",
         "doesn't belong"},
        {"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "can't sign"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const unsigned char zero[SECRET_MAX_BYTES];
        struct secret secret;
        const char *why = NULL;
        CHECK_ROW(!secret_parse(span_of(cases[i].text), &secret, &why), cases[i].text);
        CHECK_ROW(why && strstr(why, cases[i].part), cases[i].text);
        CHECK_ROW(memcmp(secret.bytes, zero, sizeof(zero)) == 0, cases[i].text);
    }
    struct secret secret;
    const char *why;
    CHECK(!secret_parse(SPAN("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\0"), &secret, &why));
    CHECK(!secret_parse((struct span){0}, &secret, &why));
}

TEST(public_keys)
{
    struct secret pair;
    struct secret public_half;
    const char *why = NULL;
    char text[SECRET_TEXT_SIZE];
    CHECK(secret_parse(SPAN(WHSK), &pair, &why));
    secret_format_public(&pair, text);
    CHECK_STR(text, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=");
    CHECK(secret_parse_public(span_of(text), &public_half, &why));
    CHECK(public_half.kind == SECRET_ED25519 && public_half.size == 32);
    CHECK(memcmp(public_half.bytes, pair.bytes + 32, 32) == 0);
    secret_format_public(&public_half, text);
    CHECK_STR(text, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=");
    static const char *const bad[] = {
        "",
        "whpk_",
        "whpk_1SiA",
        WHSK,
        "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        CHECK_ROW(!secret_parse_public(span_of(bad[i]), &public_half, &why), bad[i]);
        CHECK_ROW(why, bad[i]);
    }
}

TEST(generated_secrets_parse_and_differ)
{
    static const enum secret_kind kinds[] = {SECRET_HMAC, SECRET_ED25519};
    for (size_t i = 0; i < 2; i++) {
        struct secret a;
        struct secret b;
        struct secret again;
        const char *why = NULL;
        char text[SECRET_TEXT_SIZE];
        secret_generate(kinds[i], &a);
        secret_generate(kinds[i], &b);
        CHECK_INT(a.size, kinds[i] == SECRET_HMAC ? 32 : 64);
        CHECK(memcmp(a.bytes, b.bytes, 32) != 0);
        secret_format(&a, text);
        CHECK_ROW(secret_parse(span_of(text), &again, &why), why ? why : "");
        CHECK(again.kind == a.kind && again.size == a.size);
        CHECK(memcmp(again.bytes, a.bytes, a.size) == 0);
    }
}

TEST(the_longest_secret_fits_its_text)
{
    struct secret secret = {.kind = SECRET_HMAC, .size = SECRET_MAX_BYTES};
    char text[SECRET_TEXT_SIZE];
    memset(secret.bytes, 0xff, sizeof(secret.bytes));
    secret_format(&secret, text);
    CHECK_INT(strlen(text), 6 + 88);
}

TEST(wiping_leaves_nothing)
{
    struct secret secret;
    secret_generate(SECRET_HMAC, &secret);
    secret_wipe(&secret);
    static const struct secret zero;
    CHECK(memcmp(&secret, &zero, sizeof(secret)) == 0);
}

UNIT_MAIN()
