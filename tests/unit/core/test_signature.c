// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdlib.h>

#include "petrel/signature.h"
#include "unit.h"

#define WHSK                                                                                       \
    "whsk_6Xb/dCcHpPea21PS1N9VY/"                                                                  \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define WHPK "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define TIME_S INT64_C(1614265330)

static const struct {
    const char *secret, *id;
    int64_t timestamp_s;
    const char *body, *signature;
} vectors[] = {
    // Of the Standard Webhooks specification and its libraries' tests.
    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", TIME_S,
     "{\"test\": 2432232314}", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553,
     "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
     "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
    {WHSK, "msg_p5jXN8AQM9LWM0D4loKWxJek", TIME_S, "{\"test\": 2432232314}",
     "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/"
     "enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="},
};
enum { VECTOR_COUNT = sizeof(vectors) / sizeof(vectors[0]) };

static struct secret parse(const char *text)
{
    struct secret secret;
    const char *why = NULL;
    bool ok = strncmp(text, "whpk_", 5) == 0 ? secret_parse_public(span_of(text), &secret, &why)
                                             : secret_parse(span_of(text), &secret, &why);
    CHECK_ROW(ok, text);
    return secret;
}

static struct signed_content content_of(size_t i)
{
    return (struct signed_content){.id = vectors[i].id,
                                   .timestamp_s = vectors[i].timestamp_s,
                                   .body = span_of(vectors[i].body)};
}

TEST(vectors_sign_and_verify)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct secret secret = parse(vectors[i].secret);
        struct signed_content content = content_of(i);
        struct text out;
        text_init(&out, 200);
        CHECK(signature_append(&secret, &content, &out));
        CHECK_STR(text_string(&out), vectors[i].signature);
        CHECK_INT(signature_verify(&secret, &content, text_span(&out), content.timestamp_s, 300),
                  SIGNATURE_OK);
        text_fini(&out);
    }
}

TEST(several_secrets_make_one_value)
{
    struct secret first = parse(vectors[0].secret);
    struct secret second = parse(vectors[1].secret);
    struct secret pair = parse(WHSK);
    struct secret public_half = parse(WHPK);
    struct secret stranger;
    struct signed_content content = content_of(0);
    struct text out;
    secret_generate(SECRET_HMAC, &stranger);
    text_init(&out, 500);
    CHECK(signature_append(&second, &content, &out));
    CHECK(signature_append(&first, &content, &out));
    CHECK(signature_append(&pair, &content, &out));
    int spaces = 0;
    for (size_t i = 0; i < out.size; i++)
        spaces += out.data[i] == ' ';
    CHECK_INT(spaces, 2);
    CHECK(out.data[0] != ' ' && out.data[out.size - 1] != ' ' && !strstr(out.data, "  "));
    struct span header = text_span(&out);
    CHECK_INT(signature_verify(&first, &content, header, TIME_S, 0), SIGNATURE_OK);
    CHECK_INT(signature_verify(&second, &content, header, TIME_S, 0), SIGNATURE_OK);
    CHECK_INT(signature_verify(&pair, &content, header, TIME_S, 0), SIGNATURE_OK);
    CHECK_INT(signature_verify(&public_half, &content, header, TIME_S, 0), SIGNATURE_OK);
    CHECK_INT(signature_verify(&stranger, &content, header, TIME_S, 0), SIGNATURE_NO_MATCH);
    text_fini(&out);
}

TEST(any_change_breaks_the_signature)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct secret secret = parse(vectors[i].secret);
        struct span header = span_of(vectors[i].signature);
        struct signed_content changed = content_of(i);
        changed.id = "msg_p5jXN8AQM9LWM0D4loKWxJeK";
        CHECK_INT(signature_verify(&secret, &changed, header, 0, -1), SIGNATURE_NO_MATCH);
        changed = content_of(i);
        changed.timestamp_s++;
        CHECK_INT(signature_verify(&secret, &changed, header, 0, -1), SIGNATURE_NO_MATCH);
        changed = content_of(i);
        changed.body.size--;
        CHECK_INT(signature_verify(&secret, &changed, header, 0, -1), SIGNATURE_NO_MATCH);
        changed.body = (struct span){0};
        CHECK_INT(signature_verify(&secret, &changed, header, 0, -1), SIGNATURE_NO_MATCH);
        // The dots part the three: what moves over a dot is another content.
        changed = content_of(i);
        changed.id = "msg";
        CHECK_INT(signature_verify(&secret, &changed, header, 0, -1), SIGNATURE_NO_MATCH);
        secret.bytes[secret.size - 1] ^= 1;
        changed = content_of(i);
        CHECK_INT(signature_verify(&secret, &changed, header, 0, -1), SIGNATURE_NO_MATCH);
    }
}

