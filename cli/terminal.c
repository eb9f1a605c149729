// SPDX-License-Identifier: Apache-2.0
// Output for people: colours, harmless text, error lines. Results go to stdout, everything else to stderr.
// Bytes from subscribers, producers and Redis pass terminal_append_safe before they reach a terminal.
#include "terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "command.h"

static bool is_colored(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color != NULL && no_color[0] != '\0')
        return false;
    return term != NULL && strcmp(term, "dumb") != 0 && isatty(fileno(stream)) == 1;
}

const char *terminal_color(FILE *stream, enum terminal_color color)
{
    if (!is_colored(stream))
        return "";
    switch (color) {
    case TERMINAL_PLAIN:
        return "\033[0m";
    case TERMINAL_BOLD:
        return "\033[1m";
    case TERMINAL_DIM:
        return "\033[2m";
    case TERMINAL_GREEN:
        return "\033[32m";
    case TERMINAL_YELLOW:
        return "\033[33m";
    case TERMINAL_RED:
        return "\033[31m";
    }
    abort();
}

// U+0080–U+009F are control characters too: some terminals take U+009B for the start of a sequence.
static bool is_control(struct span sequence)
{
    unsigned char first = (unsigned char)sequence.data[0];
    if (first < 0x20 || first == 0x7f)
        return true;
    return first == 0xc2 && sequence.size == 2 && (unsigned char)sequence.data[1] < 0xa0;
}

// What turns the direction of text around (Unicode UAX #9): what follows would be shown elsewhere than it stands.
static bool turns_text(struct span sequence)
{
    static const struct span turning[] = {
        SPAN("\xd8\x9c"),     SPAN("\xe2\x80\x8e"), SPAN("\xe2\x80\x8f"), SPAN("\xe2\x80\xaa"),
        SPAN("\xe2\x80\xab"), SPAN("\xe2\x80\xac"), SPAN("\xe2\x80\xad"), SPAN("\xe2\x80\xae"),
        SPAN("\xe2\x81\xa6"), SPAN("\xe2\x81\xa7"), SPAN("\xe2\x81\xa8"), SPAN("\xe2\x81\xa9"),
    };
    for (size_t i = 0; i < sizeof turning / sizeof turning[0]; i++) {
        if (span_equals(sequence, turning[i]))
            return true;
    }
    return false;
}

void terminal_append_safe(struct text *out, struct span bytes, enum terminal_lines lines)
{
    while (bytes.size > 0) {
        size_t size = utf8_sequence_size(bytes);
        struct span sequence = {bytes.data, size > 0 ? size : 1};
        bool is_line = bytes.data[0] == '\n' || bytes.data[0] == '\t';
        bool is_harmless = size > 0 && !is_control(sequence) && !turns_text(sequence);
        if (is_harmless || (is_line && lines == TERMINAL_KEEP_LINES)) {
            text_append_span(out, sequence);
        } else {
            for (size_t i = 0; i < sequence.size; i++)
                text_append_format(out, "\\x%02x", (unsigned)(unsigned char)sequence.data[i]);
        }
        bytes.data += sequence.size;
        bytes.size -= sequence.size;
    }
}

void terminal_error(const char *format, ...)
{
    char line[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    struct text safe;
    text_init(&safe, 4 * sizeof line);
    terminal_append_safe(&safe, span_of(line), TERMINAL_ONE_LINE);
    fprintf(stderr, "%spetrel:%s %s\n", terminal_color(stderr, TERMINAL_RED),
            terminal_color(stderr, TERMINAL_PLAIN), text_string(&safe));
    text_fini(&safe);
}

const char *terminal_errno(int number, char *out, size_t out_size)
{
    return uv_strerror_r(uv_translate_sys_error(number), out, out_size);
}

bool terminal_write(struct text *text)
{
    bool is_written =
        !text->failed && fwrite(text_string(text), 1, text->size, stdout) == text->size;
    text_clear(text);
    return is_written;
}

int terminal_finish(int code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    char reason[128];
    // A reader that has seen enough (`petrel … | head`) is no news.
    if (errno != EPIPE)
        terminal_error("can't write the result: %s", terminal_errno(errno, reason, sizeof reason));
    return code == EXIT_OK ? EXIT_FAILED : code;
}
