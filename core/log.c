// SPDX-License-Identifier: Apache-2.0
// The structured log: builds one line, then one write(2) to stderr, so lines of threads never mix.
//
// Invariant: a line is well formed and has one newline, at its end, whatever bytes its values have: values
// are escaped and cut, and a field that no longer fits is left out as a whole. Left to others: keeping
// secrets away from here.
#include "petrel/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "petrel/clock.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"

enum {
    VALUE_MAX_BYTES = 1024,
    LINE_MAX_BYTES = 32 * 1024,
    LINE_END_BYTES = 2 // "}" and the newline
};

// A reload sets the level while threads log; the format stays, a line is written in one.
static atomic_int configured_level = LOG_LEVEL_INFO;
static atomic_int configured_format = LOG_FORMAT_LOGFMT;

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&configured_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&configured_format, (int)format, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&configured_level, memory_order_relaxed);
}

static bool is_format(enum log_format format)
{
    return atomic_load_explicit(&configured_format, memory_order_relaxed) == (int)format;
}

static const char *level_text(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "debug";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    return "error";
}

// At most VALUE_MAX_BYTES of it, cut between characters.
static struct span cut(struct span value, bool *is_cut)
{
    *is_cut = value.size > VALUE_MAX_BYTES;
    if (!*is_cut)
        return value;
    size_t size = VALUE_MAX_BYTES;
    for (int i = 0; i < 3 && ((unsigned char)value.data[size] & 0xc0) == 0x80; i++)
        size--;
    return (struct span){.data = value.data, .size = size};
}

// logfmt readers split at spaces and at the first '=': what has neither goes without quotes.
static bool is_bare(struct span value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return value.size > 0;
}

static void append_value(struct text *line, struct span value)
{
    bool is_cut;
    value = cut(value, &is_cut);
    if (is_format(LOG_FORMAT_LOGFMT) && !is_cut && is_bare(value)) {
        text_append_span(line, value);
        return;
    }
    json_append_string(line, value);
    if (is_cut && !line->failed) {
        line->size--; // the closing quote
        text_append_string(line, "...\"");
    }
}

static void append_name(struct text *line, const char *name)
{
    bool is_json = is_format(LOG_FORMAT_JSON);
    if (line->size > (is_json ? 1U : 0U))
        text_append_char(line, is_json ? ',' : ' ');
    if (is_json)
        json_append_string(line, span_of(name));
    else
        text_append_string(line, name);
    text_append_char(line, is_json ? ':' : '=');
}

static void append_field(struct text *line, const struct log_field *field)
{
    size_t mark = line->size;
    append_name(line, field->key);
    if (field->kind == LOG_VALUE_INT)
        text_append_int(line, field->number);
    else
        append_value(line, field->span);
    if (line->failed) {
        line->size = mark;
        line->failed = false;
    }
}

static void write_all(const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, size);
        if (written < 0 && errno != EINTR)
            return; // nobody is left to tell
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (!log_is_on(level))
        return;
    char time[TIMESTAMP_SIZE];
    timestamp_format(clock_wall_ms(), time);
    struct text line;
    text_init(&line, LINE_MAX_BYTES - LINE_END_BYTES);
    if (is_format(LOG_FORMAT_JSON))
        text_append_char(&line, '{');
    append_field(&line, &LOG_STR("time", time));
    append_field(&line, &LOG_STR("level", level_text(level)));
    append_field(&line, &LOG_STR("event", event));
    for (; fields->key; fields++)
        append_field(&line, fields);
    line.max_bytes += LINE_END_BYTES;
    text_append_string(&line, is_format(LOG_FORMAT_JSON) ? "}\n" : "\n");
    write_all(line.data ? line.data : "\n", line.data ? line.size : 1);
    text_fini(&line);
}
