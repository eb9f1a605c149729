// SPDX-License-Identifier: Apache-2.0
// `petrel keys create`: stdout gets the key and nothing else, so that a script can take it.
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "session.h"
#include "terminal.h"

static const struct option options[] = {
    {.name = "--name", .value = "TEXT", .meaning = "for people: who has it, what for"},
    {.name = "--scope",
     .value = "SCOPE",
     .meaning = "read, write (and read), or admin (and manage keys) [read]"},
    {.name = "--tenant",
     .value = "TENANT",
     .meaning = "it sees and touches this tenant's things only"},
    {.name = "--expires",
     .value = "WHEN",
     .meaning = "a length of time like 90d, or 2027-01-31T12:00:00Z [never]"},
    {.name = "--json", .meaning = "print it as the API gives it"},
    {.name = NULL},
};

static void print(const struct command_input *input, const struct api_key *key, const char *text)
{
    if (!arguments_has(input->arguments, "--json")) {
        printf("%s\n", text);
        fflush(stdout);
        fprintf(stderr, "%s, %s; this key isn't kept and won't be shown again\n", key->id,
                api_key_scope_text(key->scope));
        return;
    }
    struct text out;
    text_init(&out, API_KEY_JSON_MAX_BYTES);
    api_key_format_public(key, text, &out);
    text_append_char(&out, '\n');
    terminal_write(&out);
    if (out.data)
        explicit_bzero(out.data, out.size);
    text_fini(&out);
}

static int run(const struct command_input *input)
{
    const char *scope = arguments_value(input->arguments, "--scope");
    struct store_api_key_request request = {
        .name = arguments_value(input->arguments, "--name"),
        .scope = scope ? scope : "read",
        .tenant = arguments_value(input->arguments, "--tenant"),
        .expires = arguments_value(input->arguments, "--expires"),
    };
    struct field_errors errors = {.count = 0};
    struct api_key created;
    char text[API_KEY_TEXT_SIZE];
    struct session session;
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result =
        store_create_api_key(&session.store, &request, &created, text, &errors);
    int code = session_report(&session, result, "key", &errors);
    if (code == EXIT_OK)
        print(input, &created, text);
    explicit_bzero(text, sizeof text);
    session_close(&session);
    return code;
}

const struct command keys_create = {
    .name = "create",
    .alias = "add",
    .words = "",
    .summary = "make a key and print it, once",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .run = run,
};
