// SPDX-License-Identifier: Apache-2.0
// Rejected events: listed newest first, looked at, put back into the stream, deleted. They have no tenant, so for a
// bound store there are none.
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

static void read_summary(const struct store_row *row, struct store_rejected *rejected)
{
    *rejected = (struct store_rejected){0};
    snprintf(rejected->id, sizeof rejected->id, "%u-%lld-%llu", row->position.shard,
             (long long)row->position.ms, (unsigned long long)row->position.sequence);
    store_copy_field(row->fields, "petrel_entry", rejected->entry_id, sizeof rejected->entry_id);
    store_copy_field(row->fields, "petrel_reason", rejected->reason, sizeof rejected->reason);
    copy_printable_type(row->fields, rejected->type);
}

static bool on_row(struct store_walk *walk, const struct store_row *row)
{
    struct store_rejected_list *list = walk->arg;
    read_summary(row, &list->items[list->count++]);
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

// ---- one

// "<shard>-<entry id in rejected>"; the entry id points into `id`.
static bool parse_id(const struct store *store, const char *id, uint32_t *shard, const char **entry)
{
    struct span rest = span_of(id);
    struct span number;
    uint64_t value;
    int64_t ms;
    uint64_t sequence;
    if (store->tenant || !span_next(&rest, '-', &number) || !span_to_uint64(number, &value) ||
        value >= store->keys.shards || !store_parse_entry_id(rest, &ms, &sequence))
        return false;
    *shard = (uint32_t)value;
    *entry = id + number.size + 1;
    return true;
}

enum { OWN_FIELDS = 4 }; // petrel_entry, petrel_reason and their values come first

static enum store_result read_entry(struct store *store, const struct store_position *position,
                                    struct store_rejected_entry *found)
{
    struct store_row row = {.position = *position,
                            .fields = redis_reply_at(redis_reply_at(found->reply, 0), 1)};
    size_t count = redis_reply_count(row.fields);
    read_summary(&row, &found->summary);
    if (count < OWN_FIELDS)
        return STORE_NOT_FOUND;
    found->fields = calloc(count, sizeof *found->fields);
    if (!found->fields)
        return store_fail_memory(store);
    for (size_t i = OWN_FIELDS; i < count; i++)
        found->fields[i - OWN_FIELDS] = redis_reply_span(redis_reply_at(row.fields, i));
    found->field_count = (count - OWN_FIELDS) / 2;
    return STORE_OK;
}

enum store_result store_find_rejected(struct store *store, const char *id,
                                      struct store_rejected_entry *found)
{
    struct store_position position = {.ms = 0};
    const char *entry;
    *found = (struct store_rejected_entry){0};
    if (!parse_id(store, id, &position.shard, &entry))
        return STORE_NOT_FOUND;
    store_parse_entry_id(span_of(entry), &position.ms, &position.sequence);
    struct redis_command *command = redis_command_create("XRANGE");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, position.shard, KEY_REJECTED, (struct span){0});
    redis_command_add_text(command, entry);
    redis_command_add_text(command, entry);
    enum store_result result = store_call(store, &command, &found->reply);
    if (result == STORE_OK && redis_reply_count(found->reply) == 0)
        result = STORE_NOT_FOUND;
    if (result == STORE_OK)
        result = read_entry(store, &position, found);
    if (result != STORE_OK)
        store_rejected_entry_fini(found);
    return result;
}

void store_rejected_entry_fini(struct store_rejected_entry *found)
{
    free(found->fields);
    redis_client_free_reply(&found->reply);
    *found = (struct store_rejected_entry){0};
}

enum store_result store_requeue_rejected(struct store *store, const char *id,
                                         char entry_id[EVENT_ENTRY_ID_SIZE])
{
    uint32_t shard;
    const char *entry;
    redis_reply *reply = NULL;
    if (!parse_id(store, id, &shard, &entry))
        return STORE_NOT_FOUND;
    struct redis_command *command = redis_command_create_script(SCRIPT_REQUEUE);
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_REJECTED, (struct span){0});
    store_add_key(store, command, shard, KEY_EVENTS, (struct span){0});
    redis_command_add_text(command, entry);
    enum store_result result = store_call(store, &command, &reply);
    if (result != STORE_OK)
        return result;
    if (redis_reply_kind_of(reply) == REDIS_REPLY_IS_TEXT) {
        store_copy_text(reply, entry_id, EVENT_ENTRY_ID_SIZE);
    } else if (redis_reply_int(reply) == 0) {
        result = STORE_NOT_FOUND;
    } else {
        store_set_error(store, "not all of its fields were kept, so it can't be put back");
        result = STORE_CONFLICT;
    }
    redis_client_free_reply(&reply);
    return result;
}

enum store_result store_delete_rejected(struct store *store, const char *id)
{
    uint32_t shard;
    const char *entry;
    redis_reply *reply = NULL;
    if (!parse_id(store, id, &shard, &entry))
        return STORE_NOT_FOUND;
    struct redis_command *command = redis_command_create("XDEL");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_REJECTED, (struct span){0});
    redis_command_add_text(command, entry);
    enum store_result result = store_call(store, &command, &reply);
    if (result == STORE_OK && redis_reply_int(reply) == 0)
        result = STORE_NOT_FOUND;
    redis_client_free_reply(&reply);
    return result;
}
