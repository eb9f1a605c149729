// SPDX-License-Identifier: Apache-2.0
// A read that Redis refuses: the group is gone, Redis is full, loading, cannot write its file … The group is made
// again (group.lua, from where everything before was settled); for the rest time is the remedy. Invariant: after an
// error the next read is never at once, whatever the error, so that no state of Redis makes a worker spin.
// What Redis wouldn't let us write down (a key of another type, a right taken away) stays pending with our own, living
// consumer, which nobody takes over: it is found again by a review of the pending list, after a pause that doubles.
#include <stdlib.h>

#include "intake_internal.h"
#include "petrel/clock.h"
#include "petrel/log.h"
#include "worker.h"

enum {
    PAUSE_FIRST_MS = 50,
    PAUSE_LAST_MS = 1000,
    // Each review attempts again what can't be written down: a subscriber sees one that often.
    REVIEW_FIRST_MS = 1000,
    REVIEW_LAST_MS = 60000,
};

static void on_retry_timer(uv_timer_t *timer)
{
    intake_read(timer->data);
}

static void read_later(struct intake *intake)
{
    unsigned doublings = intake->refusals < 6 ? intake->refusals : 6;
    int64_t pause_ms = (int64_t)PAUSE_FIRST_MS << doublings;
    intake->refusals++;
    if (!intake->is_stopped)
        uv_timer_start(&intake->retry_timer, on_retry_timer,
                       (uint64_t)(pause_ms < PAUSE_LAST_MS ? pause_ms : PAUSE_LAST_MS), 0);
}

struct creation {
    struct intake *intake;
    uint32_t shard;
};

static void on_group_created(void *arg, redis_reply *reply)
{
    struct creation *creation = arg;
    engine_tell_group_created(creation->shard, reply);
    if (reply && redis_reply_is_error(reply))
        log_warn("the consumer group cannot be made", LOG_INT("shard", creation->shard),
                 LOG_SPAN("why", redis_reply_span(reply)));
    creation->intake->unanswered--;
    worker_check_drained(creation->intake->worker);
    free(creation);
}

static void create_groups(struct intake *intake)
{
    const struct engine *engine = intake->worker->engine;
    for (uint32_t shard = 0; shard < engine->keys.shards; shard++) {
        struct creation *creation = calloc(1, sizeof *creation);
        if (!creation)
            return; // at the next refusal
        *creation = (struct creation){.intake = intake, .shard = shard};
        struct redis_command *command = engine_create_group_command(engine, shard);
        intake->unanswered++;
        redis_link_send(intake->worker->commands, &command, 0, on_group_created, creation);
    }
}

void intake_on_refused(struct intake *intake, redis_reply *reply)
{
    bool has_no_group = redis_reply_has_code(reply, "NOGROUP");
    if (has_no_group && !intake->is_stopped)
        create_groups(intake);
    // Once per trouble: what follows in a row says the same. UNBLOCKED: the stream was deleted, NOGROUP follows.
    else if (intake->refusals == 0 && !redis_reply_has_code(reply, "UNBLOCKED"))
        log_warn("Redis refuses to give events; trying again",
                 LOG_SPAN("why", redis_reply_span(reply)));
    read_later(intake);
}

static void on_review_timer(uv_timer_t *timer)
{
    struct intake *intake = timer->data;
    intake_review(intake);
    intake_read(intake);
}

void intake_review_later(struct intake *intake)
{
    if (intake->is_stopped || uv_is_active((uv_handle_t *)&intake->review_timer))
        return;
    int64_t now_ms = clock_mono_ms();
    int64_t pause_ms = intake->review_pause_ms * 2;
    // Nothing since twice the time that it would have needed to show again: another trouble.
    if (!pause_ms || now_ms - intake->review_planned_ms > 2 * pause_ms)
        pause_ms = REVIEW_FIRST_MS;
    intake->review_pause_ms = pause_ms < REVIEW_LAST_MS ? pause_ms : REVIEW_LAST_MS;
    intake->review_planned_ms = now_ms;
    uv_timer_start(&intake->review_timer, on_review_timer, (uint64_t)intake->review_pause_ms, 0);
}
