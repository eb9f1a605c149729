// SPDX-License-Identifier: Apache-2.0
// /v1/dead-letters: list, show, redrive, delete. An id is "<event id>.<subscription id>".
#include "petrel/json.h"
#include "routes.h"
#include "views.h"

static bool read_filter(struct exchange *exchange, struct list_request *request,
                        struct store_dead_letter_filter *filter)
{
    static const char *const known[] = {"limit",  "cursor", "subscription", "type", "reason",
                                        "tenant", "since",  "until",        NULL};
    const struct query *query = &exchange->query;
    exchange_read_list(exchange, known, request);
    *filter = (struct store_dead_letter_filter){
        .subscription = query_text(query, "subscription"),
        .type = query_text(query, "type"),
        .reason = query_text(query, "reason"),
        .tenant = query_text(query, "tenant"),
        .since_ms = query_instant(query, "since", request->now_ms, &request->errors),
        .until_ms = query_instant(query, "until", request->now_ms, &request->errors),
    };
    return exchange_accept(exchange, &request->errors);
}

void route_dead_letters_list(struct exchange *exchange)
{
    struct list_request request;
    struct store_dead_letters list = {.count = 0};
    struct store_dead_letter_filter filter;
    if (!read_filter(exchange, &request, &filter))
        return;
    enum store_result result = store_list_dead_letters(exchange->store, &filter, request.cursor,
                                                       request.limit, &list, &request.errors);
    struct text *out = exchange_begin_list(exchange, result, "dead letter", &request.errors);
    if (!out)
        return;
    for (size_t i = 0; i < list.count; i++) {
        view_begin_item(i, out);
        view_dead_letter(&list.items[i], out);
    }
    view_end_list(list.next_cursor, out);
    store_dead_letters_fini(&list);
}

void route_dead_letters_show(struct exchange *exchange)
{
    struct store_dead_letter found = {.attempts = 0};
    if (!exchange_accept_no_query(exchange))
        return;
    enum store_result result = store_find_dead_letter(exchange->store, exchange->id, &found);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "dead letter", NULL);
        return;
    }
    view_dead_letter(&found, exchange_begin_json(exchange, 200));
    store_dead_letter_fini(&found);
}

void route_dead_letters_redrive(struct exchange *exchange)
{
    if (!exchange_take_nothing(exchange))
        return;
    enum store_result result = store_redrive_dead_letter(exchange->store, exchange->id);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "dead letter", NULL);
        return;
    }
    struct text *out = exchange_begin_json(exchange, 202);
    text_append_string(out, "{\"id\":");
    json_append_string(out, span_of(exchange->id));
    text_append_char(out, '}');
}

void route_dead_letters_delete(struct exchange *exchange)
{
    if (!exchange_take_nothing(exchange))
        return;
    enum store_result result = store_delete_dead_letter(exchange->store, exchange->id);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "dead letter", NULL);
    else
        exchange->response->status = 204;
}
