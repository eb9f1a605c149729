// SPDX-License-Identifier: Apache-2.0
// Structured log: one event a line on stderr, logfmt or JSON. Safe from any thread; never blocks on a
// lock held elsewhere (one write(2) per line). Callers never pass a secret.
#ifndef PETREL_LOG_H
#define PETREL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "petrel/text.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_field {
    const char *key; // NULL ends the list
    enum { LOG_VALUE_SPAN, LOG_VALUE_INT } kind;
    struct span span;
    int64_t number;
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .kind = LOG_VALUE_SPAN, .span = span_of(v)})
#define LOG_SPAN(k, v) ((struct log_field){.key = (k), .kind = LOG_VALUE_SPAN, .span = (v)})
#define LOG_INT(k, v)                                                                              \
    ((struct log_field){.key = (k), .kind = LOG_VALUE_INT, .number = (int64_t)(v)})

// The level at any time; the format before threads start.
void log_configure(enum log_level level, enum log_format format);
bool log_is_on(enum log_level level);

// time=… level=… event="…" key=value …; `event` is a short constant sentence. Long values are cut.
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_AT(level, event, ...)                                                                  \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
#define log_debug(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
