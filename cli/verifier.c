// SPDX-License-Identifier: Apache-2.0
// Verifies a request as a subscriber would: headers present and well-formed, time within the tolerance, one of the
// secrets signed. Says the most telling reason when none did. Prints nothing, never shows a secret.
#include "verifier.h"

#include <stdio.h>
#include <string.h>

enum { SECRET_FILE_MAX_BYTES = 64 * 1024, WEBHOOK_ID_SIZE = 256 };

bool verifier_add(struct verifier *verifier, struct span secret, char error[INPUT_ERROR_SIZE])
{
    const char *why = "";
    if (verifier->count == VERIFIER_MAX_SECRETS) {
        snprintf(error, INPUT_ERROR_SIZE, "more than %d secrets", (int)VERIFIER_MAX_SECRETS);
        return false;
    }
    struct secret *slot = &verifier->secrets[verifier->count];
    bool is_public = span_starts_with(secret, SPAN("whpk_"));
    bool is_parsed =
        is_public ? secret_parse_public(secret, slot, &why) : secret_parse(secret, slot, &why);
    if (!is_parsed) {
        snprintf(error, INPUT_ERROR_SIZE, "secret %zu: %s", verifier->count + 1, why);
        return false;
    }
    verifier->count++;
    return true;
}

static bool add_file(struct verifier *verifier, const char *path, char error[INPUT_ERROR_SIZE])
{
    struct text content;
    bool is_added = input_read_file(path, SECRET_FILE_MAX_BYTES, &content, error);
    struct span rest = text_span(&content);
    struct span line;
    while (is_added && span_next(&rest, '\n', &line)) {
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        line = span_trim(line);
        if (line.size > 0 && line.data[0] != '#')
            is_added = verifier_add(verifier, line, error);
    }
    if (content.size > 0)
        explicit_bzero(content.data, content.size);
    text_fini(&content);
    return is_added;
}

bool verifier_add_arguments(struct verifier *verifier, const struct arguments *arguments,
                            char error[INPUT_ERROR_SIZE])
{
    size_t position = 0;
    const char *given;
    while ((given = arguments_next(arguments, "--secret", &position))) {
        if (!verifier_add(verifier, span_of(given), error))
            return false;
    }
    position = 0;
    while ((given = arguments_next(arguments, "--secret-file", &position))) {
        if (!add_file(verifier, given, error))
            return false;
    }
    return true;
}

// Of several secrets' verdicts the one to tell: a success, else the one that came nearest.
static int rank(enum signature_verdict verdict)
{
    switch (verdict) {
    case SIGNATURE_OK:
        return 3;
    case SIGNATURE_NO_MATCH:
        return 2;
    case SIGNATURE_NONE_OF_KIND:
        return 1;
    case SIGNATURE_MALFORMED:
    case SIGNATURE_TOO_OLD:
    case SIGNATURE_IN_THE_FUTURE:
        return 0;
    }
    return 0;
}

static struct verifier_result refuse(const char *why)
{
    return (struct verifier_result){.is_verified = false, .why = why};
}

struct verifier_result verifier_check(const struct verifier *verifier,
                                      const struct verifier_headers *headers, struct span body,
                                      int64_t now_s)
{
    char id[WEBHOOK_ID_SIZE];
    struct signed_content content = {.id = id, .body = body};
    if (verifier->count == 0)
        return refuse("no secret given");
    if (!headers->id.data || !headers->timestamp.data || !headers->signature.data)
        return refuse("webhook-id, webhook-timestamp or webhook-signature is missing");
    if (headers->id.size == 0 || !span_copy(headers->id, id, sizeof id))
        return refuse("webhook-id is empty or too long");
    if (!span_to_int64(headers->timestamp, &content.timestamp_s))
        return refuse("webhook-timestamp isn't a number of seconds");
    enum signature_verdict best = SIGNATURE_MALFORMED;
    for (size_t i = 0; i < verifier->count; i++) {
        enum signature_verdict verdict = signature_verify(
            &verifier->secrets[i], &content, headers->signature, now_s, verifier->tolerance_s);
        if (i == 0 || rank(verdict) > rank(best))
            best = verdict;
    }
    return (struct verifier_result){.is_verified = best == SIGNATURE_OK,
                                    .why = signature_verdict_text(best)};
}

void verifier_wipe(struct verifier *verifier)
{
    for (size_t i = 0; i < VERIFIER_MAX_SECRETS; i++)
        secret_wipe(&verifier->secrets[i]);
    verifier->count = 0;
}
