// SPDX-License-Identifier: Apache-2.0
// Subscriptions in Redis: one hash of JSON texts. Each change is compare-and-set by a script: read, change,
// put if nobody else changed it meanwhile, else again, a few times.
#include <string.h>

#include "petrel/clock.h"
#include "store_internal.h"

enum { PUT_TRIES = 5, VISIT_BATCH = 500 };

// ---- reading

enum store_result store_visit_subscriptions(struct store *store, store_visit_subscription *visit,
                                            void *arg)
{
    char position[32] = "0";
    bool goes_on = true;
    do {
        struct redis_command *command = redis_command_create("HSCAN");
        if (!command)
            return store_fail_memory(store);
        redis_reply *reply = NULL;
        store_add_key(store, command, 0, KEY_SUBSCRIPTIONS, (struct span){0});
        redis_command_add_text(command, position);
        redis_command_add_text(command, "COUNT");
        redis_command_add_int(command, VISIT_BATCH);
        enum store_result result = store_call(store, &command, &reply);
        if (result != STORE_OK)
            return result;
        store_copy_text(redis_reply_at(reply, 0), position, sizeof position);
        redis_reply *items = redis_reply_at(reply, 1);
        for (size_t i = 0; goes_on && i + 1 < redis_reply_count(items); i += 2)
            goes_on = visit(arg, redis_reply_span(redis_reply_at(items, i)),
                            redis_reply_span(redis_reply_at(items, i + 1)));
        redis_client_free_reply(&reply);
    } while (goes_on && strcmp(position, "0") != 0);
    return STORE_OK;
}

static enum store_result parse(struct store *store, const char *id, struct span json,
                               struct subscription **found)
{
    struct text why;
    text_init(&why, STORE_WHY_MAX_BYTES);
    *found = subscription_parse_stored(json, store->vault, &why);
    // A locked one has no secrets to show and none to write back.
    if (*found && (*found)->lock != SUBSCRIPTION_NOT_LOCKED)
        subscription_unref(found);
    if (!*found)
        store_set_error(store, "subscription %.64s in Redis can't be read: %.160s", id,
                        text_string(&why));
    text_fini(&why);
    return *found ? STORE_OK : STORE_CONFLICT;
}

enum store_result store_fetch_subscription(struct store *store, const char *id, redis_reply **stored)
{
    *stored = NULL;
    if (!event_is_id(span_of(id)))
        return STORE_NOT_FOUND;
    struct redis_command *command = redis_command_create("HGET");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, 0, KEY_SUBSCRIPTIONS, (struct span){0});
    redis_command_add_text(command, id);
    enum store_result result = store_call(store, &command, stored);
    if (result == STORE_OK && redis_reply_kind_of(*stored) == REDIS_REPLY_IS_NIL) {
        redis_client_free_reply(stored);
        result = STORE_NOT_FOUND;
    }
    return result;
}

// The stored text too: what a change is compared with.
static enum store_result fetch(struct store *store, const char *id, redis_reply **stored,
                               struct subscription **found)
{
    *found = NULL;
    enum store_result result = store_fetch_subscription(store, id, stored);
    if (result == STORE_OK)
        result = parse(store, id, redis_reply_span(*stored), found);
    if (result == STORE_OK && !store_is_visible(store, (*found)->tenant)) {
        subscription_unref(found);
        result = STORE_NOT_FOUND;
    }
    if (result != STORE_OK)
        redis_client_free_reply(stored);
    return result;
}

enum store_result store_find_subscription(struct store *store, const char *id,
                                          struct subscription **found)
{
    redis_reply *stored;
    enum store_result result = fetch(store, id, &stored, found);
    redis_client_free_reply(&stored);
    return result;
}

// ---- writing

// Puts `text` (empty deletes) where `expected` was (empty: nothing). *is_put is false when it no longer was.
static enum store_result put(struct store *store, const char *id, struct span text,
                             struct span expected, bool *is_put)
{
    struct redis_command *command = redis_command_create_script(SCRIPT_SUBSCRIPTION_PUT);
    if (!command)
        return store_fail_memory(store);
    redis_reply *reply = NULL;
    store_add_key(store, command, 0, KEY_SUBSCRIPTIONS, (struct span){0});
    store_add_key(store, command, 0, KEY_CHANGES, (struct span){0});
    store_add_key(store, command, 0, KEY_EVENTS, (struct span){0});
    redis_command_add_text(command, id);
    redis_command_add_span(command, text);
    redis_command_add_span(command, expected);
    for (int i = 0; i < 3; i++) // who changes it here knows: no event tells of it
        redis_command_add_text(command, "");
    enum store_result result = store_call(store, &command, &reply);
    *is_put = redis_reply_int(reply) == 1;
    redis_client_free_reply(&reply);
    return result;
}

