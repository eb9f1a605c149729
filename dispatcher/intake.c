// SPDX-License-Identifier: Apache-2.0
// Reading: one blocking XREADGROUP at a time over all shards, while there is room, and while what becomes of the
// events can be written down (the commands' connection is up). After the connection broke,
// what Redis had given us in a reply that never came is found again in our own pending list ("review"): an
// entry that isn't in hand is taken over like a dead consumer's.
#include "intake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake_fresh.h"
#include "intake_internal.h"
#include "lanes.h"
#include "petrel/clock.h"
#include "petrel/log.h"
#include "worker.h"

enum {
    READ_FIRST = 64, // entries per shard and read, at first,
    READ_AT_MOST = 256,
    READ_MANY_BYTES = 4 << 20, // and fewer when they are large: the stream takes entries of any size
    // Deliveries of large fan-outs that wait here until they are sent home; others are read meanwhile.
    UNSENT_MAX = 50000,
    BEHIND_MS = 20, // after a full read, at most: its successor may find nothing and block
};

void intake_add_key(const struct intake *intake, struct redis_command *command, uint32_t shard,
                    enum key_name name, const char *suffix)
{
    struct key key = keys_format(&intake->worker->engine->keys, shard, name, span_of(suffix));
    redis_command_add_key(command, &key);
}

// Room for this many deliveries: four times what may be attempted at once, so that workers never run dry, and
// memory stays bounded by it times max_event_bytes.
size_t intake_room(const struct intake *intake)
{
    size_t limit = 4 * (size_t)intake->worker->engine->slots + READ_AT_MOST;
    size_t used = intake->fanned_out > intake->in_hand ? intake->fanned_out : intake->in_hand;
    return used < limit ? limit - used : 0;
}

// ---- reading

static bool shard_of_stream(const struct intake *intake, struct span stream, uint32_t *shard)
{
    const struct keys *keys = &intake->worker->engine->keys;
    for (*shard = 0; *shard < keys->shards; (*shard)++) {
        struct key key = keys_format(keys, *shard, KEY_EVENTS, SPAN(""));
        if (span_equals(key_span(&key), stream))
            return true;
    }
    return false;
}

static size_t bytes_of(redis_reply *entries)
{
    size_t bytes = 0;
    for (size_t i = 0; i < redis_reply_count(entries); i++) {
        redis_reply *fields = redis_reply_at(redis_reply_at(entries, i), 1);
        for (size_t k = 0; k < redis_reply_count(fields); k++)
            bytes += redis_reply_span(redis_reply_at(fields, k)).size;
    }
    return bytes;
}

// How many to ask for next, from what as many have brought now.
static void adapt_read(struct intake *intake, redis_reply *entries)
{
    size_t bytes = bytes_of(entries), count = redis_reply_count(entries);
    if (bytes > READ_MANY_BYTES)
        intake->read_count = count * READ_MANY_BYTES / bytes + 1;
    else if (count >= intake->read_count)
        intake->read_count *= 2;
    if (intake->read_count > READ_AT_MOST)
        intake->read_count = READ_AT_MOST;
}

// What Redis handed out in a reply that we didn't get, or don't trust, is looked up in our own pending list.
void intake_review(struct intake *intake)
{
    intake->must_review = true;
    intake->review_shard = 0;
    span_copy(SPAN("0"), intake->review_from, sizeof intake->review_from);
}

static void take_read(struct intake *intake, redis_reply *reply)
{
    if (!reply) {
        intake_review(intake);
        return; // read on when the link is up again
    }
    if (redis_reply_is_error(reply)) {
        intake_on_refused(intake, reply);
        return;
    }
    intake->refusals = 0;
    if (redis_reply_count(reply))
        intake->worked_ms = clock_mono_ms();
    bool is_trusted = !worker_has_thawed(intake->worker, intake->read_thaws);
    if (!is_trusted)
        intake_review(intake);
    for (size_t i = 0; i < redis_reply_count(reply) && is_trusted; i++) {
        redis_reply *stream = redis_reply_at(reply, i);
        uint32_t shard;
        if (redis_reply_count(redis_reply_at(stream, 1)) == intake->read_count)
            intake->full_read_ms = clock_mono_ms();
        adapt_read(intake, redis_reply_at(stream, 1));
        if (shard_of_stream(intake, redis_reply_span(redis_reply_at(stream, 0)), &shard))
            intake_take_entries(intake, shard, redis_reply_at(stream, 1), false);
    }
}

static void on_read(void *arg, redis_reply *reply)
{
    struct intake *intake = arg;
    intake->awaits_newest = true;
    take_read(intake, reply);
    if (!intake->asks_afterwards)
        return;
    if (redis_reply_count(reply)) {
        intake_fresh_ask(intake, 0);
    } else {
        intake->awaits_newest = false;
        intake_on_read_ended(intake);
    }
}

