// SPDX-License-Identifier: Apache-2.0
// Publishing: the same rules as for what producers XADD themselves, told before instead of after; and, if configured,
// only called accepted once replicas have it.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "petrel/clock.h"
#include "petrel/json.h"
#include "petrel/random.h"
#include "store_internal.h"

enum { WAIT_MS = 2000 }; // for replicas; below every store's own timeout

// By the event's id when it has one, so that a repeat meets the first in the same shard.
static uint32_t choose_shard(const struct store *store, const struct store_publish *publish)
{
    for (size_t i = 0; i + 1 < publish->field_count; i += 2) {
        if (span_equals_text(publish->fields[i], "id"))
            return (uint32_t)(hash_bytes(publish->fields[i + 1]) % store->keys.shards);
    }
    if (store->keys.shards == 1)
        return 0;
    uint32_t number;
    random_bytes((unsigned char *)&number, sizeof number);
    return number % store->keys.shards;
}

static enum store_result validate(struct store *store, const struct store_publish *publish,
                                  uint32_t shard, struct event **event, struct field_errors *errors)
{
    char entry_id[EVENT_ENTRY_ID_SIZE];
    snprintf(entry_id, sizeof entry_id, "%lld-0", (long long)clock_wall_ms());
    struct event_entry entry = {
        .entry_id = entry_id,
        .shard = shard,
        .fields = publish->fields,
        .field_count = publish->field_count,
    };
    struct event_fault fault;
    *event = event_parse(&entry, (size_t)store->max_event_bytes, &fault);
    if (*event)
        return STORE_OK;
    if (!fault.field)
        return store_fail_memory(store);
    field_errors_add(errors, fault.field, "%s", fault.message);
    return STORE_INVALID;
}

// WAIT in the same round trip, and so on the same connection: it asks for that connection's writes.
static enum store_result add_entry(struct store *store, struct redis_command *add, char entry_id[],
                                   size_t entry_id_size)
{
    enum { ADD, WAIT, COUNT };
    bool must_wait = store->publish_replicas > 0;
    redis_reply *replies[COUNT] = {NULL};
    struct redis_command *commands[COUNT] = {add, must_wait ? redis_command_create("WAIT") : NULL};
    if (commands[WAIT]) {
        redis_command_add_int(commands[WAIT], store->publish_replicas);
        redis_command_add_int(commands[WAIT], WAIT_MS);
    }
    enum store_result result = store_call_all(store, commands, replies, must_wait ? COUNT : 1);
    if (result == STORE_OK)
        result = store_judge(store, replies[ADD]);
    store_copy_text(replies[ADD], entry_id, entry_id_size);
    if (result == STORE_OK && must_wait) {
        int64_t confirmed = redis_reply_int(replies[WAIT]);
        if (redis_reply_is_error(replies[WAIT]) || confirmed < store->publish_replicas) {
            store_set_error(store, "%" PRId64 " of %" PRIu32 " replicas confirmed it within %d s",
                            confirmed, store->publish_replicas, WAIT_MS / 1000);
            result = STORE_UNCONFIRMED;
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        redis_client_free_reply(&replies[i]);
    return result;
}

static enum store_result publish_event(struct store *store, const struct store_publish *publish,
                                       char id[EVENT_ID_SIZE], struct field_errors *errors)
{
    struct event *event;
    uint32_t shard = choose_shard(store, publish);
    enum store_result result = validate(store, publish, shard, &event, errors);
    if (result != STORE_OK)
        return result;
    bool has_own_id = event->has_own_id;
    span_copy(span_of(event->id), id, EVENT_ID_SIZE);
    event_destroy(&event);
    struct redis_command *command = redis_command_create("XADD");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_EVENTS, (struct span){0});
    redis_command_add_text(command, "*");
    for (size_t i = 0; i < publish->field_count; i++)
        redis_command_add_span(command, publish->fields[i]);
    char entry_id[EVENT_ENTRY_ID_SIZE];
    result = add_entry(store, command, entry_id, sizeof entry_id);
    bool is_added = result == STORE_OK || result == STORE_UNCONFIRMED;
    if (is_added && !has_own_id && !event_format_id(shard, entry_id, id)) {
        store_set_error(store, "Redis answered XADD with no entry id");
        result = STORE_UNAVAILABLE;
    }
    return result;
}

// For a bound store with its tenant, whether it was given or not.
static enum store_result publish_bound(struct store *store, const struct store_publish *publish,
                                       char id[EVENT_ID_SIZE], struct field_errors *errors)
{
    struct span fields[2 * EVENT_MAX_FIELDS + 2];
    struct store_publish bound = {.fields = fields, .field_count = publish->field_count + 2};
    if (publish->field_count > 2 * EVENT_MAX_FIELDS) {
        field_errors_add(errors, "", "has too many fields");
        return STORE_INVALID;
    }
    memcpy(fields, publish->fields, publish->field_count * sizeof fields[0]);
    fields[publish->field_count] = SPAN("tenant");
    fields[publish->field_count + 1] = span_of(store->tenant);
    for (size_t i = 0; i + 1 < publish->field_count; i += 2) {
        if (!span_equals_text(fields[i], "tenant"))
            continue;
        if (!span_equals_text(fields[i + 1], store->tenant)) {
            store_refuse_tenant(store, errors);
            return STORE_INVALID;
        }
        bound.field_count = publish->field_count;
    }
    return publish_event(store, &bound, id, errors);
}

enum store_result store_publish_event(struct store *store, const struct store_publish *publish,
                                      char id[EVENT_ID_SIZE], struct field_errors *errors)
{
    return store->tenant ? publish_bound(store, publish, id, errors)
                         : publish_event(store, publish, id, errors);
}

enum store_result store_test_subscription(struct store *store, const char *id,
                                          char event_id[EVENT_ID_SIZE])
{
    struct subscription *subscription = NULL;
    enum store_result result = store_find_subscription(store, id, &subscription);
    if (result != STORE_OK)
        return result;
    if (subscription->state == SUBSCRIPTION_DISABLED) {
        store_set_error(store, "the subscription is disabled: resume it first");
        subscription_unref(&subscription);
        return STORE_CONFLICT;
    }
    struct text data;
    text_init(&data, 512);
    text_append_string(&data, "{\"message\":\"This is a test of petrel.\",\"subscription\":");
    json_append_string(&data, span_of(subscription->id));
    text_append_char(&data, '}');
    const struct span fields[] = {
        SPAN("type"),     SPAN("petrel.test"),           SPAN("data"),
        text_span(&data), SPAN("subscription"),          span_of(subscription->id),
        SPAN("tenant"),   span_of(subscription->tenant),
    };
    struct store_publish publish = {.fields = fields,
                                    .field_count = sizeof fields / sizeof fields[0]};
    struct field_errors errors = {0};
    result = store_publish_event(store, &publish, event_id, &errors);
    if (result == STORE_INVALID) { // the limit of an event's size is that small
        store_set_error(store, "%s %s", errors.items[0].field, errors.items[0].message);
        result = STORE_CONFLICT;
    }
    text_fini(&data);
    subscription_unref(&subscription);
    return result;
}
