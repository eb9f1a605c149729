// SPDX-License-Identifier: Apache-2.0
// Dedupe of the ids that producers give, one script per batch. A repeat within the window is dropped and counted; later,
// an id of which something is still parked or dead can't be another event's: that one is rejected, where it is seen and
// can be requeued. Ids that petrel makes are the entry's own, so they never come here.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake_internal.h"
#include "ledger.h"
#include "petrel/metrics.h"
#include "worker.h"

struct dedupe {
    struct intake *intake;
    struct arrival *first; // chained by next_in_batch, in the order of the script's keys
};

// "held <entry id>"
static void reject_held(struct intake *intake, struct arrival *arrival, struct span owner)
{
    struct event_fault fault = {.field = "id"};
    struct span word;
    span_next(&owner, ' ', &word);
    snprintf(fault.message, sizeof fault.message,
             "\"%s\" is still that of the entry %.*s, of which something waits or is a dead letter",
             arrival->event->id, SPAN_FMT(owner));
    intake_reject(intake, arrival, &fault);
}

static void on_deduped(void *arg, redis_reply *reply)
{
    struct dedupe *dedupe = arg;
    struct intake *intake = dedupe->intake;
    struct arrival *arrival = dedupe->first;
    free(dedupe);
    intake->unanswered--;
    if (!reply)
        return; // teardown
    for (size_t i = 0; arrival; i++) {
        struct arrival *next = arrival->next_in_batch;
        struct span owner = redis_reply_span(redis_reply_at(reply, i));
        // Without an answer for it (an error), a repeat is better than a loss.
        if (span_starts_with(owner, SPAN("held "))) {
            reject_held(intake, arrival, owner);
        } else if (owner.size && !span_equals_text(owner, arrival->entry_id)) {
            metrics_add(METRIC_EVENTS_DUPLICATE, 1);
            ledger_count_duplicate(intake->worker->ledger, arrival->shard);
            ledger_acknowledge(intake->worker->ledger, arrival);
        } else {
            intake_proceed(intake, arrival);
        }
        arrival = next;
    }
}

void intake_dedupe(struct intake *intake, uint32_t shard, struct arrival *first)
{
    struct dedupe *dedupe = calloc(1, sizeof *dedupe);
    assert(dedupe);
    *dedupe = (struct dedupe){.intake = intake, .first = first};
    struct redis_command *command = redis_command_create_script(SCRIPT_SEEN);
    for (const struct arrival *arrival = first; arrival; arrival = arrival->next_in_batch)
        intake_add_key(intake, command, shard, KEY_SEEN, arrival->event->id);
    for (const struct arrival *arrival = first; arrival; arrival = arrival->next_in_batch)
        intake_add_key(intake, command, shard, KEY_MESSAGE, arrival->event->id);
    redis_command_add_int(command, intake->worker->engine->config->dedupe_window_ms);
    for (const struct arrival *arrival = first; arrival; arrival = arrival->next_in_batch)
        redis_command_add_text(command, arrival->entry_id);
    intake->unanswered++;
    redis_link_send_reliably(intake->worker->commands, &command, on_deduped, dedupe);
}
