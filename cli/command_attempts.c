// SPDX-License-Identifier: Apache-2.0
// `petrel attempts`: the recent attempts log, newest first.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input.h"
#include "listing.h"
#include "petrel/clock.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"
#include "session.h"
#include "terminal.h"

static const struct option options[] = {
    {.name = "--subscription", .value = "ID", .meaning = "only attempts for this subscription"},
    {.name = "--event", .value = "ID", .meaning = "only attempts of this event"},
    {.name = "--outcome", .value = "OUTCOME", .meaning = "only delivered, retry or dead"},
    {.name = "--since", .value = "TIME", .meaning = "RFC 3339, or how long ago: 15m, 2h, 3d"},
    LISTING_OPTIONS("50"),
    {.name = NULL},
};

static void append_text(struct text *out, const char *name, const char *value)
{
    text_append_format(out, ",\"%s\":", name);
    json_append_string(out, span_of(value));
}

static void add_json(struct text *out, const struct store_attempt *attempt)
{
    char instant[TIMESTAMP_SIZE];
    timestamp_format(attempt->started_at_ms, instant);
    text_append_string(out, "{\"id\":");
    json_append_string(out, span_of(attempt->id));
    append_text(out, "event", attempt->event);
    append_text(out, "subscription", attempt->subscription);
    append_text(out, "type", attempt->type);
    text_append_format(out, ",\"attempt\":%" PRIu32, attempt->number);
    append_text(out, "outcome", attempt->outcome);
    if (attempt->status != 0)
        text_append_format(out, ",\"status\":%" PRId32, attempt->status);
    else
        text_append_string(out, ",\"status\":null");
    append_text(out, "error", attempt->error);
    append_text(out, "started_at", instant);
    text_append_format(out, ",\"duration_ms\":%" PRId64 "}", attempt->duration_ms);
}

static void add_row(struct table *table, const struct store_attempt *attempt)
{
    char result[96];
    char duration[32];
    char instant[TIMESTAMP_SIZE];
    timestamp_format(attempt->started_at_ms, instant);
    if (attempt->status != 0)
        snprintf(result, sizeof result, "%s %" PRId32, attempt->outcome, attempt->status);
    else
        snprintf(result, sizeof result, "%s %s", attempt->outcome, attempt->error);
    snprintf(duration, sizeof duration, "%" PRId64 " ms", attempt->duration_ms);
    table_add_text(table, instant);
    table_add_text(table, result);
    table_add_int(table, attempt->number);
    table_add_text(table, duration);
    table_add_text(table, attempt->type);
    table_add_text(table, attempt->event);
    table_add_text(table, attempt->subscription);
}

static enum store_result read_pages(struct listing *listing, struct store *store,
                                    const struct store_attempt_filter *filter,
                                    struct field_errors *errors)
{
    bool has_more = true;
    while (has_more) {
        struct store_attempts page = {.count = 0};
        enum store_result result = store_list_attempts(store, filter, listing->cursor,
                                                       listing_page(listing), &page, errors);
        if (result != STORE_OK)
            return result;
        for (size_t i = 0; i < page.count; i++) {
            listing_begin_item(listing);
            if (listing->as_json)
                add_json(&listing->json, &page.items[i]);
            else
                add_row(&listing->table, &page.items[i]);
        }
        has_more = listing_advance(listing, page.next_cursor);
        store_attempts_fini(&page);
    }
    return STORE_OK;
}

static bool parse_filter(struct store_attempt_filter *filter, const struct arguments *arguments)
{
    const char *since = arguments_value(arguments, "--since");
    const char *outcome = arguments_value(arguments, "--outcome");
    *filter = (struct store_attempt_filter){
        .subscription = arguments_value(arguments, "--subscription"),
        .event = arguments_value(arguments, "--event"),
        .outcome = outcome,
    };
    if (outcome && strcmp(outcome, "delivered") != 0 && strcmp(outcome, "retry") != 0 &&
        strcmp(outcome, "dead") != 0) {
        terminal_error("--outcome: \"%.40s\" is none of delivered, retry, dead", outcome);
        return false;
    }
    if (since && !input_parse_instant(since, clock_wall_ms(), &filter->since_ms)) {
        terminal_error("--since: \"%.40s\" is neither an RFC 3339 time nor a duration such as 2h",
                       since);
        return false;
    }
    return true;
}

static int run_attempts(const struct command_input *input)
{
    static const char *const headings[] = {"STARTED", "OUTCOME", "ATTEMPT",     "TOOK",
                                           "TYPE",    "EVENT",   "SUBSCRIPTION"};
    struct listing_shape shape = {.headings = headings, .columns = 7, .default_limit = 50};
    struct store_attempt_filter filter;
    struct field_errors errors = {.count = 0};
    struct listing listing;
    struct session session;
    if (!parse_filter(&filter, input->arguments) ||
        !listing_init(&listing, &shape, input->arguments))
        return EXIT_USAGE;
    int code = EXIT_FAILED;
    if (session_open(&session, input->config)) {
        enum store_result result = read_pages(&listing, &session.store, &filter, &errors);
        code = session_report(&session, result, "list", &errors);
        if (code == EXIT_OK)
            listing_print(&listing, "no attempts");
        session_close(&session);
    }
    listing_fini(&listing);
    return code;
}

const struct command command_attempts = {
    .name = "attempts",
    .words = "",
    .summary = "list the recent attempts, newest first",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .run = run_attempts,
    .examples = "  petrel attempts --subscription sub_… --outcome retry --since 1h",
};
