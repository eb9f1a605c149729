// SPDX-License-Identifier: Apache-2.0
// Files, standard input and values of the command line. Bounded: nothing is read beyond what will be accepted.
#include "input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "petrel/timestamp.h"
#include "terminal.h"

static bool read_stream(FILE *stream, struct text *out)
{
    char block[16384];
    size_t size;
    text_append_string(out, "");
    while (!out->failed && (size = fread(block, 1, sizeof block, stream)) > 0)
        text_append(out, block, size);
    return ferror(stream) == 0;
}

bool input_read_file(const char *path, size_t max_bytes, struct text *out,
                     char error[INPUT_ERROR_SIZE])
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    char reason[128];
    text_init_secret(out, max_bytes); // what commands read from files is a secret now and then
    FILE *stream = is_stdin ? stdin : fopen(path, "rbe");
    bool is_read = stream && read_stream(stream, out);
    if (!is_read)
        snprintf(error, INPUT_ERROR_SIZE, "can't read %.80s: %s", name,
                 terminal_errno(errno, reason, sizeof reason));
    else if (out->failed)
        snprintf(error, INPUT_ERROR_SIZE, "%.80s is over the limit of %zu bytes", name, max_bytes);
    if (stream && !is_stdin)
        fclose(stream);
    return is_read && !out->failed;
}

bool input_parse_instant(const char *given, int64_t now_ms, int64_t *wall_ms)
{
    int64_t ago_ms;
    if (duration_parse(span_of(given), &ago_ms)) {
        *wall_ms = now_ms - ago_ms;
        return true;
    }
    return timestamp_parse(span_of(given), wall_ms);
}

bool input_parse_number(const char *given, uint64_t least, uint64_t most, uint64_t *number)
{
    return span_to_uint64(span_of(given), number) && *number >= least && *number <= most;
}

bool input_take_number(const struct arguments *arguments, const char *name, uint64_t least,
                       uint64_t most, uint64_t *number)
{
    const char *given = arguments_value(arguments, name);
    if (!given || input_parse_number(given, least, most, number))
        return true;
    terminal_error("%s: \"%.40s\" is no number from %" PRIu64 " to %" PRIu64, name, given, least,
                   most);
    return false;
}

bool input_parse_address(const char *given, char host[INPUT_HOST_SIZE], uint16_t *port)
{
    const char *colon = strrchr(given, ':');
    struct span name = colon ? (struct span){given, (size_t)(colon - given)} : SPAN("");
    uint64_t number;
    if (!input_parse_number(colon ? colon + 1 : given, 0, UINT16_MAX, &number))
        return false;
    if (name.size > 2 && name.data[0] == '[' && name.data[name.size - 1] == ']')
        name = (struct span){name.data + 1, name.size - 2};
    else if (span_find(name, ':'))
        return false; // IPv6 needs brackets
    if (name.size == 0 || span_equals_text(name, "localhost"))
        name = SPAN("127.0.0.1");
    *port = (uint16_t)number;
    return span_copy(name, host, INPUT_HOST_SIZE);
}
