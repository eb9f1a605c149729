// SPDX-License-Identifier: Apache-2.0
// The life of one connection, and the promise that every callback runs exactly once.
//
//   WAITING ──timer──> CONNECTING ──connected──> HANDSHAKE ──PONG──> UP
//      ^                   │ refused, deadline       │ error           │ lost, deadline, READONLY
//      └───────────────────┴─────────────────────────┴─────────────────┘      any ──close──> CLOSING
//
// A request is in exactly one place: `sent` (hiredis owes us a callback), `parked` (reliable, to be sent when
// the link is up or the pause after a transient answer is over) or `failed` (its NULL is delivered on the next
// loop turn). Left to others: what to send, and bounding how much.
#include "petrel/redis_link.h"

#include <assert.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "petrel/clock.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "petrel/random.h"
#include "redis_adapter.h"
#include "redis_internal.h"
#include "redis_tls.h"

enum {
    CONNECT_TIMEOUT_MS = 3000,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_LAST_MS = 1000, // so that work resumes within 2 s of Redis's return, connecting included
    RESEND_PAUSE_MS = 100,
    ERROR_SIZE = 160
};

struct request {
    struct redis_link *link;
    struct request *next, *previous;
    struct redis_command *command;
    redis_reply_callback *callback;
    void *arg;
    int64_t deadline_mono_ms; // once sent
    int64_t extra_timeout_ms;
    bool is_reliable;
    bool was_evaluated; // NOSCRIPT is answered with EVAL once
};

struct request_list {
    struct request *first, *last;
};

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_HANDSHAKE, LINK_UP, LINK_CLOSING };

struct redis_link {
    uv_loop_t *loop;
    struct redis_url url;
    char name[64];
    int64_t command_timeout_ms;
    void (*on_up)(void *arg);
    void (*on_down)(void *arg);
    void *arg;

    enum link_state state;
    redisAsyncContext *context; // held in CONNECTING, HANDSHAKE, UP
    uv_timer_t timer;           // reconnect, connect deadline or the oldest request's deadline, by state
    uv_timer_t resend;          // pause after a transient answer
    uv_idle_t fail;             // delivers `failed` before the loop sleeps
    int open_handles;

