// SPDX-License-Identifier: Apache-2.0
// Watching `due`. The watcher of a shard only learns which subscriptions have something due (due.lua books the look for
// a second, so that a fleet doesn't look in step), and tells their homes, which lease (claims.c).
#include "claims_internal.h"
#include "petrel/clock.h"
#include "worker.h"

enum { LOOK_AT_MOST = 64 }; // subscriptions per look

static void look(struct watched_shard *shard);

static void on_look_timer(uv_timer_t *timer)
{
    look(timer->data);
}

void claims_look_in(struct watched_shard *shard, int64_t delay_ms)
{
    if (shard->claims->is_stopped || shard->is_looking)
        return;
    shard->next_look_ms = clock_mono_ms() + delay_ms;
    uv_timer_start(&shard->timer, on_look_timer, (uint64_t)delay_ms, 0);
}

static void tell_home(struct claims *claims, uint32_t shard, struct span id)
{
    struct worker *worker = claims->worker;
    char text[EVENT_SUBSCRIPTION_SIZE];
    if (!event_is_id(id) || !span_copy(id, text, sizeof text)) {
        log_error("what is due is no subscription: somebody else writes to petrel's keys",
                  LOG_SPAN("member", id));
        return;
    }
    // A subscription this process doesn't know (deleted, or too new) is this worker's to look into.
    const struct subscription *subscription = snapshot_find(worker->snapshot, text);
    uint32_t home = subscription ? engine_home(worker->engine, subscription) : worker->index;
    struct note *note = note_create(MAIL_DUE, shard, text);
    worker_post(worker, home, &note->mail);
}

static void on_looked(void *arg, redis_reply *reply)
{
    struct watched_shard *shard = arg;
    struct claims *claims = shard->claims;
    shard->is_looking = false;
    claims->unanswered--;
    if (!redis_reply_is_ok(reply)) {
        claims_look_in(shard, DUE_ROUND_MS);
        return;
    }
    claims_note_answer(claims);
    size_t count = redis_reply_count(reply);
    for (size_t i = 2; i < count && !claims->is_stopped; i++)
        tell_home(claims, shard->shard, redis_reply_span(redis_reply_at(reply, i)));
    int64_t wait_ms = redis_reply_int(redis_reply_at(reply, 1));
    if (count >= LOOK_AT_MOST + 2)
        wait_ms = 0;
    if (wait_ms < 0 || wait_ms > DUE_ROUND_MS)
        wait_ms = DUE_ROUND_MS;
    // A hint that came during the look may be earlier.
    int64_t hinted_ms = shard->hinted_ms ? shard->hinted_ms - clock_mono_ms() : DUE_ROUND_MS;
    shard->hinted_ms = 0;
    if (hinted_ms < wait_ms)
        wait_ms = hinted_ms > 0 ? hinted_ms : 0;
    claims_look_in(shard, wait_ms);
}

static void look(struct watched_shard *shard)
{
    struct claims *claims = shard->claims;
    if (claims->is_stopped || shard->is_looking)
        return;
    if (claims_quiet_ms(claims) > 0) {
        claims_look_in(shard, claims_quiet_ms(claims));
        return;
    }
    struct redis_command *command = redis_command_create_script(SCRIPT_DUE);
    claims_add_key(claims, command, shard->shard, KEY_DUE, "");
    redis_command_add_int(command, LOOK_AT_MOST);
    shard->is_looking = true;
    shard->hinted_ms = 0;
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_looked, shard);
}

void claims_on_hint(struct claims *claims, uint32_t shard, int64_t delay_ms)
{
    struct watched_shard *watched = &claims->shards[shard];
    if (!watched->claims || claims->is_stopped)
        return;
    int64_t when_ms = clock_mono_ms() + delay_ms;
    if (watched->is_looking) {
        if (!watched->hinted_ms || when_ms < watched->hinted_ms)
            watched->hinted_ms = when_ms;
    } else if (when_ms < watched->next_look_ms) {
        claims_look_in(watched, delay_ms);
    }
}
