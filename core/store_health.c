// SPDX-License-Identifier: Apache-2.0
// The health of subscriptions: what the scripts keep of each (core/lua/lib/health.lua), summed over the shards, and
// what the dispatchers' workers say they are doing for it (core/lua/lanes.lua), summed over them. Reads only.
// A shard has a breaker of its own; the worst one is the subscription's.
#include <stdio.h>

#include "petrel/clock.h"
#include "petrel/json.h"
#include "petrel/parked_state.h"
#include "store_internal.h"

enum {
    COMMANDS_MAX = 512, // per round trip
    // Of the queue, how many of those due first and of those due last are asked for their age.
    EDGE = 500,
    WORKERS_MAX = 256,
};

// ---- one shard's record

enum record_field {
    RECORD_STATE,
    RECORD_SINCE,
    RECORD_FAILURES,
    RECORD_PROBE_AT,
    RECORD_HOLD_UNTIL,
    RECORD_FAILING_SINCE,
    RECORD_LAST_SUCCESS,
    RECORD_LAST_FAILURE,
    RECORD_FIELDS
};

enum { SHARD_RECORD, SHARD_PARKED, SHARD_COMMANDS };

static void ask_shard(struct store *store, uint32_t shard, const char *id,
                      struct redis_command **commands)
{
    static const char *const names[RECORD_FIELDS] = {
        [RECORD_STATE] = "state",
        [RECORD_SINCE] = "since",
        [RECORD_FAILURES] = "failures",
        [RECORD_PROBE_AT] = "probe_at",
        [RECORD_HOLD_UNTIL] = "hold_until",
        [RECORD_FAILING_SINCE] = "failing_since",
        [RECORD_LAST_SUCCESS] = "last_success",
        [RECORD_LAST_FAILURE] = "last_failure",
    };
    commands[SHARD_RECORD] = redis_command_create("HMGET");
    commands[SHARD_PARKED] = redis_command_create("ZCARD");
    store_add_key(store, commands[SHARD_RECORD], shard, KEY_HEALTH, span_of(id));
    store_add_key(store, commands[SHARD_PARKED], shard, KEY_QUEUE, span_of(id));
    for (size_t i = 0; i < RECORD_FIELDS && commands[SHARD_RECORD]; i++)
        redis_command_add_text(commands[SHARD_RECORD], names[i]);
}

static void take_latest(int64_t *instant_ms, int64_t other_ms)
{
    if (other_ms > *instant_ms)
        *instant_ms = other_ms;
}

static void take_earliest(int64_t *instant_ms, int64_t other_ms)
{
    if (other_ms > 0 && (*instant_ms == 0 || other_ms < *instant_ms))
        *instant_ms = other_ms;
}

static int64_t record_int(redis_reply *record, enum record_field field)
{
    return redis_reply_int(redis_reply_at(record, field));
}

static void add_breaker(struct store_health *health, redis_reply *record)
{
    enum breaker_state state =
        breaker_parse_state(redis_reply_span(redis_reply_at(record, RECORD_STATE)));
    int64_t since_ms = record_int(record, RECORD_SINCE);
    if (state > health->breaker) { // the enum goes from good to bad
        health->breaker = state;
        health->since_ms = since_ms;
    } else if (state == health->breaker && state == BREAKER_CLOSED) {
        take_latest(&health->since_ms, since_ms);
    } else if (state == health->breaker) {
        take_earliest(&health->since_ms, since_ms);
    }
    if (state == BREAKER_OPEN)
        take_earliest(&health->next_probe_at_ms, record_int(record, RECORD_PROBE_AT));
}

