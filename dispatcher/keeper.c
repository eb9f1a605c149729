// SPDX-License-Identifier: Apache-2.0
// Keeps Redis in order, once a second: trims the settled past, stops the intake while memory is short, and makes
// again what is petrel's to make after Redis has lost it.
//
// Memory: what is read and can't be delivered at once is parked, which costs Redis more than the entry did. So above
// memory_watermark nothing is read (producers can still add, up to Redis's own limit, and then get its error), while
// deliveries go on and make room. It is read again a little below, so that it doesn't flutter.
//
// Before that the past gives way, a quarter of the stream each second: otherwise what nobody waits for any more would fill Redis,
// and with everything delivered there would be nothing left that makes room. For the same reason a few are read now and then
// above the watermark, when it is the unread themselves that fill Redis: what is delivered of it makes room.
#include <stdlib.h>

#include "dispatcher_internal.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "petrel/redis_info.h"
#include "worker.h"

enum {
    TRIM_AT_MOST = 10000, // entries per call: about a millisecond of Redis's time
    // Percent of maxmemory below the watermark at which reading goes on …
    MEMORY_SLACK = 2,
    // … and from which on the past gives way.
    MEMORY_EASE = 5,
    PAST_PARTS = 4,
    SIP_FIRST = 8, // entries per worker
    SIP_MOST = 256,
    SIP_HOLD_MAX = 60, // beats
};

// ---- trimming

struct trim {
    struct dispatcher *dispatcher;
    uint32_t shard;
};

static void trim_shard(struct dispatcher *dispatcher, uint32_t shard);

static void on_trimmed(void *arg, redis_reply *reply)
{
    struct trim *trim = arg;
    struct dispatcher *dispatcher = trim->dispatcher;
    uint32_t shard = trim->shard;
    free(trim);
    dispatcher->is_trimming[shard] = false;
    if (!redis_reply_is_ok(reply))
        return;
    dispatcher->waiting[shard] = redis_reply_int(redis_reply_at(reply, 2));
    dispatcher->parked[shard] = redis_reply_int(redis_reply_at(reply, 3));
    dispatcher->entries[shard] = redis_reply_int(redis_reply_at(reply, 4));
    if (redis_reply_int(redis_reply_at(reply, 1)) == 1 && !dispatcher->is_draining)
        trim_shard(dispatcher, shard);
}

static void trim_shard(struct dispatcher *dispatcher, uint32_t shard)
{
    const struct config *config = dispatcher->options.config;
    struct trim *trim = calloc(1, sizeof *trim);
    if (!trim || dispatcher->is_trimming[shard]) {
        free(trim);
        return;
    }
    *trim = (struct trim){.dispatcher = dispatcher, .shard = shard};
    dispatcher->is_trimming[shard] = true;
    struct redis_command *command = redis_command_create_script(SCRIPT_TRIM);
    fleet_add_key(dispatcher, command, shard, KEY_EVENTS);
    fleet_add_key(dispatcher, command, shard, KEY_FLOOR);
    fleet_add_key(dispatcher, command, shard, KEY_TOTALS);
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_int(command, dispatcher->retained[shard]);
    redis_command_add_int(command, config->retain_age_ms);
    redis_command_add_int(command, TRIM_AT_MOST);
    redis_command_add_text(command, dispatcher->is_memory_short ? "1" : "0");
    redis_link_send(dispatcher->commands, &command, 0, on_trimmed, trim);
}

static void choose_retained(struct dispatcher *dispatcher, uint32_t shard)
{
    int64_t entries = dispatcher->entries[shard];
    int64_t less = entries - (entries + PAST_PARTS - 1) / PAST_PARTS;
    dispatcher->retained[shard] = (int64_t)dispatcher->options.config->retain_events;
    if (dispatcher->is_memory_short && dispatcher->retained[shard] > less)
        dispatcher->retained[shard] = less;
}

// ---- memory

// Refused ones count, too.
static int64_t count_parked(void)
{
    return metrics_read(METRIC_DELIVERIES_PARKED_OVERFLOW) +
           metrics_read(METRIC_DELIVERIES_PARKED_RETRY);
}

static void pause_intake(struct dispatcher *dispatcher, bool is_paused)
{
    dispatcher->is_intake_paused = is_paused;
    metrics_add(METRIC_INTAKE_PAUSED, is_paused ? 1 : -1);
    dispatcher_tell_workers(dispatcher, is_paused ? MAIL_PAUSE : MAIL_RESUME, 0);
    dispatcher->sip.count = SIP_FIRST;
    dispatcher->sip.most = SIP_MOST;
    dispatcher->sip.hold = dispatcher->sip.hold_left = 0;
    dispatcher->sip.parked = count_parked();
    dispatcher->sip.delivered = metrics_read(METRIC_DELIVERIES_DELIVERED);
}

