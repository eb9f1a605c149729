// SPDX-License-Identifier: Apache-2.0
// Invariant: while `held_first` has arrivals, the newest change isn't known yet or the worker's snapshot is
// older than it. Arrivals keep their order. A table that doesn't come (Redis fails between two commands) isn't
// waited for longer than HOLD_MS: an event that may miss a new subscriber is better than one that stands still.
#include "intake_fresh.h"

#include <stdlib.h>
#include <string.h>

#include "petrel/log.h"
#include "worker.h"

enum { HOLD_MS = 2000 };

struct position {
    unsigned long long ms, sequence;
};

// "1700000000000-3"; Redis's own form. "" is before everything.
static struct position position_of(const char *text)
{
    struct position position = {0};
    char *end = NULL;
    position.ms = strtoull(text, &end, 10);
    if (*end == '-')
        position.sequence = strtoull(end + 1, NULL, 10);
    return position;
}

static bool is_fresh(const struct intake *intake)
{
    struct position newest = position_of(intake->newest_change);
    struct position known = position_of(intake->worker->changes_applied);
    if (intake->awaits_newest)
        return false;
    return newest.ms < known.ms || (newest.ms == known.ms && newest.sequence <= known.sequence);
}

static void release(struct intake *intake)
{
    struct arrival *arrival = intake->held_first;
    intake->held_first = intake->held_last = NULL;
    uv_timer_stop(&intake->hold_timer);
    while (arrival) {
        struct arrival *next = arrival->next_held;
        arrival->next_held = NULL;
        intake_fan_out(intake, arrival, NULL); // may free it
        arrival = next;
    }
}

void intake_fresh_pass(struct intake *intake, struct arrival *arrival)
{
    if (!intake->held_first && is_fresh(intake)) {
        intake_fan_out(intake, arrival, NULL);
        return;
    }
    if (intake->held_last)
        intake->held_last->next_held = arrival;
    else
        intake->held_first = arrival;
    intake->held_last = arrival;
    if (!uv_is_active((uv_handle_t *)&intake->hold_timer))
        uv_timer_start(&intake->hold_timer, intake_fresh_on_timer, HOLD_MS, 0);
}

void intake_fresh_on_snapshot(struct intake *intake)
{
    if (intake->held_first && is_fresh(intake))
        release(intake);
}

void intake_fresh_on_timer(uv_timer_t *timer)
{
    struct intake *intake = timer->data;
    log_warn("the newest subscriptions didn't come in time: matching with those known",
             LOG_INT("worker", intake->worker->index),
             LOG_STR("known", intake->worker->changes_applied),
             LOG_STR("newest", intake->newest_change));
    release(intake);
}

// ---- asking

static void on_newest(void *arg, redis_reply *reply)
{
    struct intake *intake = arg;
    intake->awaits_newest = false;
    // Without an answer (the connection broke, or is being closed) what is held waits for the timer.
    if (redis_reply_is_ok(reply)) {
        struct span id = redis_reply_span(redis_reply_at(redis_reply_at(reply, 0), 0));
        if (!span_copy(id, intake->newest_change, sizeof intake->newest_change))
            intake->newest_change[0] = '\0';
        intake_fresh_on_snapshot(intake);
    }
    intake_on_read_ended(intake);
}

void intake_fresh_ask(struct intake *intake, int64_t read_blocks_ms)
{
    struct redis_command *command = redis_command_create("XREVRANGE");
    intake_add_key(intake, command, 0, KEY_CHANGES, "");
    redis_command_add_text(command, "+");
    redis_command_add_text(command, "-");
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, 1);
    redis_link_send(intake->reader, &command, read_blocks_ms, on_newest, intake);
}
