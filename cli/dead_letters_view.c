// SPDX-License-Identifier: Apache-2.0
// `petrel dead-letters list` and `show`.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dead_letters.h"
#include "listing.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"
#include "terminal.h"

enum { OUTPUT_MAX_BYTES = 64 * 1024 * 1024 };

// ---- JSON, as the API gives it

static void append_text(struct text *out, const char *name, struct span value)
{
    text_append_format(out, ",\"%s\":", name);
    json_append_string(out, value);
}

static void append_instant(struct text *out, const char *name, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    timestamp_format(wall_ms, instant);
    text_append_format(out, wall_ms > 0 ? ",\"%s\":\"%s\"" : ",\"%s\":null", name, instant);
}

// "body" when the bytes are UTF-8, else "body_base64".
static void append_content(struct text *out, const struct event *message)
{
    struct span body = {message->body, message->body_size};
    append_text(out, "content_type", span_of(message->content_type));
    if (utf8_is_valid(body)) {
        append_text(out, "body", body);
        return;
    }
    char *encoded = malloc(base64_encoded_size(body.size) + 1);
    if (encoded) {
        base64_encode((const unsigned char *)body.data, body.size, encoded);
        append_text(out, "body_base64", span_of(encoded));
    }
    free(encoded);
}

static void append_json(struct text *out, const struct store_dead_letter *letter)
{
    text_append_string(out, "{\"id\":");
    json_append_string(out, span_of(letter->id));
    append_text(out, "event", span_of(letter->event));
    append_text(out, "subscription", span_of(letter->subscription));
    append_text(out, "type", span_of(letter->type));
    append_text(out, "tenant", span_of(letter->tenant));
    append_text(out, "reason", span_of(letter->reason));
    text_append_format(out, ",\"attempts\":%" PRIu32, letter->attempts);
    append_instant(out, "first_attempt_at", letter->first_attempt_at_ms);
    append_instant(out, "last_attempt_at", letter->last_attempt_at_ms);
    append_instant(out, "died_at", letter->died_at_ms);
    text_append_format(
        out, letter->last_status != 0 ? ",\"last_status\":%" PRId32 : ",\"last_status\":null",
        letter->last_status);
    append_text(out, "last_error", span_of(letter->last_error));
    append_text(out, "last_response",
                (struct span){letter->last_response, letter->last_response_size});
    if (letter->message)
        append_content(out, letter->message);
    text_append_char(out, '}');
}

// ---- list

static const struct option list_options[] = {
    DEAD_LETTERS_FILTER_OPTIONS,
    LISTING_OPTIONS("50"),
    {.name = NULL},
};

static void add_row(struct table *table, const struct store_dead_letter *letter)
{
    char instant[TIMESTAMP_SIZE];
    char last[96];
    timestamp_format(letter->died_at_ms, instant);
    if (letter->last_status != 0)
        snprintf(last, sizeof last, "%" PRId32, letter->last_status);
    else
        snprintf(last, sizeof last, "%s", letter->last_error);
    table_add_text(table, instant);
    table_add_text(table, letter->reason);
    table_add_text(table, last);
    table_add_int(table, letter->attempts);
    table_add_text(table, letter->type);
    table_add_text(table, letter->id);
}

static enum store_result read_pages(struct listing *listing, struct store *store,
                                    const struct store_dead_letter_filter *filter,
                                    struct field_errors *errors)
{
    bool has_more = true;
    while (has_more) {
        struct store_dead_letters page = {.count = 0};
        enum store_result result = store_list_dead_letters(store, filter, listing->cursor,
                                                           listing_page(listing), &page, errors);
        if (result != STORE_OK)
            return result;
        for (size_t i = 0; i < page.count; i++) {
            listing_begin_item(listing);
            if (listing->as_json)
                append_json(&listing->json, &page.items[i]);
            else
                add_row(&listing->table, &page.items[i]);
        }
        has_more = listing_advance(listing, page.next_cursor);
        store_dead_letters_fini(&page);
    }
    return STORE_OK;
}

