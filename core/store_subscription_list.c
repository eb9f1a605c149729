// SPDX-License-Identifier: Apache-2.0
// The list of subscriptions, by time of creation. Redis keeps them unordered, so a page is the smallest
// `limit` of what comes after the cursor, chosen in one pass: memory is bounded by the page, and only those
// that may belong to it are parsed.
#include <stdlib.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/log.h"
#include "store_internal.h"

struct sort_key {
    int64_t created_at_ms;
    char id[EVENT_SUBSCRIPTION_SIZE];
};

struct selection {
    const struct store_subscription_filter *filter;
    struct vault *vault;
    enum subscription_state state; // valid with filter->state
    struct sort_key after;
    bool has_after;
    size_t limit;
    struct store_subscriptions *list; // sorted; one more than limit tells that there is a next page
};

static int compare(const struct sort_key *a, int64_t created_at_ms, const char *id)
{
    if (a->created_at_ms != created_at_ms)
        return a->created_at_ms < created_at_ms ? -1 : 1;
    return strcmp(a->id, id);
}

// From the stored text's first members, without reading the rest of it.
static bool read_key(struct span id, struct span json, struct sort_key *key)
{
    struct span created;
    return span_copy(id, key->id, sizeof key->id) &&
           json_find_member(json, "created_at_ms", &created) &&
           span_to_int64(created, &key->created_at_ms);
}

static bool may_belong(const struct selection *selection, const struct sort_key *key)
{
    const struct store_subscriptions *list = selection->list;
    if (selection->has_after &&
        compare(key, selection->after.created_at_ms, selection->after.id) <= 0)
        return false;
    if (list->count <= selection->limit)
        return true;
    const struct subscription *last = list->items[list->count - 1];
    return compare(key, last->created_at_ms, last->id) < 0;
}

static bool is_wanted(const struct selection *selection, const struct subscription *subscription)
{
    const struct store_subscription_filter *filter = selection->filter;
    return (!filter->tenant || strcmp(filter->tenant, subscription->tenant) == 0) &&
           (!filter->state || selection->state == subscription->state) &&
           (!filter->query || strcasestr(subscription->url->text, filter->query) ||
            strcasestr(subscription->description, filter->query));
}

// Takes the reference over.
static void insert(struct selection *selection, const struct sort_key *key,
                   struct subscription *subscription)
{
    struct store_subscriptions *list = selection->list;
    size_t place = list->count;
    while (place > 0 &&
           compare(key, list->items[place - 1]->created_at_ms, list->items[place - 1]->id) < 0)
        place--;
    if (place > 0 && strcmp(list->items[place - 1]->id, subscription->id) == 0) {
        subscription_unref(&subscription); // HSCAN may show one twice
        return;
    }
    memmove(list->items + place + 1, list->items + place,
            (list->count - place) * sizeof *list->items);
    list->items[place] = subscription;
    list->count++;
    if (list->count > selection->limit + 1)
        subscription_unref(&list->items[--list->count]);
}

static bool on_subscription(void *arg, struct span id, struct span json)
{
    struct selection *selection = arg;
    struct sort_key key;
    if (!read_key(id, json, &key) || !may_belong(selection, &key))
        return true;
    struct text why;
    text_init(&why, STORE_WHY_MAX_BYTES);
    struct subscription *subscription = subscription_parse_stored(json, selection->vault, &why);
    if (subscription && subscription->lock != SUBSCRIPTION_NOT_LOCKED)
        subscription_unref(&subscription);
    if (!subscription)
        log_warn("a subscription in Redis can't be read", LOG_SPAN("subscription", id),
                 LOG_SPAN("why", text_span(&why)));
    else if (is_wanted(selection, subscription))
        insert(selection, &key, subscription);
    else
        subscription_unref(&subscription);
    text_fini(&why);
    return true;
}

static bool parse_cursor(const char *cursor, struct sort_key *key)
{
    char plain[128];
    struct span created;
    if (!store_decode_cursor(cursor, plain, sizeof plain))
        return false;
    struct span rest = span_of(plain);
    return span_next(&rest, '/', &created) && span_to_int64(created, &key->created_at_ms) &&
           event_is_id(rest) && span_copy(rest, key->id, sizeof key->id);
}

static bool prepare(struct selection *selection, const char *cursor, struct field_errors *errors)
{
    const char *state = selection->filter->state;
    if (state && !subscription_parse_state(span_of(state), &selection->state)) {
        field_errors_add(errors, "state", "must be active, paused or disabled");
        return false;
    }
    if (!cursor || !cursor[0])
        return true;
    selection->has_after = parse_cursor(cursor, &selection->after);
    if (!selection->has_after)
        store_refuse_cursor(errors);
    return selection->has_after;
}

enum store_result store_list_subscriptions(struct store *store,
                                           const struct store_subscription_filter *filter,
                                           const char *cursor, size_t limit,
                                           struct store_subscriptions *list,
                                           struct field_errors *errors)
{
    if (limit < 1)
        limit = 1;
    if (limit > STORE_LIST_MAX)
        limit = STORE_LIST_MAX;
    struct store_subscription_filter bound = *filter;
    struct selection selection = {
        .filter = &bound, .vault = store->vault, .limit = limit, .list = list};
    *list = (struct store_subscriptions){0};
    if (!store_choose_tenant(store, &bound.tenant, errors) || !prepare(&selection, cursor, errors))
        return STORE_INVALID;
    list->items = calloc(limit + 2, sizeof *list->items); // one to tell, one while inserting
    if (!list->items)
        return store_fail_memory(store);
    enum store_result result = store_visit_subscriptions(store, on_subscription, &selection);
    if (result != STORE_OK) {
        store_subscriptions_fini(list);
        return result;
    }
    if (list->count > limit) {
        subscription_unref(&list->items[--list->count]);
        const struct subscription *last = list->items[limit - 1];
        store_format_cursor(list->next_cursor, "%lld/%s", (long long)last->created_at_ms, last->id);
    }
    return STORE_OK;
}

void store_subscriptions_fini(struct store_subscriptions *list)
{
    for (size_t i = 0; i < list->count; i++)
        subscription_unref(&list->items[i]);
    free(list->items);
    *list = (struct store_subscriptions){0};
}
