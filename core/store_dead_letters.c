// SPDX-License-Identifier: Apache-2.0
// Dead letters: listed newest first, looked at, redriven, deleted. Which shard has one is asked, not guessed:
// a producer may have put its event into any.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

#define SCORE_MAX 9007199254740992.0 // 2^53: what Redis keeps exactly

// ---- ids

struct letter_id {
    struct span whole, event, subscription;
};

// "<event id>.<subscription id>"; neither has a dot.
static bool parse_id(struct span text, struct letter_id *id)
{
    id->whole = text;
    struct span rest = text;
    if (text.size >= DEAD_LETTER_ID_SIZE || !span_next(&rest, '.', &id->event))
        return false;
    id->subscription = rest;
    return event_is_id(id->event) && event_is_id(id->subscription);
}

// ---- one letter from its hash

static bool read_letter(const struct store_position *position, redis_reply *fields,
                        struct store_dead_letter *letter)
{
    struct letter_id id;
    *letter = (struct store_dead_letter){0};
    if (!parse_id(span_of(position->member), &id))
        return true;
    span_copy(id.whole, letter->id, sizeof letter->id);
    span_copy(id.event, letter->event, sizeof letter->event);
    span_copy(id.subscription, letter->subscription, sizeof letter->subscription);
    store_copy_field(fields, "type", letter->type, sizeof letter->type);
    store_copy_field(fields, "tenant", letter->tenant, sizeof letter->tenant);
    store_copy_field(fields, "reason", letter->reason, sizeof letter->reason);
    store_copy_field(fields, "last_error", letter->last_error, sizeof letter->last_error);
    letter->attempts = (uint32_t)store_field_int(fields, "attempts");
    letter->first_attempt_at_ms = store_field_int(fields, "first_attempt_at");
    letter->last_attempt_at_ms = store_field_int(fields, "last_attempt_at");
    letter->last_status = (int32_t)store_field_int(fields, "last_status");
    letter->died_at_ms = position->ms;
    struct span response = redis_reply_span(redis_reply_field(fields, "last_response"));
    letter->last_response = span_duplicate(response);
    letter->last_response_size = letter->last_response ? response.size : 0;
    return letter->last_response != NULL;
}

void store_dead_letter_fini(struct store_dead_letter *found)
{
    free(found->last_response);
    event_destroy(&found->message);
    *found = (struct store_dead_letter){0};
}

// ---- the list

struct reading {
    const struct store_dead_letter_filter *filter;
    struct store_dead_letters *list;
};

static struct redis_command *range_command(struct store_walk *walk, uint32_t shard,
                                           const struct store_position *after, size_t offset)
{
    int64_t newest = after ? after->ms : INT64_MAX;
    if (walk->until_ms > 0 && walk->until_ms < newest)
        newest = walk->until_ms;
    struct redis_command *command = redis_command_create("ZREVRANGEBYSCORE");
    if (!command)
        return NULL;
    store_add_key(walk->store, command, shard, KEY_DEAD, (struct span){0});
    if (newest == INT64_MAX)
        redis_command_add_text(command, "+inf");
    else
        redis_command_add_int(command, newest);
    if (walk->since_ms > 0)
        redis_command_add_int(command, walk->since_ms);
    else
        redis_command_add_text(command, "-inf");
    redis_command_add_text(command, "WITHSCORES");
    redis_command_add_text(command, "LIMIT");
    redis_command_add_int(command, (int64_t)offset);
    redis_command_add_int(command, STORE_BATCH_ROWS);
    return command;
}

static bool read_position(redis_reply *reply, size_t index, struct store_position *position)
{
    char score[40];
    store_copy_text(redis_reply_at(reply, 2 * index + 1), score, sizeof score);
    double ms = strtod(score, NULL);
    position->ms =
        fabs(ms) < SCORE_MAX ? (int64_t)ms : 0; // not so of infinity and of what is no number
    return span_copy(redis_reply_span(redis_reply_at(reply, 2 * index)), position->member,
                     sizeof position->member);
}

