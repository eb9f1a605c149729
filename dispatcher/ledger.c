// SPDX-License-Identifier: Apache-2.0
// What is batched: acknowledgements, notes of partly settled arrivals and counters, per shard, for a
// few milliseconds at most. The scripts that move deliveries are in ledger_moves.c, gathered in ledger_batches.c.
#include "ledger.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake.h"
#include "ledger_internal.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    BACKLOG_MAX_BYTES = 64 * 1024 * 1024, // of the process; docs/reliability.md states it
    ACKNOWLEDGE_BATCH = 64,
    NOTE_AT_MOST = 500, // subscriptions in one command
    FLUSH_MS = 2,
    FANNED_MAX_BYTES = 8192, // of entry ids per ZADD
};

// ---- acknowledgements

struct acknowledgement {
    struct ledger *ledger;
    struct arrival *first; // chained by next_in_batch
};

static void on_acknowledged(void *arg, redis_reply *reply)
{
    struct acknowledgement *acknowledgement = arg;
    struct arrival *arrival = acknowledgement->first;
    struct ledger *ledger = acknowledgement->ledger;
    free(acknowledgement);
    ledger->unanswered--;
    bool is_refused = reply && redis_reply_is_error(reply);
    if (is_refused)
        log_error("Redis refused an acknowledgement", LOG_SPAN("why", redis_reply_span(reply)));
    while (arrival) {
        struct arrival *next = arrival->next_in_batch;
        intake_on_acknowledged(ledger->worker->intake, arrival, is_refused);
        arrival = next;
    }
    if (reply)
        worker_check_drained(ledger->worker);
}

static struct key format_key(const struct ledger *ledger, uint32_t shard, enum key_name name,
                             const char *suffix)
{
    return keys_format(&ledger->worker->engine->keys, shard, name, span_of(suffix));
}

static void add_own_consumer(const struct ledger *ledger, struct redis_command *command)
{
    char consumer[CONSUMER_SIZE];
    engine_format_consumer(ledger->worker->engine, ledger->worker->index, consumer);
    redis_command_add_text(command, consumer);
}

static void forget_records(struct ledger *ledger, uint32_t shard, const struct arrival *first)
{
    struct redis_command *command = NULL;
    for (const struct arrival *arrival = first; arrival; arrival = arrival->next_in_batch) {
        if (!arrival->has_record)
            continue;
        if (!command)
            command = redis_command_create("UNLINK");
        struct key key = format_key(ledger, shard, KEY_SETTLED, arrival->entry_id);
        redis_command_add_key(command, &key);
    }
    if (command)
        redis_link_send_reliably(ledger->worker->commands, &command, NULL, NULL);
}

static void forget_fanned(struct ledger *ledger, uint32_t shard, const struct arrival *first)
{
    struct redis_command *command = NULL;
    for (const struct arrival *arrival = first; arrival; arrival = arrival->next_in_batch) {
        if (!arrival->is_marked)
            continue;
        if (!command) {
            struct key key = format_key(ledger, shard, KEY_FANNED, "");
            command = redis_command_create("ZREM");
            redis_command_add_key(command, &key);
        }
        redis_command_add_text(command, arrival->entry_id);
    }
    if (command)
        redis_link_send_reliably(ledger->worker->commands, &command, NULL, NULL);
}

static void flush_acknowledgements(struct ledger *ledger, uint32_t shard)
{
    struct shard_batch *batch = &ledger->batches[shard];
    if (!batch->count)
        return;
    struct acknowledgement *acknowledgement = calloc(1, sizeof *acknowledgement);
    assert(acknowledgement);
    acknowledgement->ledger = ledger;
    acknowledgement->first = batch->first;
    struct redis_command *command = redis_command_create("XACK");
    struct key events = format_key(ledger, shard, KEY_EVENTS, "");
    redis_command_add_key(command, &events);
    redis_command_add_text(command, KEYS_GROUP);
    for (const struct arrival *arrival = batch->first; arrival; arrival = arrival->next_in_batch)
        redis_command_add_text(command, arrival->entry_id);
    metrics_add(METRIC_EVENTS_SETTLED, (int64_t)batch->count);
    batch->first = batch->last = NULL;
    batch->count = 0;
    ledger->unanswered++;
    redis_link_send_reliably(ledger->worker->commands, &command, on_acknowledged, acknowledgement);
    // After the acknowledgement, on the same connection: never the other way round.
    forget_records(ledger, shard, acknowledgement->first);
    forget_fanned(ledger, shard, acknowledgement->first);
}

