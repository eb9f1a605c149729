// SPDX-License-Identifier: Apache-2.0
// Keys of the admin API in Redis: a hash of stored forms, and one of when each was last used, apart from the
// first so that using a key changes nothing that matters.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/clock.h"
#include "petrel/timestamp.h"
#include "store_internal.h"

enum { USED_EVERY_MS = 60 * 1000 };

// Of a bound store's caller the others don't exist.
static bool is_visible(const struct store *store, const struct api_key *key)
{
    return !store->tenant || (key->has_tenant && strcmp(key->tenant, store->tenant) == 0);
}

// ---- reading

static struct redis_command *get_command(struct store *store, enum key_name name, const char *id)
{
    struct redis_command *command = redis_command_create("HGET");
    store_add_key(store, command, 0, name, (struct span){0});
    if (command)
        redis_command_add_text(command, id);
    return command;
}

enum store_result store_find_api_key(struct store *store, const char *id, struct api_key *found)
{
    redis_reply *replies[2];
    struct redis_command *commands[2] = {get_command(store, KEY_KEYS, id),
                                         get_command(store, KEY_KEYS_USED, id)};
    enum store_result result = store_call_all(store, commands, replies, 2);
    if (result != STORE_OK)
        return result;
    result = store_judge(store, replies[0]);
    if (result == STORE_OK && (!api_key_parse_stored(redis_reply_span(replies[0]), found) ||
                               strcmp(found->id, id) != 0 || !is_visible(store, found)))
        result = STORE_NOT_FOUND;
    if (result == STORE_OK && !span_to_int64(redis_reply_span(replies[1]), &found->last_used_at_ms))
        found->last_used_at_ms = 0;
    redis_client_free_reply(&replies[0]);
    redis_client_free_reply(&replies[1]);
    return result;
}

// ---- the list

static int compare(const void *a, const void *b)
{
    const struct api_key *left = a;
    const struct api_key *right = b;
    if (left->created_at_ms != right->created_at_ms)
        return left->created_at_ms < right->created_at_ms ? -1 : 1;
    return strcmp(left->id, right->id);
}

static void read_used(redis_reply *used, struct api_key *key)
{
    if (!span_to_int64(redis_reply_span(redis_reply_field(used, key->id)), &key->last_used_at_ms))
        key->last_used_at_ms = 0;
}

static enum store_result read_all(struct store *store, struct store_api_keys *list)
{
    redis_reply *replies[2];
    struct redis_command *commands[2] = {redis_command_create("HGETALL"),
                                         redis_command_create("HGETALL")};
    store_add_key(store, commands[0], 0, KEY_KEYS, (struct span){0});
    store_add_key(store, commands[1], 0, KEY_KEYS_USED, (struct span){0});
    enum store_result result = store_call_all(store, commands, replies, 2);
    if (result != STORE_OK)
        return result;
    result = store_judge(store, replies[0]);
    size_t count = redis_reply_count(replies[0]);
    list->items = calloc(count / 2 + 1, sizeof *list->items);
    if (result == STORE_OK && !list->items)
        result = store_fail_memory(store);
    for (size_t i = 1; list->items && result == STORE_OK && i < count; i += 2) {
        struct api_key *key = &list->items[list->count];
        if (!api_key_parse_stored(redis_reply_span(redis_reply_at(replies[0], i)), key) ||
            !is_visible(store, key))
            continue;
        read_used(replies[1], key);
        list->count++;
    }
    redis_client_free_reply(&replies[0]);
    redis_client_free_reply(&replies[1]);
    return result;
}

static bool parse_cursor(const char *cursor, struct api_key *after)
{
    char plain[128];
    struct span created;
    *after = (struct api_key){.created_at_ms = -1};
    if (!cursor || !cursor[0])
        return true;
    if (!store_decode_cursor(cursor, plain, sizeof plain))
        return false;
    struct span rest = span_of(plain);
    return span_next(&rest, '/', &created) && span_to_int64(created, &after->created_at_ms) &&
           event_is_id(rest) && span_copy(rest, after->id, sizeof after->id);
}

// There are STORE_API_KEYS_MAX at most, so all are read and a page is cut out of them.
static void cut_page(struct store_api_keys *list, const struct api_key *after, size_t limit)
{
    size_t first = 0;
    qsort(list->items, list->count, sizeof *list->items, compare);
    while (first < list->count && compare(&list->items[first], after) <= 0)
        first++;
    list->count -= first;
    memmove(list->items, list->items + first, list->count * sizeof *list->items);
    if (list->count <= limit)
        return;
    list->count = limit;
    const struct api_key *last = &list->items[limit - 1];
    store_format_cursor(list->next_cursor, "%lld/%s", (long long)last->created_at_ms, last->id);
}

enum store_result store_list_api_keys(struct store *store, const char *cursor, size_t limit,
                                      struct store_api_keys *list, struct field_errors *errors)
{
    struct api_key after;
    *list = (struct store_api_keys){0};
    if (!parse_cursor(cursor, &after))
        return store_refuse_cursor(errors);
    enum store_result result = read_all(store, list);
    if (result == STORE_OK)
        cut_page(list, &after, limit < 1 ? 1 : limit);
    else
        store_api_keys_fini(list);
    return result;
}

void store_api_keys_fini(struct store_api_keys *list)
{
    free(list->items);
    *list = (struct store_api_keys){0};
}

// ---- making

