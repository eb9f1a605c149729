// SPDX-License-Identifier: Apache-2.0
// Port lists: text to ranges and back.
#include "petrel/ports.h"

#include <stdio.h>

enum { SHOWN_SIZE = 32 };

static bool parse_port(struct span text, uint16_t *port)
{
    uint64_t number;
    if (text.size > 5 || !span_to_uint64(text, &number) || number < 1 || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_range(struct span item, struct port_range *range)
{
    struct span first = item;
    bool is_range = span_find(item, '-');
    if (is_range)
        span_next(&item, '-', &first);
    return parse_port(span_trim(first), &range->first) &&
           parse_port(span_trim(item), &range->last) && range->first <= range->last;
}

static bool add_range(struct span item, struct port_list *list, char error[PORTS_ERROR_SIZE])
{
    char shown[SHOWN_SIZE];
    if (list->count == PORTS_MAX_RANGES) {
        snprintf(error, PORTS_ERROR_SIZE, "more than %d ports and ranges", PORTS_MAX_RANGES);
        return false;
    }
    if (parse_range(item, &list->items[list->count])) {
        list->count++;
        return true;
    }
    if (!span_is_printable(item) || !span_copy(item, shown, sizeof shown))
        shown[0] = '\0';
    snprintf(error, PORTS_ERROR_SIZE,
             "port %zu (\"%s\") is no port from 1 to 65535, or range of them like 8000-8099",
             list->count + 1, shown);
    return false;
}

bool port_list_parse(struct span text, struct port_list *list, char error[PORTS_ERROR_SIZE])
{
    bool is_good = true;
    *list = (struct port_list){0};
    error[0] = '\0';
    text = span_trim(text);
    // span_next doesn't show what follows a final comma, which is an empty item like any other.
    bool ends_with_comma = text.size > 0 && text.data[text.size - 1] == ',';
    struct span item;
    while (is_good && span_next(&text, ',', &item))
        is_good = add_range(span_trim(item), list, error);
    if (is_good && ends_with_comma)
        is_good = add_range(SPAN(""), list, error);
    if (!is_good)
        list->count = 0;
    return is_good;
}

void port_list_format(const struct port_list *list, struct text *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct port_range *range = &list->items[i];
        text_append_format(out, "%s%u", i ? "," : "", (unsigned)range->first);
        if (range->last != range->first)
            text_append_format(out, "-%u", (unsigned)range->last);
    }
}

bool port_list_contains(const struct port_list *list, uint16_t port)
{
    for (size_t i = 0; i < list->count; i++) {
        if (port >= list->items[i].first && port <= list->items[i].last)
            return true;
    }
    return false;
}
