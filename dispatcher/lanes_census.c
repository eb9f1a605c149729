// SPDX-License-Identifier: Apache-2.0
// What a subscription's health can't show from Redis alone: how many attempts of it run, how many may, how many
// deliveries wait in memory. Each worker tells it every 2 s of the lanes in use, in a key of its own that expires: so
// whatever becomes of the process, nothing wrong is shown for long, and an idle one writes nothing.
// Best effort, and bounded: when more lanes are in use than are told of, those with something running or waiting come
// first.
#include <stdio.h>

#include "lanes_internal.h"
#include "worker.h"

enum {
    CENSUS_EVERY_MS = 2000,
    CENSUS_KEPT_MS = 10000,  // four may be missed
    LANE_RECENT_MS = 5000,   // in use: something runs or waits, or did so lately
    CENSUS_LANES_MAX = 1000, // 30 KB or so
};

// Busy lanes from the front, recently used ones from the back; where they meet, busy ones take the room.
struct census {
    const struct lane *lanes[CENSUS_LANES_MAX];
    size_t busy, recent;
};

static void count_lane(struct census *census, const struct lane *lane, int64_t now_ms)
{
    bool is_busy = lane_in_flight(lane) || lane->waiting;
    bool is_full = census->busy + census->recent == CENSUS_LANES_MAX;
    if (is_busy && is_full && census->recent) {
        census->recent--;
        is_full = false;
    }
    if (is_full || (!is_busy && now_ms - lane->last_used_ms > LANE_RECENT_MS))
        return;
    if (is_busy)
        census->lanes[census->busy++] = lane;
    else
        census->lanes[CENSUS_LANES_MAX - ++census->recent] = lane;
}

static void add_lane(struct redis_command *command, const struct lane *lane)
{
    char doing[64];
    snprintf(doing, sizeof doing, "%u %u %u", lane_in_flight(lane),
             limiter_limit(&lane->limiter, lane->cap), lane->waiting);
    redis_command_add_text(command, lane->id);
    redis_command_add_text(command, doing);
}

static void tell(struct lanes *lanes, const struct census *census)
{
    const struct engine *engine = lanes->worker->engine;
    char consumer[CONSUMER_SIZE];
    engine_format_consumer(engine, lanes->worker->index, consumer);
    struct key key = keys_format(&engine->keys, 0, KEY_LANES, span_of(consumer));
    struct redis_command *command = redis_command_create_script(SCRIPT_LANES);
    redis_command_add_key(command, &key);
    redis_command_add_int(command, CENSUS_KEPT_MS);
    for (size_t i = 0; i < census->busy; i++)
        add_lane(command, census->lanes[i]);
    for (size_t i = CENSUS_LANES_MAX - census->recent; i < CENSUS_LANES_MAX; i++)
        add_lane(command, census->lanes[i]);
    redis_link_send(lanes->worker->commands, &command, 0, NULL, NULL);
}

void lanes_take_census(struct lanes *lanes, int64_t now_ms)
{
    struct census census = {.busy = 0};
    struct lane *lane, *next;
    if (now_ms < lanes->census_at_ms || !redis_link_is_up(lanes->worker->commands))
        return;
    lanes->census_at_ms = now_ms + CENSUS_EVERY_MS;
    HASH_ITER (hh, lanes->by_id, lane, next) {
        count_lane(&census, lane, now_ms);
    }
    bool has_any = census.busy + census.recent > 0;
    if (has_any || lanes->has_census)
        tell(lanes, &census);
    lanes->has_census = has_any;
}
