// SPDX-License-Identifier: Apache-2.0
// The supervisor: starts the workers, gives them the subscription table, and ends them in order:
//
//   running ──drain──> DRAIN to all ──all drained──> leave the fleet ──> STOP to all ──all stopped──> on_stopped
//                            └──shutdown_timeout + GRACE_MS: STOP regardless──┘
#include "petrel/dispatcher.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dispatcher_internal.h"
#include "petrel/fault_point.h"
#include "petrel/log.h"
#include "petrel/random.h"
#include "worker.h"

enum {
    BEAT_MS = 1000, // at most: six to a timeout
    // After the shutdown timeout: to write down what was aborted, if Redis answers at all.
    GRACE_MS = 5000,
    MIN_SLOTS = 16,
    OPEN_FILES_RESERVE = 512, // for all but connections to subscribers; as check.c counts
    SOCKETS_MAX = 1 << 20,
};

void dispatcher_tell_workers(struct dispatcher *dispatcher, enum mail_kind kind, uint32_t count)
{
    for (uint32_t i = 0; i < dispatcher->engine.worker_count; i++) {
        struct note *note = note_create(kind, 0, "");
        note->count = count;
        mailbox_post_one(&dispatcher->engine.workers[i]->inbox, &note->mail);
    }
}

static void on_snapshot(void *arg, struct snapshot *snapshot, const char *changes)
{
    struct dispatcher *dispatcher = arg;
    if (!dispatcher->is_stopping) {
        for (uint32_t i = 0; i < dispatcher->engine.worker_count; i++) {
            struct note *note = note_create(MAIL_SNAPSHOT, 0, changes);
            note->snapshot = snapshot_ref(snapshot);
            mailbox_post_one(&dispatcher->engine.workers[i]->inbox, &note->mail);
        }
    }
    snapshot_unref(&dispatcher->snapshot);
    dispatcher->snapshot = snapshot;
    bulletin_start(dispatcher->bulletin);
}

static void on_news(void *arg, const char *subscription_id, const struct lane_news *news)
{
    struct dispatcher *dispatcher = arg;
    struct engine *engine = &dispatcher->engine;
    const struct subscription *subscription =
        dispatcher->snapshot ? snapshot_find(dispatcher->snapshot, subscription_id) : NULL;
    if (!subscription || dispatcher->is_stopping)
        return;
    struct note *note = note_create(MAIL_NEWS, news->shard, subscription_id);
    note->news = *news;
    mailbox_post_one(&engine->workers[engine_home(engine, subscription)]->inbox, &note->mail);
}

static void on_informed(void *arg)
{
    struct dispatcher *dispatcher = arg;
    if (!dispatcher->is_stopping)
        dispatcher_tell_workers(dispatcher, MAIL_INFORMED, 0);
}

void dispatcher_set_guard(struct dispatcher *dispatcher, struct guard *guard)
{
    for (uint32_t i = 0; i < dispatcher->engine.worker_count && !dispatcher->is_stopping; i++) {
        struct note *note = note_create(MAIL_GUARD, 0, "");
        note->guard = guard_ref(guard);
        mailbox_post_one(&dispatcher->engine.workers[i]->inbox, &note->mail);
    }
}

// ---- the end

