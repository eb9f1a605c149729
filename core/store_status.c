// SPDX-License-Identifier: Apache-2.0
// The state of the whole: how much work there is, and whether Redis keeps its promises.
#include <string.h>

#include "petrel/clock.h"
#include "petrel/redis_info.h"
#include "store_internal.h"

enum { LAG_COUNT_MAX = 10000, REDIS_MAJOR_MIN = 7 };

// ---- the server

static void copy_cut(struct span text, char *out, size_t out_size)
{
    if (text.size >= out_size)
        text.size = out_size - 1;
    span_copy(text, out, out_size);
}

static void read_info(struct span info, struct store_status *status)
{
    copy_cut(redis_info_find(info, "redis_version"), status->redis_version,
             sizeof status->redis_version);
    copy_cut(redis_info_find(info, "maxmemory_policy"), status->maxmemory_policy,
             sizeof status->maxmemory_policy);
    status->is_append_only = redis_info_int(info, "aof_enabled") == 1;
    struct span write_status = redis_info_find(info, "aof_last_write_status");
    status->is_append_failing = write_status.size > 0 && !span_equals_text(write_status, "ok");
    status->is_replica = span_equals_text(redis_info_find(info, "role"), "slave");
    struct redis_memory memory;
    redis_info_read_memory(info, &memory);
    status->maxmemory_bytes = memory.limit_bytes;
    status->used_memory_bytes = memory.used_bytes;
    status->replicas = (int32_t)redis_info_int(info, "connected_slaves");
    status->is_evicting =
        status->maxmemory_bytes > 0 && strcmp(status->maxmemory_policy, "noeviction") != 0;
}

static int64_t time_ms(redis_reply *time)
{
    return redis_reply_int(redis_reply_at(time, 0)) * 1000 +
           redis_reply_int(redis_reply_at(time, 1)) / 1000;
}

enum { SERVER_INFO, SERVER_FSYNC, SERVER_INSTANCES, SERVER_SCHEMA, SERVER_TIME, SERVER_COUNT };

static enum store_result read_server(struct store *store, struct store_status *status)
{
    redis_reply *replies[SERVER_COUNT];
    struct redis_command *commands[SERVER_COUNT] = {
        [SERVER_INFO] = redis_command_create("INFO"),
        [SERVER_FSYNC] = redis_command_create("CONFIG"),
        [SERVER_INSTANCES] = redis_command_create("HLEN"),
        [SERVER_SCHEMA] = redis_command_create("GET"),
        [SERVER_TIME] = redis_command_create("TIME"),
    };
    if (commands[SERVER_FSYNC]) {
        redis_command_add_text(commands[SERVER_FSYNC], "GET");
        redis_command_add_text(commands[SERVER_FSYNC], "appendfsync");
    }
    store_add_key(store, commands[SERVER_INSTANCES], 0, KEY_INSTANCES, (struct span){0});
    store_add_key(store, commands[SERVER_SCHEMA], 0, KEY_SCHEMA, (struct span){0});
    int64_t before_ms = clock_wall_ms();
    enum store_result result = store_call_all(store, commands, replies, SERVER_COUNT);
    if (result != STORE_OK)
        return result;
    int64_t middle_ms = before_ms + (clock_wall_ms() - before_ms) / 2;
    // Managed services often refuse CONFIG: then it stays "".
    for (size_t i = 0; i < SERVER_COUNT && result == STORE_OK; i++)
        result = i == SERVER_FSYNC ? STORE_OK : store_judge(store, replies[i]);
    read_info(redis_reply_span(replies[SERVER_INFO]), status);
    store_copy_text(replies[SERVER_SCHEMA], status->schema, sizeof status->schema);
    status->shards = store->keys.shards;
    store_copy_text(redis_reply_at(replies[SERVER_FSYNC], 1), status->append_fsync,
                    sizeof status->append_fsync);
    status->instances = (int32_t)redis_reply_int(replies[SERVER_INSTANCES]);
    status->clock_skew_ms = time_ms(replies[SERVER_TIME]) - middle_ms;
    for (size_t i = 0; i < SERVER_COUNT; i++)
        redis_client_free_reply(&replies[i]);
    return result;
}

// ---- the shards

