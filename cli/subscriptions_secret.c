// SPDX-License-Identifier: Apache-2.0
// `petrel subscriptions secret` and `rotate-secret`: the only commands that show a signing secret or a header's value,
// or take a new secret.
#include <stdio.h>
#include <string.h>

#include "input.h"
#include "petrel/clock.h"
#include "petrel/timestamp.h"
#include "subscriptions.h"
#include "terminal.h"

enum { SECRET_INPUT_MAX_BYTES = 4096, HEADERS_JSON_MAX_BYTES = 256 * 1024 };

// ---- secret

static const struct option secret_options[] = {
    {.name = "--all",
     .meaning = "also the rotated ones that still sign, with the end of their grace period"},
    {.name = "--public", .meaning = "the public half (whpk_…) of an ed25519 secret"},
    {.name = "--headers", .meaning = "the subscription's own headers with their values instead"},
    {.name = "--json",
     .meaning =
         "print {\"secret\": …, \"previous\": [{\"secret\": …, \"expires_at\": …}], \"headers\": {…}}"},
    {.name = NULL},
};

static int print_headers(const struct subscription *subscription)
{
    for (size_t i = 0; i < subscription->header_count; i++)
        printf("%s: %s\n", subscription->headers[i].name, subscription->headers[i].value);
    return EXIT_OK;
}

static void print_headers_json(const struct subscription *subscription)
{
    struct text out;
    text_init_secret(&out, HEADERS_JSON_MAX_BYTES);
    subscription_format_headers(subscription, &out);
    terminal_write(&out);
    text_fini(&out);
}

// As the API gives it.
static void print_secrets_json(const struct subscription *subscription)
{
    char secret[SECRET_TEXT_SIZE];
    char instant[TIMESTAMP_SIZE];
    const struct secret *current = &subscription->secrets[0].secret;
    secret_format(current, secret);
    printf("{\"secret\":\"%s\"", secret);
    if (current->kind == SECRET_ED25519) {
        secret_format_public(current, secret);
        printf(",\"public_key\":\"%s\"", secret);
    }
    printf(",\"previous\":[");
    for (size_t i = 1; i < subscription->secret_count; i++) {
        secret_format(&subscription->secrets[i].secret, secret);
        timestamp_format(subscription->secrets[i].expires_at_ms, instant);
        printf("%s{\"secret\":\"%s\",\"expires_at\":\"%s\"}", i > 1 ? "," : "", secret, instant);
    }
    printf("],\"headers\":");
    print_headers_json(subscription);
    puts("}");
    explicit_bzero(secret, sizeof secret);
}

static int print_secrets(const struct subscription *subscription, const struct arguments *arguments)
{
    char secret[SECRET_TEXT_SIZE];
    char instant[TIMESTAMP_SIZE];
    const struct secret *current = &subscription->secrets[0].secret;
    bool is_public = arguments_has(arguments, "--public");
    if (arguments_has(arguments, "--headers"))
        return print_headers(subscription);
    if (is_public && current->kind != SECRET_ED25519) {
        terminal_error("%s has an HMAC secret (whsec_…), which has no public half",
                       subscription->id);
        return EXIT_FAILED;
    }
    if (is_public)
        secret_format_public(current, secret);
    else
        secret_format(current, secret);
    puts(secret);
    for (size_t i = 1; i < subscription->secret_count && arguments_has(arguments, "--all"); i++) {
        secret_format(&subscription->secrets[i].secret, secret);
        timestamp_format(subscription->secrets[i].expires_at_ms, instant);
        printf("%s until %s\n", secret, instant);
    }
    explicit_bzero(secret, sizeof secret);
    return EXIT_OK;
}

static int run_secret(const struct command_input *input)
{
    struct session session;
    struct subscription *found = NULL;
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result = store_find_subscription(&session.store, id, &found);
    int code = session_report(&session, result, subscriptions_name(id, name), NULL);
    if (code == EXIT_OK && arguments_has(input->arguments, "--json"))
        print_secrets_json(found);
    else if (code == EXIT_OK)
        code = print_secrets(found, input->arguments);
    subscription_unref(&found);
    session_close(&session);
    return code;
}