// Those of the reply that come after `after`: what died in the same millisecond is read again with it.
static void read_rows(redis_reply *reply, uint32_t shard, const struct store_position *after,
                      struct store_batch *batch)
{
    for (size_t i = 0; i < redis_reply_count(reply) / 2 && batch->count < STORE_BATCH_ROWS; i++) {
        struct store_row row = {.position = {.shard = shard}};
        if (read_position(reply, i, &row.position) &&
            (!after || store_is_older(&row.position, after)))
            batch->rows[batch->count++] = row;
    }
}

// Members that petrel never put there are no letter of any subscription.
static bool is_of_subscription(const struct store_row *row, const char *subscription)
{
    struct letter_id id;
    return parse_id(span_of(row->position.member), &id) &&
           (!subscription || span_equals_text(id.subscription, subscription));
}

// One round trip for the hashes of those rows whose id alone doesn't rule them out.
static enum store_result fetch_details(struct store_walk *walk, uint32_t shard,
                                       struct store_batch *batch)
{
    const struct reading *reading = walk->arg;
    struct redis_command *commands[STORE_BATCH_ROWS];
    size_t rows[STORE_BATCH_ROWS];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (!is_of_subscription(&batch->rows[i], reading->filter->subscription))
            continue;
        commands[count] = redis_command_create("HGETALL");
        store_add_key(walk->store, commands[count], shard, KEY_DEAD_LETTER,
                      span_of(batch->rows[i].position.member));
        rows[count++] = i;
    }
    if (count == 0)
        return STORE_OK;
    enum store_result result = store_call_all(walk->store, commands, batch->details, count);
    for (size_t i = 0; result == STORE_OK && i < count; i++)
        batch->rows[rows[i]].fields = batch->details[i];
    return result;
}

static enum store_result fetch(struct store_walk *walk, uint32_t shard,
                               const struct store_position *after, struct store_batch *batch)
{
    size_t offset = 0;
    for (;;) {
        redis_reply *reply = NULL;
        struct redis_command *command = range_command(walk, shard, after, offset);
        enum store_result result = store_call(walk->store, &command, &reply);
        if (result != STORE_OK)
            return result;
        size_t count = redis_reply_count(reply) / 2;
        batch->is_last = count < STORE_BATCH_ROWS;
        read_rows(reply, shard, after, batch);
        redis_client_free_reply(&reply);
        // More than a batch died in the cursor's millisecond: look further.
        if (batch->count > 0 || batch->is_last)
            return fetch_details(walk, shard, batch);
        offset += count;
    }
}

static bool on_row(struct store_walk *walk, const struct store_row *row)
{
    const struct reading *reading = walk->arg;
    const struct store_dead_letter_filter *filter = reading->filter;
    // No fields: of another subscription, or redriven since the set was read.
    if (redis_reply_count(row->fields) == 0 ||
        !store_field_passes(row->fields, "type", filter->type) ||
        !store_field_passes(row->fields, "reason", filter->reason) ||
        !store_field_passes(row->fields, "tenant", filter->tenant))
        return false;
    struct store_dead_letter *letter = &reading->list->items[reading->list->count++];
    if (!read_letter(&row->position, row->fields, letter))
        walk->is_spent = true;
    return true;
}

