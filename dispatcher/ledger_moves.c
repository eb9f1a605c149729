// SPDX-License-Identifier: Apache-2.0
// One script call per move of a delivery, or of several of one subscription (parked unattempted, finished: see
// ledger_batches.c): keys and arguments as the scripts' heads have them. What becomes of a call is in ledger_answers.c.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger_internal.h"
#include "own_events.h"
#include "worker.h"

static void send_move(struct ledger *ledger, const struct ledger_move *move, enum script script,
                      struct redis_command *command)
{
    struct delivery *const one[] = {move->delivery};
    ledger_send_moves(ledger,
                      &(struct ledger_moves){
                          .deliveries = one, .count = 1, .moved = move->moved, .arg = move->arg},
                      script, command);
}

static void add_key(struct redis_command *command, const struct ledger *ledger,
                    const struct delivery *delivery, enum key_name name, const char *suffix)
{
    struct key key =
        keys_format(&ledger->worker->engine->keys, delivery->event->shard, name, span_of(suffix));
    redis_command_add_key(command, &key);
}

static void add_stored_event(struct redis_command *command, const struct event *event)
{
    struct text stored;
    text_init(&stored, event->body_size + 2048);
    event_format_stored(event, &stored);
    assert(!stored.failed);
    redis_command_add_span(command, text_span(&stored));
    text_fini(&stored);
}

static void add_state(struct redis_command *command, const struct delivery *delivery)
{
    redis_command_add_int(command, delivery->attempts);
    redis_command_add_int(command, delivery->first_attempt_ms);
    redis_command_add_int(command, delivery->last_attempt_ms);
    redis_command_add_int(command, delivery->last_status);
    redis_command_add_text(command, delivery->last_error);
}

// The consumer that the entry is pending with: its origin's, not always ours.
static void add_consumer(struct redis_command *command, const struct ledger *ledger,
                         const struct delivery *delivery)
{
    char consumer[CONSUMER_SIZE];
    engine_format_consumer(ledger->worker->engine, delivery->origin, consumer);
    redis_command_add_text(command, consumer);
}

static void add_health_keys(struct redis_command *command, const struct ledger *ledger,
                            const struct delivery *delivery)
{
    add_key(command, ledger, delivery, KEY_HEALTH, delivery->subscription_id);
    add_key(command, ledger, delivery, KEY_OPEN, "");
    add_key(command, ledger, delivery, KEY_BREAKERS, "");
}

static void add_report(struct redis_command *command, const struct ledger *ledger,
                       const struct ledger_report *report)
{
    char text[64] = "";
    if (report->is_given)
        snprintf(text, sizeof text, "%u %lld %d", report->successes, (long long)report->hold_ms,
                 report->is_failure);
    redis_command_add_text(command, text);
    redis_command_add_text(command, ledger->policy);
}

void ledger_park(struct ledger *ledger, const struct ledger_move *move)
{
    const struct delivery *delivery = move->delivery;
    const struct event *event = delivery->event;
    struct redis_command *command = redis_command_create_script(SCRIPT_PARK);
    add_key(command, ledger, delivery, KEY_EVENTS, "");
    add_key(command, ledger, delivery, KEY_QUEUE, delivery->subscription_id);
    add_key(command, ledger, delivery, KEY_DUE, "");
    add_key(command, ledger, delivery, KEY_PARKED, delivery->subscription_id);
    add_key(command, ledger, delivery, KEY_MESSAGE, event->id);
    add_key(command, ledger, delivery, KEY_SETTLED, event->entry_id);
    add_key(command, ledger, delivery, KEY_TOTALS, "");
    add_health_keys(command, ledger, delivery);
    add_key(command, ledger, delivery, KEY_ORDER, delivery->subscription_id);
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, event->entry_id);
    redis_command_add_text(command, event->id);
    redis_command_add_text(command, delivery->subscription_id);
    redis_command_add_int(command, move->delay_ms);
    add_state(command, delivery);
    add_stored_event(command, event);
    redis_command_add_int(command, delivery->is_sole);
    redis_command_add_int(command, move->is_held);
    add_consumer(command, ledger, delivery);
    add_report(command, ledger, &move->report);
    redis_command_add_int(command, delivery->subscription->is_ordered);
    send_move(ledger, move, SCRIPT_PARK, command);
}

