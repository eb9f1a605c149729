// SPDX-License-Identifier: Apache-2.0
// This process among its like: says that it lives, learns who doesn't, has what the dead held taken over.
//
// After an outage of Redis every heartbeat is old, and the first instance back would take the others for dead.
// So an instance judges only after its own heartbeats have gone out without a gap for instance_timeout: by
// then the living have all shown themselves.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dispatcher_internal.h"
#include "petrel/clock.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    LIVE_MAX_BYTES = 1 << 20, // of instances' names: ten thousand
    LOOK_ROUND_EVERY = 5,     // heartbeats between looks for consumers of instances nobody knows
    // Ticks between heartbeats, and between looks at Redis's memory and past, while there is nothing to do. There are six
    // ticks or more to an instance_timeout, so two heartbeats may be lost.
    REST_BEAT_TICKS = 2,
    REST_KEEPER_TICKS = 16,
};

void fleet_add_key(const struct dispatcher *dispatcher, struct redis_command *command,
                   uint32_t shard, enum key_name name)
{
    struct key key = keys_format(&dispatcher->engine.keys, shard, name, SPAN(""));
    redis_command_add_key(command, &key);
}

static void on_group_created(void *arg, redis_reply *reply)
{
    engine_tell_group_created((uint32_t)(uintptr_t)arg, reply);
}

void fleet_create_groups(struct dispatcher *dispatcher)
{
    for (uint32_t shard = 0; shard < dispatcher->engine.keys.shards; shard++) {
        struct redis_command *command = engine_create_group_command(&dispatcher->engine, shard);
        redis_link_send(dispatcher->commands, &command, 0, on_group_created,
                        (void *)(uintptr_t)shard);
    }
}

// ---- taking over

static struct reap_job *find_job(struct dispatcher *dispatcher, uint32_t shard, const char *consumer)
{
    for (size_t i = 0; i < REAPS_MAX; i++) {
        struct reap_job *job = &dispatcher->reaps[i];
        if (job->is_used && job->shard == shard &&
            span_equals_text(span_of(job->consumer), consumer))
            return job;
    }
    return NULL;
}

static void start_reap(struct dispatcher *dispatcher, uint32_t shard, struct span consumer)
{
    char name[CONSUMER_SIZE];
    if (!span_copy(consumer, name, sizeof name) || find_job(dispatcher, shard, name))
        return;
    for (size_t i = 0; i < REAPS_MAX; i++) {
        struct reap_job *job = &dispatcher->reaps[i];
        if (job->is_used)
            continue;
        job->is_used = true;
        job->shard = shard;
        span_copy(consumer, job->consumer, sizeof job->consumer);
        uint32_t reaper = dispatcher->next_reaper++ % dispatcher->engine.worker_count;
        struct note *note = note_create(MAIL_REAP, shard, name);
        mailbox_post_one(&dispatcher->engine.workers[reaper]->inbox, &note->mail);
        return;
    }
    dispatcher->must_look = true; // all jobs are taken
}

void fleet_on_reaped(struct dispatcher *dispatcher, const struct note *note)
{
    struct reap_job *job = find_job(dispatcher, note->shard, note->text);
    if (job)
        job->is_used = false;
    if (note->is_gone)
        log_info("removed a dead instance's consumer", LOG_STR("consumer", note->text));
    else
        dispatcher->must_look = true;
}

// "<instance>:<worker>" → instance
static struct span instance_of(struct span consumer)
{
    while (consumer.size && consumer.data[consumer.size - 1] != ':')
        consumer.size--;
    if (consumer.size)
        consumer.size--;
    return consumer;
}

struct look_round {
    struct dispatcher *dispatcher;
    uint32_t shard;
    struct text live; // "<instance>\n…"
};

static bool is_live(const struct look_round *round, struct span instance)
{
    struct span rest = text_span(&round->live), line;
    while (span_next(&rest, '\n', &line))
        if (span_equals(line, instance))
            return true;
    return false;
}

static void on_consumers(void *arg, redis_reply *reply)
{
    struct look_round *round = arg;
    struct dispatcher *dispatcher = round->dispatcher;
    int64_t timeout_ms = dispatcher->options.config->instance_timeout_ms;
    for (size_t i = 0; i < redis_reply_count(reply) && !dispatcher->is_draining; i++) {
        redis_reply *consumer = redis_reply_at(reply, i);
        struct span name = redis_reply_span(redis_reply_field(consumer, "name"));
        int64_t idle_ms = redis_reply_int(redis_reply_field(consumer, "idle"));
        if (!name.size || is_live(round, instance_of(name)))
            continue;
        // A consumer that read lately is alive, whatever the heartbeats say. Or it read just before it died: it
        // is looked at again at the next beat, not at the next round.
        if (idle_ms >= timeout_ms)
            start_reap(dispatcher, round->shard, name);
        else
            dispatcher->must_look = true;
    }
    text_fini(&round->live);
    free(round);
}

