// SPDX-License-Identifier: Apache-2.0
// The attempts log, newest first, filtered.
#include <stdio.h>
#include <stdlib.h>

#include "store_internal.h"

struct reading {
    const struct store_attempt_filter *filter;
    struct store_attempts *list;
    const char *tenant; // NULL: any
};

static void read_attempt(const struct store_row *row, struct store_attempt *attempt)
{
    *attempt = (struct store_attempt){0};
    snprintf(attempt->id, sizeof attempt->id, "%u-%lld-%llu", row->position.shard,
             (long long)row->position.ms, (unsigned long long)row->position.sequence);
    store_copy_field(row->fields, "event", attempt->event, sizeof attempt->event);
    store_copy_field(row->fields, "subscription", attempt->subscription,
                     sizeof attempt->subscription);
    store_copy_field(row->fields, "type", attempt->type, sizeof attempt->type);
    store_copy_field(row->fields, "outcome", attempt->outcome, sizeof attempt->outcome);
    store_copy_field(row->fields, "error", attempt->error, sizeof attempt->error);
    attempt->number = (uint32_t)store_field_int(row->fields, "attempt");
    attempt->status = (int32_t)store_field_int(row->fields, "status");
    attempt->started_at_ms = store_field_int(row->fields, "started_at");
    attempt->duration_ms = store_field_int(row->fields, "duration_ms");
}

static bool on_row(struct store_walk *walk, const struct store_row *row)
{
    const struct reading *reading = walk->arg;
    const struct store_attempt_filter *filter = reading->filter;
    if (!store_field_passes(row->fields, "subscription", filter->subscription) ||
        !store_field_passes(row->fields, "event", filter->event) ||
        !store_field_passes(row->fields, "tenant", reading->tenant) ||
        !store_field_passes(row->fields, "outcome", filter->outcome))
        return false;
    read_attempt(row, &reading->list->items[reading->list->count++]);
    return true;
}

enum store_result store_list_attempts(struct store *store, const struct store_attempt_filter *filter,
                                      const char *cursor, size_t limit, struct store_attempts *list,
                                      struct field_errors *errors)
{
    struct reading reading = {.filter = filter, .list = list, .tenant = store->tenant};
    struct store_walk walk = {
        .store = store,
        .cursor = cursor,
        .limit = limit,
        .fetch = store_fetch_stream,
        .offer = on_row,
        .arg = &reading,
        .stream = KEY_ATTEMPTS,
        .since_ms = filter->since_ms,
    };
    *list = (struct store_attempts){0};
    list->items = calloc(STORE_LIST_MAX, sizeof *list->items);
    if (!list->items)
        return store_fail_memory(store);
    enum store_result result = store_walk_run(&walk, list->next_cursor, errors);
    if (result != STORE_OK)
        store_attempts_fini(list);
    return result;
}

void store_attempts_fini(struct store_attempts *list)
{
    free(list->items);
    *list = (struct store_attempts){0};
}