bool intake_is_behind(const struct intake *intake)
{
    return intake->is_reading && clock_mono_ms() - intake->full_read_ms < BEHIND_MS;
}

void intake_on_read_ended(struct intake *intake)
{
    intake->is_reading = false;
    intake_read(intake);
    lanes_park_on(intake->worker->lanes);
    worker_check_drained(intake->worker);
}

// The review's answer has come, or never will.
static void forget_gone(struct intake *intake)
{
    while (intake->gone_first) {
        struct arrival *arrival = intake->gone_first;
        intake->gone_first = arrival->next_in_batch;
        HASH_DEL(intake->by_key, arrival); // NOLINT(clang-analyzer-*): uthash
        free(arrival);
    }
}

static void take_reviewed(struct intake *intake, redis_reply *reply)
{
    redis_reply *entries = redis_reply_at(redis_reply_at(reply, 0), 1);
    size_t count = redis_reply_count(entries);
    adapt_read(intake, entries);
    if (count) {
        redis_reply *last = redis_reply_at(redis_reply_at(entries, count - 1), 0);
        span_copy(redis_reply_span(last), intake->review_from, sizeof intake->review_from);
        intake_take_entries(intake, intake->review_shard, entries, true);
    } else {
        span_copy(SPAN("0"), intake->review_from, sizeof intake->review_from);
        intake->review_shard++;
    }
    if (intake->review_shard >= intake->worker->engine->keys.shards)
        intake->must_review = false;
}

static void on_reviewed(void *arg, redis_reply *reply)
{
    struct intake *intake = arg;
    intake->is_reading = false;
    intake->is_reviewing = false;
    if (!redis_reply_is_ok(reply)) {
        forget_gone(intake);
        if (redis_reply_has_code(reply, "NOGROUP"))
            intake->must_review = false; // nothing is pending then
        if (reply)
            intake_on_refused(intake, reply);
        worker_check_drained(intake->worker);
        return;
    }
    intake->refusals = 0;
    if (worker_has_thawed(intake->worker, intake->read_thaws))
        intake_review(intake);
    else
        take_reviewed(intake, reply);
    forget_gone(intake);
    intake_read(intake);
}

static struct redis_command *read_command(const struct intake *intake, size_t count)
{
    char number[24];
    struct redis_command *command = redis_command_create("XREADGROUP");
    redis_command_add_text(command, "GROUP");
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, intake->consumer);
    redis_command_add_text(command, "COUNT");
    snprintf(number, sizeof number, "%zu", count < intake->read_count ? count : intake->read_count);
    redis_command_add_text(command, number);
    return command;
}

static void review(struct intake *intake, size_t count)
{
    struct redis_command *command = read_command(intake, count);
    redis_command_add_text(command, "STREAMS");
    intake_add_key(intake, command, intake->review_shard, KEY_EVENTS, "");
    redis_command_add_text(command, intake->review_from);
    redis_link_send(intake->reader, &command, 0, on_reviewed, intake);
}

static void read_new(struct intake *intake, size_t count)
{
    struct redis_command *command = read_command(intake, count);
    uint32_t shards = intake->worker->engine->keys.shards;
    bool is_at_rest = clock_mono_ms() - intake->worked_ms > REST_AFTER_MS;
    int64_t block_ms = is_at_rest ? REDIS_BLOCK_AT_REST_MS : REDIS_BLOCK_MS;
    redis_command_add_text(command, "BLOCK");
    redis_command_add_int(command, block_ms);
    redis_command_add_text(command, "STREAMS");
    for (uint32_t shard = 0; shard < shards; shard++)
        intake_add_key(intake, command, shard, KEY_EVENTS, "");
    for (uint32_t shard = 0; shard < shards; shard++)
        redis_command_add_text(command, ">");
    redis_link_send(intake->reader, &command, block_ms, on_read, intake);
    // At rest a read seldom brings anything: the question would cost more than the round trip that it saves.
    intake->asks_afterwards = is_at_rest;
    if (!is_at_rest)
        intake_fresh_ask(intake, block_ms);
}

void intake_read(struct intake *intake)
{
    if (!intake->is_started || intake->is_stopped)
        return;
    // A dead instance's entries come first: new ones have time.
    if (intake->waiting_reaps) {
        intake_resume_reap(intake);
        return;
    }
    if (intake->is_reading || intake->is_paused || !redis_link_is_up(intake->reader) ||
        !redis_link_is_up(intake->worker->commands) ||
        uv_is_active((uv_handle_t *)&intake->retry_timer))
        return;
    size_t count = intake_room(intake);
    // Not for a handful: reads stay worth their round trip.
    if (count < READ_FIRST)
        return;
    if (intake->sip && intake->sip < count)
        count = intake->sip;
    intake->is_reading = true;
    intake->read_thaws = intake->worker->thaws;
    intake->is_reviewing = intake->must_review;
    if (intake->must_review)
        review(intake, count);
    else
        read_new(intake, count);
}

