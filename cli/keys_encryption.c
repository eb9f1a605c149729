// SPDX-License-Identifier: Apache-2.0
// `petrel keys new-encryption` and `rotate-encryption`: the key ring that encrypts subscriptions' secrets in Redis.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"
#include "petrel/clock.h"
#include "petrel/timestamp.h"
#include "session.h"
#include "terminal.h"

// ---- new-encryption

// "2026-01-31": the day tells best how old a key is.
static void format_today(char id[SEAL_KEY_ID_SIZE])
{
    char now[TIMESTAMP_SIZE];
    timestamp_format(clock_wall_ms(), now);
    snprintf(id, SEAL_KEY_ID_SIZE, "%.10s", now);
}

static int run_new(const struct command_input *input)
{
    char id[SEAL_KEY_ID_SIZE];
    char line[KEYRING_LINE_SIZE];
    const struct arguments *arguments = input->arguments;
    if (arguments->word_count == 0) {
        format_today(id);
    } else if (!seal_is_key_id(span_of(arguments->words[0])) ||
               !span_copy(span_of(arguments->words[0]), id, sizeof id)) {
        terminal_error("\"%.40s\" is no key id: 1 to %d characters of A-Z a-z 0-9 _ . -",
                       arguments->words[0], SEAL_KEY_ID_SIZE - 1);
        return EXIT_USAGE;
    }
    keyring_format_new(id, line);
    puts(line);
    explicit_bzero(line, sizeof line);
    return EXIT_OK;
}

const struct command keys_new_encryption = {
    .name = "new-encryption",
    .words = "[ID]",
    .summary = "print a line with a new key for encryption_keys_file; ID is today's date by default",
    .description =
        "The first line of the file is the current key, the others open what they encrypted before.",
    .examples = "  (umask 077; petrel keys new-encryption > encryption.keys)\n"
                "  petrel --encryption-keys-file encryption.keys",
    .config = COMMAND_WITHOUT_CONFIG,
    .words_max = 1,
    .run = run_new,
};

// ---- rotate-encryption

enum { PROGRESS_MS = 500 };

struct progress {
    int64_t total;
    int64_t shown_mono_ms;
    bool is_terminal;
};

// On a terminal a line that is written over; in a log nothing but the end.
static void on_progress(void *arg, const struct store_reencryption *so_far)
{
    struct progress *progress = arg;
    int64_t now_ms = clock_mono_ms();
    if (!progress->is_terminal || now_ms - progress->shown_mono_ms < PROGRESS_MS)
        return;
    progress->shown_mono_ms = now_ms;
    fprintf(stderr, "\r%" PRId64 " of %" PRId64 " subscriptions seen, %" PRId64 " encrypted anew ",
            so_far->seen, progress->total, so_far->changed);
}

static void end_progress(const struct progress *progress)
{
    if (progress->is_terminal && progress->shown_mono_ms)
        fputs("\r\033[K", stderr);
}

static int report(const struct session *session, const struct store_reencryption *done, bool as_json)
{
    struct keyring *ring = vault_ring(session->vault);
    const char *key = keyring_current(ring)->id;
    if (as_json)
        printf("{\"key\":\"%s\",\"subscriptions\":%" PRId64 ",\"changed\":%" PRId64
               ",\"failed\":%" PRId64 "}\n",
               key, done->seen, done->changed, done->failed);
    else
        printf("key %s: %" PRId64 " subscriptions encrypted anew, %" PRId64 " were already\n", key,
               done->changed, done->seen - done->failed - done->changed);
    keyring_unref(&ring);
    if (done->failed == 0)
        return EXIT_OK;
    terminal_error("%" PRId64 " of %" PRId64 " subscriptions are not encrypted with it; %s: %s",
                   done->failed, done->seen, done->first_failed, done->why);
    return EXIT_FAILED;
}

static int rotate(struct session *session, bool as_json)
{
    struct store_encryption before;
    struct progress progress = {.is_terminal = isatty(STDERR_FILENO) == 1};
    struct store_reencryption done = {.report = on_progress, .arg = &progress};
    enum store_result result = store_read_encryption(&session->store, &before);
    progress.total = before.subscriptions;
    if (result == STORE_OK)
        result = store_reencrypt(&session->store, &done);
    end_progress(&progress);
    int code = session_report(session, result, "rotate-encryption", NULL);
    if (code != EXIT_OK && done.changed > 0)
        terminal_error("%" PRId64 " subscriptions are encrypted anew: run it again for the others",
                       done.changed);
    return code == EXIT_OK ? report(session, &done, as_json) : code;
}

static int run_rotate(const struct command_input *input)
{
    struct session session;
    if (input->config->encryption_keys_file[0] == '\0') {
        terminal_error("there is no key to encrypt with: give --encryption-keys-file "
                       "(petrel keys new-encryption makes a key)");
        return EXIT_USAGE;
    }
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    int code = rotate(&session, arguments_has(input->arguments, "--json"));
    session_close(&session);
    return code;
}

static const struct option rotate_options[] = {
    {.name = "--json",
     .meaning = "print {\"key\": …, \"subscriptions\": …, \"changed\": …, \"failed\": …}"},
    {.name = NULL},
};

const struct command keys_rotate_encryption = {
    .name = "rotate-encryption",
    .words = "",
    .summary = "encrypt every stored secret and header value with the current key of the key ring",
    .description =
        "Also those that lie unencrypted. Runs beside running instances, at most 2,000 subscriptions a\n"
        "second, and may be run again at any time. All instances must have the key before: see\n"
        "docs/operations.md, \"Encryption keys\".",
    .options = rotate_options,
    .config = COMMAND_WITH_CONFIG,
    .run = run_rotate,
};
