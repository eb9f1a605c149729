// SPDX-License-Identifier: Apache-2.0
// The events that the stream still has, newest first: without their bodies.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/pattern.h"
#include "store_internal.h"

enum { FIELDS_MAX = 2 * EVENT_MAX_FIELDS };

struct reading {
    const struct store_event_filter *filter;
    struct store_events *list;
};

struct event *store_parse_row(const struct store_row *row)
{
    struct span fields[FIELDS_MAX];
    char entry_id[EVENT_ENTRY_ID_SIZE];
    size_t count = redis_reply_count(row->fields);
    if (count > FIELDS_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++)
        fields[i] = redis_reply_span(redis_reply_at(row->fields, i));
    snprintf(entry_id, sizeof entry_id, "%lld-%llu", (long long)row->position.ms,
             (unsigned long long)row->position.sequence);
    struct event_entry entry = {
        .entry_id = entry_id,
        .shard = row->position.shard,
        .fields = fields,
        .field_count = count,
    };
    struct event_fault fault;
    return event_parse(&entry, SIZE_MAX, &fault);
}

static bool is_wanted(const struct store_event_filter *filter, const struct event *event)
{
    return (!filter->type || pattern_matches(span_of(filter->type), span_of(event->type))) &&
           (!filter->tenant || strcmp(filter->tenant, event->tenant) == 0);
}

// An entry that is no event is in the list of rejected ones.
static bool on_row(struct store_walk *walk, const struct store_row *row)
{
    const struct reading *reading = walk->arg;
    struct event *event = store_parse_row(row);
    bool is_taken = event && is_wanted(reading->filter, event);
    if (is_taken) {
        struct store_event_summary *item = &reading->list->items[reading->list->count++];
        *item = (struct store_event_summary){.published_at_ms = row->position.ms,
                                             .timestamp_ms = event->timestamp_ms,
                                             .body_bytes = event->body_size};
        span_copy(span_of(event->id), item->id, sizeof item->id);
        span_copy(span_of(event->type), item->type, sizeof item->type);
        span_copy(span_of(event->tenant), item->tenant, sizeof item->tenant);
        span_copy(span_of(event->subscription), item->subscription, sizeof item->subscription);
    }
    event_destroy(&event);
    return is_taken;
}

enum store_result store_list_events(struct store *store, const struct store_event_filter *filter,
                                    const char *cursor, size_t limit, struct store_events *list,
                                    struct field_errors *errors)
{
    struct store_event_filter bound = *filter;
    struct reading reading = {.filter = &bound, .list = list};
    struct store_walk walk = {
        .store = store,
        .cursor = cursor,
        .limit = limit,
        .fetch = store_fetch_stream,
        .offer = on_row,
        .arg = &reading,
        .stream = KEY_EVENTS,
        .since_ms = filter->since_ms,
        .until_ms = filter->until_ms,
    };
    *list = (struct store_events){0};
    if (filter->type && !pattern_is_valid(span_of(filter->type)))
        field_errors_add(errors, "type", "must be a type, or a prefix with a final *");
    if (!store_choose_tenant(store, &bound.tenant, errors) || errors->count > 0)
        return STORE_INVALID;
    list->items = calloc(STORE_LIST_MAX, sizeof *list->items);
    if (!list->items)
        return store_fail_memory(store);
    enum store_result result = store_walk_run(&walk, list->next_cursor, errors);
    if (result != STORE_OK)
        store_events_fini(list);
    return result;
}

void store_events_fini(struct store_events *list)
{
    free(list->items);
    *list = (struct store_events){0};
}
