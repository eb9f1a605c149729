// SPDX-License-Identifier: Apache-2.0
// Tables for people: all rows are kept until the widths are known. Scripts use --json instead.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "terminal.h"

enum { TABLE_CELL_MAX_BYTES = 64 * 1024 };

void table_init(struct table *table, size_t columns, const char *const *headings)
{
    *table = (struct table){.columns = columns};
    for (size_t i = 0; i < columns; i++)
        table_add_text(table, headings[i]);
}

void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){.columns = 0};
}

static size_t count_code_points(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static bool has_room(struct table *table)
{
    if (table->cell_count < table->cell_capacity)
        return true;
    size_t capacity = table->cell_capacity == 0 ? 64 : table->cell_capacity * 2;
    char **cells = realloc(table->cells, capacity * sizeof *cells);
    if (cells == NULL)
        return false;
    table->cells = cells;
    table->cell_capacity = capacity;
    return true;
}

void table_add(struct table *table, struct span cell)
{
    struct text safe;
    text_init(&safe, TABLE_CELL_MAX_BYTES);
    text_append_string(&safe, "");
    terminal_append_safe(&safe, cell.size > 0 ? cell : SPAN("-"), TERMINAL_ONE_LINE);
    char *owned = text_take(&safe);
    if (owned == NULL || table->failed || !has_room(table)) {
        table->failed = true;
        free(owned);
        text_fini(&safe);
        return;
    }
    size_t column = table->cell_count % table->columns;
    size_t width = count_code_points(owned);
    if (width > table->width[column])
        table->width[column] = width;
    table->cells[table->cell_count++] = owned;
}

void table_add_text(struct table *table, const char *cell)
{
    table_add(table, span_of(cell));
}

void table_add_int(struct table *table, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    table_add_text(table, digits);
}

static void print_row(const struct table *table, size_t first)
{
    for (size_t column = 0; column < table->columns; column++) {
        const char *cell = table->cells[first + column];
        bool is_last = column + 1 == table->columns;
        size_t padding = is_last ? 0 : table->width[column] - count_code_points(cell) + 2;
        printf("%s%*s", cell, (int)padding, "");
    }
}

void table_print(const struct table *table)
{
    if (table->failed) {
        terminal_error("out of memory");
        return;
    }
    for (size_t first = 0; first + table->columns <= table->cell_count; first += table->columns) {
        if (first == 0)
            fputs(terminal_color(stdout, TERMINAL_BOLD), stdout);
        print_row(table, first);
        puts(first == 0 ? terminal_color(stdout, TERMINAL_PLAIN) : "");
    }
}