TEST(bodies_of_any_bytes_and_none)
{
    static const struct span bodies[] = {{NULL, 0}, {"", 0}, {"\0\0", 2}, {"\xff\n\r", 3}};
    const char *keys[] = {vectors[0].secret, WHSK};
    for (size_t k = 0; k < 2; k++) {
        struct secret secret = parse(keys[k]);
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
            struct signed_content content = {.id = "a", .timestamp_s = -1, .body = bodies[i]};
            struct text out;
            text_init(&out, 200);
            CHECK(signature_append(&secret, &content, &out));
            CHECK_INT(signature_verify(&secret, &content, text_span(&out), 0, 300), SIGNATURE_OK);
            content.body = SPAN("x");
            CHECK_INT(signature_verify(&secret, &content, text_span(&out), 0, 300),
                      SIGNATURE_NO_MATCH);
            text_fini(&out);
        }
    }
}

TEST(tolerance)
{
    static const struct {
        int64_t timestamp_s, now_s, tolerance_s;
        enum signature_verdict verdict;
    } cases[] = {
        {TIME_S, TIME_S, 0, SIGNATURE_NO_MATCH}, // the time is fine, so the signature is judged
        {TIME_S, TIME_S + 300, 300, SIGNATURE_NO_MATCH},
        {TIME_S, TIME_S + 301, 300, SIGNATURE_TOO_OLD},
        {TIME_S, TIME_S - 300, 300, SIGNATURE_NO_MATCH},
        {TIME_S, TIME_S - 301, 300, SIGNATURE_IN_THE_FUTURE},
        {TIME_S, TIME_S + 1, 0, SIGNATURE_TOO_OLD},
        {TIME_S, 0, -1, SIGNATURE_NO_MATCH},
        {INT64_MIN, TIME_S, 300, SIGNATURE_TOO_OLD},
        {INT64_MAX, TIME_S, 300, SIGNATURE_IN_THE_FUTURE},
        {INT64_MIN, INT64_MAX, INT64_MAX, SIGNATURE_TOO_OLD},
        {INT64_MAX, INT64_MAX, INT64_MAX, SIGNATURE_NO_MATCH},
        {INT64_MAX, INT64_MIN, INT64_MAX, SIGNATURE_IN_THE_FUTURE},
        {0, INT64_MIN, 300, SIGNATURE_IN_THE_FUTURE},
    };
    struct secret secret;
    secret_generate(SECRET_HMAC, &secret);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char row[8];
        struct signed_content content = content_of(0);
        content.timestamp_s = cases[i].timestamp_s;
        snprintf(row, sizeof(row), "%zu", i);
        CHECK_ROW(signature_verify(&secret, &content, span_of(vectors[0].signature), cases[i].now_s,
                                   cases[i].tolerance_s) == cases[i].verdict,
                  row);
    }
}

#define GOOD "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define OTHER "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
#define GOOD_A                                                                                     \
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

