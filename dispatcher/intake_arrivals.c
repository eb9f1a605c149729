// SPDX-License-Identifier: Apache-2.0
// From a raw entry to deliveries, and back to an acknowledgement:
//
//   entry ─parse─> bad: reject.lua
//            └──> own id (intake_dedupe.c) ─> repeat: acknowledged; held: reject.lua
//            └──> taken over: settled:<entry> says which deliveries need not be repeated
//            └──> wait until the table of subscriptions is new enough (intake_fresh.c)
//            └──> match ─> deliveries to their homes ─> all back ─> acknowledged
//
// An arrival stays in `by_key` until Redis has the acknowledgement, so that a review of the pending list
// after a broken connection never takes in again what is in hand.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake_fresh.h"
#include "intake_internal.h"
#include "ledger.h"
#include "petrel/clock.h"
#include "petrel/fault_point.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    MATCH_AT_ONCE = 256, // on the stack; more are matched into memory of their own
    // A part that arrived is noted in Redis when its event is still pending after this long: most events are
    // settled by then and need no note.
    NOTE_MS = 50,
};

// ---- in hand

// "<entry id>/<shard>"; what is no entry's id gets a key that no arrival has.
static size_t format_key(char out[ARRIVAL_KEY_SIZE], uint32_t shard, struct span entry_id)
{
    if (!span_copy(entry_id, out, EVENT_ENTRY_ID_SIZE))
        return 0;
    out[entry_id.size] = '/';
    return entry_id.size + 1 + uint64_format(shard, out + entry_id.size + 1);
}

struct arrival *intake_find(struct intake *intake, uint32_t shard, struct span entry_id)
{
    char key[ARRIVAL_KEY_SIZE];
    struct arrival *arrival = NULL;
    size_t size = format_key(key, shard, entry_id);
    HASH_FIND(hh, intake->by_key, key, size, arrival);
    return arrival;
}

static struct arrival *arrival_create(struct intake *intake, uint32_t shard, struct span entry_id,
                                      bool is_taken_over)
{
    struct arrival *arrival = calloc(1, sizeof *arrival);
    assert(arrival);
    bool fits = span_copy(entry_id, arrival->entry_id, sizeof arrival->entry_id);
    assert(fits); // Redis's own form: two 64-bit numbers
    arrival->shard = shard;
    arrival->taken_ms = clock_mono_ms();
    arrival->is_taken_over = is_taken_over;
    arrival->has_record = is_taken_over;
    size_t size = format_key(arrival->key, shard, entry_id);
    HASH_ADD(hh, intake->by_key, key, size, arrival);
    intake->in_hand++;
    return arrival;
}

static void let_go(struct intake *intake, struct arrival *arrival)
{
    intake->in_hand--;
    event_destroy(&arrival->event);
    // The review runs on another connection than the acknowledgement: its answer, which comes later, may be from
    // before it.
    if (intake->is_reviewing) {
        arrival->is_gone = true;
        arrival->next_in_batch = intake->gone_first;
        intake->gone_first = arrival;
    } else {
        HASH_DEL(intake->by_key, arrival);
        free(arrival);
    }
    intake_read(intake);
    worker_check_drained(intake->worker);
}

void intake_on_acknowledged(struct intake *intake, struct arrival *arrival, bool is_refused)
{
    // Of a malformed one nothing was sent; an event whose acknowledgement is refused for good would be sent again by
    // each review, so that one waits for the next start.
    if (is_refused && !arrival->event)
        intake_review_later(intake);
    let_go(intake, arrival);
}

// ---- settling

static void keep_arrived(struct intake *intake, struct arrival *arrival, struct delivery *delivery)
{
    if (!arrival->arrived_first) {
        arrival->previous_to_note = NULL;
        arrival->next_to_note = intake->to_note_first;
        if (intake->to_note_first)
            intake->to_note_first->previous_to_note = arrival;
        intake->to_note_first = arrival;
    }
    delivery->next = arrival->arrived_first;
    arrival->arrived_first = delivery;
    if (!uv_is_active((uv_handle_t *)&intake->note_timer))
        uv_timer_start(&intake->note_timer, intake_on_note_timer, NOTE_MS, 0);
}

void intake_drop_arrived(struct intake *intake, struct arrival *arrival)
{
    if (!arrival->arrived_first)
        return;
    if (arrival->previous_to_note)
        arrival->previous_to_note->next_to_note = arrival->next_to_note;
    else
        intake->to_note_first = arrival->next_to_note;
    if (arrival->next_to_note)
        arrival->next_to_note->previous_to_note = arrival->previous_to_note;
    while (arrival->arrived_first) {
        struct delivery *delivery = arrival->arrived_first;
        arrival->arrived_first = delivery->next;
        delivery_destroy(&delivery);
    }
}