// Redis doesn't know the lag after an entry was deleted by hand: then count, up to a bound.
static enum store_result count_unread(struct store *store, uint32_t shard, redis_reply *group,
                                      int64_t *lag)
{
    char after[64] = "(";
    store_copy_field(group, "last-delivered-id", after + 1, sizeof after - 1);
    struct redis_command *command = redis_command_create("XRANGE");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_EVENTS, (struct span){0});
    redis_command_add_text(command, after);
    redis_command_add_text(command, "+");
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, LAG_COUNT_MAX);
    redis_reply *reply = NULL;
    enum store_result result = store_call(store, &command, &reply);
    *lag = (int64_t)redis_reply_count(reply);
    redis_client_free_reply(&reply);
    return result;
}

static redis_reply *find_group(redis_reply *groups)
{
    for (size_t i = 0; i < redis_reply_count(groups); i++) {
        redis_reply *group = redis_reply_at(groups, i);
        if (span_equals_text(redis_reply_span(redis_reply_field(group, "name")), KEYS_GROUP))
            return group;
    }
    return NULL;
}

enum {
    SHARD_LENGTH,
    SHARD_GROUPS,
    SHARD_TOTALS,
    SHARD_DEAD,
    SHARD_REJECTED,
    SHARD_OPEN,
    SHARD_HALF_OPEN,
    SHARD_COUNT
};

static enum store_result add_shard(struct store *store, uint32_t shard, redis_reply *const *replies,
                                   struct store_status *status)
{
    // XINFO GROUPS is an error reply when there is no stream yet; the others never are.
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        if (i != SHARD_GROUPS && redis_reply_is_error(replies[i]))
            return store_judge(store, replies[i]);
    }
    int64_t length = redis_reply_int(replies[SHARD_LENGTH]);
    status->stream_length += length;
    status->parked += store_field_int(replies[SHARD_TOTALS], "parked");
    status->delivered += store_field_int(replies[SHARD_TOTALS], "delivered");
    status->dead += redis_reply_int(replies[SHARD_DEAD]);
    status->rejected += redis_reply_int(replies[SHARD_REJECTED]);
    status->breakers_open += redis_reply_int(replies[SHARD_OPEN]);
    status->breakers_half_open += redis_reply_int(replies[SHARD_HALF_OPEN]);
    redis_reply *group = find_group(replies[SHARD_GROUPS]);
    if (!group) {
        bool has_stream = redis_reply_is_ok(replies[SHARD_GROUPS]);
        status->has_group = status->has_group && !has_stream;
        status->stream_lag += length;
        return STORE_OK;
    }
    int64_t lag = store_field_int(group, "lag");
    enum store_result result = STORE_OK;
    if (redis_reply_kind_of(redis_reply_field(group, "lag")) != REDIS_REPLY_IS_INTEGER)
        result = count_unread(store, shard, group, &lag);
    status->stream_lag += lag;
    status->stream_pending += store_field_int(group, "pending");
    return result;
}

static void add_count(struct store *store, struct redis_command *command, uint32_t shard,
                      const char *minimum, const char *maximum)
{
    store_add_key(store, command, shard, KEY_OPEN, (struct span){0});
    if (!command)
        return;
    redis_command_add_text(command, minimum);
    redis_command_add_text(command, maximum);
}

static enum store_result read_shard(struct store *store, uint32_t shard, struct store_status *status)
{
    redis_reply *replies[SHARD_COUNT];
    struct redis_command *commands[SHARD_COUNT] = {
        [SHARD_LENGTH] = redis_command_create("XLEN"),
        [SHARD_GROUPS] = redis_command_create("XINFO"),
        [SHARD_TOTALS] = redis_command_create("HGETALL"),
        [SHARD_DEAD] = redis_command_create("ZCARD"),
        [SHARD_REJECTED] = redis_command_create("XLEN"),
        [SHARD_OPEN] = redis_command_create("ZCOUNT"),
        [SHARD_HALF_OPEN] = redis_command_create("ZCOUNT"),
    };
    if (commands[SHARD_GROUPS])
        redis_command_add_text(commands[SHARD_GROUPS], "GROUPS");
    store_add_key(store, commands[SHARD_LENGTH], shard, KEY_EVENTS, (struct span){0});
    store_add_key(store, commands[SHARD_GROUPS], shard, KEY_EVENTS, (struct span){0});
    store_add_key(store, commands[SHARD_TOTALS], shard, KEY_TOTALS, (struct span){0});
    store_add_key(store, commands[SHARD_DEAD], shard, KEY_DEAD, (struct span){0});
    store_add_key(store, commands[SHARD_REJECTED], shard, KEY_REJECTED, (struct span){0});
    // Scores of those half open are negative.
    add_count(store, commands[SHARD_OPEN], shard, "(0", "+inf");
    add_count(store, commands[SHARD_HALF_OPEN], shard, "-inf", "(0");
    enum store_result result = store_call_all(store, commands, replies, SHARD_COUNT);
    if (result == STORE_OK)
        result = add_shard(store, shard, replies, status);
    for (size_t i = 0; i < SHARD_COUNT; i++)
        redis_client_free_reply(&replies[i]);
    return result;
}

