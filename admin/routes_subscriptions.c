// SPDX-License-Identifier: Apache-2.0
// /v1/subscriptions and /v1/subscriptions/{id}. Validation of every field is the core's; here are only lists and
// answers. Secrets are not in these answers: routes_subscription_actions.c.
#include <assert.h>

#include "routes.h"
#include "views.h"

static void show(struct exchange *exchange, unsigned status, struct subscription **subscription)
{
    subscription_format_public(*subscription, exchange_begin_json(exchange, status));
    subscription_unref(subscription);
}

void route_subscriptions_create(struct exchange *exchange)
{
    struct field_errors errors = {.count = 0};
    struct subscription *created = NULL;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_take_json(exchange, &json))
        return;
    enum store_result result = store_create_subscription(exchange->store, json, &created, &errors);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", &errors);
        return;
    }
    http_response_add_header(exchange->response, "location", "/v1/subscriptions/%s", created->id);
    show(exchange, 201, &created);
}

static void show_list(struct exchange *exchange, const struct store_subscriptions *list)
{
    struct store_health healths[QUERY_LIMIT_MAX];
    assert(list->count <= QUERY_LIMIT_MAX);
    enum store_result result = store_read_health_of_list(exchange->store, list, healths);
    struct text *out = exchange_begin_list(exchange, result, "subscription", NULL);
    if (!out)
        return;
    for (size_t i = 0; i < list->count; i++) {
        view_begin_item(i, out);
        store_format_subscription(list->items[i], &healths[i], out);
    }
    view_end_list(list->next_cursor, out);
}

void route_subscriptions_list(struct exchange *exchange)
{
    static const char *const known[] = {"limit", "cursor", "tenant", "state", "q", NULL};
    static const char *const states[] = {"active", "paused", "disabled", NULL};
    struct list_request request;
    struct store_subscriptions list = {.count = 0};
    exchange_read_list(exchange, known, &request);
    struct store_subscription_filter filter = {
        .tenant = query_text(&exchange->query, "tenant"),
        .state = query_choice(&exchange->query, "state", states, &request.errors),
        .query = query_text(&exchange->query, "q"),
    };
    if (!exchange_accept(exchange, &request.errors))
        return;
    enum store_result result = store_list_subscriptions(exchange->store, &filter, request.cursor,
                                                        request.limit, &list, &request.errors);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", &request.errors);
        return;
    }
    show_list(exchange, &list);
    store_subscriptions_fini(&list);
}

void route_subscriptions_show(struct exchange *exchange)
{
    struct subscription *found = NULL;
    struct store_health health;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "subscription"))
        return;
    enum store_result result = store_find_subscription(exchange->store, exchange->id, &found);
    if (result == STORE_OK)
        result = store_read_health(exchange->store, found->id, &health);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "subscription", NULL);
    else
        store_format_subscription(found, &health, exchange_begin_json(exchange, 200));
    subscription_unref(&found);
}

void route_subscriptions_patch(struct exchange *exchange)
{
    struct field_errors errors = {.count = 0};
    struct subscription *changed = NULL;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "subscription") ||
        !exchange_take_json(exchange, &json))
        return;
    enum store_result result =
        store_patch_subscription(exchange->store, exchange->id, json, &changed, &errors);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "subscription", &errors);
    else
        show(exchange, 200, &changed);
}

void route_subscriptions_delete(struct exchange *exchange)
{
    if (!exchange_accept_id(exchange, "subscription") || !exchange_take_nothing(exchange))
        return;
    enum store_result result = store_delete_subscription(exchange->store, exchange->id);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "subscription", NULL);
    else
        exchange->response->status = 204;
}
