// SPDX-License-Identifier: Apache-2.0
// One event by its webhook-id, with the state of every delivery: the event from the stream or, when it was
// trimmed, from the copy that a parked or dead delivery keeps. Deliveries: see store_deliveries.c.
#include <stdlib.h>
#include <string.h>

#include "store_deliveries.h"

// ---- where it is

// What each shard knows of the id: the entry that owns it, and the copy with its references.
static enum store_result ask_shard(struct store *store, struct event_search *search, uint32_t shard)
{
    redis_reply *replies[2];
    struct redis_command *commands[2] = {redis_command_create("GET"), redis_command_create("GET")};
    store_add_key(store, commands[0], shard, KEY_SEEN, span_of(search->id));
    store_add_key(store, commands[1], shard, KEY_MESSAGE, span_of(search->id));
    enum store_result result = store_call_all(store, commands, replies, 2);
    if (result != STORE_OK)
        return result;
    bool is_here = false;
    if (redis_reply_kind_of(replies[0]) == REDIS_REPLY_IS_TEXT) {
        store_copy_text(replies[0], search->entry_id, sizeof search->entry_id);
        is_here = true;
    }
    struct span copy = redis_reply_span(replies[1]);
    if (copy.size > 0 && !search->copy) {
        search->copy = event_parse_stored(span_of(search->id), shard, copy);
        search->references = (int64_t)event_count_references(copy);
        is_here = true;
    }
    if (is_here)
        search->shard = shard;
    search->is_located = search->is_located || is_here;
    redis_client_free_reply(&replies[0]);
    redis_client_free_reply(&replies[1]);
    return STORE_OK;
}

static enum store_result locate(struct store *store, struct event_search *search)
{
    uint32_t shard;
    if (event_parse_id(search->id, &shard, search->entry_id)) {
        if (shard >= store->keys.shards)
            return STORE_NOT_FOUND;
        char entry_id[EVENT_ENTRY_ID_SIZE];
        memcpy(entry_id, search->entry_id, sizeof entry_id);
        enum store_result result = ask_shard(store, search, shard);
        memcpy(search->entry_id, entry_id, sizeof entry_id);
        search->shard = shard;
        search->is_located = true;
        return result;
    }
    for (shard = 0; shard < store->keys.shards && !search->is_located; shard++) {
        enum store_result result = ask_shard(store, search, shard);
        if (result != STORE_OK)
            return result;
    }
    if (!search->is_located)
        return STORE_NOT_FOUND;
    // The window of the dedupe may be over while a delivery still waits: the copy knows its entry.
    if (!search->entry_id[0] && search->copy)
        memcpy(search->entry_id, search->copy->entry_id, sizeof search->entry_id);
    return STORE_OK;
}

// ---- the event

static struct event *parse_entry(const struct event_search *search, redis_reply *fields)
{
    size_t count = redis_reply_count(fields);
    struct span *spans = calloc(count + 1, sizeof *spans);
    if (!spans)
        return NULL;
    for (size_t i = 0; i < count; i++)
        spans[i] = redis_reply_span(redis_reply_at(fields, i));
    struct event_entry entry = {
        .entry_id = search->entry_id,
        .shard = search->shard,
        .fields = spans,
        .field_count = count,
    };
    struct event_fault fault;
    // The limit may have been lowered since: what is in the stream is shown.
    struct event *event = event_parse(&entry, SIZE_MAX, &fault);
    free(spans);
    if (event && strcmp(event->id, search->id) != 0)
        event_destroy(&event); // found under msg_…, but it has an id of its own
    return event;
}

static enum store_result read_entry(struct store *store, struct event_search *search)
{
    int64_t ms;
    uint64_t sequence;
    if (!store_parse_entry_id(span_of(search->entry_id), &ms, &sequence))
        return STORE_OK;
    struct redis_command *command = redis_command_create("XRANGE");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, search->shard, KEY_EVENTS, (struct span){0});
    redis_command_add_text(command, search->entry_id);
    redis_command_add_text(command, search->entry_id);
    redis_reply *reply = NULL;
    enum store_result result = store_call(store, &command, &reply);
    if (redis_reply_count(reply) == 1) {
        search->found->event = parse_entry(search, redis_reply_at(redis_reply_at(reply, 0), 1));
        search->is_in_stream = search->found->event != NULL;
    }
    redis_client_free_reply(&reply);
    return result;
}

// ---- its state

static bool is_read(redis_reply *groups, const char *entry_id)
{
    int64_t ms;
    int64_t last_ms;
    uint64_t sequence;
    uint64_t last_sequence;
    for (size_t i = 0; i < redis_reply_count(groups); i++) {
        redis_reply *group = redis_reply_at(groups, i);
        if (!span_equals_text(redis_reply_span(redis_reply_field(group, "name")), KEYS_GROUP))
            continue;
        struct span last = redis_reply_span(redis_reply_field(group, "last-delivered-id"));
        return store_parse_entry_id(last, &last_ms, &last_sequence) &&
               store_parse_entry_id(span_of(entry_id), &ms, &sequence) &&
               (ms < last_ms || (ms == last_ms && sequence <= last_sequence));
    }
    return false;
}

static enum store_result read_state(struct store *store, struct event_search *search)
{
    search->found->state = STORE_EVENT_SETTLED;
    if (!search->is_in_stream)
        return STORE_OK; // nothing is trimmed before it is settled
    redis_reply *replies[2];
    struct redis_command *commands[2] = {redis_command_create("XINFO"),
                                         redis_command_create("XPENDING")};
    if (commands[0])
        redis_command_add_text(commands[0], "GROUPS");
    store_add_key(store, commands[0], search->shard, KEY_EVENTS, (struct span){0});
    store_add_key(store, commands[1], search->shard, KEY_EVENTS, (struct span){0});
    if (commands[1]) {
        redis_command_add_text(commands[1], KEYS_GROUP);
        redis_command_add_text(commands[1], search->entry_id);
        redis_command_add_text(commands[1], search->entry_id);
        redis_command_add_int(commands[1], 1);
    }
    enum store_result result = store_call_all(store, commands, replies, 2);
    if (result != STORE_OK)
        return result;
    if (redis_reply_count(replies[1]) > 0)
        search->found->state = STORE_EVENT_PENDING;
    else if (!is_read(replies[0], search->entry_id))
        search->found->state = STORE_EVENT_QUEUED;
    redis_client_free_reply(&replies[0]);
    redis_client_free_reply(&replies[1]);
    return STORE_OK;
}

enum store_result store_find_event(struct store *store, const char *id, struct store_event *found)
{
    *found = (struct store_event){0};
    if (!event_is_id(span_of(id)))
        return STORE_NOT_FOUND;
    struct event_search search = {.id = id, .found = found};
    enum store_result result = locate(store, &search);
    if (result == STORE_OK)
        result = read_entry(store, &search);
    if (result == STORE_OK && !found->event) {
        found->event = search.copy;
        search.copy = NULL;
        if (!found->event)
            result = STORE_NOT_FOUND;
    }
    if (result == STORE_OK && !store_is_visible(store, found->event->tenant))
        result = STORE_NOT_FOUND;
    if (result == STORE_OK)
        result = read_state(store, &search);
    if (result == STORE_OK && found->state != STORE_EVENT_QUEUED)
        result = store_find_deliveries(store, &search);
    event_destroy(&search.copy);
    if (result != STORE_OK)
        store_event_fini(found);
    return result;
}

void store_event_fini(struct store_event *found)
{
    event_destroy(&found->event);
    free(found->deliveries);
    *found = (struct store_event){0};
}