const struct command subscriptions_secret = {
    .name = "secret",
    .words = "ID",
    .summary = "print the signing secret, for the subscriber's side, or the values of its headers",
    .options = secret_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_secret,
};

// ---- rotate-secret

static const struct option rotate_options[] = {
    {.name = "--secret", .value = "SECRET", .meaning = "the new secret [a new one of the same kind]"},
    {.name = "--secret-file",
     .value = "FILE",
     .meaning = "the same from a file; - is standard input"},
    {.name = "--grace",
     .value = "DURATION",
     .meaning = "how long the old one keeps signing [rotation_grace]"},
    {.name = "--json", .meaning = "print the subscription as the API gives it"},
    {.name = NULL},
};

static bool parse_secret_file(const char *path, struct secret *secret, const char **why)
{
    static char error[INPUT_ERROR_SIZE]; // *why outlives this call
    struct text content;
    bool is_parsed = false;
    *why = error;
    if (input_read_file(path, SECRET_INPUT_MAX_BYTES, &content, error)) {
        struct span line = text_span(&content);
        while (line.size > 0 && strchr("\r\n \t", line.data[line.size - 1]))
            line.size--;
        is_parsed = secret_parse(line, secret, why);
    }
    text_fini(&content);
    return is_parsed;
}

struct rotation {
    struct secret secret;
    bool has_secret;
    int64_t grace_ms;
};

static bool parse_rotation(struct rotation *rotation, const struct command_input *input)
{
    const char *why = "";
    const char *given = arguments_value(input->arguments, "--secret");
    const char *path = arguments_value(input->arguments, "--secret-file");
    const char *grace = arguments_value(input->arguments, "--grace");
    rotation->grace_ms = input->config->rotation_grace_ms;
    rotation->has_secret = given || path;
    if (given && path)
        terminal_error("give --secret or --secret-file, not both");
    else if (given && !secret_parse(span_of(given), &rotation->secret, &why))
        terminal_error("--secret: %s", why);
    else if (path && !parse_secret_file(path, &rotation->secret, &why))
        terminal_error("--secret-file: %s", why);
    else if (grace && !duration_parse(span_of(grace), &rotation->grace_ms))
        terminal_error("--grace: \"%.40s\" is no duration such as 24h or 7d", grace);
    else
        return true;
    return false;
}

static void print_rotated(const struct subscription *subscription)
{
    char instant[TIMESTAMP_SIZE];
    if (subscription->secret_count > 1 && subscription->secrets[1].expires_at_ms > clock_wall_ms()) {
        timestamp_format(subscription->secrets[1].expires_at_ms, instant);
        printf("%s has a new secret; the old one also signs until %s\n", subscription->id, instant);
    } else {
        printf("%s has a new secret\n", subscription->id);
    }
    fprintf(stderr, "the new secret: petrel subscriptions secret %s\n", subscription->id);
}

static int run_rotate(const struct command_input *input)
{
    struct session session;
    struct subscription *changed = NULL;
    struct rotation rotation = {.has_secret = false};
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!parse_rotation(&rotation, input))
        return EXIT_USAGE;
    int code = EXIT_FAILED;
    if (session_open(&session, input->config)) {
        enum store_result result =
            store_rotate_secret(&session.store, id, rotation.has_secret ? &rotation.secret : NULL,
                                rotation.grace_ms, &changed);
        code = session_report(&session, result, subscriptions_name(id, name), NULL);
        if (code == EXIT_OK && arguments_has(input->arguments, "--json"))
            subscriptions_print_json(changed);
        else if (code == EXIT_OK)
            print_rotated(changed);
        session_close(&session);
    }
    subscription_unref(&changed);
    secret_wipe(&rotation.secret);
    return code;
}

const struct command subscriptions_rotate_secret = {
    .name = "rotate-secret",
    .words = "ID",
    .summary = "sign with a new secret; the old one keeps signing for a grace period",
    .description =
        "During the grace period each request carries both signatures, so the subscriber can change\n"
        "its side at any time in it.",
    .options = rotate_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_rotate,
};
