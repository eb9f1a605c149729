// SPDX-License-Identifier: Apache-2.0
// What the dispatchers wrote down: /v1/attempts and /v1/subscriptions/{id}/attempts.
#include "petrel/clock.h"
#include "routes.h"
#include "views.h"

static void list_attempts(struct exchange *exchange, const struct store_attempt_filter *filter,
                          size_t limit)
{
    struct field_errors errors = {.count = 0};
    struct store_attempts list = {.count = 0};
    enum store_result result = store_list_attempts(
        exchange->store, filter, query_text(&exchange->query, "cursor"), limit, &list, &errors);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "attempt", &errors);
        return;
    }
    struct text *out = exchange_begin_json(exchange, 200);
    text_append_string(out, "{\"items\":[");
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        view_attempt(&list.items[i], out);
    }
    view_end_list(list.next_cursor, out);
    store_attempts_fini(&list);
}

// Parameters that aren't in `known` have been refused, so reading them all does no harm.
static bool read_filter(struct exchange *exchange, const char *const *known,
                        struct store_attempt_filter *filter, size_t *limit)
{
    static const char *const outcomes[] = {"delivered", "retry", "dead", NULL};
    const struct query *query = &exchange->query;
    struct field_errors errors = {.count = 0};
    query_check(query, known, &errors);
    *limit = query_limit(query, &errors);
    *filter = (struct store_attempt_filter){
        .subscription = query_text(query, "subscription"),
        .event = query_text(query, "event"),
        .outcome = query_choice(query, "outcome", outcomes, &errors),
        .since_ms = query_instant(query, "since", clock_wall_ms(), &errors),
    };
    return exchange_accept(exchange, &errors);
}

static const char *const attempt_parameters[] = {"subscription", "limit", "cursor", "event",
                                                 "outcome",      "since", NULL};

void route_attempts_list(struct exchange *exchange)
{
    struct store_attempt_filter filter;
    size_t limit;
    if (read_filter(exchange, attempt_parameters, &filter, &limit))
        list_attempts(exchange, &filter, limit);
}

void route_attempts_list_of_subscription(struct exchange *exchange)
{
    struct store_attempt_filter filter;
    struct subscription *found = NULL;
    size_t limit;
    if (!exchange_accept_id(exchange, "subscription") ||
        !read_filter(exchange, attempt_parameters + 1, &filter, &limit))
        return;
    enum store_result result = store_find_subscription(exchange->store, exchange->id, &found);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", NULL);
        return;
    }
    subscription_unref(&found);
    filter.subscription = exchange->id;
    list_attempts(exchange, &filter, limit);
}
