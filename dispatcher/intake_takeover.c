// SPDX-License-Identifier: Apache-2.0
// Taking over what a dead instance's consumer holds, a batch at a time, as room permits. While a takeover waits for
// room nothing new is read: what was accepted first comes first, and a busy worker would never have room otherwise.
#include <assert.h>
#include <stdlib.h>

#include "intake_internal.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    REAP_AT_MOST = 64,
    REAP_AT_LEAST = 16,
};

struct reap {
    struct intake *intake;
    struct reap *next; // while waiting for room
    uint32_t shard;
    uint32_t thaws; // worker->thaws when it was sent
    char consumer[CONSUMER_SIZE];
};

static void send_reap(struct reap *reap);

static void end_reap(struct reap *reap, bool is_gone)
{
    struct note *note = note_create(MAIL_REAPED, reap->shard, reap->consumer);
    note->is_gone = is_gone;
    mailbox_post_one(reap->intake->worker->engine->supervisor, &note->mail);
    worker_check_drained(reap->intake->worker);
    free(reap);
}

static void wait_for_room(struct reap *reap)
{
    reap->next = reap->intake->waiting_reaps;
    reap->intake->waiting_reaps = reap;
}

static struct reap *take_waiting_reap(struct intake *intake)
{
    struct reap *reap = intake->waiting_reaps;
    intake->waiting_reaps = reap->next;
    return reap;
}

void intake_resume_reap(struct intake *intake)
{
    if (intake_room(intake) >= REAP_AT_LEAST)
        send_reap(take_waiting_reap(intake));
}

static void on_reaped(void *arg, redis_reply *reply)
{
    struct reap *reap = arg;
    struct intake *intake = reap->intake;
    intake->unanswered--;
    if (!redis_reply_is_ok(reply)) {
        end_reap(reap, false);
        return;
    }
    int64_t lost = redis_reply_int(redis_reply_at(reply, 1));
    redis_reply *entries = redis_reply_at(reply, 2);
    if (lost) {
        metrics_add(METRIC_DATA_LOSS, lost);
        log_error("data loss: pending entries were deleted from the stream",
                  LOG_STR("consumer", reap->consumer), LOG_INT("entries", lost));
    }
    size_t count = redis_reply_count(entries);
    if (count) {
        metrics_add(METRIC_EVENTS_CLAIMED, (int64_t)count);
        log_info("took over events of a dead instance", LOG_STR("consumer", reap->consumer),
                 LOG_INT("events", count));
    }
    if (worker_has_thawed(intake->worker, reap->thaws))
        intake_review(intake);
    else
        intake_take_entries(intake, reap->shard, entries, true);
    if (redis_reply_int(redis_reply_at(reply, 0)) == 1)
        end_reap(reap, true);
    else if (intake->is_stopped)
        end_reap(reap, false);
    else if (intake_room(intake) < REAP_AT_LEAST)
        wait_for_room(reap);
    else
        send_reap(reap);
}

static void send_reap(struct reap *reap)
{
    struct intake *intake = reap->intake;
    struct redis_command *command = redis_command_create_script(SCRIPT_REAP);
    intake_add_key(intake, command, reap->shard, KEY_EVENTS, "");
    redis_command_add_text(command, KEYS_GROUP);
    redis_command_add_text(command, reap->consumer);
    redis_command_add_text(command, intake->consumer);
    redis_command_add_int(command, REAP_AT_MOST);
    reap->thaws = intake->worker->thaws;
    intake->unanswered++;
    redis_link_send(intake->worker->commands, &command, 0, on_reaped, reap);
}

void intake_reap(struct intake *intake, uint32_t shard, const char *consumer)
{
    struct reap *reap = calloc(1, sizeof *reap);
    assert(reap);
    reap->intake = intake;
    reap->shard = shard;
    span_copy(span_of(consumer), reap->consumer, sizeof reap->consumer);
    if (intake->is_stopped || !intake->is_started)
        end_reap(reap, false);
    else
        send_reap(reap);
}

void intake_end_waiting_reaps(struct intake *intake)
{
    while (intake->waiting_reaps)
        end_reap(take_waiting_reap(intake), false);
}