enum store_result store_list_dead_letters(struct store *store,
                                          const struct store_dead_letter_filter *filter,
                                          const char *cursor, size_t limit,
                                          struct store_dead_letters *list,
                                          struct field_errors *errors)
{
    struct store_dead_letter_filter bound = *filter;
    struct reading reading = {.filter = &bound, .list = list};
    struct store_walk walk = {
        .store = store,
        .cursor = cursor,
        .limit = limit,
        .fetch = fetch,
        .offer = on_row,
        .arg = &reading,
        .since_ms = filter->since_ms,
        .until_ms = filter->until_ms,
    };
    *list = (struct store_dead_letters){0};
    if (!store_choose_tenant(store, &bound.tenant, errors))
        return STORE_INVALID;
    list->items = calloc(STORE_LIST_MAX, sizeof *list->items);
    if (!list->items)
        return store_fail_memory(store);
    enum store_result result = store_walk_run(&walk, list->next_cursor, errors);
    if (result != STORE_OK)
        store_dead_letters_fini(list);
    return result;
}

void store_dead_letters_fini(struct store_dead_letters *list)
{
    for (size_t i = 0; i < list->count; i++)
        store_dead_letter_fini(&list->items[i]);
    free(list->items);
    *list = (struct store_dead_letters){0};
}

// ---- one

static enum store_result find_shard(struct store *store, struct span id, uint32_t *shard)
{
    struct redis_command *commands[SHARDS_MAX];
    redis_reply *replies[SHARDS_MAX];
    uint32_t shards = store->keys.shards;
    for (uint32_t i = 0; i < shards; i++) {
        commands[i] = redis_command_create("ZSCORE");
        store_add_key(store, commands[i], i, KEY_DEAD, (struct span){0});
        if (commands[i])
            redis_command_add_span(commands[i], id);
    }
    *shard = 0;
    enum store_result result = store_call_all(store, commands, replies, shards);
    if (result != STORE_OK)
        return result;
    result = STORE_NOT_FOUND;
    for (uint32_t i = 0; i < shards; i++) {
        if (redis_reply_is_error(replies[i]))
            result = store_judge(store, replies[i]);
        else if (result == STORE_NOT_FOUND &&
                 redis_reply_kind_of(replies[i]) == REDIS_REPLY_IS_TEXT) {
            *shard = i;
            result = STORE_OK;
        }
        redis_client_free_reply(&replies[i]);
    }
    return result;
}

static enum store_result check_tenant(struct store *store, struct span id, uint32_t shard)
{
    char tenant[EVENT_TENANT_SIZE];
    redis_reply *reply = NULL;
    struct redis_command *command = redis_command_create("HGET");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_DEAD_LETTER, id);
    redis_command_add_text(command, "tenant");
    enum store_result result = store_call(store, &command, &reply);
    if (result != STORE_OK)
        return result;
    store_copy_text(reply, tenant, sizeof tenant);
    redis_client_free_reply(&reply);
    return store_is_visible(store, tenant) ? STORE_OK : STORE_NOT_FOUND;
}

static enum store_result find(struct store *store, const char *text, struct letter_id *id,
                              uint32_t *shard)
{
    if (!parse_id(span_of(text), id))
        return STORE_NOT_FOUND;
    enum store_result result = find_shard(store, id->whole, shard);
    return result == STORE_OK && store->tenant ? check_tenant(store, id->whole, *shard) : result;
}

enum store_result store_find_dead_letter(struct store *store, const char *id,
                                         struct store_dead_letter *found)
{
    struct letter_id parsed;
    uint32_t shard;
    *found = (struct store_dead_letter){0};
    enum store_result result = find(store, id, &parsed, &shard);
    if (result != STORE_OK)
        return result;
    redis_reply *replies[2];
    struct redis_command *commands[2] = {redis_command_create("HGETALL"),
                                         redis_command_create("GET")};
    store_add_key(store, commands[0], shard, KEY_DEAD_LETTER, parsed.whole);
    store_add_key(store, commands[1], shard, KEY_MESSAGE, parsed.event);
    result = store_call_all(store, commands, replies, 2);
    if (result != STORE_OK)
        return result;
    struct store_position position = {.ms = store_field_int(replies[0], "died_at")};
    span_copy(parsed.whole, position.member, sizeof position.member);
    result = store_judge(store, replies[0]);
    if (result == STORE_OK && redis_reply_count(replies[0]) == 0)
        result = STORE_NOT_FOUND; // redriven this moment
    if (result == STORE_OK && !read_letter(&position, replies[0], found))
        result = store_fail_memory(store);
    if (result == STORE_OK)
        found->message = event_parse_stored(parsed.event, shard, redis_reply_span(replies[1]));
    if (found->message && strcmp(found->message->tenant, found->tenant) != 0)
        event_destroy(&found->message); // the copy bears nothing but an id
    redis_client_free_reply(&replies[0]);
    redis_client_free_reply(&replies[1]);
    return result;
}

