// SPDX-License-Identifier: Apache-2.0
// POST /v1/dead-letters/redrive and /purge: those that a filter leaves, some at a time.
//
// No job is kept anywhere: a call does a bounded number and hands out a cursor, and the caller calls again. What it had
// done stays done when it dies in between; the next call goes on, or begins anew, with what is left.
#include "body_values.h"
#include "petrel/clock.h"
#include "petrel/json.h"
#include "routes.h"
#include "views.h"

enum { STRING_MAX_BYTES = STORE_CURSOR_SIZE };
enum { SUBSCRIPTION, TYPE, REASON, TENANT, SINCE, UNTIL, CURSOR, STRING_COUNT };
static const char *const allowed[] = {"subscription", "type",   "reason", "tenant", "since",
                                      "until",        "cursor", "limit",  "all",    NULL};

struct bulk {
    struct text strings[STRING_COUNT]; // in the order of `allowed`
    const char *values[STRING_COUNT];  // NULL: absent
    struct store_dead_letter_filter filter;
    size_t limit;
};

// An empty filter may be a mistake in the caller's code, and there is no way back from a purge.
static void read_all(const struct body *body, const struct bulk *bulk, struct field_errors *errors)
{
    const struct span *raw = body_find(body, "all");
    bool is_all = raw && span_equals_text(*raw, "true");
    bool has_filter = false;
    for (size_t i = 0; i < CURSOR; i++)
        has_filter = has_filter || bulk->values[i];
    if (raw && !is_all && !span_equals_text(*raw, "false"))
        field_errors_add(errors, "all", "must be true or false");
    else if (!is_all && !has_filter)
        field_errors_add(errors, "all", "must be true when there is no filter");
}

static bool read_body(struct exchange *exchange, struct bulk *bulk)
{
    struct field_errors errors = {.count = 0};
    int64_t now_ms = clock_wall_ms();
    struct body body;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_take_json(exchange, &json))
        return false;
    if (body_parse(json, allowed, &body, &errors)) {
        for (size_t i = 0; i < STRING_COUNT; i++) {
            if (body_find(&body, allowed[i]) &&
                body_read_string(&body, allowed[i], &bulk->strings[i], &errors))
                bulk->values[i] = text_string(&bulk->strings[i]);
        }
        bulk->limit = body_limit(&body, &errors);
        read_all(&body, bulk, &errors);
        bulk->filter = (struct store_dead_letter_filter){
            .subscription = bulk->values[SUBSCRIPTION],
            .type = bulk->values[TYPE],
            .reason = bulk->values[REASON],
            .tenant = bulk->values[TENANT],
            .since_ms = body_instant(bulk->values[SINCE], "since", now_ms, &errors),
            .until_ms = body_instant(bulk->values[UNTIL], "until", now_ms, &errors),
        };
    }
    return exchange_accept(exchange, &errors);
}

typedef enum store_result bulk_apply(struct store *store, const char *id);

static void apply_to(struct exchange *exchange, const struct store_dead_letters *list,
                     bulk_apply *apply, const char *done_name)
{
    size_t done = 0;
    size_t refused = 0;
    struct text refusals;
    text_init(&refusals, SIZE_MAX / 2);
    enum store_result result = STORE_OK;
    for (size_t i = 0; i < list->count; i++) {
        result = apply(exchange->store, list->items[i].id);
        if (result == STORE_OK) {
            done++;
        } else if (result == STORE_CONFLICT) {
            text_append_string(&refusals, refused++ > 0 ? ",{\"id\":" : "{\"id\":");
            json_append_string(&refusals, span_of(list->items[i].id));
            text_append_string(&refusals, ",\"detail\":");
            json_append_string(&refusals, span_of(exchange->store->error));
            text_append_char(&refusals, '}');
        } else if (result != STORE_NOT_FOUND) { // not found: somebody else was faster
            exchange_fail(exchange, result, "dead letter", NULL);
            text_fini(&refusals);
            return;
        }
    }
    struct text *out = exchange_begin_json(exchange, 200);
    text_append_format(out, "{\"%s\":%zu,\"refused\":[", done_name, done);
    text_append_span(out, text_span(&refusals));
    view_end_list(list->next_cursor, out);
    text_fini(&refusals);
}

static void run(struct exchange *exchange, bulk_apply *apply, const char *done_name)
{
    struct field_errors errors = {.count = 0};
    struct store_dead_letters list = {.count = 0};
    struct bulk bulk = {.limit = 0};
    for (size_t i = 0; i < STRING_COUNT; i++)
        text_init(&bulk.strings[i], STRING_MAX_BYTES);
    if (read_body(exchange, &bulk)) {
        enum store_result result = store_list_dead_letters(
            exchange->store, &bulk.filter, bulk.values[CURSOR], bulk.limit, &list, &errors);
        if (result == STORE_OK)
            apply_to(exchange, &list, apply, done_name);
        else
            exchange_fail(exchange, result, "dead letter", &errors);
        store_dead_letters_fini(&list);
    }
    for (size_t i = 0; i < STRING_COUNT; i++)
        text_fini(&bulk.strings[i]);
}

void route_dead_letters_redrive_filtered(struct exchange *exchange)
{
    run(exchange, store_redrive_dead_letter, "redriven");
}

void route_dead_letters_purge(struct exchange *exchange)
{
    run(exchange, store_delete_dead_letter, "deleted");
}