// NULL without memory for all of the living: those left out would be taken for dead.
static struct look_round *round_create(struct dispatcher *dispatcher, uint32_t shard,
                                       redis_reply *live)
{
    struct look_round *round = calloc(1, sizeof *round);
    if (!round)
        return NULL;
    round->dispatcher = dispatcher;
    round->shard = shard;
    text_init(&round->live, LIVE_MAX_BYTES);
    for (size_t i = 0; i < redis_reply_count(live); i++) {
        text_append_span(&round->live, redis_reply_span(redis_reply_at(live, i)));
        text_append_char(&round->live, '\n');
    }
    if (!round->live.failed)
        return round;
    text_fini(&round->live);
    free(round);
    return NULL;
}

static void look_round(struct dispatcher *dispatcher, redis_reply *live)
{
    dispatcher->must_look = false;
    for (uint32_t shard = 0; shard < dispatcher->engine.keys.shards; shard++) {
        struct look_round *round = round_create(dispatcher, shard, live);
        if (!round)
            return;
        struct redis_command *command = redis_command_create("XINFO");
        redis_command_add_text(command, "CONSUMERS");
        fleet_add_key(dispatcher, command, shard, KEY_EVENTS);
        redis_command_add_text(command, KEYS_GROUP);
        redis_link_send(dispatcher->commands, &command, 0, on_consumers, round);
    }
}

static void forget_dead(struct dispatcher *dispatcher, redis_reply *dead)
{
    struct redis_command *command = redis_command_create("HDEL");
    fleet_add_key(dispatcher, command, 0, KEY_INSTANCES);
    for (size_t i = 0; i < redis_reply_count(dead); i++) {
        struct span instance = redis_reply_span(redis_reply_at(dead, i));
        log_warn("an instance is dead: its work is taken over", LOG_SPAN("instance", instance));
        redis_command_add_span(command, instance);
    }
    // Its consumers are found by being nobody's: the look goes by the list of the living.
    redis_link_send(dispatcher->commands, &command, 0, NULL, NULL);
}

// ---- the heartbeat

static void on_beat_answered(void *arg, redis_reply *reply)
{
    struct dispatcher *dispatcher = arg;
    int64_t timeout_ms = dispatcher->options.config->instance_timeout_ms;
    int64_t now_ms = clock_mono_ms();
    if (!redis_reply_is_ok(reply)) {
        if (reply)
            log_warn("Redis refused the heartbeat", LOG_SPAN("why", redis_reply_span(reply)));
        return;
    }
    bool was_known = redis_reply_int(redis_reply_at(reply, 3)) == 1;
    bool is_all_lost = redis_reply_int(redis_reply_at(reply, 4)) == 1;
    if (dispatcher->last_beat_ms && (!was_known || is_all_lost))
        keeper_on_forgotten(dispatcher, is_all_lost);
    if (!dispatcher->beating_since_ms || now_ms - dispatcher->last_beat_ms > timeout_ms / 2)
        dispatcher->beating_since_ms = now_ms;
    dispatcher->last_beat_ms = now_ms;
    if (dispatcher->is_draining || now_ms - dispatcher->beating_since_ms < timeout_ms)
        return;
    redis_reply *dead = redis_reply_at(reply, 2);
    if (redis_reply_count(dead))
        forget_dead(dispatcher, dead);
    if (redis_reply_count(dead) || dispatcher->must_look ||
        dispatcher->beats % LOOK_ROUND_EVERY == 0)
        look_round(dispatcher, redis_reply_at(reply, 1));
}

static void describe(const struct dispatcher *dispatcher, struct text *out)
{
    text_append_format(out, "{\"pid\":%d,\"version\":\"%s\",\"workers\":%u}", (int)getpid(),
                       PETREL_VERSION, dispatcher->engine.worker_count);
}

static void beat(struct dispatcher *dispatcher)
{
    if (dispatcher->has_left)
        return; // else a heartbeat that goes out before the farewell is answered would undo it
    struct text description;
    text_init(&description, 256);
    describe(dispatcher, &description);
    char layout[LAYOUT_SIZE];
    keys_format_layout(&dispatcher->engine.keys, layout);
    struct redis_command *command = redis_command_create_script(SCRIPT_HEARTBEAT);
    fleet_add_key(dispatcher, command, 0, KEY_INSTANCES);
    fleet_add_key(dispatcher, command, 0, KEY_SCHEMA);
    redis_command_add_text(command, dispatcher->engine.instance);
    redis_command_add_span(command, text_span(&description));
    redis_command_add_int(command, dispatcher->options.config->instance_timeout_ms);
    redis_command_add_text(command, layout);
    text_fini(&description);
    redis_link_send(dispatcher->commands, &command, 0, on_beat_answered, dispatcher);
}