static enum store_result add_shard(struct store *store, struct store_health *health,
                                   redis_reply *const *replies)
{
    redis_reply *record = replies[SHARD_RECORD];
    enum store_result result = store_judge(store, record);
    if (result == STORE_OK)
        result = store_judge(store, replies[SHARD_PARKED]);
    if (result != STORE_OK)
        return result;
    add_breaker(health, record);
    take_latest(&health->consecutive_failures, record_int(record, RECORD_FAILURES));
    take_latest(&health->last_success_at_ms, record_int(record, RECORD_LAST_SUCCESS));
    take_latest(&health->last_failure_at_ms, record_int(record, RECORD_LAST_FAILURE));
    take_earliest(&health->failing_since_ms, record_int(record, RECORD_FAILING_SINCE));
    if (record_int(record, RECORD_HOLD_UNTIL) > clock_wall_ms())
        take_latest(&health->held_until_ms, record_int(record, RECORD_HOLD_UNTIL));
    health->parked += redis_reply_int(replies[SHARD_PARKED]);
    return STORE_OK;
}

// ---- many at once

static enum store_result read_group(struct store *store, const char *const *ids, size_t count,
                                    struct store_health *healths)
{
    struct redis_command *commands[COMMANDS_MAX];
    redis_reply *replies[COMMANDS_MAX];
    uint32_t shards = store->keys.shards;
    size_t asked = 0;
    for (size_t i = 0; i < count; i++) {
        healths[i] = (struct store_health){.breaker = BREAKER_CLOSED};
        for (uint32_t shard = 0; shard < shards; shard++, asked += SHARD_COMMANDS)
            ask_shard(store, shard, ids[i], &commands[asked]);
    }
    enum store_result result = store_call_all(store, commands, replies, asked);
    if (result != STORE_OK)
        return result;
    for (size_t i = 0; i < asked; i += SHARD_COMMANDS) {
        if (result == STORE_OK)
            result = add_shard(store, &healths[i / SHARD_COMMANDS / shards], &replies[i]);
    }
    for (size_t i = 0; i < asked; i++)
        redis_client_free_reply(&replies[i]);
    return result;
}

enum store_result store_read_health_of_list(struct store *store,
                                            const struct store_subscriptions *list,
                                            struct store_health *healths)
{
    const char *ids[COMMANDS_MAX / SHARD_COMMANDS];
    size_t most = COMMANDS_MAX / SHARD_COMMANDS / store->keys.shards;
    enum store_result result = STORE_OK;
    for (size_t first = 0; first < list->count && result == STORE_OK; first += most) {
        size_t count = 0;
        for (; count < most && first + count < list->count; count++)
            ids[count] = list->items[first + count]->id;
        result = read_group(store, ids, count, healths + first);
    }
    return result;
}

// ---- the oldest of what is parked

// The queue is sorted by when its deliveries are due, not by their age. Those never attempted are due in the order they
// came, so their oldest is first; those attempted most wait the longest, so their oldest is last.
static enum store_result add_edge(struct store *store, struct redis_command *ages, uint32_t shard,
                                  const char *id, const char *const range[2])
{
    redis_reply *reply = NULL;
    struct redis_command *command = redis_command_create("ZRANGE");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, KEY_QUEUE, span_of(id));
    redis_command_add_text(command, range[0]);
    redis_command_add_text(command, range[1]);
    enum store_result result = store_call(store, &command, &reply);
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        redis_command_add_span(ages, redis_reply_span(redis_reply_at(reply, i)));
    redis_client_free_reply(&reply);
    return result;
}

// 0 of what is no state.
static int64_t born_ms(struct span text)
{
    struct parked_state state;
    return parked_state_parse(text, &state) ? state.born_ms : 0;
}

