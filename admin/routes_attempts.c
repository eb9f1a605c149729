// SPDX-License-Identifier: Apache-2.0
// What the dispatchers wrote down: /v1/attempts and /v1/subscriptions/{id}/attempts.
#include "routes.h"
#include "views.h"

static void list_attempts(struct exchange *exchange, struct list_request *request,
                          const struct store_attempt_filter *filter)
{
    struct store_attempts list = {.count = 0};
    enum store_result result = store_list_attempts(exchange->store, filter, request->cursor,
                                                   request->limit, &list, &request->errors);
    struct text *out = exchange_begin_list(exchange, result, "attempt", &request->errors);
    if (!out)
        return;
    for (size_t i = 0; i < list.count; i++) {
        view_begin_item(i, out);
        view_attempt(&list.items[i], out);
    }
    view_end_list(list.next_cursor, out);
    store_attempts_fini(&list);
}

// Parameters that aren't in `known` have been refused, so reading them all does no harm.
static bool read_filter(struct exchange *exchange, const char *const *known,
                        struct list_request *request, struct store_attempt_filter *filter)
{
    static const char *const outcomes[] = {"delivered", "retry", "dead", NULL};
    const struct query *query = &exchange->query;
    exchange_read_list(exchange, known, request);
    *filter = (struct store_attempt_filter){
        .subscription = query_text(query, "subscription"),
        .event = query_text(query, "event"),
        .outcome = query_choice(query, "outcome", outcomes, &request->errors),
        .since_ms = query_instant(query, "since", request->now_ms, &request->errors),
    };
    return exchange_accept(exchange, &request->errors);
}

static const char *const attempt_parameters[] = {"subscription", "limit", "cursor", "event",
                                                 "outcome",      "since", NULL};

void route_attempts_list(struct exchange *exchange)
{
    struct list_request request;
    struct store_attempt_filter filter;
    if (read_filter(exchange, attempt_parameters, &request, &filter))
        list_attempts(exchange, &request, &filter);
}

void route_attempts_list_of_subscription(struct exchange *exchange)
{
    struct list_request request;
    struct store_attempt_filter filter;
    struct subscription *found = NULL;
    if (!exchange_accept_id(exchange, "subscription") ||
        !read_filter(exchange, attempt_parameters + 1, &request, &filter))
        return;
    enum store_result result = store_find_subscription(exchange->store, exchange->id, &found);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", NULL);
        return;
    }
    subscription_unref(&found);
    filter.subscription = exchange->id;
    list_attempts(exchange, &request, &filter);
}
