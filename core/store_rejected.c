// SPDX-License-Identifier: Apache-2.0
// Rejected events, newest first.
#include <stdio.h>
#include <stdlib.h>

#include "store_internal.h"

// The producer's own field comes after petrel's two; anything may be in it.
static void copy_printable_type(redis_reply *fields, char out[EVENT_TYPE_SIZE])
{
    struct span type = redis_reply_span(redis_reply_field(fields, "type"));
    size_t size = 0;
    while (size < type.size && size + 1 < EVENT_TYPE_SIZE && type.data[size] > ' ' &&
           type.data[size] <= '~') {
        out[size] = type.data[size];
        size++;
    }
    out[size] = '\0';
}

static bool on_row(struct store_walk *walk, const struct store_row *row)
{
    struct store_rejected_list *list = walk->arg;
    struct store_rejected *rejected = &list->items[list->count++];
    *rejected = (struct store_rejected){0};
    snprintf(rejected->id, sizeof rejected->id, "%u-%lld-%llu", row->position.shard,
             (long long)row->position.ms, (unsigned long long)row->position.sequence);
    store_copy_field(row->fields, "petrel_entry", rejected->entry_id, sizeof rejected->entry_id);
    store_copy_field(row->fields, "petrel_reason", rejected->reason, sizeof rejected->reason);
    copy_printable_type(row->fields, rejected->type);
    return true;
}

enum store_result store_list_rejected(struct store *store, const char *cursor, size_t limit,
                                      struct store_rejected_list *list, struct field_errors *errors)
{
    struct store_walk walk = {
        .store = store,
        .cursor = cursor,
        .limit = limit,
        .fetch = store_fetch_stream,
        .offer = on_row,
        .arg = list,
        .stream = KEY_REJECTED,
    };
    *list = (struct store_rejected_list){0};
    if (store->tenant)
        return STORE_OK; // what is no event has no tenant either
    list->items = calloc(STORE_LIST_MAX, sizeof *list->items);
    if (!list->items)
        return store_fail_memory(store);
    enum store_result result = store_walk_run(&walk, list->next_cursor, errors);
    if (result != STORE_OK)
        store_rejected_fini(list);
    return result;
}

void store_rejected_fini(struct store_rejected_list *list)
{
    free(list->items);
    *list = (struct store_rejected_list){0};
}