static enum store_result read_oldest(struct store *store, uint32_t shard, const char *id,
                                     struct store_health *health)
{
    static const char *const ranges[][2] = {{"0", "499"}, {"-500", "-1"}};
    _Static_assert(EDGE == 500, "what the ranges say");
    redis_reply *reply = NULL;
    struct redis_command *ages = redis_command_create("HMGET");
    if (!ages)
        return store_fail_memory(store);
    store_add_key(store, ages, shard, KEY_PARKED, span_of(id));
    redis_command_add_text(ages, ""); // HMGET wants one field at least; no event has this id
    enum store_result result = add_edge(store, ages, shard, id, ranges[0]);
    if (result == STORE_OK && health->parked > EDGE)
        result = add_edge(store, ages, shard, id, ranges[1]);
    if (result != STORE_OK) {
        redis_command_destroy(&ages);
        return result;
    }
    result = store_call(store, &ages, &reply);
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        take_earliest(&health->oldest_parked_at_ms,
                      born_ms(redis_reply_span(redis_reply_at(reply, i))));
    redis_client_free_reply(&reply);
    return result;
}

// ---- what the workers are doing for it

// "<in flight> <limit> <waiting>"
static void add_lane(struct store_health *health, struct span doing)
{
    int64_t *const sums[] = {&health->in_flight, &health->limit, &health->waiting};
    struct span word;
    int64_t number;
    for (size_t i = 0; i < sizeof sums / sizeof sums[0] && span_next(&doing, ' ', &word); i++)
        *sums[i] += span_to_int64(word, &number) ? number : 0;
}

// "<heartbeat ms> {"pid":…,"workers":2}"
static uint64_t count_workers(struct span instance)
{
    struct span beat, value;
    struct json_error error;
    uint64_t workers = 0;
    if (!span_next(&instance, ' ', &beat) || !json_validate(instance, &error) ||
        !json_find_member(instance, "workers", &value) || !span_to_uint64(value, &workers))
        return 0;
    return workers < WORKERS_MAX ? workers : WORKERS_MAX;
}

static enum store_result add_instance(struct store *store, const char *id, struct span instance,
                                      uint64_t workers, struct store_health *health)
{
    struct redis_command *commands[WORKERS_MAX];
    redis_reply *replies[WORKERS_MAX];
    char consumer[128];
    enum store_result result = STORE_OK;
    if (instance.size > sizeof consumer - 8)
        return STORE_OK; // none of ours
    for (uint64_t i = 0; i < workers; i++) {
        int size = snprintf(consumer, sizeof consumer, "%.*s:%u", SPAN_FMT(instance), (unsigned)i);
        commands[i] = redis_command_create("HGET");
        store_add_key(store, commands[i], 0, KEY_LANES, (struct span){consumer, (size_t)size});
        if (commands[i])
            redis_command_add_text(commands[i], id);
    }
    result = store_call_all(store, commands, replies, workers);
    for (uint64_t i = 0; i < workers && result == STORE_OK; i++)
        add_lane(health, redis_reply_span(replies[i]));
    for (uint64_t i = 0; i < workers; i++)
        redis_client_free_reply(&replies[i]);
    return result;
}

static enum store_result read_lanes(struct store *store, const char *id, struct store_health *health)
{
    redis_reply *reply = NULL;
    struct redis_command *command = redis_command_create("HGETALL");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, 0, KEY_INSTANCES, (struct span){0});
    enum store_result result = store_call(store, &command, &reply);
    for (size_t i = 0; i + 1 < redis_reply_count(reply) && result == STORE_OK; i += 2) {
        uint64_t workers = count_workers(redis_reply_span(redis_reply_at(reply, i + 1)));
        if (workers > 0)
            result = add_instance(store, id, redis_reply_span(redis_reply_at(reply, i)), workers,
                                  health);
    }
    redis_client_free_reply(&reply);
    return result;
}

// ---- one, whole

enum store_result store_read_health(struct store *store, const char *id, struct store_health *health)
{
    enum store_result result = read_group(store, &id, 1, health);
    for (uint32_t shard = 0; shard < store->keys.shards && result == STORE_OK && health->parked > 0;
         shard++)
        result = read_oldest(store, shard, id, health);
    if (result == STORE_OK)
        result = read_lanes(store, id, health);
    health->is_whole = true;
    return result;
}