static void settle(struct intake *intake, struct arrival *arrival)
{
    if (arrival->is_stuck) {
        // It stays pending in Redis and comes back, or another instance has it: without the parts that have arrived.
        ledger_note_arrived(intake->worker->ledger, arrival->event, arrival->arrived_first);
        intake_review_later(intake);
    }
    intake_drop_arrived(intake, arrival);
    if (arrival->is_stuck || (arrival->is_acknowledged && !arrival->has_record))
        let_go(intake, arrival);
    else
        ledger_acknowledge(intake->worker->ledger, arrival);
}

void intake_on_note_timer(uv_timer_t *timer)
{
    struct intake *intake = timer->data;
    while (intake->to_note_first) {
        struct arrival *arrival = intake->to_note_first;
        arrival->has_record = true;
        ledger_note_arrived(intake->worker->ledger, arrival->event, arrival->arrived_first);
        intake_drop_arrived(intake, arrival);
    }
}

// While there are ordered subscriptions: once this arrival's ordered deliveries stand in their queues, those of later
// entries may go, however long its other deliveries take.
static void mark_fanned(struct intake *intake, struct arrival *arrival)
{
    if (!arrival->is_marked && snapshot_has_ordered(intake->worker->snapshot))
        ledger_mark_fanned(intake->worker->ledger, arrival);
}

// Those under way when the first ordered subscription came weren't marked: it needn't wait for them either.
void intake_mark_all_fanned(struct intake *intake)
{
    struct arrival *arrival, *next;
    bool had_ordered = intake->has_ordered;
    intake->has_ordered = snapshot_has_ordered(intake->worker->snapshot);
    if (had_ordered || !intake->has_ordered)
        return;
    HASH_ITER (hh, intake->by_key, arrival, next)
        if (arrival->outstanding > 0 && !arrival->ordered)
            mark_fanned(intake, arrival);
}

void intake_on_returned(struct intake *intake, struct delivery *delivery)
{
    struct arrival *arrival = delivery->arrival;
    assert(arrival->outstanding > 0);
    FAULT_POINT("delivery.returned");
    arrival->outstanding--;
    intake->fanned_out--;
    bool must_note = false;
    switch (delivery->end) {
    case DELIVERY_UNSETTLED:
        arrival->is_stuck = true;
        break;
    case DELIVERY_ARRIVED:
        must_note = arrival->outstanding > 0 || arrival->is_stuck;
        break;
    case DELIVERY_RECORDED:
        if (delivery->subscription->is_ordered && --arrival->ordered == 0)
            mark_fanned(intake, arrival);
        if (delivery->is_sole)
            arrival->is_acknowledged = true;
        else
            arrival->has_record = true;
        break;
    }
    if (must_note)
        keep_arrived(intake, arrival, delivery);
    else
        delivery_destroy(&delivery);
    if (arrival->outstanding == 0)
        settle(intake, arrival);
    intake_spread_on_returned(intake);
    intake_read(intake);
}

// ---- fanning out

static bool is_settled(redis_reply *settled, const char *subscription)
{
    for (size_t i = 0; i < redis_reply_count(settled); i++)
        if (span_equals_text(redis_reply_span(redis_reply_at(settled, i)), subscription))
            return true;
    return false;
}

// subscriptions[0..count) are those that want the event; `settled` is the reply with those done before. Returns how many
// are left.
static size_t keep_wanted(struct subscription **subscriptions, size_t count, redis_reply *settled)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        // A disabled subscription gets nothing new; a paused one's deliveries park.
        if (subscriptions[i]->state == SUBSCRIPTION_DISABLED ||
            is_settled(settled, subscriptions[i]->id))
            continue;
        subscriptions[kept++] = subscriptions[i];
    }
    return kept;
}

static void send_out(struct intake *intake, struct arrival *arrival,
                     struct subscription **subscriptions, size_t count)
{
    intake_spread(intake, arrival, subscriptions, count);
    if (!arrival->ordered)
        mark_fanned(intake, arrival);
}

static size_t find_target(const struct intake *intake, const struct event *event,
                          struct subscription **out)
{
    struct subscription *only = snapshot_find(intake->worker->snapshot, event->subscription);
    if (!only || !span_equals_text(span_of(event->tenant), only->tenant))
        return 0;
    *out = only;
    return 1;
}

void intake_fan_out(struct intake *intake, struct arrival *arrival, redis_reply *settled)
{
    const struct event *event = arrival->event;
    struct snapshot *snapshot = intake->worker->snapshot;
    struct subscription *few[MATCH_AT_ONCE];
    struct subscription **matches = few;
    size_t count;
    if (event->subscription[0]) {
        count = find_target(intake, event, few);
    } else {
        struct span tenant = span_of(event->tenant), type = span_of(event->type);
        count = snapshot_match(snapshot, tenant, type, few, MATCH_AT_ONCE);
        if (count > MATCH_AT_ONCE) {
            matches = calloc(count, sizeof(struct subscription *));
            assert(matches);
            snapshot_match(snapshot, tenant, type, matches, count);
        }
    }
    size_t wanted = keep_wanted(matches, count, settled);
    if (count == 0)
        metrics_add(METRIC_EVENTS_UNMATCHED, 1);
    if (wanted)
        send_out(intake, arrival, matches, wanted);
    else
        ledger_acknowledge(intake->worker->ledger, arrival);
    if (matches != few)
        free(matches);
}