static int run_list(const struct command_input *input)
{
    static const char *const headings[] = {"DIED", "REASON", "LAST", "ATTEMPTS", "TYPE", "ID"};
    struct listing_shape shape = {.headings = headings, .columns = 6, .default_limit = 50};
    struct store_dead_letter_filter filter;
    struct field_errors errors = {.count = 0};
    struct listing listing;
    struct session session;
    if (!dead_letters_parse_filter(input->arguments, &filter) ||
        !listing_init(&listing, &shape, input->arguments))
        return EXIT_USAGE;
    int code = EXIT_FAILED;
    if (session_open(&session, input->config)) {
        enum store_result result = read_pages(&listing, &session.store, &filter, &errors);
        code = session_report(&session, result, "list", &errors);
        if (code == EXIT_OK)
            listing_print(&listing, "no dead letters");
        session_close(&session);
    }
    listing_fini(&listing);
    return code;
}

const struct command dead_letters_list = {
    .name = "list",
    .alias = "ls",
    .words = "",
    .summary = "list dead letters, newest first",
    .options = list_options,
    .config = COMMAND_WITH_CONFIG,
    .run = run_list,
};

// ---- show

static const struct option show_options[] = {
    {.name = "--body", .meaning = "print only the event's body, byte for byte"},
    {.name = "--json", .meaning = "print it as the API gives it"},
    {.name = NULL},
};

static void print_field(const char *name, const char *value)
{
    struct text safe;
    text_init(&safe, OUTPUT_MAX_BYTES);
    terminal_append_safe(&safe, span_of(value), TERMINAL_ONE_LINE);
    printf("%-17s %s\n", name, text_string(&safe));
    text_fini(&safe);
}

static void print_instant(const char *name, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    timestamp_format(wall_ms, instant);
    print_field(name, wall_ms > 0 ? instant : "-");
}

static void print_block(const char *name, struct span bytes)
{
    struct text safe;
    text_init(&safe, OUTPUT_MAX_BYTES);
    terminal_append_safe(&safe, bytes, TERMINAL_KEEP_LINES);
    printf("\n%s%s%s\n%s\n", terminal_color(stdout, TERMINAL_BOLD), name,
           terminal_color(stdout, TERMINAL_PLAIN), bytes.size > 0 ? text_string(&safe) : "(empty)");
    text_fini(&safe);
}

static void print_letter(const struct store_dead_letter *letter)
{
    print_field("id", letter->id);
    print_field("event", letter->event);
    print_field("subscription", letter->subscription);
    print_field("type", letter->type);
    if (letter->tenant[0] != '\0')
        print_field("tenant", letter->tenant);
    print_field("reason", letter->reason);
    printf("%-17s %" PRIu32 "\n", "attempts", letter->attempts);
    print_instant("first_attempt_at", letter->first_attempt_at_ms);
    print_instant("last_attempt_at", letter->last_attempt_at_ms);
    print_instant("died_at", letter->died_at_ms);
    if (letter->last_status != 0)
        printf("%-17s %" PRId32 "\n", "last_status", letter->last_status);
    if (letter->last_error[0] != '\0')
        print_field("last_error", letter->last_error);
    print_block("last response", (struct span){letter->last_response, letter->last_response_size});
    if (letter->message)
        print_block("body", (struct span){letter->message->body, letter->message->body_size});
    else
        puts("\nthe body is gone from Redis: it can't be redriven");
}

static int print_found(const struct store_dead_letter *letter, const struct arguments *arguments)
{
    struct text out;
    if (arguments_has(arguments, "--body")) {
        if (!letter->message) {
            terminal_error("the body of %s is gone from Redis", letter->id);
            return EXIT_FAILED;
        }
        fwrite(letter->message->body, 1, letter->message->body_size, stdout);
    } else if (arguments_has(arguments, "--json")) {
        text_init(&out, OUTPUT_MAX_BYTES);
        append_json(&out, letter);
        text_append_char(&out, '\n');
        terminal_write(&out);
        text_fini(&out);
    } else {
        print_letter(letter);
    }
    return EXIT_OK;
}

static int run_show(const struct command_input *input)
{
    struct session session;
    struct store_dead_letter found = {.last_response = NULL};
    char name[DEAD_LETTER_ID_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result = store_find_dead_letter(&session.store, id, &found);
    snprintf(name, sizeof name, "dead letter %.129s", id);
    int code = session_report(&session, result, name, NULL);
    if (code == EXIT_OK)
        code = print_found(&found, input->arguments);
    if (result == STORE_OK)
        store_dead_letter_fini(&found);
    session_close(&session);
    return code;
}

const struct command dead_letters_show = {
    .name = "show",
    .alias = "get",
    .words = "ID",
    .summary = "show one dead letter: why it died, the last response, the body",
    .options = show_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_show,
};
