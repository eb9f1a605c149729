// SPDX-License-Identifier: Apache-2.0
// Deliveries made again by request: of one event, or of what the stream still has for one subscription. What is still
// in hand, or in the queue already, is left alone.
#include <stdio.h>
#include <string.h>

#include "petrel/pattern.h"
#include "store_internal.h"

// ---- one delivery

static struct redis_command *enqueue_command(struct store *store, const struct event *event,
                                             const struct subscription *subscription)
{
    char letter[DEAD_LETTER_ID_SIZE];
    struct text stored;
    uint32_t shard = event->shard;
    struct span id = span_of(subscription->id);
    struct redis_command *command = redis_command_create_script(SCRIPT_ENQUEUE);
    if (!command)
        return NULL;
    text_init(&stored, SIZE_MAX / 2);
    event_format_stored(event, &stored);
    snprintf(letter, sizeof letter, "%s.%s", event->id, subscription->id);
    store_add_key(store, command, shard, KEY_EVENTS, (struct span){0});
    store_add_key(store, command, shard, KEY_QUEUE, id);
    store_add_key(store, command, shard, KEY_DUE, (struct span){0});
    store_add_key(store, command, shard, KEY_PARKED, id);
    store_add_key(store, command, shard, KEY_MESSAGE, span_of(event->id));
    store_add_key(store, command, shard, KEY_TOTALS, (struct span){0});
    store_add_key(store, command, shard, KEY_ORDER, id);
    store_add_key(store, command, shard, KEY_DEAD, (struct span){0});
    store_add_key(store, command, shard, KEY_DEAD_LETTER, span_of(letter));
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, event->entry_id);
    redis_command_add_text(command, event->id);
    redis_command_add_text(command, subscription->id);
    redis_command_add_text(command, letter);
    redis_command_add_span(command, text_span(&stored));
    redis_command_add_text(command, subscription->is_ordered ? "1" : "0");
    text_fini(&stored);
    return command;
}

static enum store_result enqueue(struct store *store, const struct event *event,
                                 const struct subscription *subscription, size_t *queued)
{
    redis_reply *reply = NULL;
    struct redis_command *command = enqueue_command(store, event, subscription);
    if (!command)
        return store_fail_memory(store);
    enum store_result result = store_call(store, &command, &reply);
    if (result == STORE_OK && redis_reply_int(reply) == 1)
        ++*queued;
    redis_client_free_reply(&reply);
    return result;
}

static enum store_result check_state(struct store *store, const struct subscription *subscription)
{
    if (subscription->state != SUBSCRIPTION_DISABLED)
        return STORE_OK;
    store_set_error(store, "the subscription %s is disabled: resume it first", subscription->id);
    return STORE_CONFLICT;
}

// ---- one event

static enum store_result redeliver_to(struct store *store, const struct store_event *found,
                                      const char *id, size_t *queued)
{
    struct subscription *subscription = NULL;
    enum store_result result = store_find_subscription(store, id, &subscription);
    if (result != STORE_OK)
        return result;
    if (strcmp(subscription->tenant, found->event->tenant) != 0) {
        store_set_error(store, "the event and the subscription are of different tenants");
        result = STORE_CONFLICT;
    }
    if (result == STORE_OK)
        result = check_state(store, subscription);
    if (result == STORE_OK)
        result = enqueue(store, found->event, subscription, queued);
    subscription_unref(&subscription);
    return result;
}

// Those whose subscription is gone or disabled meanwhile are passed over.
static enum store_result redeliver_all(struct store *store, const struct store_event *found,
                                       size_t *queued)
{
    for (size_t i = 0; i < found->delivery_count; i++) {
        enum store_result result =
            redeliver_to(store, found, found->deliveries[i].subscription, queued);
        if (result != STORE_OK && result != STORE_NOT_FOUND && result != STORE_CONFLICT)
            return result;
    }
    return STORE_OK;
}

enum store_result store_redeliver_event(struct store *store, const char *id,
                                        const char *subscription, size_t *queued)
{
    struct store_event found;
    *queued = 0;
    enum store_result result = store_find_event(store, id, &found);
    if (result != STORE_OK)
        return result;
    if (found.state != STORE_EVENT_SETTLED) {
        store_set_error(store, "the event is still being delivered");
        result = STORE_CONFLICT;
    } else if (subscription) {
        result = redeliver_to(store, &found, subscription, queued);
        if (result == STORE_NOT_FOUND) {
            store_set_error(store, "there is no such subscription");
            result = STORE_CONFLICT;
        }
    } else {
        result = redeliver_all(store, &found, queued);
    }
    store_event_fini(&found);
    return result;
}

// ---- the past, for one subscription

struct replay {
    const struct store_replay_request *request;
    const struct subscription *subscription;
    size_t *queued;
    enum store_result result;
};

static bool is_for(const struct replay *replay, const struct event *event)
{
    const struct subscription *subscription = replay->subscription;
    const char *type = replay->request->type;
    if (event_is_own(event->type) || (type && !pattern_matches(span_of(type), span_of(event->type))))
        return false;
    if (event->subscription[0])
        return strcmp(event->subscription, subscription->id) == 0 &&
               strcmp(event->tenant, subscription->tenant) == 0;
    return subscription_wants(subscription, span_of(event->tenant), span_of(event->type));
}

static bool on_row(struct store_walk *walk, const struct store_row *row)
{
    struct replay *replay = walk->arg;
    size_t before = *replay->queued;
    struct event *event = replay->result == STORE_OK ? store_parse_row(row) : NULL;
    if (event && is_for(replay, event))
        replay->result = enqueue(walk->store, event, replay->subscription, replay->queued);
    event_destroy(&event);
    return *replay->queued > before;
}

static enum store_result walk_past(struct store *store, struct replay *replay,
                                   char next_cursor[STORE_CURSOR_SIZE], struct field_errors *errors)
{
    const struct store_replay_request *request = replay->request;
    struct store_walk walk = {
        .store = store,
        .cursor = request->cursor,
        .limit = request->limit,
        .fetch = store_fetch_stream,
        .offer = on_row,
        .arg = replay,
        .stream = KEY_EVENTS,
        .since_ms = request->since_ms,
        .until_ms = request->until_ms,
    };
    enum store_result result = store_walk_run(&walk, next_cursor, errors);
    return result == STORE_OK ? replay->result : result;
}

enum store_result store_replay_subscription(struct store *store, const char *id,
                                            const struct store_replay_request *request,
                                            size_t *queued, char next_cursor[STORE_CURSOR_SIZE],
                                            struct field_errors *errors)
{
    struct subscription *subscription = NULL;
    struct replay replay = {.request = request, .queued = queued, .result = STORE_OK};
    *queued = 0;
    next_cursor[0] = '\0';
    if (request->type && !pattern_is_valid(span_of(request->type))) {
        field_errors_add(errors, "type", "must be a type, or a prefix with a final *");
        return STORE_INVALID;
    }
    enum store_result result = store_find_subscription(store, id, &subscription);
    if (result != STORE_OK)
        return result;
    replay.subscription = subscription;
    result = check_state(store, subscription);
    if (result == STORE_OK)
        result = walk_past(store, &replay, next_cursor, errors);
    subscription_unref(&subscription);
    return result;
}
