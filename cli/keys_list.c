// SPDX-License-Identifier: Apache-2.0
// `petrel keys list`: what each may do and when it was last used; the keys themselves are kept nowhere.
#include "keys.h"
#include "listing.h"
#include "petrel/timestamp.h"
#include "session.h"

static const struct option options[] = {
    LISTING_OPTIONS("all"),
    {.name = NULL},
};

static void add_instant(struct listing *listing, int64_t wall_ms, const char *none)
{
    char instant[TIMESTAMP_SIZE];
    if (wall_ms > 0)
        timestamp_format(wall_ms, instant);
    table_add_text(&listing->table, wall_ms > 0 ? instant : none);
}

static void add_item(struct listing *listing, const struct api_key *key)
{
    listing_begin_item(listing);
    if (listing->as_json) {
        api_key_format_public(key, NULL, &listing->json);
        return;
    }
    table_add_text(&listing->table, key->id);
    table_add_text(&listing->table, api_key_scope_text(key->scope));
    table_add_text(&listing->table, key->has_tenant ? key->tenant : "all");
    add_instant(listing, key->expires_at_ms, "never");
    add_instant(listing, key->last_used_at_ms, "never");
    table_add_text(&listing->table, key->name);
}

static enum store_result read_pages(struct listing *listing, struct store *store,
                                    struct field_errors *errors)
{
    bool has_more = true;
    while (has_more) {
        struct store_api_keys page = {.count = 0};
        enum store_result result =
            store_list_api_keys(store, listing->cursor, listing_page(listing), &page, errors);
        if (result != STORE_OK)
            return result;
        for (size_t i = 0; i < page.count; i++)
            add_item(listing, &page.items[i]);
        has_more = listing_advance(listing, page.next_cursor);
        store_api_keys_fini(&page);
    }
    return STORE_OK;
}

static int run(const struct command_input *input)
{
    static const char *const headings[] = {"ID", "SCOPE", "TENANT", "EXPIRES", "LAST USED", "NAME"};
    struct listing_shape shape = {
        .headings = headings, .columns = 6, .default_limit = STORE_API_KEYS_MAX};
    struct field_errors errors = {.count = 0};
    struct listing listing;
    struct session session;
    if (!listing_init(&listing, &shape, input->arguments))
        return EXIT_USAGE;
    int code = EXIT_FAILED;
    if (session_open(&session, input->config)) {
        enum store_result result = read_pages(&listing, &session.store, &errors);
        code = session_report(&session, result, "list", &errors);
        if (code == EXIT_OK)
            listing_print(&listing, "no keys but the one of --admin-key or <data_dir>/admin.key");
        session_close(&session);
    }
    listing_fini(&listing);
    return code;
}

const struct command keys_list = {
    .name = "list",
    .alias = "ls",
    .words = "",
    .summary = "list keys, the oldest first",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .run = run,
};
