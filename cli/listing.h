// SPDX-License-Identifier: Apache-2.0
// What the `list` commands share: --limit, --cursor, --json, pages, a table or {"items": […], "next_cursor": …}.
#ifndef PETREL_CLI_LISTING_H
#define PETREL_CLI_LISTING_H

#include "arguments.h"
#include "petrel/store.h"
#include "terminal.h"

enum { LISTING_PAGE = 100 };

#define LISTING_OPTIONS(default_limit)                                                               \
    {.name = "--limit", .value = "N", .meaning = "at most so many [" default_limit "]"},             \
        {.name = "--cursor", .value = "CURSOR", .meaning = "go on where a list with --limit ended"}, \
    {                                                                                                \
        .name = "--json", .meaning = "{\"items\": […], \"next_cursor\": …}, as the API gives it" \
    }

struct listing {
    size_t left; // of --limit
    size_t count;
    char cursor[STORE_CURSOR_SIZE];
    bool as_json;
    struct table table;
    struct text json;
};

struct listing_shape {
    const char *const *headings;
    size_t columns;
    size_t default_limit;
};

// Reads LISTING_OPTIONS. False after an error line; listing_fini is needed only after true.
bool listing_init(struct listing *listing, const struct listing_shape *shape,
                  const struct arguments *arguments);
void listing_fini(struct listing *listing);

size_t listing_page(const struct listing *listing); // how many to ask for next
// After a page was added: remembers its cursor; true when there is more to ask for.
bool listing_advance(struct listing *listing, const char *next_cursor);
// Call for each item; then add its cells to table, or its object to json.
void listing_begin_item(struct listing *listing);
// To stdout; `none` ("no dead letters") to stderr when there are no items.
void listing_print(struct listing *listing, const char *none);

#endif