void ledger_retry(struct ledger *ledger, const struct ledger_move *move)
{
    const struct delivery *delivery = move->delivery;
    struct redis_command *command = redis_command_create_script(SCRIPT_RETRY);
    add_key(command, ledger, delivery, KEY_QUEUE, delivery->subscription_id);
    add_key(command, ledger, delivery, KEY_DUE, "");
    add_key(command, ledger, delivery, KEY_PARKED, delivery->subscription_id);
    add_health_keys(command, ledger, delivery);
    redis_command_add_text(command, delivery->event->id);
    redis_command_add_text(command, delivery->lease);
    redis_command_add_text(command, delivery->subscription_id);
    redis_command_add_int(command, move->delay_ms);
    add_state(command, delivery);
    redis_command_add_int(command, move->is_held);
    add_report(command, ledger, &move->report);
    send_move(ledger, move, SCRIPT_RETRY, command);
}

void ledger_park_many(struct ledger *ledger, const struct ledger_moves *moves)
{
    const struct delivery *first = moves->deliveries[0];
    struct redis_command *command = redis_command_create_script(SCRIPT_PARK_MANY);
    add_key(command, ledger, first, KEY_EVENTS, "");
    add_key(command, ledger, first, KEY_QUEUE, first->subscription_id);
    add_key(command, ledger, first, KEY_DUE, "");
    add_key(command, ledger, first, KEY_PARKED, first->subscription_id);
    add_key(command, ledger, first, KEY_TOTALS, "");
    add_health_keys(command, ledger, first);
    add_key(command, ledger, first, KEY_ORDER, first->subscription_id);
    for (size_t i = 0; i < moves->count; i++) {
        add_key(command, ledger, first, KEY_MESSAGE, moves->deliveries[i]->event->id);
        add_key(command, ledger, first, KEY_SETTLED, moves->deliveries[i]->event->entry_id);
    }
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, first->subscription_id);
    redis_command_add_int(command, moves->delay_ms);
    redis_command_add_int(command, moves->is_held);
    redis_command_add_int(command, first->subscription->is_ordered);
    add_consumer(command, ledger, first);
    for (size_t i = 0; i < moves->count; i++) {
        const struct delivery *delivery = moves->deliveries[i];
        redis_command_add_text(command, delivery->event->entry_id);
        redis_command_add_text(command, delivery->event->id);
        add_stored_event(command, delivery->event);
        redis_command_add_int(command, delivery->is_sole);
    }
    ledger_send_moves(ledger, moves, SCRIPT_PARK_MANY, command);
}

void ledger_finish_many(struct ledger *ledger, const struct ledger_moves *moves)
{
    const struct delivery *first = moves->deliveries[0];
    struct redis_command *command = redis_command_create_script(SCRIPT_FINISH);
    add_key(command, ledger, first, KEY_QUEUE, first->subscription_id);
    add_key(command, ledger, first, KEY_PARKED, first->subscription_id);
    add_key(command, ledger, first, KEY_TOTALS, "");
    add_health_keys(command, ledger, first);
    add_key(command, ledger, first, KEY_DUE, "");
    add_key(command, ledger, first, KEY_ORDER, first->subscription_id);
    add_key(command, ledger, first, KEY_EVENTS, "");
    for (size_t i = 0; i < moves->count; i++)
        add_key(command, ledger, first, KEY_MESSAGE, moves->deliveries[i]->event->id);
    redis_command_add_text(command, first->subscription_id);
    own_events_add_recovery(command, ledger->worker,
                            snapshot_find(ledger->worker->snapshot, first->subscription_id));
    for (size_t i = 0; i < moves->count; i++) {
        redis_command_add_text(command, moves->deliveries[i]->event->id);
        redis_command_add_text(command, moves->deliveries[i]->lease);
    }
    ledger_send_moves(ledger, moves, SCRIPT_FINISH, command);
}

static void add_dead_letter_fields(struct redis_command *command, const struct ledger_move *move)
{
    const struct delivery *delivery = move->delivery;
    struct span response = {"", 0};
    if (move->result)
        response = (struct span){move->result->excerpt, move->result->excerpt_bytes};
    redis_command_add_text(command, "reason");
    redis_command_add_text(command, move->reason);
    redis_command_add_text(command, "attempts");
    redis_command_add_int(command, delivery->attempts);
    redis_command_add_text(command, "first_attempt_at");
    redis_command_add_int(command, delivery->first_attempt_ms);
    redis_command_add_text(command, "last_attempt_at");
    redis_command_add_int(command, delivery->last_attempt_ms);
    redis_command_add_text(command, "last_status");
    redis_command_add_int(command, delivery->last_status);
    redis_command_add_text(command, "last_error");
    redis_command_add_text(command, delivery->last_error);
    redis_command_add_text(command, "last_response");
    redis_command_add_span(command, response);
    redis_command_add_text(command, "type");
    redis_command_add_text(command, delivery->event->type);
    redis_command_add_text(command, "tenant");
    redis_command_add_text(command, delivery->event->tenant);
}