enum store_result store_put_subscription(struct store *store,
                                         const struct subscription *subscription,
                                         struct span expected, bool *is_put)
{
    struct text text;
    text_init_secret(&text, SUBSCRIPTION_JSON_MAX_BYTES);
    subscription_format_stored(subscription, store->vault, &text);
    enum store_result result =
        text.failed ? store_fail_memory(store)
                    : put(store, subscription->id, text_span(&text), expected, is_put);
    text_fini(&text);
    return result;
}

// Early and kindly: what counts is the dispatcher's judgement when it connects. One sentence for all reasons, so that
// nobody learns from it what there is inside.
static bool is_url_allowed(const struct store *store, const struct subscription *subscription,
                           struct field_errors *errors)
{
    if (!store->guard || !guard_refuse_url(store->guard, subscription->url))
        return true;
    field_errors_add(errors, "url", "petrel doesn't deliver to this address (blocked_address)");
    return false;
}

// Nobody else has a reference to it yet.
static bool bind_tenant(const struct store *store, struct subscription *created)
{
    if (store->tenant && !created->tenant[0])
        span_copy(span_of(store->tenant), created->tenant, sizeof created->tenant);
    return store_is_visible(store, created->tenant);
}

enum store_result store_create_subscription(struct store *store, struct span body,
                                            struct subscription **created,
                                            struct field_errors *errors)
{
    bool is_put = false;
    *created = subscription_create(body, clock_wall_ms(), errors);
    if (*created && !is_url_allowed(store, *created, errors))
        subscription_unref(created);
    if (!*created)
        return STORE_INVALID;
    if (!bind_tenant(store, *created)) {
        store_refuse_tenant(store, errors);
        subscription_unref(created);
        return STORE_INVALID;
    }
    enum store_result result = store_put_subscription(store, *created, (struct span){0}, &is_put);
    if (result == STORE_OK && !is_put) {
        // 130 random bits don't collide; the answer to an earlier try of the same call was lost.
        store_set_error(store, "the new subscription's id is taken");
        result = STORE_CONFLICT;
    }
    if (result != STORE_OK)
        subscription_unref(created);
    return result;
}

// A change: from what is stored, a new one (one reference); NULL with errors filled, or without memory.
struct change {
    const struct store *store;
    struct subscription *(*apply)(const struct change *change, const struct subscription *from);
    struct span body;
    struct field_errors *errors;
    enum subscription_state state;
    const char *reason;
    const struct secret *secret;
    int64_t grace_ms;
};

static enum store_result change_once(struct store *store, const char *id,
                                     const struct change *change, struct subscription **changed,
                                     bool *is_put)
{
    redis_reply *stored;
    struct subscription *from;
    enum store_result result = fetch(store, id, &stored, &from);
    *is_put = false;
    *changed = NULL;
    if (result != STORE_OK)
        return result;
    *changed = change->apply(change, from);
    if (*changed)
        result = store_put_subscription(store, *changed, redis_reply_span(stored), is_put);
    else
        result = change->errors && change->errors->count ? STORE_INVALID : store_fail_memory(store);
    if (result != STORE_OK || !*is_put)
        subscription_unref(changed);
    subscription_unref(&from);
    redis_client_free_reply(&stored);
    return result;
}

static enum store_result change_subscription(struct store *store, const char *id,
                                             const struct change *change,
                                             struct subscription **changed)
{
    for (int tries = 0; tries < PUT_TRIES; tries++) {
        bool is_put;
        enum store_result result = change_once(store, id, change, changed, &is_put);
        if (result != STORE_OK || is_put)
            return result;
    }
    store_set_error(store, "others kept changing the subscription; try again");
    return STORE_CONFLICT;
}

static struct subscription *apply_patch(const struct change *change, const struct subscription *from)
{
    struct subscription *changed =
        subscription_patch(from, change->body, clock_wall_ms(), change->errors);
    // A URL that was there before may stay: the rest of the subscription must be changeable.
    bool is_new_url = changed && !url_equals(changed->url, from->url);
    if (is_new_url && !is_url_allowed(change->store, changed, change->errors))
        subscription_unref(&changed);
    return changed;
}

enum store_result store_patch_subscription(struct store *store, const char *id, struct span body,
                                           struct subscription **changed,
                                           struct field_errors *errors)
{
    struct change change = {.store = store, .apply = apply_patch, .body = body, .errors = errors};
    return change_subscription(store, id, &change, changed);
}

static struct subscription *apply_state(const struct change *change, const struct subscription *from)
{
    return subscription_with_state(from, change->state, change->reason, clock_wall_ms());
}