// ---- an entry that was pending before: what of it is settled?

struct lookup {
    struct intake *intake;
    struct arrival *arrival;
};

static void on_settled_read(void *arg, redis_reply *reply)
{
    struct lookup *lookup = arg;
    struct intake *intake = lookup->intake;
    struct arrival *arrival = lookup->arrival;
    free(lookup);
    intake->unanswered--;
    if (!reply)
        return; // teardown
    intake_fan_out(intake, arrival, reply);
}

void intake_proceed(struct intake *intake, struct arrival *arrival)
{
    if (!arrival->is_taken_over) {
        intake_fresh_pass(intake, arrival);
        return;
    }
    struct lookup *lookup = calloc(1, sizeof *lookup);
    assert(lookup);
    *lookup = (struct lookup){.intake = intake, .arrival = arrival};
    struct redis_command *command = redis_command_create("SMEMBERS");
    intake_add_key(intake, command, arrival->shard, KEY_SETTLED, arrival->entry_id);
    intake->unanswered++;
    redis_link_send_reliably(intake->worker->commands, &command, on_settled_read, lookup);
}

// ---- parsing

void intake_reject(struct intake *intake, struct arrival *arrival, const struct event_fault *fault)
{
    char reason[EVENT_REASON_SIZE + 32];
    snprintf(reason, sizeof reason, "%s%s%s", fault->field, fault->field[0] ? ": " : "",
             fault->message);
    metrics_add(METRIC_EVENTS_REJECTED, 1);
    log_warn("event rejected", LOG_STR("entry", arrival->entry_id),
             LOG_INT("shard", arrival->shard), LOG_STR("reason", reason));
    ledger_reject(intake->worker->ledger, arrival, reason);
}

static struct event *parse(const struct intake *intake, const struct arrival *arrival,
                           redis_reply *words, struct event_fault *fault)
{
    size_t count = redis_reply_count(words);
    struct span few[EVENT_MAX_FIELDS * 2];
    struct span *fields = few;
    // Too many to be an event, but the parser is to say so, with the size.
    if (count > EVENT_MAX_FIELDS * 2)
        fields = calloc(count, sizeof *fields);
    if (!fields)
        return NULL;
    for (size_t i = 0; i < count; i++)
        fields[i] = redis_reply_span(redis_reply_at(words, i));
    struct event_entry entry = {.entry_id = arrival->entry_id,
                                .shard = arrival->shard,
                                .fields = fields,
                                .field_count = count};
    struct event *event =
        event_parse(&entry, intake->worker->engine->config->max_event_bytes, fault);
    if (fields != few)
        free(fields);
    return event;
}

// Pending, but somebody has deleted it from the stream.
static void drop_deleted(struct intake *intake, struct arrival *arrival)
{
    metrics_add(METRIC_DATA_LOSS, 1);
    log_error("data loss: a pending entry was deleted from the stream",
              LOG_STR("entry", arrival->entry_id), LOG_INT("shard", arrival->shard));
    ledger_acknowledge(intake->worker->ledger, arrival);
}

void intake_take_entries(struct intake *intake, uint32_t shard, redis_reply *entries,
                         bool is_taken_over)
{
    struct arrival *first = NULL, **last = &first;
    for (size_t i = 0; i < redis_reply_count(entries); i++) {
        redis_reply *entry = redis_reply_at(entries, i);
        struct span entry_id = redis_reply_span(redis_reply_at(entry, 0));
        if (!entry_id.size || intake_find(intake, shard, entry_id))
            continue;
        struct arrival *arrival = arrival_create(intake, shard, entry_id, is_taken_over);
        if (redis_reply_kind_of(redis_reply_at(entry, 1)) == REDIS_REPLY_IS_NIL) {
            drop_deleted(intake, arrival);
            continue;
        }
        struct event_fault fault = {0};
        metrics_add(METRIC_EVENTS_READ, 1);
        arrival->event = parse(intake, arrival, redis_reply_at(entry, 1), &fault);
        if (!arrival->event && fault.field) {
            intake_reject(intake, arrival, &fault);
        } else if (!arrival->event) {
            log_error("out of memory: an event stays pending", LOG_STR("entry", arrival->entry_id));
            intake_review_later(intake);
            let_go(intake, arrival);
        } else if (arrival->event->has_own_id) {
            *last = arrival;
            last = &arrival->next_in_batch;
        } else {
            intake_proceed(intake, arrival);
        }
    }
    if (first)
        intake_dedupe(intake, shard, first);
}
