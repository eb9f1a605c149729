// SPDX-License-Identifier: Apache-2.0
// `petrel subscriptions list` and `show`, and the forms in which a subscription is printed.
// Secrets and header values are never among them: that is what `petrel subscriptions secret` is for.
#include <inttypes.h>
#include <stdio.h>

#include "listing.h"
#include "petrel/header.h"
#include "petrel/timestamp.h"
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

static void append_types(struct text *out, const struct subscription *subscription)
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

static void add_item(struct listing *listing, const struct subscription *subscription)
{
    struct text types;
    listing_begin_item(listing);
    if (listing->as_json) {
        subscription_format_public(subscription, &listing->json);
        return;
    }
    text_init(&types, SUBSCRIPTION_JSON_MAX_BYTES);
    append_types(&types, subscription);
    table_add_text(&listing->table, subscription->id);
    table_add_text(&listing->table, subscription_state_text(subscription->state));
    table_add_text(&listing->table, subscription->tenant);
    table_add(&listing->table, text_span(&types));
    table_add_text(&listing->table, subscription->url.text);
    text_fini(&types);
}

static enum store_result read_pages(struct listing *listing, struct store *store,
                                    const struct store_subscription_filter *filter,
                                    struct field_errors *errors)
{
    bool has_more = true;
    while (has_more) {
        struct store_subscriptions page = {.count = 0};
        enum store_result result = store_list_subscriptions(store, filter, listing->cursor,
                                                            listing_page(listing), &page, errors);
        if (result != STORE_OK)
            return result;
        for (size_t i = 0; i < page.count; i++)
            add_item(listing, page.items[i]);
        has_more = listing_advance(listing, page.next_cursor);
        store_subscriptions_fini(&page);
    }
    return STORE_OK;
}

static int run_list(const struct command_input *input)
{
    static const char *const headings[] = {"ID", "STATE", "TENANT", "EVENT TYPES", "URL"};
    struct listing_shape shape = {.headings = headings, .columns = 5, .default_limit = LIST_MOST};
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

// ---- show

static const struct option show_options[] = {
    {.name = "--json", .meaning = "the subscription as the API gives it, with \"parked\""},
    {.name = NULL},
};

static void print_field(const char *name, struct span value)
{
    struct text safe;
    text_init(&safe, OUTPUT_MAX_BYTES);
    terminal_append_safe(&safe, value, TERMINAL_ONE_LINE);
    printf("%-16s %s\n", name, text_string(&safe));
    text_fini(&safe);
}

static void print_int(const char *name, int64_t value, const char *unit)
{
    printf("%-16s %" PRId64 "%s\n", name, value, unit);
}

static void print_policy(const struct subscription *subscription)
{
    if (subscription->timeout_ms > 0)
        print_int("timeout", subscription->timeout_ms, " ms");
    if (subscription->max_concurrency > 0)
        print_int("max_concurrency", subscription->max_concurrency, "");
    if (subscription->has_retry_schedule) {
        char schedule[BACKOFF_TEXT_SIZE];
        backoff_format(&subscription->retry_schedule, schedule);
        print_field("retry_schedule", span_of(schedule));
    }
    for (size_t i = 0; i < subscription->header_count; i++) {
        struct text header;
        text_init(&header, OUTPUT_MAX_BYTES);
        text_append_format(&header, "%s: " HEADER_HIDDEN, subscription->headers[i].name);
        print_field("header", text_span(&header));
        text_fini(&header);
    }
}

static void print_subscription(const struct subscription *subscription, int64_t parked)
{
    struct text types;
    char instant[TIMESTAMP_SIZE];
    text_init(&types, SUBSCRIPTION_JSON_MAX_BYTES);
    append_types(&types, subscription);
    print_field("id", span_of(subscription->id));
    print_field("url", span_of(subscription->url.text));
    print_field("state", span_of(subscription_state_text(subscription->state)));
    if (subscription->state == SUBSCRIPTION_DISABLED)
        print_field("disabled_reason", span_of(subscription->disabled_reason));
    print_field("event_types", text_span(&types));
    if (subscription->tenant[0] != '\0')
        print_field("tenant", span_of(subscription->tenant));
    if (subscription->description[0] != '\0')
        print_field("description", span_of(subscription->description));
    if (!span_equals_text(span_of(subscription->metadata_json), "{}"))
        print_field("metadata", span_of(subscription->metadata_json));
    print_policy(subscription);
    timestamp_format(subscription->created_at_ms, instant);
    print_field("created_at", span_of(instant));
    timestamp_format(subscription->updated_at_ms, instant);
    print_field("updated_at", span_of(instant));
    print_int("parked", parked, "");
    text_fini(&types);
}

// The API's object with one member more: parked goes in front, so nothing in it has to be parsed.
static void print_json_with_parked(const struct subscription *subscription, int64_t parked)
{
    struct text object, out;
    text_init(&object, OUTPUT_MAX_BYTES);
    text_init(&out, OUTPUT_MAX_BYTES);
    subscription_format_public(subscription, &object);
    text_append_format(&out, "{\"parked\":%" PRId64 ",", parked);
    if (object.size > 0 && !object.failed)
        text_append(&out, object.data + 1, object.size - 1);
    text_append_char(&out, '\n');
    terminal_write(&out);
    text_fini(&object);
    text_fini(&out);
}

static int run_show(const struct command_input *input)
{
    struct session session;
    struct subscription *found = NULL;
    int64_t parked = 0;
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result = store_find_subscription(&session.store, id, &found);
    if (result == STORE_OK)
        result = store_count_parked(&session.store, id, &parked);
    int code = session_report(&session, result, subscriptions_name(id, name), NULL);
    if (code == EXIT_OK && arguments_has(input->arguments, "--json"))
        print_json_with_parked(found, parked);
    else if (code == EXIT_OK)
        print_subscription(found, parked);
    subscription_unref(&found);
    session_close(&session);
    return code;
}

const struct command subscriptions_show = {
    .name = "show",
    .alias = "get",
    .words = "ID",
    .summary = "show one subscription and how many deliveries are parked for it",
    .options = show_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_show,
};