// Somebody looks at its queue at once, in every shard: to send (resumed), or to bury (disabled, deleted).
// What was resumed drains at a slow start.
static enum store_result wake(struct store *store, const char *id, bool is_resumed)
{
    struct redis_command *commands[SHARDS_MAX];
    redis_reply *replies[SHARDS_MAX];
    uint32_t shards = store->keys.shards;
    for (uint32_t shard = 0; shard < shards; shard++) {
        commands[shard] = redis_command_create_script(SCRIPT_WAKE);
        store_add_key(store, commands[shard], shard, KEY_DUE, (struct span){0});
        store_add_key(store, commands[shard], shard, KEY_QUEUE, span_of(id));
        store_add_key(store, commands[shard], shard, KEY_HEALTH, span_of(id));
        store_add_key(store, commands[shard], shard, KEY_OPEN, (struct span){0});
        store_add_key(store, commands[shard], shard, KEY_BREAKERS, (struct span){0});
        if (!commands[shard])
            continue;
        redis_command_add_text(commands[shard], id);
        redis_command_add_int(commands[shard], 0);
        redis_command_add_int(commands[shard], is_resumed);
    }
    enum store_result result = store_call_all(store, commands, replies, shards);
    for (uint32_t shard = 0; shard < shards; shard++) {
        if (result == STORE_OK)
            result = store_judge(store, replies[shard]);
        redis_client_free_reply(&replies[shard]);
    }
    return result;
}

enum store_result store_set_subscription_state(struct store *store, const char *id,
                                               enum subscription_state state, const char *reason,
                                               struct subscription **changed)
{
    struct change change = {.apply = apply_state, .state = state, .reason = reason};
    enum store_result result = change_subscription(store, id, &change, changed);
    if (result == STORE_OK && state != SUBSCRIPTION_PAUSED)
        result = wake(store, id, state == SUBSCRIPTION_ACTIVE);
    if (result != STORE_OK)
        subscription_unref(changed);
    return result;
}

static struct subscription *apply_rotation(const struct change *change,
                                           const struct subscription *from)
{
    return subscription_with_rotated_secret(from, change->secret, change->grace_ms, clock_wall_ms());
}

enum store_result store_rotate_secret(struct store *store, const char *id,
                                      const struct secret *secret, int64_t grace_ms,
                                      struct subscription **changed)
{
    struct change change = {.apply = apply_rotation, .secret = secret, .grace_ms = grace_ms};
    return change_subscription(store, id, &change, changed);
}

// Also one that can't be read; but whose tenant isn't known is nobody's who is bound to one.
static enum store_result fetch_to_delete(struct store *store, const char *id, redis_reply **stored)
{
    struct subscription *found = NULL;
    enum store_result result = store->tenant ? fetch(store, id, stored, &found)
                                             : store_fetch_subscription(store, id, stored);
    subscription_unref(&found);
    return result;
}

// What is known of its subscriber goes with it. What is parked is buried by whoever looks at its queue.
static enum store_result forget_health(struct store *store, const char *id)
{
    struct redis_command *commands[3 * SHARDS_MAX];
    redis_reply *replies[3 * SHARDS_MAX];
    size_t count = 0;
    for (uint32_t shard = 0; shard < store->keys.shards; shard++) {
        commands[count] = redis_command_create("UNLINK");
        store_add_key(store, commands[count++], shard, KEY_HEALTH, span_of(id));
        commands[count] = redis_command_create("ZREM");
        store_add_key(store, commands[count], shard, KEY_OPEN, (struct span){0});
        if (commands[count])
            redis_command_add_text(commands[count], id);
        count++;
    }
    commands[count] = redis_command_create("UNLINK");
    store_add_key(store, commands[count++], 0, KEY_RATE, span_of(id));
    enum store_result result = store_call_all(store, commands, replies, count);
    for (size_t i = 0; i < count && result == STORE_OK; i++)
        redis_client_free_reply(&replies[i]);
    return result;
}

enum store_result store_delete_subscription(struct store *store, const char *id)
{
    for (int tries = 0; tries < PUT_TRIES; tries++) {
        redis_reply *stored;
        bool is_put = false;
        enum store_result result = fetch_to_delete(store, id, &stored);
        if (result != STORE_OK)
            return result;
        result = put(store, id, (struct span){0}, redis_reply_span(stored), &is_put);
        redis_client_free_reply(&stored);
        if (result != STORE_OK)
            return result;
        if (is_put)
            result = forget_health(store, id);
        if (is_put)
            return result == STORE_OK ? wake(store, id, false) : result;
    }
    store_set_error(store, "others kept changing the subscription; try again");
    return STORE_CONFLICT;
}
