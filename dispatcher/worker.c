// SPDX-License-Identifier: Apache-2.0
// The thread: wires the parts together, opens the letters, and ends in order:
//
//   running ──DRAIN──> draining ──nothing left──> drained ──STOP──> closing ──> joined
//                         └──shutdown_timeout: attempts are aborted and parked──┘
#include "worker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "claims.h"
#include "intake.h"
#include "lanes.h"
#include "ledger.h"
#include "petrel/clock.h"
#include "petrel/fault_point.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "petrel/random.h"

enum {
    TICK_MS = 500, // at most: eight to an instance_timeout
    // Each is a thread of libcurl's. At 20 ms a lookup they make 1,600 a second, of destinations that are new or were
    // not used for a minute.
    LOOKUPS_MAX = 32,
};

// ---- letters

void worker_post(struct worker *worker, uint32_t to, struct mail *mail)
{
    mail_list_push(&worker->outgoing[to], mail);
    worker->has_outgoing = true;
}

// Once per loop turn, before the loop sleeps: each other worker is woken once, whatever was written to it.
// Letters to ourselves are opened here too; they may write more.
static void on_post(uv_prepare_t *prepare)
{
    struct worker *worker = prepare->data;
    while (worker->has_outgoing) {
        worker->has_outgoing = false;
        struct mail_list own = worker->outgoing[worker->index];
        worker->outgoing[worker->index] = (struct mail_list){0};
        for (uint32_t i = 0; i < worker->engine->worker_count; i++)
            if (i != worker->index)
                mailbox_post(&worker->engine->workers[i]->inbox, &worker->outgoing[i]);
        struct mail *mail;
        while ((mail = mail_list_pop(&own)))
            worker->inbox.on_mail(worker, mail);
    }
}

void worker_send_home(struct worker *worker, struct delivery *delivery)
{
    delivery->mail.kind = MAIL_DELIVERY;
    worker_post(worker, engine_home(worker->engine, delivery->subscription), &delivery->mail);
}

void worker_return(struct worker *worker, struct delivery *delivery)
{
    delivery->mail.kind = MAIL_RETURN;
    worker_post(worker, delivery->origin, &delivery->mail);
}

void worker_hint_due(struct worker *worker, uint32_t shard, int64_t delay_ms)
{
    uint32_t watcher = engine_claimer(worker->engine, shard);
    // A later look than the watcher's own round needs no hint.
    if (delay_ms > DUE_ROUND_MS && watcher != worker->index)
        return;
    if (watcher == worker->index) {
        claims_on_hint(worker->claims, shard, delay_ms);
        return;
    }
    struct note *note = note_create(MAIL_HINT, shard, "");
    note->delay_ms = delay_ms;
    worker_post(worker, watcher, &note->mail);
}

// From now on an attempt can be made and written down: readiness counts such workers.
static void check_ready(struct worker *worker)
{
    if (worker->is_ready || worker->is_draining || !worker->snapshot || !worker->is_informed ||
        !redis_link_is_up(worker->commands))
        return;
    worker->is_ready = true;
    metrics_add(METRIC_WORKERS, 1);
}

static void end_ready(struct worker *worker)
{
    if (worker->is_ready)
        metrics_add(METRIC_WORKERS, -1);
    worker->is_ready = false;
}

static void go_on(struct worker *worker)
{
    if (!worker->snapshot || !worker->is_informed)
        return;
    intake_on_snapshot(worker->intake);
    claims_start(worker->claims);
    check_ready(worker);
}

static void take_snapshot(struct worker *worker, struct snapshot *snapshot, const char *changes)
{
    int64_t before = worker->snapshot ? (int64_t)snapshot_count(worker->snapshot) : 0;
    metrics_add(METRIC_TABLE_SUBSCRIPTIONS, (int64_t)snapshot_count(snapshot) - before);
    snapshot_unref(&worker->snapshot);
    worker->snapshot = snapshot;
    span_copy(span_of(changes), worker->changes_applied, sizeof worker->changes_applied);
    go_on(worker);
}

static void on_tick(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    if (worker_was_frozen(worker)) {
        log_warn("the process stood still: what was not attempted yet goes back to Redis",
                 LOG_INT("worker", worker->index),
                 LOG_INT("for_ms", clock_mono_ms() - worker->last_tick_ms));
        worker->thaws++;
        lanes_park_all(worker->lanes);
    }
    worker->last_tick_ms = clock_mono_ms();
    if (worker->snapshot)
        lanes_on_tick(worker->lanes);
}