static void on_part_closed(void *arg)
{
    struct dispatcher *dispatcher = arg;
    if (--dispatcher->open_parts == 0) {
        dispatcher->is_stopped = true;
        dispatcher->options.on_stopped(dispatcher->options.arg);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static void close_all(struct dispatcher *dispatcher)
{
    for (uint32_t i = 0; i < dispatcher->engine.worker_count; i++)
        worker_join(dispatcher->engine.workers[i]);
    for (uint32_t i = 0; i < dispatcher->engine.worker_count; i++)
        worker_destroy(&dispatcher->engine.workers[i]);
    dispatcher->open_parts = 6;
    bulletin_close(dispatcher->bulletin, on_part_closed, dispatcher);
    mailbox_close(&dispatcher->inbox, on_part_closed);
    catalog_close(dispatcher->catalog, on_part_closed, dispatcher);
    redis_link_close(dispatcher->commands, on_part_closed, dispatcher);
    uv_close((uv_handle_t *)&dispatcher->beat_timer, on_timer_closed);
    uv_close((uv_handle_t *)&dispatcher->drain_timer, on_timer_closed);
}

static void stop_workers(struct dispatcher *dispatcher)
{
    if (dispatcher->is_stopping)
        return;
    dispatcher->is_stopping = true;
    FAULT_POINT("drain.before_stopping");
    dispatcher_tell_workers(dispatcher, MAIL_STOP, 0);
}

static void on_drain_overdue(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    log_error("not everything could be written to Redis in time: another instance, or the next "
              "start, takes the rest over");
    stop_workers(dispatcher);
}

static void on_all_drained(struct dispatcher *dispatcher)
{
    log_info("drained: nothing is in flight, nothing is pending");
    FAULT_POINT("drain.before_leaving");
    fleet_leave(dispatcher, stop_workers);
}

void dispatcher_drain(struct dispatcher *dispatcher)
{
    if (dispatcher->is_draining)
        return;
    dispatcher->is_draining = true;
    int64_t patience_ms = dispatcher->options.config->shutdown_timeout_ms;
    log_info("draining: no new events are read", LOG_INT("shutdown_timeout_ms", patience_ms));
    uv_timer_start(&dispatcher->drain_timer, on_drain_overdue, (uint64_t)patience_ms + GRACE_MS, 0);
    dispatcher_tell_workers(dispatcher, MAIL_DRAIN, 0);
}

void dispatcher_on_new_keys(struct dispatcher *dispatcher)
{
    if (!dispatcher->is_stopping)
        catalog_on_new_keys(dispatcher->catalog);
}

void dispatcher_destroy(struct dispatcher **dispatcher)
{
    if (!*dispatcher)
        return;
    assert((*dispatcher)->is_stopped);
    catalog_destroy(&(*dispatcher)->catalog);
    bulletin_destroy(&(*dispatcher)->bulletin);
    snapshot_unref(&(*dispatcher)->snapshot);
    mailbox_fini(&(*dispatcher)->inbox);
    guard_unref(&(*dispatcher)->engine.guard);
    free(*dispatcher);
    *dispatcher = NULL;
    sender_global_cleanup();
}

// ---- letters and time

static void on_mail(void *arg, struct mail *mail)
{
    struct dispatcher *dispatcher = arg;
    struct note *note = (struct note *)mail;
    switch ((enum mail_kind)mail->kind) {
    case MAIL_DISABLE:
        catalog_disable(dispatcher->catalog, note->text, note->reason);
        break;
    case MAIL_REAPED:
        fleet_on_reaped(dispatcher, note);
        break;
    case MAIL_DRAINED:
        if (++dispatcher->drained_count == dispatcher->engine.worker_count &&
            !dispatcher->is_stopping)
            on_all_drained(dispatcher);
        break;
    case MAIL_STOPPED:
        if (++dispatcher->stopped_count == dispatcher->engine.worker_count)
            close_all(dispatcher);
        break;
    case MAIL_DELIVERY:
    case MAIL_RETURN:
    case MAIL_SNAPSHOT:
    case MAIL_GUARD:
    case MAIL_DUE:
    case MAIL_HINT:
    case MAIL_NEWS:
    case MAIL_INFORMED:
    case MAIL_REAP:
    case MAIL_PAUSE:
    case MAIL_RESUME:
    case MAIL_SIP:
    case MAIL_DRAIN:
    case MAIL_STOP:
        assert(!"a letter for a worker");
    }
    free(note);
}

static void on_beat_timer(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    if (!dispatcher->is_stopping) {
        fleet_on_tick(dispatcher);
        catalog_tick(dispatcher->catalog);
    }
}

static void on_commands_up(void *arg)
{
    struct dispatcher *dispatcher = arg;
    // The heartbeat first: workers read only once the table is there, so never without one.
    fleet_beat(dispatcher);
    fleet_create_groups(dispatcher);
    catalog_on_redis_up(dispatcher->catalog);
}

// ---- starting

static void name_instance(struct engine *engine)
{
    char host[48] = "host", tail[16];
    if (gethostname(host, sizeof host) != 0 || !host[0])
        span_copy(SPAN("host"), host, sizeof host);
    host[sizeof host - 1] = '\0';
    unsigned char bytes[6];
    random_bytes(bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, tail);
    snprintf(engine->instance, sizeof engine->instance, "%s-%d-%s", host, (int)getpid(), tail);
}

// Of the open files that the process may have.
static uint32_t share_sockets(uint32_t worker_count)
{
    struct rlimit limit;
    rlim_t files = SOCKETS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < files)
        files = limit.rlim_cur;
    files = files > 2 * OPEN_FILES_RESERVE ? files - OPEN_FILES_RESERVE : files / 2;
    return files > worker_count ? (uint32_t)(files / worker_count) : 1;
}

static void set_up_engine(struct dispatcher *dispatcher)
{
    const struct config *config = dispatcher->options.config;
    struct engine *engine = &dispatcher->engine;
    engine->config = config;
    engine->redis = dispatcher->options.redis;
    engine->keys.shards = config->shards;
    bool fits = span_copy(span_of(config->namespace_name), engine->keys.namespace_name,
                          sizeof engine->keys.namespace_name);
    assert(fits);
    engine->worker_count = config->workers > WORKERS_MAX ? WORKERS_MAX : config->workers;
    engine->slots = config->max_in_flight / engine->worker_count;
    if (engine->slots < MIN_SLOTS)
        engine->slots = MIN_SLOTS;
    engine->sockets = share_sockets(engine->worker_count);
    engine->supervisor = &dispatcher->inbox;
    engine->guard = guard_ref(dispatcher->options.guard);
    char error[URL_ERROR_SIZE];
    engine->has_proxy = config->proxy[0] != '\0';
    bool is_good = !engine->has_proxy || url_parse(span_of(config->proxy), &engine->proxy, error);
    assert(is_good); // the configuration has checked it
    name_instance(engine);
}

static void set_up_supervisor(struct dispatcher *dispatcher)
{
    uv_loop_t *loop = dispatcher->options.loop;
    mailbox_init(&dispatcher->inbox, loop, on_mail, dispatcher);
    uv_timer_init(loop, &dispatcher->beat_timer);
    uv_timer_init(loop, &dispatcher->drain_timer);
    dispatcher->beat_timer.data = dispatcher->drain_timer.data = dispatcher;
    uint64_t beat_ms = (uint64_t)dispatcher->options.config->instance_timeout_ms / 6;
    if (beat_ms > BEAT_MS)
        beat_ms = BEAT_MS;
    uv_timer_start(&dispatcher->beat_timer, on_beat_timer, beat_ms, beat_ms);
    struct redis_link_options link = {
        .url = dispatcher->options.redis,
        .name = "petrel-supervisor",
        .command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS,
        .on_up = on_commands_up,
        .arg = dispatcher,
    };
    dispatcher->commands = redis_link_create(loop, &link);
    assert(dispatcher->commands);
    struct catalog_options catalog = {
        .loop = loop,
        .engine = &dispatcher->engine,
        .commands = dispatcher->commands,
        .vault = dispatcher->options.vault,
        .on_snapshot = on_snapshot,
        .arg = dispatcher,
    };
    dispatcher->catalog = catalog_create(&catalog);
    struct bulletin_options bulletin = {
        .loop = loop,
        .engine = &dispatcher->engine,
        .on_news = on_news,
        .on_informed = on_informed,
        .arg = dispatcher,
    };
    dispatcher->bulletin = bulletin_create(&bulletin);
}

struct dispatcher *dispatcher_start(const struct dispatcher_options *options, char *error,
                                    size_t error_size)
{
    if (!sender_global_init()) {
        snprintf(error, error_size, "libcurl cannot be initialised");
        return NULL;
    }
    struct dispatcher *dispatcher = calloc(1, sizeof *dispatcher);
    assert(dispatcher);
    dispatcher->options = *options;
    set_up_engine(dispatcher);
    struct engine *engine = &dispatcher->engine;
    for (uint32_t i = 0; i < engine->worker_count; i++) {
        engine->workers[i] = worker_create(engine, i);
        assert(engine->workers[i]);
    }
    set_up_supervisor(dispatcher);
    for (uint32_t i = 0; i < engine->worker_count; i++) {
        // Without its threads a process is of no use, and those started can't be taken back simply.
        if (!worker_start(engine->workers[i])) {
            log_error("the system refuses a thread: see `ulimit -u`", LOG_INT("worker", i));
            abort();
        }
    }
    if (engine->has_proxy)
        log_warn("requests go through a proxy, which resolves the names: it has to keep them out of "
                 "its own network",
                 LOG_STR("proxy", engine->proxy.text));
    log_info("dispatcher started", LOG_STR("instance", engine->instance),
             LOG_INT("workers", engine->worker_count),
             LOG_INT("max_in_flight", engine->slots * engine->worker_count));
    return dispatcher;
}
