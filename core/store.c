// SPDX-License-Identifier: Apache-2.0
// The store's ground: calls to Redis with every failure judged the same way, and reading of replies.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store_internal.h"

const char *store_result_text(enum store_result result)
{
    switch (result) {
    case STORE_OK:
        return "ok";
    case STORE_NOT_FOUND:
        return "not found";
    case STORE_INVALID:
        return "invalid";
    case STORE_CONFLICT:
        return "conflict";
    case STORE_FULL:
        return "Redis is full";
    case STORE_UNAVAILABLE:
        return "Redis is unavailable";
    case STORE_UNCONFIRMED:
        return "too few replicas have it";
    }
    return "";
}

void store_set_error(struct store *store, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(store->error, sizeof store->error, format, arguments);
    va_end(arguments);
}

enum store_result store_fail_memory(struct store *store)
{
    store_set_error(store, "petrel is out of memory");
    return STORE_UNAVAILABLE;
}

enum store_result store_judge(struct store *store, redis_reply *reply)
{
    if (redis_reply_is_ok(reply))
        return STORE_OK;
    struct span text = redis_reply_span(reply);
    int size =
        text.size < sizeof store->error - 32 ? (int)text.size : (int)(sizeof store->error - 32);
    store_set_error(store, "Redis answered: %.*s", size, text.data ? text.data : "");
    return redis_reply_has_code(reply, "OOM") ? STORE_FULL : STORE_UNAVAILABLE;
}

enum store_result store_call_all(struct store *store, struct redis_command **commands,
                                 redis_reply **replies, size_t count)
{
    store->error[0] = '\0';
    redis_client_call_all(store->client, commands, replies, count);
    for (size_t i = 0; i < count; i++) {
        if (replies[i])
            continue;
        store_set_error(store, "%s", redis_client_error(store->client));
        for (size_t j = 0; j < count; j++)
            redis_client_free_reply(&replies[j]);
        return STORE_UNAVAILABLE;
    }
    return STORE_OK;
}

enum store_result store_call(struct store *store, struct redis_command **command,
                             redis_reply **reply)
{
    enum store_result result = store_call_all(store, command, reply, 1);
    if (result == STORE_OK)
        result = store_judge(store, *reply);
    if (result != STORE_OK)
        redis_client_free_reply(reply);
    return result;
}

void store_add_key(struct store *store, struct redis_command *command, uint32_t shard,
                   enum key_name name, struct span suffix)
{
    if (!command)
        return; // no memory: sending it says so
    struct key key = keys_format(&store->keys, shard, name, suffix);
    redis_command_add_key(command, &key);
}

void store_copy_text(redis_reply *reply, char *out, size_t out_size)
{
    struct span text = redis_reply_span(reply);
    if (text.size >= out_size)
        text.size = out_size - 1;
    span_copy(text, out, out_size);
}

void store_copy_field(redis_reply *fields, const char *name, char *out, size_t out_size)
{
    store_copy_text(redis_reply_field(fields, name), out, out_size);
}

int64_t store_field_int(redis_reply *fields, const char *name)
{
    return redis_reply_int(redis_reply_field(fields, name));
}

bool store_field_passes(redis_reply *fields, const char *name, const char *wanted)
{
    return !wanted || span_equals_text(redis_reply_span(redis_reply_field(fields, name)), wanted);
}

bool store_is_visible(const struct store *store, const char *tenant)
{
    return !store->tenant || strcmp(store->tenant, tenant) == 0;
}

bool store_choose_tenant(const struct store *store, const char **tenant, struct field_errors *errors)
{
    if (!store->tenant)
        return true;
    bool is_same = !*tenant || strcmp(*tenant, store->tenant) == 0;
    if (!is_same)
        store_refuse_tenant(store, errors);
    *tenant = store->tenant;
    return is_same;
}

void store_refuse_tenant(const struct store *store, struct field_errors *errors)
{
    field_errors_add(errors, "tenant", "must be \"%s\" or absent: this key is bound to that tenant",
                     store->tenant);
}

bool store_parse_entry_id(struct span text, int64_t *ms, uint64_t *sequence)
{
    struct span first;
    return span_next(&text, '-', &first) && span_to_int64(first, ms) && *ms >= 0 &&
           span_to_uint64(text, sequence);
}
