// SPDX-License-Identifier: Apache-2.0
// A script call that moves deliveries, from its sending to its answer. It is kept until Redis has answered, and sent again
// after a lost connection, which the scripts make harmless; then each of its deliveries is handed back with what became of it.
// Invariant: `moved` is called once for each delivery; at teardown, when no answer comes any more, for none.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_internal.h"
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

void ledger_send_moves(struct ledger *ledger, const struct ledger_moves *moves, enum script script,
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