TEST(header_shapes)
{
    static const struct {
        const char *header;
        enum signature_verdict hmac, ed25519;
    } cases[] = {
        {GOOD, SIGNATURE_OK, SIGNATURE_NONE_OF_KIND},
        {GOOD_A, SIGNATURE_NONE_OF_KIND, SIGNATURE_OK},
        {OTHER " " GOOD " " GOOD_A, SIGNATURE_OK, SIGNATURE_OK},
        {GOOD " " OTHER, SIGNATURE_OK, SIGNATURE_NONE_OF_KIND},
        {OTHER, SIGNATURE_NO_MATCH, SIGNATURE_NONE_OF_KIND},
        {"v1,AAAA", SIGNATURE_NO_MATCH, SIGNATURE_NONE_OF_KIND},
        {"v1a,AAAA", SIGNATURE_NONE_OF_KIND, SIGNATURE_NO_MATCH},
        // an unpadded signature is the same bytes
        {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", SIGNATURE_OK, SIGNATURE_NONE_OF_KIND},
        // versions to come may hold anything
        {"v2,?,! " GOOD, SIGNATURE_OK, SIGNATURE_NONE_OF_KIND},
        {"v2,abc", SIGNATURE_NONE_OF_KIND, SIGNATURE_NONE_OF_KIND},
        {"V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", SIGNATURE_NONE_OF_KIND,
         SIGNATURE_NONE_OF_KIND},
        {"", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {" ", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {GOOD " ", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {" " GOOD, SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {GOOD "  " OTHER, SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {GOOD "\t" OTHER, SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {GOOD "," OTHER, SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {GOOD " v1", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {"v1,", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {",g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {"v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", SIGNATURE_MALFORMED,
         SIGNATURE_MALFORMED},
        {"v1=83484cf52b04f8e4cf2531ad", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
        {"sha256=abc", SIGNATURE_MALFORMED, SIGNATURE_MALFORMED},
    };
    struct secret hmac = parse(vectors[0].secret);
    struct secret ed25519 = parse(WHPK);
    struct signed_content content = content_of(0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span header = span_of(cases[i].header);
        CHECK_ROW(signature_verify(&hmac, &content, header, TIME_S, 300) == cases[i].hmac,
                  cases[i].header);
        CHECK_ROW(signature_verify(&ed25519, &content, header, TIME_S, 300) == cases[i].ed25519,
                  cases[i].header);
    }
    CHECK_INT(signature_verify(&hmac, &content, (struct span){0}, TIME_S, 300), SIGNATURE_MALFORMED);
}

TEST(a_public_key_verifies_and_never_signs)
{
    struct secret public_half = parse(WHPK);
    struct signed_content content = content_of(2);
    struct text out;
    text_init(&out, 200);
    CHECK(!signature_append(&public_half, &content, &out));
    CHECK_INT(out.size, 0);
    text_fini(&out);
}

TEST(a_full_buffer_is_told)
{
    struct secret secret = parse(vectors[0].secret);
    struct signed_content content = content_of(0);
    struct text out;
    text_init(&out, 10);
    CHECK(!signature_append(&secret, &content, &out));
    CHECK(out.failed);
    text_fini(&out);
}

TEST(an_id_too_long_is_no_id)
{
    char id[300];
    struct secret secret = parse(vectors[0].secret);
    struct text out;
    memset(id, 'a', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    text_init(&out, 200);
    struct signed_content content = {.id = id, .timestamp_s = 1};
    CHECK(!signature_append(&secret, &content, &out));
    id[64] = '\0'; // the longest event id, and the longest timestamp
    content.timestamp_s = INT64_MIN;
    CHECK(signature_append(&secret, &content, &out));
    text_fini(&out);
}

TEST(verdicts_have_sentences)
{
    for (int verdict = SIGNATURE_OK; verdict <= SIGNATURE_IN_THE_FUTURE; verdict++)
        CHECK(strlen(signature_verdict_text((enum signature_verdict)verdict)) > 10);
}

static void *sign_many(void *arg)
{
    size_t first = *(const size_t *)arg;
    size_t wrong = 0;
    struct secret secrets[VECTOR_COUNT];
    struct text out;
    text_init(&out, 200);
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const char *why;
        wrong += !secret_parse(span_of(vectors[i].secret), &secrets[i], &why);
    }
    for (size_t round = 0; round < 600; round++) {
        size_t i = (first + round) % VECTOR_COUNT;
        struct signed_content content = content_of(i);
        text_clear(&out);
        wrong += !signature_append(&secrets[i], &content, &out) ||
                 strcmp(text_string(&out), vectors[i].signature) != 0;
    }
    text_fini(&out);
    return wrong ? (void *)vectors : NULL;
}

TEST(threads_sign_at_once)
{
    pthread_t threads[6];
    size_t firsts[6];
    for (size_t i = 0; i < 6; i++) {
        firsts[i] = i;
        CHECK(pthread_create(&threads[i], NULL, sign_many, &firsts[i]) == 0);
    }
    for (size_t i = 0; i < 6; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        CHECK(!wrong);
    }
}

UNIT_MAIN()
