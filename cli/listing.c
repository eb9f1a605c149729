// SPDX-License-Identifier: Apache-2.0
// Lists page by page. The JSON form is the API's own, so that a script can be moved from one to the other.
#include "listing.h"

#include <stdio.h>

#include "input.h"
#include "petrel/json.h"

enum { LISTING_MOST = 1000000, LISTING_JSON_MAX_BYTES = 512 * 1024 * 1024 };

bool listing_init(struct listing *listing, const struct listing_shape *shape,
                  const struct arguments *arguments)
{
    const char *limit = arguments_value(arguments, "--limit");
    const char *cursor = arguments_value(arguments, "--cursor");
    uint64_t left = shape->default_limit;
    *listing = (struct listing){.as_json = arguments_has(arguments, "--json")};
    if (limit && !input_parse_number(limit, 1, LISTING_MOST, &left)) {
        terminal_error("--limit: \"%.40s\" is no number from 1 to %d", limit, (int)LISTING_MOST);
        return false;
    }
    if (cursor && !span_copy(span_of(cursor), listing->cursor, sizeof listing->cursor)) {
        terminal_error("--cursor: not a cursor of this list");
        return false;
    }
    listing->left = left;
    table_init(&listing->table, shape->columns, shape->headings);
    text_init(&listing->json, LISTING_JSON_MAX_BYTES);
    text_append_string(&listing->json, "{\"items\":[");
    return true;
}

void listing_fini(struct listing *listing)
{
    table_fini(&listing->table);
    text_fini(&listing->json);
}

size_t listing_page(const struct listing *listing)
{
    return listing->left < LISTING_PAGE ? listing->left : LISTING_PAGE;
}

bool listing_advance(struct listing *listing, const char *next_cursor)
{
    span_copy(span_of(next_cursor), listing->cursor, sizeof listing->cursor);
    return listing->left > 0 && listing->cursor[0] != '\0';
}

void listing_begin_item(struct listing *listing)
{
    if (listing->as_json)
        text_append_string(&listing->json, listing->count == 0 ? "\n" : ",\n");
    listing->count++;
    if (listing->left > 0)
        listing->left--;
}

static void print_json(struct listing *listing)
{
    text_append_string(&listing->json,
                       listing->count > 0 ? "\n],\"next_cursor\":" : "],\"next_cursor\":");
    if (listing->cursor[0] != '\0')
        json_append_string(&listing->json, span_of(listing->cursor));
    else
        text_append_string(&listing->json, "null");
    text_append_string(&listing->json, "}\n");
    if (!terminal_write(&listing->json))
        terminal_error("the list is too long for one answer: use --limit and --cursor");
}

void listing_print(struct listing *listing, const char *none)
{
    if (listing->as_json) {
        print_json(listing);
        return;
    }
    if (listing->count > 0)
        table_print(&listing->table);
    else
        fprintf(stderr, "%s\n", none);
    if (listing->cursor[0] != '\0')
        fprintf(stderr, "more: --cursor %s\n", listing->cursor);
}