enum store_result store_read_status(struct store *store, struct store_status *status)
{
    *status = (struct store_status){.has_group = true};
    enum store_result result = read_server(store, status);
    for (uint32_t shard = 0; result == STORE_OK && shard < store->keys.shards; shard++)
        result = read_shard(store, shard, status);
    return result;
}

// ---- the layout's version

static enum store_result check_version(struct store *store)
{
    struct redis_command *command = redis_command_create("INFO");
    if (!command)
        return store_fail_memory(store);
    redis_command_add_text(command, "server");
    redis_reply *reply = NULL;
    enum store_result result = store_call(store, &command, &reply);
    if (result != STORE_OK)
        return result;
    struct span version = redis_info_find(redis_reply_span(reply), "redis_version");
    struct span rest = version;
    struct span major;
    uint64_t number;
    if (!span_next(&rest, '.', &major) || !span_to_uint64(major, &number) ||
        number < REDIS_MAJOR_MIN) {
        store_set_error(store, "Redis 7.0 or newer is needed, this one is %.*s",
                        version.size < 32 ? (int)version.size : 32,
                        version.data ? version.data : "");
        result = STORE_CONFLICT;
    }
    redis_client_free_reply(&reply);
    return result;
}

// Reads the version that holds now; writes ours only where there is none.
static enum store_result claim_schema(struct store *store, redis_reply **reply)
{
    struct redis_command *get = redis_command_create("GET");
    if (!get)
        return store_fail_memory(store);
    store_add_key(store, get, 0, KEY_SCHEMA, (struct span){0});
    enum store_result result = store_call(store, &get, reply);
    if (result != STORE_OK || redis_reply_kind_of(*reply) != REDIS_REPLY_IS_NIL)
        return result;
    redis_client_free_reply(reply);
    struct redis_command *set = redis_command_create("SET");
    if (!set)
        return store_fail_memory(store);
    store_add_key(store, set, 0, KEY_SCHEMA, (struct span){0});
    char layout[LAYOUT_SIZE];
    keys_format_layout(&store->keys, layout);
    redis_command_add_text(set, layout);
    redis_command_add_text(set, "NX");
    redis_command_add_text(set, "GET"); // nil: it was written
    return store_call(store, &set, reply);
}

static enum store_result judge_layout(struct store *store, struct span stored)
{
    uint32_t shards;
    switch (keys_judge_layout(&store->keys, stored, &shards)) {
    case KEYS_LAYOUT_OURS:
        return STORE_OK;
    case KEYS_LAYOUT_OTHER_SHARDS:
        store_set_error(store,
                        "namespace %s in Redis is laid out for shards = %u, not %u: what is in the "
                        "others would wait unseen",
                        store->keys.namespace_name, shards, store->keys.shards);
        return STORE_CONFLICT;
    case KEYS_LAYOUT_OTHER_VERSION:
        store_set_error(
            store,
            "namespace %s in Redis has layout version \"%.*s\", this petrel knows " KEYS_SCHEMA_VERSION,
            store->keys.namespace_name, stored.size < 32 ? (int)stored.size : 32, stored.data);
        return STORE_CONFLICT;
    }
    return STORE_CONFLICT;
}

enum store_result store_check_schema(struct store *store)
{
    redis_reply *reply = NULL;
    enum store_result result = check_version(store);
    if (result == STORE_OK)
        result = claim_schema(store, &reply);
    if (result == STORE_OK && redis_reply_kind_of(reply) != REDIS_REPLY_IS_NIL)
        result = judge_layout(store, redis_reply_span(reply));
    redis_client_free_reply(&reply);
    return result;
}

enum store_result store_look_at_schema(struct store *store)
{
    redis_reply *reply = NULL;
    struct redis_command *get = redis_command_create("GET");
    if (!get)
        return store_fail_memory(store);
    store_add_key(store, get, 0, KEY_SCHEMA, (struct span){0});
    enum store_result result = store_call(store, &get, &reply);
    if (result == STORE_OK && redis_reply_kind_of(reply) != REDIS_REPLY_IS_NIL)
        result = judge_layout(store, redis_reply_span(reply));
    redis_client_free_reply(&reply);
    return result;
}
