// SPDX-License-Identifier: Apache-2.0
// The vectors are the specification's.
#include "verifier.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#define PAIR                                                                                       \
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define V1 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define V1A                                                                                        \
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

static const struct span body = SPAN("{\"test\": 2432232314}");
enum { SENT_S = 1614265330 };

static struct verifier_headers headers_with(const char *signature)
{
    return (struct verifier_headers){.id = SPAN("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                                     .timestamp = SPAN("1614265330"),
                                     .signature = span_of(signature)};
}

static struct verifier with(const char *secret, const char *another)
{
    struct verifier verifier = {.tolerance_s = SIGNATURE_TOLERANCE_S};
    char error[INPUT_ERROR_SIZE];
    CHECK(verifier_add(&verifier, span_of(secret), error));
    CHECK(!another || verifier_add(&verifier, span_of(another), error));
    return verifier;
}

static bool verifies(const struct verifier *verifier, const char *signature, int64_t now_s)
{
    struct verifier_headers headers = headers_with(signature);
    return verifier_check(verifier, &headers, body, now_s).is_verified;
}

TEST(any_of_several_secrets_may_have_signed)
{
    struct verifier one = with(SECRET, NULL), wrong = with(OTHER, NULL), both = with(OTHER, SECRET);
    CHECK(verifies(&one, V1, SENT_S));
    CHECK(!verifies(&wrong, V1, SENT_S));
    CHECK(verifies(&both, V1, SENT_S));
    CHECK(verifies(&both, V1A " " V1, SENT_S));
    struct verifier pair = with(PAIR, OTHER);
    CHECK(verifies(&pair, V1A, SENT_S));
    CHECK(!verifies(&pair, V1, SENT_S));
}

TEST(the_public_half_verifies)
{
    struct secret secret;
    const char *why;
    char text[SECRET_TEXT_SIZE];
    CHECK(secret_parse(SPAN(PAIR), &secret, &why));
    secret_format_public(&secret, text);
    struct verifier verifier = with(text, NULL);
    CHECK(verifies(&verifier, V1A, SENT_S));
}

TEST(the_clock_is_looked_at_unless_told_not_to)
{
    struct verifier verifier = with(SECRET, NULL);
    CHECK(verifies(&verifier, V1, SENT_S + 300));
    CHECK(!verifies(&verifier, V1, SENT_S + 301));
    CHECK(!verifies(&verifier, V1, SENT_S - 301));
    verifier.tolerance_s = -1;
    CHECK(verifies(&verifier, V1, SENT_S + 1000000));
}

TEST(each_fault_has_its_reason)
{
    static const struct {
        struct verifier_headers headers;
        const char *why;
    } cases[] = {
        {{.timestamp = SPAN("1614265330"), .signature = SPAN(V1)},
         "webhook-id, webhook-timestamp or webhook-signature is missing"},
        {{.id = SPAN(""), .timestamp = SPAN("1614265330"), .signature = SPAN(V1)},
         "webhook-id is empty or too long"},
        {{.id = SPAN("msg_1"), .timestamp = SPAN("soon"), .signature = SPAN(V1)},
         "webhook-timestamp isn't a number of seconds"},
    };
    struct verifier verifier = with(SECRET, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verifier_result result = verifier_check(&verifier, &cases[i].headers, body, SENT_S);
        CHECK(!result.is_verified);
        CHECK_STR(result.why, cases[i].why);
    }
    struct verifier none = {.count = 0};
    struct verifier_headers headers = headers_with(V1);
    CHECK_STR(verifier_check(&none, &headers, body, SENT_S).why, "no secret given");
}

TEST(bad_secrets_are_refused_and_not_repeated)
{
    struct verifier verifier = {.count = 0};
    char error[INPUT_ERROR_SIZE];
    CHECK(!verifier_add(&verifier, SPAN("hunter2"), error));
    CHECK(strstr(error, "hunter2") == NULL);
    CHECK_INT(verifier.count, 0);
    for (int i = 0; i < VERIFIER_MAX_SECRETS; i++)
        CHECK(verifier_add(&verifier, SPAN(SECRET), error));
    CHECK(!verifier_add(&verifier, SPAN(SECRET), error));
}

TEST(a_file_holds_one_secret_a_line)
{
    static const struct option options[] = {
        {.name = "--secret", .value = "S", .meaning = "", .is_repeatable = true},
        {.name = "--secret-file", .value = "F", .meaning = "", .is_repeatable = true},
        {.name = NULL},
    };
    char path[] = "/tmp/petrel-test-verifier.XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    fputs("# both signed during the rotation\n\n  " OTHER "\r\n" SECRET, file);
    fclose(file);
    char flag[] = "--secret-file";
    char *argv[] = {flag, path};
    int argc = 2;
    char error[INPUT_ERROR_SIZE];
    struct arguments arguments;
    struct verifier verifier = {.tolerance_s = -1};
    CHECK(arguments_take(options, &argc, argv, &arguments, error));
    CHECK(verifier_add_arguments(&verifier, &arguments, error));
    CHECK_INT(verifier.count, 2);
    CHECK(verifies(&verifier, V1, 0));
    arguments_fini(&arguments);
    unlink(path);
}

UNIT_MAIN()
