// SPDX-License-Identifier: Apache-2.0
// petrel.conf: lines "key = value" without sections, ; or # for comments, and a line that begins with a space
// goes on with the value of the line before (long lists). Keys may be written with _ or -.
//
// inih does the parsing and, in the libraries that distributions ship, tells no line numbers and cuts lines
// at 200 bytes in silence. So the lines are read here: this file counts them and refuses what inih would cut.
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_table.h"

enum { VALUE_MAX_BYTES = 16 * 1024, SHOWN_SIZE = 41 };

struct reader {
    const char *path;
    FILE *file;
    char *line; // getline's
    size_t line_capacity;
    int line_number;
    bool is_continuation; // the line just read goes on with the value before

    const struct config_entry *entry; // whose value is being collected; NULL: none
    struct text value;
    int value_line;
    int lines_of_keys[CONFIG_MAX_KEYS]; // 0: not given yet

    config_on_setting *on_setting;
    void *arg;
    bool is_stopped;
    char *error; // CONFIG_ERROR_SIZE
};

__attribute__((format(printf, 3, 4))) static void fail(struct reader *reader, int line,
                                                       const char *format, ...)
{
    char message[CONFIG_ERROR_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!reader->is_stopped && !reader->error[0])
        snprintf(reader->error, CONFIG_ERROR_SIZE, "%.100s:%d: %s", reader->path, line, message);
    reader->is_stopped = true;
}

// Hands over the value collected, once nothing can follow it any more.
static void finish_value(struct reader *reader)
{
    const struct config_entry *entry = reader->entry;
    reader->entry = NULL;
    if (!entry || reader->is_stopped)
        return;
    if (reader->value.failed) {
        fail(reader, reader->value_line, "the value of %s is too long", entry->key);
        return;
    }
    if (!reader->on_setting(reader->arg, entry, text_span(&reader->value), reader->value_line))
        reader->is_stopped = true;
}

static char *on_line_wanted(char *out, int out_size, void *stream)
{
    struct reader *reader = stream;
    if (reader->is_stopped)
        return NULL;
    ssize_t size = getline(&reader->line, &reader->line_capacity, reader->file);
    if (size < 0)
        return NULL;
    reader->line_number++;
    if (size >= out_size || span_find((struct span){reader->line, (size_t)size}, '\0')) {
        fail(reader, reader->line_number,
             "a line may have at most %d bytes and no NUL; go on in a next line that begins with a space",
             out_size - 2);
        return NULL;
    }
    reader->is_continuation = reader->line[0] == ' ' || reader->line[0] == '\t';
    memcpy(out, reader->line, (size_t)size + 1);
    return out;
}

// A word of the file in an error line: cut, and without what would play with a terminal.
static const char *show(const char *word, char out[SHOWN_SIZE])
{
    snprintf(out, SHOWN_SIZE, "%s", word);
    for (char *c = out; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    return out;
}

static void start_value(struct reader *reader, const char *key)
{
    const struct config_entry *entry = config_find_entry(span_of(key));
    if (!entry) {
        char shown[SHOWN_SIZE];
        const struct config_entry *guess = config_guess_entry(span_of(key));
        fail(reader, reader->line_number, "there is no key \"%s\"%s%s%s", show(key, shown),
             guess ? "; did you mean " : "", guess ? guess->key : "", guess ? "?" : "");
        return;
    }
    int *line_of_key = &reader->lines_of_keys[config_entry_index(entry)];
    if (*line_of_key) {
        fail(reader, reader->line_number, "%s was given before, in line %d", entry->key,
             *line_of_key);
        return;
    }
    *line_of_key = reader->line_number;
    reader->entry = entry;
    reader->value_line = reader->line_number;
    text_clear(&reader->value);
}

// Returns 1 for "understood", as inih wants it.
static int on_value(void *arg, const char *section, const char *key, const char *value)
{
    struct reader *reader = arg;
    if (reader->is_stopped)
        return 1;
    if (section[0]) {
        char shown_key[SHOWN_SIZE];
        char shown_section[SHOWN_SIZE];
        fail(reader, reader->line_number,
             "sections are not used; write %s without a line [%s] above", show(key, shown_key),
             show(section, shown_section));
        return 1;
    }
    if (!reader->is_continuation || !reader->entry) {
        finish_value(reader);
        if (!reader->is_stopped)
            start_value(reader, key);
    }
    if (reader->entry)
        text_append_string(&reader->value, value);
    return 1;
}

bool config_read_file(const char *path, config_on_setting *on_setting, void *arg,
                      char error[CONFIG_ERROR_SIZE])
{
    struct reader reader = {.path = path, .on_setting = on_setting, .arg = arg, .error = error};
    error[0] = '\0';
    reader.file = fopen(path, "re");
    if (!reader.file) {
        char why[80];
        snprintf(error, CONFIG_ERROR_SIZE, "cannot read %.120s: %s", path,
                 strerror_r(errno, why, sizeof why));
        return false;
    }
    text_init_secret(&reader.value, VALUE_MAX_BYTES); // a key, or Redis's password
    // A positive result is the first line that is neither comment, section nor "key = value".
    int bad_line = ini_parse_stream(on_line_wanted, &reader, on_value, &reader);
    finish_value(&reader);
    if (bad_line != 0)
        fail(&reader, bad_line, "expected key = value");
    if (ferror(reader.file))
        fail(&reader, reader.line_number, "reading failed");
    text_fini(&reader.value);
    if (reader.line)
        explicit_bzero(reader.line, reader.line_capacity);
    free(reader.line);
    fclose(reader.file);
    return !reader.is_stopped;
}