// Half of the timeout: the others count from our last heartbeat, which may be a second older than the freeze.
bool worker_was_frozen(const struct worker *worker)
{
    return worker_is_stale(worker, worker->last_tick_ms);
}

bool worker_has_thawed(const struct worker *worker, uint32_t thaws)
{
    return worker->thaws != thaws || worker_was_frozen(worker);
}

bool worker_is_stale(const struct worker *worker, int64_t taken_ms)
{
    return clock_mono_ms() - taken_ms > worker->engine->config->instance_timeout_ms / 2;
}

// ---- the end

static void tell_supervisor(struct worker *worker, enum mail_kind kind)
{
    struct note *note = note_create(kind, worker->index, "");
    mailbox_post_one(worker->engine->supervisor, &note->mail);
}

void worker_check_drained(struct worker *worker)
{
    if (!worker->is_draining || worker->is_drained)
        return;
    if (!intake_is_empty(worker->intake) || !lanes_is_empty(worker->lanes) ||
        !claims_is_empty(worker->claims) || !ledger_is_empty(worker->ledger))
        return;
    worker->is_drained = true;
    FAULT_POINT("drain.worker_drained");
    tell_supervisor(worker, MAIL_DRAINED);
}

static void on_drain_timer(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    if (!worker->is_draining)
        return;
    if (worker->drain_deadline_ms && clock_mono_ms() >= worker->drain_deadline_ms) {
        worker->drain_deadline_ms = 0;
        log_info("shutdown timeout: attempts in flight are aborted and parked",
                 LOG_INT("worker", worker->index));
        sender_abort_all(worker->sender);
        FAULT_POINT("drain.aborted_attempts");
    }
    intake_unblock(worker->intake);
    ledger_flush(worker->ledger);
    worker_check_drained(worker);
}

static void drain(struct worker *worker)
{
    if (worker->is_draining)
        return;
    worker->is_draining = true;
    end_ready(worker);
    worker->drain_deadline_ms = clock_mono_ms() + worker->engine->config->shutdown_timeout_ms;
    intake_stop(worker->intake);
    claims_stop(worker->claims);
    FAULT_POINT("drain.stopped_reading");
    lanes_drain(worker->lanes);
    FAULT_POINT("drain.parked_waiting");
    // Most ends report themselves; the timer sees to the deadline and to those that don't.
    uv_timer_start(&worker->drain_timer, on_drain_timer, 20, 20);
}

static void stop(struct worker *worker)
{
    if (worker->is_stopping)
        return;
    worker->is_stopping = true;
    worker->is_draining = true;
    worker->is_drained = true;
    end_ready(worker);
    intake_stop(worker->intake);
    claims_stop(worker->claims);
    lanes_drain(worker->lanes);
    sender_abort_all(worker->sender);
    intake_close(worker->intake);
    claims_close(worker->claims);
    lanes_close(worker->lanes);
    ledger_close(worker->ledger);
    redis_link_close(worker->commands, NULL, NULL);
    sender_destroy(&worker->sender);
    uv_close((uv_handle_t *)&worker->drain_timer, NULL);
    uv_close((uv_handle_t *)&worker->tick_timer, NULL);
    uv_close((uv_handle_t *)&worker->post, NULL);
    mailbox_close(&worker->inbox, NULL);
}

static void open_note(struct worker *worker, struct note *note)
{
    switch ((enum mail_kind)note->mail.kind) {
    case MAIL_SNAPSHOT:
        take_snapshot(worker, note->snapshot, note->text);
        break;
    case MAIL_GUARD:
        if (!worker->is_stopping)
            sender_set_guard(worker->sender, note->guard);
        guard_unref(&note->guard);
        break;
    case MAIL_DUE:
        claims_on_due(worker->claims, note->shard, note->text);
        break;
    case MAIL_HINT:
        claims_on_hint(worker->claims, note->shard, note->delay_ms);
        break;
    case MAIL_NEWS:
        if (worker->snapshot)
            lanes_on_news(worker->lanes, note->text, &note->news);
        break;
    case MAIL_INFORMED:
        worker->is_informed = true;
        go_on(worker);
        break;
    case MAIL_REAP:
        intake_reap(worker->intake, note->shard, note->text);
        break;
    case MAIL_PAUSE:
    case MAIL_RESUME:
        intake_pause(worker->intake, note->mail.kind == MAIL_PAUSE);
        break;
    case MAIL_SIP:
        intake_sip(worker->intake, note->count);
        break;
    case MAIL_DRAIN:
        drain(worker);
        break;
    case MAIL_STOP:
        stop(worker);
        break;
    case MAIL_DELIVERY:
    case MAIL_RETURN:
    case MAIL_DISABLE:
    case MAIL_REAPED:
    case MAIL_DRAINED:
    case MAIL_STOPPED:
        assert(!"a letter for somebody else");
    }
    free(note);
}