static void read_name(const char *text, struct api_key *key, struct field_errors *errors)
{
    struct span name = span_of(text);
    bool is_printable = utf8_is_valid(name);
    for (size_t i = 0; i < name.size; i++)
        is_printable = is_printable && (unsigned char)name.data[i] >= ' ' && name.data[i] != 0x7F;
    if (name.size == 0 || !is_printable || !span_copy(name, key->name, sizeof key->name))
        field_errors_add(errors, "name", "must be 1 to %d bytes of text on one line",
                         API_KEY_NAME_SIZE - 1);
}

static void read_tenant(const struct store *store, const char *tenant, struct api_key *key,
                        struct field_errors *errors)
{
    if (!tenant)
        tenant = store->tenant;
    key->has_tenant = tenant != NULL;
    if (!tenant)
        return;
    if (!event_is_tenant(span_of(tenant)) ||
        !span_copy(span_of(tenant), key->tenant, sizeof key->tenant))
        field_errors_add(errors, "tenant", "must be at most 64 characters of A-Z a-z 0-9 _ . : -");
    else if (store->tenant && strcmp(tenant, store->tenant) != 0)
        store_refuse_tenant(store, errors);
}

static void read_expiry(const char *text, struct api_key *key, struct field_errors *errors)
{
    int64_t lasts_ms;
    if (!text)
        return;
    if (duration_parse(span_of(text), &lasts_ms))
        key->expires_at_ms = lasts_ms < TIMESTAMP_MAX_MS - key->created_at_ms
                                 ? key->created_at_ms + lasts_ms
                                 : TIMESTAMP_MAX_MS;
    else if (!timestamp_parse(span_of(text), &key->expires_at_ms))
        key->expires_at_ms = 0;
    if (key->expires_at_ms <= key->created_at_ms)
        field_errors_add(errors, "expires",
                         "must be a time to come like 2027-01-31T12:00:00Z, or a length of time "
                         "like 90d");
}

static enum store_result put(struct store *store, const struct api_key *key)
{
    struct redis_command *command = redis_command_create_script(SCRIPT_API_KEY_PUT);
    struct text stored;
    redis_reply *reply = NULL;
    if (!command)
        return store_fail_memory(store);
    text_init(&stored, API_KEY_JSON_MAX_BYTES);
    api_key_format_stored(key, &stored);
    store_add_key(store, command, 0, KEY_KEYS, (struct span){0});
    redis_command_add_text(command, key->id);
    redis_command_add_span(command, text_span(&stored));
    redis_command_add_int(command, STORE_API_KEYS_MAX);
    text_fini(&stored);
    enum store_result result = store_call(store, &command, &reply);
    if (result == STORE_OK && redis_reply_int(reply) != 1) {
        store_set_error(store, "there are %d keys already: revoke some", STORE_API_KEYS_MAX);
        result = STORE_CONFLICT;
    }
    redis_client_free_reply(&reply);
    return result;
}

enum store_result store_create_api_key(struct store *store,
                                       const struct store_api_key_request *request,
                                       struct api_key *created, char text[API_KEY_TEXT_SIZE],
                                       struct field_errors *errors)
{
    *created = (struct api_key){.created_at_ms = clock_wall_ms()};
    text[0] = '\0';
    read_name(request->name, created, errors);
    if (!api_key_parse_scope(span_of(request->scope), &created->scope))
        field_errors_add(errors, "scope", "must be read, write or admin");
    read_tenant(store, request->tenant, created, errors);
    read_expiry(request->expires, created, errors);
    if (errors->count > 0)
        return STORE_INVALID;
    api_key_make(created, text);
    enum store_result result = put(store, created);
    if (result != STORE_OK)
        explicit_bzero(text, API_KEY_TEXT_SIZE);
    return result;
}

// ---- revoking, using

enum store_result store_revoke_api_key(struct store *store, const char *id)
{
    struct api_key key;
    redis_reply *replies[2];
    enum store_result result = store_find_api_key(store, id, &key);
    if (result != STORE_OK)
        return result;
    struct redis_command *commands[2] = {redis_command_create("HDEL"), redis_command_create("HDEL")};
    store_add_key(store, commands[0], 0, KEY_KEYS, (struct span){0});
    store_add_key(store, commands[1], 0, KEY_KEYS_USED, (struct span){0});
    for (size_t i = 0; i < 2; i++) {
        if (commands[i])
            redis_command_add_text(commands[i], id);
    }
    result = store_call_all(store, commands, replies, 2);
    if (result != STORE_OK)
        return result;
    result = store_judge(store, replies[0]);
    if (result == STORE_OK && redis_reply_int(replies[0]) == 0)
        result = STORE_NOT_FOUND; // somebody was faster
    redis_client_free_reply(&replies[0]);
    redis_client_free_reply(&replies[1]);
    return result;
}

void store_note_api_key_used(struct store *store, const struct api_key *key)
{
    int64_t now_ms = clock_wall_ms();
    redis_reply *reply = NULL;
    if (now_ms - key->last_used_at_ms < USED_EVERY_MS)
        return;
    struct redis_command *command = redis_command_create("HSET");
    if (!command)
        return;
    store_add_key(store, command, 0, KEY_KEYS_USED, (struct span){0});
    redis_command_add_text(command, key->id);
    redis_command_add_int(command, now_ms);
    store_call(store, &command, &reply); // that it isn't noted is no reason to refuse the request
    redis_client_free_reply(&reply);
    store->error[0] = '\0';
}
