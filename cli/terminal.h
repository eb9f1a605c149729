// SPDX-License-Identifier: Apache-2.0
// What a person sees: colours only on a terminal, bytes from outside made harmless, one-line errors, tables.
#ifndef PETREL_CLI_TERMINAL_H
#define PETREL_CLI_TERMINAL_H

#include <stdio.h>

#include "petrel/text.h"

enum terminal_color {
    TERMINAL_PLAIN, // back to normal
    TERMINAL_BOLD,
    TERMINAL_DIM,
    TERMINAL_GREEN,
    TERMINAL_YELLOW,
    TERMINAL_RED
};

// The escape sequence, or "" when the stream is no terminal, NO_COLOR is set or TERM is dumb.
const char *terminal_color(FILE *stream, enum terminal_color color);

// Appends bytes from outside: well-formed UTF-8 stays, control characters and the rest become \xNN, so
// that no log line, title or key can be forged. Newlines and tabs stay with `keep_lines`.
enum terminal_lines { TERMINAL_ONE_LINE, TERMINAL_KEEP_LINES };
void terminal_append_safe(struct text *out, struct span bytes, enum terminal_lines lines);

// "petrel: …" on stderr.
void terminal_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
// The text of an errno value, in out. Gives out.
const char *terminal_errno(int number, char *out, size_t out_size);

// Writes the text to stdout (and clears it). False when stdout refuses: terminal_finish reports that.
bool terminal_write(struct text *text);
// Flushes stdout at the end of a command: gives `code`, or EXIT_FAILED after saying what stdout refused.
int terminal_finish(int code);

// ---- tables: columns as wide as their widest cell, two spaces between, the last one unpadded
enum { TABLE_MAX_COLUMNS = 8 };
struct table {
    size_t columns;
    size_t width[TABLE_MAX_COLUMNS]; // code points
    char **cells;                    // owned; the first row is the heading
    size_t cell_count, cell_capacity;
    bool failed; // out of memory: nothing is printed
};
void table_init(struct table *table, size_t columns, const char *const *headings);
void table_fini(struct table *table);
// One cell, made harmless; rows fill from left to right.
void table_add(struct table *table, struct span cell);
void table_add_text(struct table *table, const char *cell);
void table_add_int(struct table *table, int64_t value);
// Prints to stdout; with headings in bold on a terminal.
void table_print(const struct table *table);

#endif
