// SPDX-License-Identifier: Apache-2.0
// One script call per move of a delivery, or of several of one subscription (parked unattempted, finished: see
// ledger_batches.c). They are kept until Redis has answered; sending one again is harmless, the scripts see to it.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_internal.h"
#include "own_events.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum { ANSWER_FIRST = 5 }; // where the results of each begin, in an answer about several

// The changes of the breaker that this very call has made.
static void count_moves(struct span moves)
{
    struct span state;
    while (span_next(&moves, ' ', &state)) {
        if (!state.size)
            continue;
        switch (breaker_parse_state(state)) {
        case BREAKER_CLOSED:
            metrics_add(METRIC_BREAKERS_TO_CLOSED, 1);
            break;
        case BREAKER_HALF_OPEN:
            metrics_add(METRIC_BREAKERS_TO_HALF_OPEN, 1);
            break;
        case BREAKER_OPEN:
            metrics_add(METRIC_BREAKERS_TO_OPEN, 1);
            break;
        }
    }
}

static void read_result(struct ledger_answer *answer, int64_t result)
{
    answer->is_ours = result == 1;
    answer->is_refused = result == 0;
}

void ledger_read_answer(redis_reply *reply, struct ledger_answer *answer)
{
    bool is_whole = redis_reply_kind_of(reply) == REDIS_REPLY_IS_ARRAY;
    int64_t result = redis_reply_int(is_whole ? redis_reply_at(reply, 0) : reply);
    *answer = (struct ledger_answer){
        .breaker = breaker_parse_state(redis_reply_span(redis_reply_at(reply, 1))),
        .wait_ms = redis_reply_int(redis_reply_at(reply, 2)),
        .is_hopeless = redis_reply_int(redis_reply_at(reply, 3)) == 1,
    };
    read_result(answer, result);
    count_moves(redis_reply_span(redis_reply_at(reply, 4)));
}

struct move_in_flight {
    struct ledger *ledger;
    ledger_moved *moved;
    void *arg;
    const char *script; // static, for the log
    size_t count;
    struct delivery *deliveries[];
};

// A fault in the script or the data: leave the delivery as Redis has it; it comes back by its lease, or stays pending
// until the next start.
static void on_refused(const struct move_in_flight *move, struct delivery *delivery, struct span why)
{
    log_error("Redis refused a change of state", LOG_STR("script", move->script),
              LOG_STR("event", delivery->event->id),
              LOG_STR("subscription", delivery->subscription_id), LOG_SPAN("why", why));
    delivery->end = DELIVERY_UNSETTLED;
    move->moved(move->arg, delivery, &(struct ledger_answer){.is_refused = true});
}

static void on_answered(const struct move_in_flight *move, struct delivery *delivery,
                        const struct ledger_answer *answer)
{
    // Refused: another instance has it. Whether it is settled there is not ours to say: an acknowledgement of ours
    // would take the entry from its hands before it has written its outcome.
    if (answer->is_refused)
        metrics_add(METRIC_LEASES_LOST, 1);
    delivery->end = answer->is_refused ? DELIVERY_UNSETTLED : DELIVERY_RECORDED;
    move->moved(move->arg, delivery, answer);
}

static void on_moved(void *arg, redis_reply *reply)
{
    struct move_in_flight *move = arg;
    move->ledger->unanswered--;
    if (reply && redis_reply_is_error(reply)) {
        for (size_t i = 0; i < move->count; i++)
            on_refused(move, move->deliveries[i], redis_reply_span(reply));
    } else if (reply) { // there is none at teardown
        struct ledger_answer answer;
        ledger_read_answer(reply, &answer);
        for (size_t i = 0; i < move->count; i++) {
            redis_reply *result = redis_reply_at(reply, ANSWER_FIRST + i);
            if (result)
                read_result(&answer, redis_reply_int(result));
            on_answered(move, move->deliveries[i], &answer);
        }
    }
    free(move);
}

static void send_moves(struct ledger *ledger, const struct ledger_moves *moves, enum script script,
                       struct redis_command *command)
{
    size_t bytes = moves->count * sizeof moves->deliveries[0];
    struct move_in_flight *in_flight = calloc(1, sizeof *in_flight + bytes);
    assert(in_flight);
    *in_flight = (struct move_in_flight){.ledger = ledger,
                                         .moved = moves->moved,
                                         .arg = moves->arg,
                                         .script = script_name(script),
                                         .count = moves->count};
    memcpy(in_flight->deliveries, moves->deliveries, bytes);
    ledger->unanswered++;
    redis_link_send_reliably(ledger->worker->commands, &command, on_moved, in_flight);
}

static void send_move(struct ledger *ledger, const struct ledger_move *move, enum script script,
                      struct redis_command *command)
{
    struct delivery *const one[] = {move->delivery};
    send_moves(ledger,
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
    send_moves(ledger, moves, SCRIPT_PARK_MANY, command);
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
    send_moves(ledger, moves, SCRIPT_FINISH, command);
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