void fleet_beat(struct dispatcher *dispatcher)
{
    if (!redis_link_is_up(dispatcher->commands))
        return;
    dispatcher->beats++;
    beat(dispatcher);
    keeper_on_beat(dispatcher);
}

// ---- at rest

// Grows with whatever is done here.
static int64_t count_work(void)
{
    static const enum metric done[] = {
        METRIC_EVENTS_READ,     METRIC_EVENTS_CLAIMED,          METRIC_DELIVERIES_DELIVERED,
        METRIC_DELIVERIES_DEAD, METRIC_DELIVERIES_PARKED_RETRY, METRIC_DELIVERIES_PARKED_OVERFLOW};
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof done / sizeof *done; i++)
        sum += metrics_read(done[i]);
    return sum;
}

// Nothing has been done for a while, nothing is under way, and nobody has to be judged first.
static bool is_at_rest(struct dispatcher *dispatcher)
{
    int64_t now_ms = clock_mono_ms(), work = count_work();
    int64_t settling_ms = dispatcher->options.config->instance_timeout_ms + REST_AFTER_MS;
    if (work != dispatcher->work_done || metrics_read(METRIC_IN_FLIGHT) ||
        metrics_read(METRIC_WAITING) || dispatcher->must_look || dispatcher->is_intake_paused ||
        dispatcher->is_draining)
        dispatcher->worked_ms = now_ms;
    dispatcher->work_done = work;
    return dispatcher->beating_since_ms && now_ms - dispatcher->beating_since_ms > settling_ms &&
           now_ms - dispatcher->worked_ms > REST_AFTER_MS;
}

void fleet_on_tick(struct dispatcher *dispatcher)
{
    dispatcher->ticks++;
    if (!is_at_rest(dispatcher)) {
        fleet_beat(dispatcher);
    } else if (dispatcher->ticks % REST_BEAT_TICKS == 0 && redis_link_is_up(dispatcher->commands)) {
        dispatcher->beats++;
        beat(dispatcher);
        if (dispatcher->ticks % REST_KEEPER_TICKS == 0)
            keeper_on_beat(dispatcher);
    }
}

// ---- leaving

struct farewell {
    struct dispatcher *dispatcher;
    void (*done)(struct dispatcher *dispatcher);
};

static void on_farewell(void *arg, redis_reply *reply)
{
    struct farewell *farewell = arg;
    struct dispatcher *dispatcher = farewell->dispatcher;
    (void)reply;
    void (*done)(struct dispatcher *) = farewell->done;
    free(farewell);
    if (--dispatcher->farewells == 0)
        done(dispatcher);
}

static void say_farewell(struct dispatcher *dispatcher, struct redis_command *command,
                         void (*done)(struct dispatcher *dispatcher))
{
    struct farewell *farewell = calloc(1, sizeof *farewell);
    if (!farewell)
        abort();
    farewell->dispatcher = dispatcher;
    farewell->done = done;
    dispatcher->farewells++;
    redis_link_send(dispatcher->commands, &command, 0, on_farewell, farewell);
}

void fleet_leave(struct dispatcher *dispatcher, void (*done)(struct dispatcher *dispatcher))
{
    dispatcher->has_left = true;
    const struct engine *engine = &dispatcher->engine;
    for (uint32_t shard = 0; shard < engine->keys.shards; shard++) {
        for (uint32_t worker = 0; worker < engine->worker_count; worker++) {
            char consumer[CONSUMER_SIZE];
            engine_format_consumer(engine, worker, consumer);
            struct redis_command *command = redis_command_create_script(SCRIPT_REAP);
            fleet_add_key(dispatcher, command, shard, KEY_EVENTS);
            redis_command_add_text(command, KEYS_GROUP);
            redis_command_add_text(command, consumer);
            redis_command_add_text(command, "");
            redis_command_add_int(command, 0);
            say_farewell(dispatcher, command, done);
        }
    }
    struct redis_command *command = redis_command_create("HDEL");
    fleet_add_key(dispatcher, command, 0, KEY_INSTANCES);
    redis_command_add_text(command, engine->instance);
    say_farewell(dispatcher, command, done);
}