// What can't be attempted at once can't be parked either, and stays pending in the middle of what is settled. So it begins
// with a few per worker, twice as many after each that went well, and never again as many as have been too many. When more
// was parked than delivered it pauses for a while, twice as long each time.
static void sip(struct dispatcher *dispatcher)
{
    if (dispatcher->sip.hold_left > 0) {
        dispatcher->sip.hold_left--;
        return;
    }
    int64_t waiting = metrics_read(METRIC_WAITING);
    bool goes_on = waiting != dispatcher->sip.waiting;
    dispatcher->sip.waiting = waiting;
    if (goes_on && waiting > 0)
        return; // what doesn't change waits to be parked
    int64_t parked = count_parked(), delivered = metrics_read(METRIC_DELIVERIES_DELIVERED);
    int64_t more_parked = parked - dispatcher->sip.parked;
    int64_t more_delivered = delivered - dispatcher->sip.delivered;
    dispatcher->sip.parked = parked;
    dispatcher->sip.delivered = delivered;
    if (more_parked > 0)
        dispatcher->sip.most = dispatcher->sip.count > 1 ? dispatcher->sip.count / 2 : 1;
    else if (more_delivered > 0)
        dispatcher->sip.count *= 2;
    if (dispatcher->sip.count > dispatcher->sip.most)
        dispatcher->sip.count = dispatcher->sip.most;
    if (more_parked > more_delivered) {
        uint32_t hold = 2 * dispatcher->sip.hold + 1;
        dispatcher->sip.hold = hold < SIP_HOLD_MAX ? hold : SIP_HOLD_MAX;
        dispatcher->sip.hold_left = dispatcher->sip.hold;
        return;
    }
    if (more_delivered > 0)
        dispatcher->sip.hold = 0;
    dispatcher_tell_workers(dispatcher, MAIL_SIP, dispatcher->sip.count);
}

static void on_memory(void *arg, redis_reply *reply)
{
    struct dispatcher *dispatcher = arg;
    int64_t watermark = dispatcher->options.config->memory_watermark;
    struct redis_memory memory;
    if (!redis_reply_is_ok(reply) || dispatcher->is_stopping)
        return;
    redis_info_read_memory(redis_reply_span(reply), &memory);
    int64_t percent = redis_memory_percent(&memory);
    dispatcher->is_memory_short =
        percent >= (watermark ? watermark : 100) - MEMORY_EASE && percent > 0;
    if (!dispatcher->is_intake_paused && watermark && percent >= watermark) {
        log_warn("Redis is nearly full: no new events are read until there is room",
                 LOG_INT("used_percent", percent), LOG_INT("memory_watermark", watermark),
                 LOG_INT("maxmemory", memory.limit_bytes));
        pause_intake(dispatcher, true);
    } else if (dispatcher->is_intake_paused && (percent < watermark - MEMORY_SLACK || percent == 0)) {
        log_info("Redis has room again: events are read", LOG_INT("used_percent", percent));
        pause_intake(dispatcher, false);
    } else if (dispatcher->is_intake_paused) {
        sip(dispatcher);
    }
}

static void look_at_memory(struct dispatcher *dispatcher)
{
    struct redis_command *command = redis_command_create("INFO");
    redis_command_add_text(command, "memory");
    redis_link_send(dispatcher->commands, &command, 0, on_memory, dispatcher);
}

void keeper_on_beat(struct dispatcher *dispatcher)
{
    look_at_memory(dispatcher);
    for (uint32_t shard = 0; shard < dispatcher->engine.keys.shards; shard++) {
        choose_retained(dispatcher, shard);
        trim_shard(dispatcher, shard);
    }
}

// ---- losses

static void tell_loss(struct dispatcher *dispatcher)
{
    int64_t waiting = 0, parked = 0;
    for (uint32_t shard = 0; shard < dispatcher->engine.keys.shards; shard++) {
        waiting += dispatcher->waiting[shard];
        parked += dispatcher->parked[shard];
        dispatcher->waiting[shard] = dispatcher->parked[shard] = 0;
    }
    metrics_add(METRIC_DATA_LOSS, waiting + parked);
    log_error(
        "data loss: Redis has lost everything it held (FLUSHALL, or started without its files); "
        "subscriptions have to be made again",
        LOG_INT("events_not_settled", waiting), LOG_INT("deliveries_parked", parked));
}

void keeper_on_forgotten(struct dispatcher *dispatcher, bool is_all_lost)
{
    if (is_all_lost)
        tell_loss(dispatcher);
    else
        log_warn(
            "Redis no longer knew this instance: it was taken for dead, or Redis lost its data");
    fleet_create_groups(dispatcher);
    catalog_on_redis_up(dispatcher->catalog); // the table as Redis has it now, empty or not
}
