// SPDX-License-Identifier: Apache-2.0
// /v1/rejected-events: list, show, requeue, delete. They have no tenant: keys that are bound to one get none of it.
#include "petrel/json.h"
#include "routes.h"
#include "views.h"

void route_rejected_list(struct exchange *exchange)
{
    static const char *const known[] = {"limit", "cursor", NULL};
    struct list_request request;
    struct store_rejected_list list = {.count = 0};
    exchange_read_list(exchange, known, &request);
    if (!exchange_accept(exchange, &request.errors))
        return;
    enum store_result result =
        store_list_rejected(exchange->store, request.cursor, request.limit, &list, &request.errors);
    struct text *out = exchange_begin_list(exchange, result, "rejected event", &request.errors);
    if (!out)
        return;
    for (size_t i = 0; i < list.count; i++) {
        view_begin_item(i, out);
        view_rejected(&list.items[i], out);
    }
    view_end_list(list.next_cursor, out);
    store_rejected_fini(&list);
}

void route_rejected_show(struct exchange *exchange)
{
    struct store_rejected_entry found;
    if (!exchange_accept_no_query(exchange))
        return;
    enum store_result result = store_find_rejected(exchange->store, exchange->id, &found);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "rejected event", NULL);
        return;
    }
    view_rejected_entry(&found, exchange_begin_json(exchange, 200));
    store_rejected_entry_fini(&found);
}

void route_rejected_requeue(struct exchange *exchange)
{
    char entry_id[EVENT_ENTRY_ID_SIZE] = "";
    if (!exchange_take_nothing(exchange))
        return;
    enum store_result result = store_requeue_rejected(exchange->store, exchange->id, entry_id);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "rejected event", NULL);
        return;
    }
    struct text *out = exchange_begin_json(exchange, 202);
    text_append_string(out, "{\"entry_id\":");
    json_append_string(out, span_of(entry_id));
    text_append_char(out, '}');
}

void route_rejected_delete(struct exchange *exchange)
{
    if (!exchange_take_nothing(exchange))
        return;
    enum store_result result = store_delete_rejected(exchange->store, exchange->id);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "rejected event", NULL);
    else
        exchange->response->status = 204;
}