// Before the acknowledgements, on the same connection, so that what is forgotten was marked before.
static void flush_fanned(struct ledger *ledger, uint32_t shard)
{
    struct text *fanned = &ledger->batches[shard].fanned;
    if (!fanned->size)
        return;
    struct key key = format_key(ledger, shard, KEY_FANNED, "");
    struct redis_command *command = redis_command_create("ZADD");
    redis_command_add_key(command, &key);
    struct span rest = text_span(fanned), entry;
    while (span_next(&rest, ' ', &entry)) {
        if (!entry.size)
            continue;
        redis_command_add_int(command, 0);
        redis_command_add_span(command, entry);
    }
    redis_link_send_reliably(ledger->worker->commands, &command, NULL, NULL);
    text_fini(fanned);
    text_init(fanned, FANNED_MAX_BYTES);
}

static void add_total(struct ledger *ledger, uint32_t shard, const char *field, int64_t *count)
{
    if (!*count)
        return;
    struct redis_command *command = redis_command_create("HINCRBY");
    struct key totals = format_key(ledger, shard, KEY_TOTALS, "");
    redis_command_add_key(command, &totals);
    redis_command_add_text(command, field);
    redis_command_add_int(command, *count);
    *count = 0;
    // Adding twice would be worse than a number lost with the connection.
    redis_link_send_once(ledger->worker->commands, &command);
}

void ledger_flush(struct ledger *ledger)
{
    ledger_flush_finishes(ledger);
    for (uint32_t shard = 0; shard < ledger->worker->engine->keys.shards; shard++) {
        struct shard_batch *batch = &ledger->batches[shard];
        flush_fanned(ledger, shard);
        flush_acknowledgements(ledger, shard);
        add_total(ledger, shard, "delivered", &batch->delivered);
        add_total(ledger, shard, "duplicates", &batch->duplicates);
    }
}

static void on_flush_timer(uv_timer_t *timer)
{
    ledger_flush(timer->data);
}

void ledger_flush_soon(struct ledger *ledger)
{
    if (!uv_is_active((uv_handle_t *)&ledger->flush_timer))
        uv_timer_start(&ledger->flush_timer, on_flush_timer, FLUSH_MS, 0);
}

void ledger_acknowledge(struct ledger *ledger, struct arrival *arrival)
{
    struct shard_batch *batch = &ledger->batches[arrival->shard];
    arrival->next_in_batch = NULL;
    if (batch->last)
        batch->last->next_in_batch = arrival;
    else
        batch->first = arrival;
    batch->last = arrival;
    if (++batch->count >= ACKNOWLEDGE_BATCH) {
        flush_fanned(ledger, arrival->shard);
        flush_acknowledgements(ledger, arrival->shard);
    } else {
        ledger_flush_soon(ledger);
    }
}

void ledger_mark_fanned(struct ledger *ledger, struct arrival *arrival)
{
    struct text *fanned = &ledger->batches[arrival->shard].fanned;
    if (fanned->size + EVENT_ENTRY_ID_SIZE + 1 > FANNED_MAX_BYTES)
        flush_fanned(ledger, arrival->shard);
    text_append_string(fanned, arrival->entry_id);
    text_append_char(fanned, ' ');
    arrival->is_marked = true;
    ledger_flush_soon(ledger);
}

void ledger_note_arrived(struct ledger *ledger, const struct event *event,
                         const struct delivery *arrived)
{
    while (arrived) {
        struct redis_command *command = redis_command_create_script(SCRIPT_NOTE);
        struct key events = format_key(ledger, event->shard, KEY_EVENTS, "");
        struct key settled = format_key(ledger, event->shard, KEY_SETTLED, event->entry_id);
        redis_command_add_key(command, &events);
        redis_command_add_key(command, &settled);
        redis_command_add_text(command, KEYS_GROUP);
        redis_command_add_text(command, event->entry_id);
        add_own_consumer(ledger, command);
        for (int i = 0; arrived && i < NOTE_AT_MOST; i++, arrived = arrived->next)
            redis_command_add_text(command, arrived->subscription_id);
        redis_link_send_reliably(ledger->worker->commands, &command, NULL, NULL);
    }
}

void ledger_reject(struct ledger *ledger, struct arrival *arrival, const char *reason)
{
    struct acknowledgement *acknowledgement = calloc(1, sizeof *acknowledgement);
    assert(acknowledgement);
    acknowledgement->ledger = ledger;
    acknowledgement->first = arrival;
    arrival->next_in_batch = NULL;
    struct redis_command *command = redis_command_create_script(SCRIPT_REJECT);
    struct key events = format_key(ledger, arrival->shard, KEY_EVENTS, "");
    struct key rejected = format_key(ledger, arrival->shard, KEY_REJECTED, "");
    struct key totals = format_key(ledger, arrival->shard, KEY_TOTALS, "");
    redis_command_add_key(command, &events);
    redis_command_add_key(command, &rejected);
    redis_command_add_key(command, &totals);
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, arrival->entry_id);
    redis_command_add_text(command, reason);
    add_own_consumer(ledger, command);
    ledger->unanswered++;
    redis_link_send_reliably(ledger->worker->commands, &command, on_acknowledged, acknowledgement);
}

// ---- the attempts log and counters

