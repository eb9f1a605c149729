// SPDX-License-Identifier: Apache-2.0
// What a receiver answers. The first part is its heads, line by line, the others are pieces of its body. The result is
// that of a second reader below, which looks at everything at once; nothing is read beyond the caps.
#include "dispatcher/response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"

enum { REPEATS = 40, STATUS_BYTES = 12 }; // "HTTP/1.1 200"

struct expected {
    bool is_too_large, has_final_status;
    int32_t status;
    enum attempt_directive directive;
    bool may_wait; // there was a Retry-After
    size_t head_bytes;
};

// As libcurl, whose business the status line is: three digits behind the first space.
static long status_of(struct span line)
{
    char copy[STATUS_BYTES + 1] = "";
    struct span head = {line.data, line.size < STATUS_BYTES ? line.size : STATUS_BYTES};
    if (!span_copy(head, copy, sizeof copy) || !strchr(copy, ' '))
        return 0;
    return strtol(strchr(copy, ' '), NULL, 10);
}

static bool is_header(const char *line, const char *name)
{
    return strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':';
}

static bool has_value(const char *line, const char *wanted)
{
    const char *value = strchr(line, ':') + 1;
    value += strspn(value, " \t");
    size_t size = strcspn(value, " \t");
    return size == strlen(wanted) && strncasecmp(value, wanted, size) == 0 &&
           value[size + strspn(value + size, " \t")] == '\0';
}

static void expect_line(struct expected *expected, struct span line, long status)
{
    char *text = span_duplicate(line); // up to the first NUL
    size_t size = line.size;
    while (size > 0 && (line.data[size - 1] == '\r' || line.data[size - 1] == '\n'))
        size--;
    bool has_nul = span_find((struct span){line.data, size}, '\0');
    text[size] = '\0';
    expected->head_bytes += line.size;
    if (expected->head_bytes > 65536) {
        expected->is_too_large = true;
    } else if (expected->has_final_status) {
        // trailers say nothing
    } else if (size == 0) {
        expected->has_final_status = status >= 200;
        expected->status = status >= 200 ? (int32_t)status : 0;
    } else if (strncmp(text, "HTTP/", 5) == 0) {
        expected->directive = DIRECTIVE_NONE;
        expected->may_wait = false;
    } else if (is_header(text, "retry-after")) {
        expected->may_wait = true;
    } else if (!has_nul && is_header(text, "webhook-delivery")) {
        if (has_value(text, "disable"))
            expected->directive = DIRECTIVE_DISABLE;
        else if (has_value(text, "abort-message"))
            expected->directive = DIRECTIVE_ABORT_MESSAGE;
    }
    free(text);
}

static void take_lines(struct response *response, struct attempt_result *result, struct span head,
                       struct expected *expected)
{
    long status = 0;
    while (head.size > 0 && !expected->is_too_large) {
        const char *end = span_find(head, '\n');
        struct span line = {head.data, end ? (size_t)(end - head.data) + 1 : head.size};
        head.data += line.size;
        head.size -= line.size;
        if (span_starts_with(line, SPAN("HTTP/")))
            status = status_of(line);
        bool was_final = expected->has_final_status;
        expect_line(expected, line, status);
        enum response_line kind = response_take_line(response, line, result);
        FUZZ_CHECK((kind == RESPONSE_TOO_LARGE) == expected->is_too_large);
        FUZZ_CHECK(kind != RESPONSE_END_OF_HEAD || !was_final);
        if (kind == RESPONSE_END_OF_HEAD)
            response_end_head(response, status, result);
    }
}

static void check(const struct response *response, const struct attempt_result *result,
                  const struct expected *expected)
{
    FUZZ_CHECK(response->is_too_large == expected->is_too_large);
    FUZZ_CHECK(response->has_final_status == expected->has_final_status);
    FUZZ_CHECK(result->status == expected->status);
    FUZZ_CHECK(result->directive == expected->directive);
    FUZZ_CHECK(result->retry_after_ms >= -1 && result->retry_after_ms <= RETRY_AFTER_MAX_MS);
    FUZZ_CHECK(expected->may_wait || result->retry_after_ms == -1);
}

static void take_body(struct response *response, struct attempt_result *result,
                      const struct fuzz_parts *parts)
{
    char wanted[ATTEMPT_EXCERPT_BYTES];
    size_t kept = 0, taken = 0;
    for (size_t i = 1; i < parts->count; i++) {
        struct span piece = parts->items[i];
        size_t room = sizeof wanted - kept;
        memcpy(wanted + kept, piece.data, piece.size < room ? piece.size : room);
        kept += piece.size < room ? piece.size : room;
        taken += piece.size;
        FUZZ_CHECK(response_take_body(response, piece, result) == (taken <= 65536));
    }
    FUZZ_CHECK(result->excerpt_bytes == kept && memcmp(result->excerpt, wanted, kept) == 0);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct attempt_result result;
    struct response response;
    struct expected expected = {.head_bytes = 0};
    fuzz_cut(input, &parts);
    memset(&result, 0xa5, sizeof result);
    response_begin(&response, &result);
    // A large first part is given again and again, to get at the cap.
    size_t repeats = fuzz_part(&parts, 0).size > 2048 ? REPEATS : 1;
    for (size_t i = 0; i < repeats; i++)
        take_lines(&response, &result, fuzz_part(&parts, 0), &expected);
    check(&response, &result, &expected);
    if (!expected.is_too_large)
        take_body(&response, &result, &parts);
    fuzz_free(&parts);
}