// ---- the reader's connection

static void on_client_id(void *arg, redis_reply *reply)
{
    struct intake *intake = arg;
    if (redis_reply_is_ok(reply))
        intake->reader_id = redis_reply_int(reply);
}

static void on_reader_up(void *arg)
{
    struct intake *intake = arg;
    struct redis_command *command = redis_command_create("CLIENT");
    redis_command_add_text(command, "ID");
    redis_link_send(intake->reader, &command, 0, on_client_id, intake);
    uv_timer_stop(&intake->retry_timer); // what was refused there may be granted here
    if (intake->must_review)
        intake_review(intake); // from the start
    intake_read(intake);
}

static void on_reader_down(void *arg)
{
    struct intake *intake = arg;
    intake->reader_id = 0;
}

void intake_on_commands_up(struct intake *intake)
{
    intake_read(intake);
}

void intake_on_snapshot(struct intake *intake)
{
    bool is_first = !intake->is_started;
    intake->is_started = true;
    intake_mark_all_fanned(intake);
    intake_fresh_on_snapshot(intake);
    if (is_first)
        intake_read(intake);
}

void intake_pause(struct intake *intake, bool is_paused)
{
    intake->is_paused = is_paused;
    if (is_paused)
        intake_unblock(intake);
    else
        intake_read(intake);
}

void intake_sip(struct intake *intake, size_t at_most)
{
    if (!intake->is_paused)
        return;
    intake->sip = at_most;
    intake_pause(intake, false);
    intake_pause(intake, true);
    intake->sip = 0;
}

void intake_stop(struct intake *intake)
{
    if (intake->is_stopped)
        return;
    intake->is_stopped = true;
    uv_timer_stop(&intake->retry_timer);
    uv_timer_stop(&intake->review_timer);
    intake_end_waiting_reaps(intake);
    intake_spread_all(intake);
    intake_unblock(intake);
}

void intake_unblock(struct intake *intake)
{
    if (!intake->is_reading || !intake->reader_id)
        return;
    // Ends the blocking read with an ordinary answer: closing the connection instead could leave entries
    // that Redis has just handed out pending.
    struct redis_command *command = redis_command_create("CLIENT");
    redis_command_add_text(command, "UNBLOCK");
    redis_command_add_int(command, intake->reader_id);
    redis_link_send(intake->worker->commands, &command, 0, NULL, NULL);
}

bool intake_is_empty(const struct intake *intake)
{
    return !intake->is_reading && !intake->in_hand && !intake->fanned_out && !intake->unanswered;
}

// ---- life

struct intake *intake_create(struct worker *worker)
{
    struct intake *intake = calloc(1, sizeof *intake);
    assert(intake);
    intake->worker = worker;
    intake->read_count = READ_FIRST;
    engine_format_consumer(worker->engine, worker->index, intake->consumer);
    char name[64];
    snprintf(name, sizeof name, "petrel-w%u-reader", worker->index);
    struct redis_link_options options = {
        .url = worker->engine->redis,
        .name = name,
        .command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS,
        .on_up = on_reader_up,
        .on_down = on_reader_down,
        .arg = intake,
    };
    intake->reader = redis_link_create(&worker->loop, &options);
    assert(intake->reader);
    uv_timer_init(&worker->loop, &intake->note_timer);
    uv_timer_init(&worker->loop, &intake->retry_timer);
    uv_timer_init(&worker->loop, &intake->review_timer);
    uv_timer_init(&worker->loop, &intake->hold_timer);
    intake_spread_init(intake);
    intake->note_timer.data = intake;
    intake->retry_timer.data = intake;
    intake->review_timer.data = intake;
    intake->hold_timer.data = intake;
    return intake;
}

void intake_close(struct intake *intake)
{
    intake->is_stopped = true;
    redis_link_close(intake->reader, NULL, NULL);
    uv_close((uv_handle_t *)&intake->note_timer, NULL);
    uv_close((uv_handle_t *)&intake->retry_timer, NULL);
    uv_close((uv_handle_t *)&intake->review_timer, NULL);
    uv_close((uv_handle_t *)&intake->hold_timer, NULL);
    uv_close((uv_handle_t *)&intake->spread_timer, NULL);
}

void intake_destroy(struct intake **intake)
{
    if (!*intake)
        return;
    struct arrival *arrival, *next;
    intake_spread_drop(*intake);
    HASH_ITER (hh, (*intake)->by_key, arrival, next) {
        HASH_DEL((*intake)->by_key, arrival); // NOLINT(clang-analyzer-unix.Malloc): uthash
        intake_drop_arrived(*intake, arrival);
        event_destroy(&arrival->event);
        free(arrival);
    }
    free(*intake);
    *intake = NULL;
}
