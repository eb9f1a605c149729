// SPDX-License-Identifier: Apache-2.0
// `petrel verify`: judges one signature over the body on standard input. For debugging a receiver.
#include <stdio.h>

#include "command.h"
#include "petrel/clock.h"
#include "terminal.h"
#include "verifier.h"

enum { VERIFY_BODY_MAX_BYTES = 64 * 1024 * 1024 };

static const struct option options[] = {
    {.name = "--secret",
     .value = "SECRET",
     .meaning = "whsec_… (HMAC-SHA256), whsk_… or whpk_… (ed25519); repeatable: any may have signed",
     .is_repeatable = true},
    {.name = "--secret-file",
     .value = "FILE",
     .meaning = "secrets from a file, one a line; keeps them out of the process list; repeatable",
     .is_repeatable = true},
    {.name = "--id", .value = "ID", .meaning = "the request's webhook-id"},
    {.name = "--timestamp", .value = "SECONDS", .meaning = "the request's webhook-timestamp"},
    {.name = "--signature", .value = "SIGNATURE", .meaning = "the request's webhook-signature"},
    {.name = "--body-file", .value = "FILE", .meaning = "the body's bytes [standard input]"},
    {.name = "--no-time-check",
     .meaning = "accept any webhook-timestamp (5 minutes either way otherwise)"},
    {.name = "--json", .meaning = "print {\"verified\": …, \"why\": …}"},
    {.name = NULL},
};

static bool is_complete(const struct arguments *arguments, const struct verifier *verifier)
{
    static const char *const needed[] = {"--id", "--timestamp", "--signature"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!arguments_value(arguments, needed[i])) {
            terminal_error("%s is missing: the value of the request's webhook-%s header", needed[i],
                           needed[i] + 2);
            return false;
        }
    }
    if (verifier->count == 0)
        terminal_error("no secret to verify with: give --secret or --secret-file");
    return verifier->count > 0;
}

static void print_result(const struct verifier_result *result, bool as_json)
{
    if (as_json)
        printf("{\"verified\":%s,\"why\":\"%s\"}\n", result->is_verified ? "true" : "false",
               result->why);
    else
        printf("%s%s%s: %s\n",
               terminal_color(stdout, result->is_verified ? TERMINAL_GREEN : TERMINAL_RED),
               result->is_verified ? "verified" : "not verified",
               terminal_color(stdout, TERMINAL_PLAIN), result->why);
}

static int verify_body(const struct arguments *arguments, const struct verifier *verifier)
{
    char error[INPUT_ERROR_SIZE];
    struct text body;
    const char *path = arguments_value(arguments, "--body-file");
    if (!input_read_file(path ? path : "-", VERIFY_BODY_MAX_BYTES, &body, error)) {
        terminal_error("%s", error);
        text_fini(&body);
        return EXIT_USAGE;
    }
    struct verifier_headers headers = {
        .id = span_of(arguments_value(arguments, "--id")),
        .timestamp = span_of(arguments_value(arguments, "--timestamp")),
        .signature = span_of(arguments_value(arguments, "--signature")),
    };
    struct verifier_result result =
        verifier_check(verifier, &headers, text_span(&body), clock_wall_ms() / 1000);
    print_result(&result, arguments_has(arguments, "--json"));
    text_fini(&body);
    return result.is_verified ? EXIT_OK : EXIT_FAILED;
}

static int run_verify(const struct command_input *input)
{
    const struct arguments *arguments = input->arguments;
    struct verifier verifier = {
        .tolerance_s = arguments_has(arguments, "--no-time-check") ? -1 : SIGNATURE_TOLERANCE_S,
    };
    char error[INPUT_ERROR_SIZE];
    int code = EXIT_USAGE;
    if (!verifier_add_arguments(&verifier, arguments, error))
        terminal_error("%s", error);
    else if (is_complete(arguments, &verifier))
        code = verify_body(arguments, &verifier);
    verifier_wipe(&verifier);
    return code;
}

const struct command command_verify = {
    .name = "verify",
    .words = "",
    .summary = "verify a request's signature: does this secret fit this id, timestamp and body?",
    .description =
        "Reads the body from standard input (every byte counts: no newline added, no JSON\n"
        "reformatted) and says in one line whether one of the secrets signed it.",
    .examples = "  petrel verify --secret whsec_… --id msg_1 --timestamp 1614265330 \\\n"
                "      --signature 'v1,…' --no-time-check < body.json",
    .options = options,
    .config = COMMAND_WITHOUT_CONFIG,
    .run = run_verify,
};