// A redriven delivery of a deleted or disabled subscription would die again at once.
static enum store_result check_receiver(struct store *store, struct span id)
{
    char text[EVENT_SUBSCRIPTION_SIZE];
    struct subscription *subscription = NULL;
    span_copy(id, text, sizeof text);
    enum store_result result = store_find_subscription(store, text, &subscription);
    if (result == STORE_NOT_FOUND) {
        store_set_error(store, "its subscription %s was deleted", text);
        return STORE_CONFLICT;
    }
    if (result != STORE_OK)
        return result;
    if (subscription->state == SUBSCRIPTION_DISABLED) {
        store_set_error(store, "its subscription %s is disabled: resume it first", text);
        result = STORE_CONFLICT;
    }
    subscription_unref(&subscription);
    return result;
}

enum store_result store_redrive_dead_letter(struct store *store, const char *id)
{
    struct letter_id parsed;
    uint32_t shard;
    enum store_result result = find(store, id, &parsed, &shard);
    if (result == STORE_OK)
        result = check_receiver(store, parsed.subscription);
    if (result != STORE_OK)
        return result;
    struct redis_command *command = redis_command_create_script(SCRIPT_REDRIVE);
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_DEAD, (struct span){0});
    store_add_key(store, command, shard, KEY_DEAD_LETTER, parsed.whole);
    store_add_key(store, command, shard, KEY_QUEUE, parsed.subscription);
    store_add_key(store, command, shard, KEY_DUE, (struct span){0});
    store_add_key(store, command, shard, KEY_PARKED, parsed.subscription);
    store_add_key(store, command, shard, KEY_MESSAGE, parsed.event);
    store_add_key(store, command, shard, KEY_TOTALS, (struct span){0});
    store_add_key(store, command, shard, KEY_ORDER, parsed.subscription);
    redis_command_add_span(command, parsed.whole);
    redis_command_add_span(command, parsed.event);
    redis_command_add_span(command, parsed.subscription);
    redis_reply *reply = NULL;
    result = store_call(store, &command, &reply);
    if (result != STORE_OK)
        return result;
    int64_t answer = redis_reply_int(reply);
    redis_client_free_reply(&reply);
    if (answer < 0) {
        store_set_error(store, "the event's copy is gone, so it can't be sent again");
        return STORE_CONFLICT;
    }
    return answer == 1 ? STORE_OK : STORE_NOT_FOUND;
}

enum store_result store_delete_dead_letter(struct store *store, const char *id)
{
    struct letter_id parsed;
    uint32_t shard;
    enum store_result result = find(store, id, &parsed, &shard);
    if (result != STORE_OK)
        return result;
    struct redis_command *command = redis_command_create_script(SCRIPT_DISCARD);
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_DEAD, (struct span){0});
    store_add_key(store, command, shard, KEY_DEAD_LETTER, parsed.whole);
    store_add_key(store, command, shard, KEY_MESSAGE, parsed.event);
    redis_command_add_span(command, parsed.whole);
    redis_reply *reply = NULL;
    result = store_call(store, &command, &reply);
    if (result != STORE_OK)
        return result;
    int64_t answer = redis_reply_int(reply);
    redis_client_free_reply(&reply);
    return answer == 1 ? STORE_OK : STORE_NOT_FOUND;
}