    struct request_list sent, parked, failed;
    size_t backlog_count, backlog_bytes; // reliable requests, wherever they are
    int64_t backoff_ms;
    uint64_t random_state;
    bool is_loss_logged; // said once until it is up again
    char error[ERROR_SIZE];
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void connect_now(struct redis_link *link);
static void transmit(struct redis_link *link, struct request *request);

// ---- lists

static void list_push(struct request_list *list, struct request *request)
{
    request->next = NULL;
    request->previous = list->last;
    if (list->last)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

static void list_remove(struct request_list *list, struct request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        list->first = request->next;
    if (request->next)
        request->next->previous = request->previous;
    else
        list->last = request->previous;
}

static struct request *list_pop(struct request_list *list)
{
    struct request *request = list->first;
    if (request)
        list_remove(list, request);
    return request;
}

// ---- one request

static void complete(struct request *request, redis_reply *reply)
{
    struct redis_link *link = request->link;
    if (request->is_reliable) {
        link->backlog_count--;
        link->backlog_bytes -= redis_command_bytes(request->command);
    }
    redis_reply_callback *callback = request->callback;
    void *arg = request->arg;
    redis_command_destroy(&request->command);
    free(request);
    if (callback)
        callback(arg, reply);
}

static void on_fail(uv_idle_t *idle)
{
    struct redis_link *link = idle->data;
    struct request *request;
    while ((request = list_pop(&link->failed)))
        complete(request, NULL);
    uv_idle_stop(idle);
}

static void fail_later(struct redis_link *link, struct request *request)
{
    list_push(&link->failed, request);
    if (!uv_is_closing((uv_handle_t *)&link->fail))
        uv_idle_start(&link->fail, on_fail);
}

static void park(struct redis_link *link, struct request *request)
{
    list_push(&link->parked, request);
}

static void flush_parked(struct redis_link *link)
{
    // Only what is here now: a request that fails to go out is parked again behind them.
    struct request_list waiting = link->parked;
    link->parked = (struct request_list){0};
    struct request *request;
    while ((request = list_pop(&waiting))) {
        if (link->state == LINK_UP)
            transmit(link, request);
        else
            park(link, request);
    }
}

static void on_resend(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    if (link->state == LINK_UP)
        flush_parked(link);
}

// ---- the connection's ups and downs

static void on_reconnect_timer(uv_timer_t *timer)
{
    connect_now(timer->data);
}

static void wait_to_reconnect(struct redis_link *link)
{
    link->state = LINK_WAITING;
    link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (link->backoff_ms > BACKOFF_LAST_MS)
        link->backoff_ms = BACKOFF_LAST_MS;
    // Half fixed, half random: a fleet doesn't return in step.
    int64_t half = link->backoff_ms / 2;
    int64_t delay = half + (int64_t)(random_next(&link->random_state) % (uint64_t)(half + 1));
    uv_timer_start(&link->timer, on_reconnect_timer, (uint64_t)delay, 0);
}

static void set_error(struct redis_link *link, const char *what)
{
    if (!span_copy(span_of(what), link->error, sizeof link->error))
        link->error[0] = '\0';
}

// The context is gone (or going, inside hiredis): note it and plan the next try.
static void went_down(struct redis_link *link, bool was_up)
{
    link->context = NULL;
    if (link->state == LINK_CLOSING)
        return;
    uv_timer_stop(&link->timer);
    if (was_up || !link->is_loss_logged)
        log_warn(was_up ? "lost Redis, reconnecting" : "cannot reach Redis, trying again",
                 LOG_STR("link", link->name), LOG_STR("why", link->error));
    link->is_loss_logged = true;
    wait_to_reconnect(link);
    if (was_up) {
        metrics_add(METRIC_REDIS_RECONNECTS, 1);
        metrics_add(METRIC_REDIS_CONNECTED, -1);
        if (link->on_down)
            link->on_down(link->arg);
    }
}

static void drop(struct redis_link *link, const char *why)
{
    set_error(link, why);
    redisAsyncContext *context = link->context;
    if (!context)
        return;
    bool was_up = link->state == LINK_UP;
    // Both first: callbacks that run inside the free may send again, and on_disconnect leaves it to us.
    link->context = NULL;
    link->state = LINK_WAITING;
    redisAsyncFree(context);
    went_down(link, was_up);
}

static void on_deadline(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    if (link->state == LINK_CONNECTING || link->state == LINK_HANDSHAKE) {
        drop(link, "no connection within 3 s");
        return;
    }
    if (link->state != LINK_UP || !link->sent.first)
        return;
    int64_t left = link->sent.first->deadline_mono_ms - clock_mono_ms();
    if (left > 0)
        uv_timer_start(&link->timer, on_deadline, (uint64_t)left, 0);
    else
        drop(link, "no answer within the command timeout");
}

// ---- sending

static void on_reply(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct request *request = privdata;
    struct redis_link *link = request->link;
    redis_reply *reply = data;
    list_remove(&link->sent, request);

    if (reply && redis_reply_has_code(reply, "NOSCRIPT") && !request->was_evaluated) {
        request->was_evaluated = true;
        redis_command_use_eval(request->command);
        if (link->state == LINK_UP && link->context) {
            transmit(link, request);
            return;
        }
        reply = NULL;
    }
    if (request->is_reliable && link->state != LINK_CLOSING &&
        (!reply || redis_reply_is_transient(reply))) {
        park(link, request);
        if (!reply)
            return;
        metrics_add(METRIC_REDIS_ERRORS, 1);
        // After a failover the address may lead to the new master: ask again.
        if (redis_reply_has_code(reply, "READONLY"))
            drop(link, "READONLY: connected to a replica");
        else if (!uv_is_active((uv_handle_t *)&link->resend))
            uv_timer_start(&link->resend, on_resend, RESEND_PAUSE_MS, 0);
        return;
    }
    // BUSYGROUP: the group to be created is there already, which is what was wanted.
    if (reply && redis_reply_is_error(reply) && !redis_reply_has_code(reply, "BUSYGROUP"))
        metrics_add(METRIC_REDIS_ERRORS, 1);
    complete(request, reply);
}

static void transmit(struct redis_link *link, struct request *request)
{
    int argc = 0;
    const char **argv = NULL;
    const size_t *argvlen = NULL;
    redis_command_argv(request->command, &argc, &argv, &argvlen);
    // Listed first: hiredis may run the callback of an earlier request from inside.
    request->deadline_mono_ms =
        clock_mono_ms() + link->command_timeout_ms + request->extra_timeout_ms;
    bool is_first = !link->sent.first;
    list_push(&link->sent, request);
    if (redisAsyncCommandArgv(link->context, on_reply, request, argc, argv, argvlen) != REDIS_OK) {
        // The connection is being torn down, its end is about to be reported.
        list_remove(&link->sent, request);
        if (request->is_reliable)
            park(link, request);
        else
            fail_later(link, request);
        return;
    }
    if (is_first && link->state == LINK_UP)
        uv_timer_start(&link->timer, on_deadline,
                       (uint64_t)(link->command_timeout_ms + request->extra_timeout_ms), 0);
}

static struct request *request_create(struct redis_link *link, struct redis_command **command,
                                      redis_reply_callback *callback, void *arg)
{
    struct request *request = calloc(1, sizeof *request);
    assert(request); // a few dozen bytes; nothing sensible can go on without
    request->link = link;
    request->command = *command;
    request->callback = callback;
    request->arg = arg;
    *command = NULL;
    return request;
}

void redis_link_send(struct redis_link *link, struct redis_command **command,
                     int64_t extra_timeout_ms, redis_reply_callback *callback, void *arg)
{
    struct request *request = request_create(link, command, callback, arg);
    request->extra_timeout_ms = extra_timeout_ms;
    if (link->state != LINK_UP || redis_command_is_spoiled(request->command))
        fail_later(link, request);
    else
        transmit(link, request);
}

void redis_link_send_reliably(struct redis_link *link, struct redis_command **command,
                              redis_reply_callback *callback, void *arg)
{
    assert(!redis_command_is_spoiled(*command));
    struct request *request = request_create(link, command, callback, arg);
    request->is_reliable = true;
    link->backlog_count++;
    link->backlog_bytes += redis_command_bytes(request->command);
    if (link->state == LINK_UP)
        transmit(link, request);
    else if (link->state == LINK_CLOSING)
        fail_later(link, request);
    else
        park(link, request);
}

// ---- connecting

static void on_pong(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct redis_link *link = privdata;
    redis_reply *reply = data;
    if (!reply || link->state != LINK_HANDSHAKE)
        return; // the disconnect callback takes it from here
    if (redis_reply_is_error(reply)) {
        char why[ERROR_SIZE];
        struct span text = redis_reply_span(reply);
        text.size = text.size < sizeof why ? text.size : sizeof why - 1;
        span_copy(text, why, sizeof why);
        drop(link, why);
        return;
    }
    link->state = LINK_UP;
    link->backoff_ms = 0;
    link->error[0] = '\0';
    uv_timer_stop(&link->timer);
    metrics_add(METRIC_REDIS_CONNECTED, 1);
    if (link->is_loss_logged)
        log_info("Redis is back", LOG_STR("link", link->name));
    link->is_loss_logged = false;
    log_debug("connected to Redis", LOG_STR("link", link->name));
    flush_parked(link);
    if (link->on_up)
        link->on_up(link->arg);
}

static void on_handshake_reply(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct redis_link *link = privdata;
    redis_reply *reply = data;
    if (reply && redis_reply_is_error(reply) && !redis_reply_has_code(reply, "LOADING"))
        log_error("Redis refused the login", LOG_STR("link", link->name),
                  LOG_SPAN("why", redis_reply_span(reply)));
}

static void shake_hands(struct redis_link *link)
{
    redisAsyncContext *c = link->context;
    const struct redis_url *url = &link->url;
    if (url->password[0] && url->user[0])
        redisAsyncCommand(c, on_handshake_reply, link, "AUTH %s %s", url->user, url->password);
    else if (url->password[0])
        redisAsyncCommand(c, on_handshake_reply, link, "AUTH %s", url->password);
    if (url->database)
        redisAsyncCommand(c, on_handshake_reply, link, "SELECT %u", url->database);
    redisAsyncCommand(c, on_handshake_reply, link, "CLIENT SETNAME %s", link->name);
    // Answered with an error while Redis loads its data or wants a password: not ready then.
    redisAsyncCommand(c, on_pong, link, "PING");
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    if (link->context != context)
        return;
    if (status != REDIS_OK) {
        set_error(link, context->errstr && context->errstr[0] ? context->errstr : "refused");
        went_down(link, false);
        return;
    }
    link->state = LINK_HANDSHAKE;
    shake_hands(link);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis_link *link = context->data;
    (void)status;
    if (link->context != context)
        return;
    set_error(link, context->errstr && context->errstr[0] ? context->errstr : "closed");
    went_down(link, link->state == LINK_UP);
}

static void connect_now(struct redis_link *link)
{
    redisAsyncContext *context = link->url.is_unix
                                     ? redisAsyncConnectUnix(link->url.host)
                                     : redisAsyncConnect(link->url.host, link->url.port);
    if (!context || context->err) {
        set_error(link, context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        went_down(link, false);
        return;
    }
    context->data = link;
    char why[ERROR_SIZE] = "cannot watch the socket";
    if ((link->url.is_tls && !redis_tls_start(&context->c, &link->url, why, sizeof why)) ||
        redis_adapter_attach(context, link->loop) != 0) {
        set_error(link, why);
        redisAsyncFree(context);
        went_down(link, false);
        return;
    }
    link->context = context;
    link->state = LINK_CONNECTING;
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    uv_timer_start(&link->timer, on_deadline, CONNECT_TIMEOUT_MS, 0);
}

struct redis_link *redis_link_create(uv_loop_t *loop, const struct redis_link_options *options)
{
    struct redis_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    link->loop = loop;
    link->url = *options->url;
    link->command_timeout_ms = options->command_timeout_ms;
    link->on_up = options->on_up;
    link->on_down = options->on_down;
    link->arg = options->arg;
    if (!span_copy(span_of(options->name), link->name, sizeof link->name))
        link->name[0] = '\0';
    random_bytes((unsigned char *)&link->random_state, sizeof link->random_state);
    uv_timer_init(loop, &link->timer);
    uv_timer_init(loop, &link->resend);
    uv_idle_init(loop, &link->fail);
    link->timer.data = link->resend.data = link->fail.data = link;
    link->open_handles = 3;
    // The first try is on the loop too, so that callbacks never run before create returned.
    link->state = LINK_WAITING;
    uv_timer_start(&link->timer, on_reconnect_timer, 0, 0);
    return link;
}

// ---- closing

static void on_handle_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    if (--link->open_handles > 0)
        return;
    struct request *request;
    while ((request = list_pop(&link->parked)) || (request = list_pop(&link->failed)))
        complete(request, NULL);
    assert(!link->sent.first);
    if (link->on_closed)
        link->on_closed(link->closed_arg);
    memset(&link->url, 0, sizeof link->url); // holds the password
    free(link);
}

void redis_link_close(struct redis_link *link, void (*on_closed)(void *arg), void *arg)
{
    assert(link->state != LINK_CLOSING);
    if (link->state == LINK_UP)
        metrics_add(METRIC_REDIS_CONNECTED, -1);
    link->state = LINK_CLOSING;
    link->on_closed = on_closed;
    link->closed_arg = arg;
    redisAsyncContext *context = link->context;
    link->context = NULL;
    if (context)
        redisAsyncFree(context);
    uv_close((uv_handle_t *)&link->timer, on_handle_closed);
    uv_close((uv_handle_t *)&link->resend, on_handle_closed);
    uv_close((uv_handle_t *)&link->fail, on_handle_closed);
}

bool redis_link_is_up(const struct redis_link *link)
{
    return link->state == LINK_UP;
}

size_t redis_link_backlog(const struct redis_link *link, size_t *bytes)
{
    if (bytes)
        *bytes = link->backlog_bytes;
    return link->backlog_count;
}

const char *redis_link_error(const struct redis_link *link)
{
    return link->state == LINK_UP ? "" : link->error;
}