static struct redis_command *begin_attempt(const struct ledger *ledger, uint32_t shard)
{
    struct redis_command *command = redis_command_create("XADD");
    struct key attempts = format_key(ledger, shard, KEY_ATTEMPTS, "");
    redis_command_add_key(command, &attempts);
    redis_command_add_text(command, "MAXLEN");
    redis_command_add_text(command, "~");
    redis_command_add_int(command, (int64_t)ledger->worker->engine->config->attempts_log);
    redis_command_add_text(command, "*");
    redis_command_add_text(command, "event");
    return command;
}

// A name between two values, as it is sent: this is written for each attempt there is.
#define NAME(size, name) SPAN("$" #size "\r\n" name "\r\n"), 1

void ledger_log_attempt(struct ledger *ledger, const struct delivery *delivery,
                        const struct attempt_result *result, const char *outcome)
{
    const struct event *event = delivery->event;
    struct redis_command *command = redis_command_copy(ledger->batches[event->shard].attempt);
    redis_command_add_text(command, event->id);
    redis_command_add_encoded(command, NAME(12, "subscription"));
    redis_command_add_text(command, delivery->subscription_id);
    redis_command_add_encoded(command, NAME(4, "type"));
    redis_command_add_text(command, event->type);
    if (event->tenant[0]) {
        redis_command_add_encoded(command, NAME(6, "tenant"));
        redis_command_add_text(command, event->tenant);
    }
    redis_command_add_encoded(command, NAME(7, "attempt"));
    redis_command_add_int(command, delivery->attempts);
    redis_command_add_encoded(command, NAME(7, "outcome"));
    redis_command_add_text(command, outcome);
    redis_command_add_encoded(command, NAME(6, "status"));
    redis_command_add_int(command, result->status);
    redis_command_add_encoded(command, NAME(5, "error"));
    redis_command_add_text(command, outcome_error_text(result));
    redis_command_add_encoded(command, NAME(10, "started_at"));
    redis_command_add_int(command, result->started_wall_ms);
    redis_command_add_encoded(command, NAME(11, "duration_ms"));
    redis_command_add_int(command, result->duration_ms);
    redis_link_send_once(ledger->worker->commands, &command);
}
#undef NAME

void ledger_count_delivered(struct ledger *ledger, uint32_t shard)
{
    ledger->batches[shard].delivered++;
    ledger_flush_soon(ledger);
}

void ledger_count_duplicate(struct ledger *ledger, uint32_t shard)
{
    ledger->batches[shard].duplicates++;
    ledger_flush_soon(ledger);
}

// ---- life

struct ledger *ledger_create(struct worker *worker)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    assert(ledger);
    ledger->worker = worker;
    ledger->batches = calloc(worker->engine->keys.shards, sizeof *ledger->batches);
    assert(ledger->batches);
    for (uint32_t i = 0; i < worker->engine->keys.shards; i++) {
        text_init(&ledger->batches[i].fanned, FANNED_MAX_BYTES);
        ledger->batches[i].attempt = begin_attempt(ledger, i);
    }
    const struct config *config = worker->engine->config;
    snprintf(ledger->policy, sizeof ledger->policy, "%u %u %u %lld %lld %lld",
             config->breaker_failures, config->breaker_rate, config->breaker_minimum,
             (long long)config->breaker_probe_ms, (long long)config->breaker_probe_max_ms,
             (long long)config->disable_after_ms);
    uv_timer_init(&worker->loop, &ledger->flush_timer);
    ledger->flush_timer.data = ledger;
    return ledger;
}

bool ledger_is_behind(const struct ledger *ledger)
{
    size_t bytes;
    redis_link_backlog(ledger->worker->commands, &bytes);
    return bytes > BACKLOG_MAX_BYTES / ledger->worker->engine->worker_count;
}

bool ledger_is_empty(const struct ledger *ledger)
{
    for (uint32_t shard = 0; shard < ledger->worker->engine->keys.shards; shard++)
        if (ledger->batches[shard].count || ledger->batches[shard].fanned.size ||
            ledger->batches[shard].delivered || ledger->batches[shard].duplicates)
            return false;
    return !ledger->finishes && ledger->unanswered == 0 &&
           redis_link_backlog(ledger->worker->commands, NULL) == 0;
}

void ledger_close(struct ledger *ledger)
{
    uv_close((uv_handle_t *)&ledger->flush_timer, NULL);
}

static void end_batch(struct shard_batch *batch)
{
    text_fini(&batch->fanned);
    redis_command_destroy(&batch->attempt);
}

void ledger_destroy(struct ledger **ledger)
{
    if (!*ledger)
        return;
    for (uint32_t i = 0; i < (*ledger)->worker->engine->keys.shards; i++)
        end_batch(&(*ledger)->batches[i]);
    ledger_drop_finishes(*ledger);
    free((*ledger)->batches);
    free(*ledger);
    *ledger = NULL;
}
