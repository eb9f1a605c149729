// SPDX-License-Identifier: Apache-2.0
// `petrel subscriptions list`, and the forms in which a subscription is printed.
// Secrets and header values are never among them: that is what `petrel subscriptions secret` is for.
#include <stdio.h>

#include "listing.h"
#include "subscriptions.h"
#include "terminal.h"

enum { LIST_MOST = 1000000, OUTPUT_MAX_BYTES = 64 * 1024 * 1024 };

const char *subscriptions_name(const char *id, char out[EVENT_SUBSCRIPTION_SIZE + 16])
{
    snprintf(out, EVENT_SUBSCRIPTION_SIZE + 16, "subscription %.64s", id);
    return out;
}

void subscriptions_print_json(const struct subscription *subscription)
{
    struct text out;
    text_init(&out, OUTPUT_MAX_BYTES);
    subscription_format_public(subscription, &out);
    text_append_char(&out, '\n');
    terminal_write(&out);
    text_fini(&out);
}

void subscriptions_append_types(struct text *out, const struct subscription *subscription)
{
    for (size_t i = 0; i < subscription->event_type_count; i++) {
        text_append_string(out, i == 0 ? "" : ", ");
        text_append_string(out, subscription->event_types[i]);
    }
}

// ---- list

static const struct option list_options[] = {
    {.name = "--tenant", .value = "TENANT", .meaning = "only this tenant's"},
    {.name = "--state", .value = "STATE", .meaning = "only active, paused or disabled ones"},
    {.name = "--query", .value = "TEXT", .meaning = "only those with this in url or description"},
    LISTING_OPTIONS("all"),
    {.name = NULL},
};

static void add_item(struct listing *listing, const struct subscription *subscription,
                     const struct store_health *health)
{
    struct text types;
    listing_begin_item(listing);
    if (listing->as_json) {
        store_format_subscription(subscription, health, &listing->json);
        return;
    }
    text_init(&types, SUBSCRIPTION_JSON_MAX_BYTES);
    subscriptions_append_types(&types, subscription);
    table_add_text(&listing->table, subscription->id);
    table_add_text(&listing->table, subscription_state_text(subscription->state));
    table_add_text(&listing->table, breaker_state_text(health->breaker));
    table_add_text(&listing->table, subscription->tenant);
    table_add(&listing->table, text_span(&types));
    table_add_text(&listing->table, subscription->url->text);
    text_fini(&types);
}

static enum store_result read_pages(struct listing *listing, struct store *store,
                                    const struct store_subscription_filter *filter,
                                    struct field_errors *errors)
{
    bool has_more = true;
    while (has_more) {
        struct store_subscriptions page = {.count = 0};
        struct store_health healths[LISTING_PAGE];
        enum store_result result = store_list_subscriptions(store, filter, listing->cursor,
                                                            listing_page(listing), &page, errors);
        if (result != STORE_OK)
            return result;
        result = store_read_health_of_list(store, &page, healths);
        for (size_t i = 0; i < page.count && result == STORE_OK; i++)
            add_item(listing, page.items[i], &healths[i]);
        has_more = result == STORE_OK && listing_advance(listing, page.next_cursor);
        store_subscriptions_fini(&page);
        if (result != STORE_OK)
            return result;
    }
    return STORE_OK;
}

static int run_list(const struct command_input *input)
{
    static const char *const headings[] = {"ID",     "STATE",       "BREAKER",
                                           "TENANT", "EVENT TYPES", "URL"};
    struct listing_shape shape = {.headings = headings, .columns = 6, .default_limit = LIST_MOST};
    struct store_subscription_filter filter = {
        .tenant = arguments_value(input->arguments, "--tenant"),
        .state = arguments_value(input->arguments, "--state"),
        .query = arguments_value(input->arguments, "--query"),
    };
    enum subscription_state state;
    struct field_errors errors = {.count = 0};
    struct listing listing;
    struct session session;
    if (filter.state && !subscription_parse_state(span_of(filter.state), &state)) {
        terminal_error("--state: \"%.40s\" is none of active, paused, disabled", filter.state);
        return EXIT_USAGE;
    }
    if (!listing_init(&listing, &shape, input->arguments))
        return EXIT_USAGE;
    int code = EXIT_FAILED;
    if (session_open(&session, input->config)) {
        enum store_result result = read_pages(&listing, &session.store, &filter, &errors);
        code = session_report(&session, result, "list", &errors);
        if (code == EXIT_OK)
            listing_print(&listing, "no subscriptions");
        session_close(&session);
    }
    listing_fini(&listing);
    return code;
}

const struct command subscriptions_list = {
    .name = "list",
    .alias = "ls",
    .words = "",
    .summary = "list subscriptions, the oldest first",
    .options = list_options,
    .config = COMMAND_WITH_CONFIG,
    .run = run_list,
};