static void on_mail(void *arg, struct mail *mail)
{
    struct worker *worker = arg;
    struct delivery *delivery = (struct delivery *)mail; // for the first two kinds
    if (mail->kind == MAIL_DELIVERY)
        lanes_accept(worker->lanes, delivery);
    else if (mail->kind == MAIL_RETURN)
        intake_on_returned(worker->intake, delivery);
    else
        open_note(worker, (struct note *)mail);
}

// ---- the thread

static void on_commands_up(void *arg)
{
    struct worker *worker = arg;
    check_ready(worker);
    claims_on_commands_up(worker->claims);
    lanes_on_commands_up(worker->lanes);
    intake_on_commands_up(worker->intake);
    worker_check_drained(worker);
}

static void open_commands(struct worker *worker)
{
    char name[64];
    snprintf(name, sizeof name, "petrel-w%u-commands", worker->index);
    struct redis_link_options options = {
        .url = worker->engine->redis,
        .name = name,
        .command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS,
        .on_up = on_commands_up,
        .arg = worker,
    };
    worker->commands = redis_link_create(&worker->loop, &options);
    assert(worker->commands);
}

static void open_sender(struct worker *worker)
{
    const struct config *config = worker->engine->config;
    struct sender_options options = {
        .loop = &worker->loop,
        .guard = worker->engine->guard,
        .ca_file = config->ca_file,
        .proxy = worker->engine->has_proxy ? &worker->engine->proxy : NULL,
        .proxy_user = config->proxy_user,
        .connect_timeout_ms = config->connect_timeout_ms,
        .connection_max_age_ms = config->connection_max_age_ms,
        .http2 = config->http2,
        .max_transfers = worker->engine->slots,
        .max_connections = worker->engine->sockets,
        .max_lookups = LOOKUPS_MAX,
    };
    worker->sender = sender_create(&options);
    assert(worker->sender);
}

static void run(void *arg)
{
    struct worker *worker = arg;
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    // Every handle is closed: what is left belongs to nobody but us.
    claims_destroy(&worker->claims);
    lanes_destroy(&worker->lanes);
    intake_destroy(&worker->intake);
    ledger_destroy(&worker->ledger);
    snapshot_unref(&worker->snapshot);
    tell_supervisor(worker, MAIL_STOPPED);
}

struct worker *worker_create(struct engine *engine, uint32_t index)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->engine = engine;
    worker->index = index;
    random_bytes((unsigned char *)&worker->random_state, sizeof worker->random_state);
    if (uv_loop_init(&worker->loop) != 0) {
        free(worker);
        return NULL;
    }
    mailbox_init(&worker->inbox, &worker->loop, on_mail, worker);
    uv_prepare_init(&worker->loop, &worker->post);
    worker->post.data = worker;
    uv_prepare_start(&worker->post, on_post);
    uv_timer_init(&worker->loop, &worker->drain_timer);
    uv_timer_init(&worker->loop, &worker->tick_timer);
    worker->drain_timer.data = worker->tick_timer.data = worker;
    uint64_t tick_ms = (uint64_t)engine->config->instance_timeout_ms / 8;
    if (tick_ms > TICK_MS)
        tick_ms = TICK_MS;
    uv_timer_start(&worker->tick_timer, on_tick, tick_ms, tick_ms);
    worker->last_tick_ms = clock_mono_ms();
    open_commands(worker);
    open_sender(worker);
    worker->ledger = ledger_create(worker);
    worker->lanes = lanes_create(worker);
    worker->claims = claims_create(worker);
    worker->intake = intake_create(worker);
    return worker;
}

bool worker_start(struct worker *worker)
{
    return uv_thread_create(&worker->thread, run, worker) == 0;
}

void worker_join(struct worker *worker)
{
    uv_thread_join(&worker->thread);
    uv_loop_close(&worker->loop);
}

void worker_destroy(struct worker **worker)
{
    if (!*worker)
        return;
    mailbox_fini(&(*worker)->inbox);
    free(*worker);
    *worker = NULL;
}
