// SPDX-License-Identifier: Apache-2.0
// The life of one connection, and the promise that every callback runs exactly once.
//
//   WAITING ──timer──> (RESOLVING) ──> CONNECTING ──connected──> HANDSHAKE ──PONG──> UP
//      ^                  │ no answer      │ refused, deadline       │ error, replica  │ lost, deadline, READONLY
//      └──────────────────┴────────────────┴─────────────────────────┴─────────────────┘  any ──close──> CLOSING
//
// RESOLVING only with sentinels, and then at each connect: that is how a failover is followed.
//
// A request is in exactly one place: `sent` (hiredis owes us a callback), `parked` (to be sent when
// the link is up or the pause after a transient answer is over) or `failed` (its NULL is delivered on the next
// loop turn).
// Left to others: the connection itself (redis_link_connect.c), when what is parked goes out (redis_link_resend.c), what to
// send, and bounding how much.
#include "petrel/redis_link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/clock.h"
#include "petrel/fault_point.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "petrel/random.h"
#include "redis_internal.h"
#include "redis_link_internal.h"

enum { REFUSAL_LOG_MS = 10000 };

// ---- lists

void request_list_push(struct request_list *list, struct request *request)
{
    request->next = NULL;
    request->previous = list->last;
    if (list->last)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

void request_list_remove(struct request_list *list, struct request *request)
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

struct request *request_list_pop(struct request_list *list)
{
    struct request *request = list->first;
    if (request) {
        assert(!request->previous);
        request_list_remove(list, request);
    }
    return request;
}

// ---- one request

static void add_backlog_bytes(struct redis_link *link, int64_t bytes)
{
    link->backlog_bytes = (size_t)((int64_t)link->backlog_bytes + bytes);
    metrics_add(METRIC_REDIS_BACKLOG_BYTES, bytes);
}

static void complete(struct request *request, redis_reply *reply)
{
    struct redis_link *link = request->link;
    if (request->is_patient) {
        link->backlog_count--;
        add_backlog_bytes(link, -(int64_t)request->bytes);
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
    while ((request = request_list_pop(&link->failed)))
        complete(request, NULL);
    uv_idle_stop(idle);
}

static void fail_later(struct redis_link *link, struct request *request)
{
    request_list_push(&link->failed, request);
    if (!uv_is_closing((uv_handle_t *)&link->fail))
        uv_idle_start(&link->fail, on_fail);
}

// ---- deadlines

void redis_link_on_deadline(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    if (link->state == LINK_RESOLVING) {
        redis_resolver_skip(&link->resolver);
        return;
    }
    if (link->state == LINK_CONNECTING || link->state == LINK_HANDSHAKE) {
        redis_link_drop(link, "no connection in time");
        return;
    }
    if (link->state != LINK_UP || !link->sent.first)
        return;
    int64_t left = link->sent.first->deadline_mono_ms - clock_mono_ms();
    // Overdue behind others that are being answered: slow, not hung.
    int64_t silence_ms = (int64_t)(uv_now(link->loop) - link->last_reply_ms);
    if (left <= 0)
        left = link->command_timeout_ms - silence_ms;
    if (left > 0)
        uv_timer_start(&link->timer, redis_link_on_deadline, (uint64_t)left, 0);
    else
        redis_link_drop(link, "no answer within the command timeout");
}

// ---- sending

// The script's source goes out instead of its name, at once. True when that was the answer to it.
static bool evaluate_unknown_script(struct redis_link *link, struct request *request,
                                    redis_reply *reply)
{
    if (!redis_reply_has_code(reply, "NOSCRIPT") || request->was_evaluated || link->state != LINK_UP)
        return false;
    request->was_evaluated = true;
    redis_command_use_eval(request->command);
    redis_link_transmit(link, request);
    return true;
}

// Not for each: what is refused is refused again until somebody has seen to it.
static void tell_refusal(struct redis_link *link, redis_reply *reply)
{
    int64_t now_ms = clock_mono_ms();
    if (link->refusal_told_ms && now_ms - link->refusal_told_ms < REFUSAL_LOG_MS)
        return;
    link->refusal_told_ms = now_ms;
    log_warn("Redis refuses what must be written; it is kept and sent again",
             LOG_STR("connection", link->name), LOG_SPAN("why", redis_reply_span(reply)));
}

static void judge_reply(struct redis_link *link, struct request *request, redis_reply *reply)
{
    bool is_again = !reply || redis_reply_is_transient(reply);
    bool was_resent = request->is_resent;
    redis_link_leave_window(link, request);
    // BUSYGROUP: the group to be created is there already, which is what was wanted.
    if (reply && redis_reply_is_error(reply) && !redis_reply_has_code(reply, "BUSYGROUP"))
        metrics_add(METRIC_REDIS_ERRORS, 1);
    if (request->is_reliable && is_again && link->state != LINK_CLOSING) {
        redis_link_park(link, request);
        if (reply) {
            tell_refusal(link, reply);
            redis_link_pause_resending(link);
        }
        return;
    }
    complete(request, reply);
    if (was_resent && !is_again)
        redis_link_go_on_resending(link);
}

static void on_reply(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct request *request = privdata;
    struct redis_link *link = request->link;
    redis_reply *reply = data;
    // After a failover the address may lead to the new master: ask again.
    bool is_replica = redis_reply_has_code(reply, "READONLY");
    link->last_reply_ms = uv_now(link->loop);
    request_list_remove(&link->sent, request);
    if (!evaluate_unknown_script(link, request, reply)) { // else it hasn't run yet
        if (reply)
            FAULT_POINT_COMMAND(request->command, "after_reply");
        judge_reply(link, request, reply);
    }
    if (is_replica && link->state == LINK_UP)
        redis_link_drop(link, "READONLY: connected to a replica");
}

bool redis_link_transmit(struct redis_link *link, struct request *request)
{
    FAULT_POINT_COMMAND(request->command, "before_send");
    struct span wire = redis_command_wire(request->command);
    // Listed first: hiredis may run the callback of an earlier request from inside.
    request->deadline_mono_ms =
        clock_mono_ms() + link->command_timeout_ms + request->extra_timeout_ms;
    bool is_first = !link->sent.first;
    request_list_push(&link->sent, request);
    if (redisAsyncFormattedCommand(link->context, on_reply, request, wire.data, wire.size) !=
        REDIS_OK) {
        request_list_remove(&link->sent, request);
        redis_link_leave_window(link, request);
        if (request->is_patient)
            redis_link_park(link, request);
        else
            fail_later(link, request);
        return false;
    }
    if (is_first && link->state == LINK_UP)
        uv_timer_start(&link->timer, redis_link_on_deadline,
                       (uint64_t)(link->command_timeout_ms + request->extra_timeout_ms), 0);
    return true;
}

static struct request *request_create(struct redis_link *link, struct redis_command **command,
                                      redis_reply_callback *callback, void *arg)
{
    struct request *request = calloc(1, sizeof *request);
    assert(request); // a few dozen bytes; nothing sensible can go on without
    request->link = link;
    request->command = *command;
    request->bytes = redis_command_bytes(*command);
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
        redis_link_transmit(link, request);
}

static void send_when_up(struct redis_link *link, struct request *request)
{
    assert(!redis_command_is_spoiled(request->command));
    request->is_patient = true;
    link->backlog_count++;
    add_backlog_bytes(link, (int64_t)request->bytes);
    if (link->state == LINK_UP)
        redis_link_transmit(link, request);
    else if (link->state == LINK_CLOSING)
        fail_later(link, request);
    else
        redis_link_park(link, request);
}

void redis_link_send_once(struct redis_link *link, struct redis_command **command)
{
    send_when_up(link, request_create(link, command, NULL, NULL));
}

void redis_link_send_reliably(struct redis_link *link, struct redis_command **command,
                              redis_reply_callback *callback, void *arg)
{
    struct request *request = request_create(link, command, callback, arg);
    request->is_reliable = true;
    send_when_up(link, request);
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
    metrics_add(METRIC_REDIS_DISCONNECTED, 1);
    uv_timer_init(loop, &link->timer);
    uv_timer_init(loop, &link->resend);
    uv_idle_init(loop, &link->fail);
    link->timer.data = link->resend.data = link->fail.data = link;
    link->open_handles = 3;
    redis_link_init_resolver(link);
    // The first try is on the loop too, so that callbacks never run before create returned.
    link->state = LINK_WAITING;
    redis_link_wait_to_reconnect(link);
    return link;
}

// ---- closing

static void on_handle_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    if (--link->open_handles > 0)
        return;
    struct request *request;
    while ((request = request_list_pop(&link->parked)) ||
           (request = request_list_pop(&link->failed)))
        complete(request, NULL);
    assert(!link->sent.first);
    if (link->on_closed)
        link->on_closed(link->closed_arg);
    explicit_bzero(&link->url, sizeof link->url); // holds the password
    free(link);
}

void redis_link_close(struct redis_link *link, void (*on_closed)(void *arg), void *arg)
{
    assert(link->state != LINK_CLOSING);
    metrics_add(link->state == LINK_UP ? METRIC_REDIS_CONNECTED : METRIC_REDIS_DISCONNECTED, -1);
    link->state = LINK_CLOSING;
    link->on_closed = on_closed;
    link->closed_arg = arg;
    redisAsyncContext *context = link->context;
    link->context = NULL;
    redis_resolver_cancel(&link->resolver);
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