void ledger_bury(struct ledger *ledger, const struct ledger_move *move)
{
    const struct delivery *delivery = move->delivery;
    const struct event *event = delivery->event;
    bool is_claimed = delivery_is_claimed(delivery);
    struct text id;
    text_init(&id, EVENT_ID_SIZE + EVENT_SUBSCRIPTION_SIZE);
    text_append_format(&id, "%s.%s", event->id, delivery->subscription_id);

    struct redis_command *command = redis_command_create_script(SCRIPT_BURY);
    add_key(command, ledger, delivery, KEY_EVENTS, "");
    add_key(command, ledger, delivery, KEY_QUEUE, delivery->subscription_id);
    add_key(command, ledger, delivery, KEY_PARKED, delivery->subscription_id);
    add_key(command, ledger, delivery, KEY_MESSAGE, event->id);
    add_key(command, ledger, delivery, KEY_SETTLED, event->entry_id);
    add_key(command, ledger, delivery, KEY_TOTALS, "");
    add_key(command, ledger, delivery, KEY_DEAD, "");
    add_key(command, ledger, delivery, KEY_DEAD_LETTER, text_string(&id));
    add_health_keys(command, ledger, delivery);
    add_key(command, ledger, delivery, KEY_ORDER, delivery->subscription_id);
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, event->entry_id);
    redis_command_add_text(command, event->id);
    redis_command_add_text(command, delivery->subscription_id);
    redis_command_add_text(command, text_string(&id));
    redis_command_add_text(command, delivery->lease);
    if (is_claimed)
        redis_command_add_text(command, "");
    else
        add_stored_event(command, event);
    redis_command_add_int(command, delivery->is_sole);
    if (is_claimed)
        redis_command_add_text(command, "");
    else
        add_consumer(command, ledger, delivery);
    add_report(command, ledger, &move->report);
    own_events_add_death(command, ledger->worker, delivery, move->reason);
    add_dead_letter_fields(command, move);
    text_fini(&id);
    send_move(ledger, move, SCRIPT_BURY, command);
}

// ---- a success that no script writes down

struct telling {
    struct ledger *ledger;
    ledger_told *answered;
    void *arg;
    uint32_t shard;
    char subscription[EVENT_SUBSCRIPTION_SIZE];
};

static void on_told(void *arg, redis_reply *reply)
{
    struct telling *telling = arg;
    struct ledger_answer answer;
    telling->ledger->unanswered--;
    if (redis_reply_is_ok(reply))
        ledger_read_answer(reply, &answer);
    telling->answered(telling->arg, telling->subscription, telling->shard,
                      redis_reply_is_ok(reply) ? &answer : NULL);
    free(telling);
}

void ledger_tell_success(struct ledger *ledger, const char *subscription, uint32_t shard,
                         ledger_told *answered, void *arg)
{
    struct telling *telling = calloc(1, sizeof *telling);
    assert(telling);
    *telling = (struct telling){.ledger = ledger, .answered = answered, .arg = arg, .shard = shard};
    span_copy(span_of(subscription), telling->subscription, sizeof telling->subscription);
    struct redis_command *command = redis_command_create_script(SCRIPT_SUCCEED);
    const struct keys *keys = &ledger->worker->engine->keys;
    const struct key names[] = {
        keys_format(keys, shard, KEY_HEALTH, span_of(subscription)),
        keys_format(keys, shard, KEY_OPEN, SPAN("")),
        keys_format(keys, shard, KEY_BREAKERS, SPAN("")),
        keys_format(keys, shard, KEY_QUEUE, span_of(subscription)),
        keys_format(keys, shard, KEY_DUE, SPAN("")),
        keys_format(keys, shard, KEY_EVENTS, SPAN("")),
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        redis_command_add_key(command, &names[i]);
    redis_command_add_text(command, subscription);
    own_events_add_recovery(command, ledger->worker,
                            snapshot_find(ledger->worker->snapshot, subscription));
    ledger->unanswered++;
    redis_link_send(ledger->worker->commands, &command, 0, on_told, telling);
}
