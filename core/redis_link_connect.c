// SPDX-License-Identifier: Apache-2.0
// The connection under a link: connecting, the handshake (AUTH, SELECT, name, ROLE, PING), losing it, trying again
// with jittered backoff. The states are drawn in redis_link.c.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "petrel/clock.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "petrel/random.h"
#include "redis_adapter.h"
#include "redis_link_internal.h"
#include "redis_tls.h"

enum {
    // From one try to the next at least the backoff, counted from the try's start. So a new try begins within
    // 1.5 s of Redis's return, whether the last one was refused or went unanswered.
    CONNECT_TIMEOUT_MS = 1500,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_LAST_MS = 1000,
    // A connection that lasted shorter has proved nothing: the backoff goes on growing.
    STEADY_MS = 1000,
};

// ---- the connection's ups and downs

static void on_reconnect_timer(uv_timer_t *timer)
{
    redis_link_connect_now(timer->data);
}

void redis_link_wait_to_reconnect(struct redis_link *link)
{
    link->state = LINK_WAITING;
    link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (link->backoff_ms > BACKOFF_LAST_MS)
        link->backoff_ms = BACKOFF_LAST_MS;
    // Half fixed, half random: a fleet doesn't return in step.
    int64_t half = link->backoff_ms / 2;
    int64_t random = (int64_t)(random_next(&link->random_state) % (uint64_t)(half + 1));
    int64_t fixed = half - (clock_mono_ms() - link->tried_mono_ms);
    uv_timer_start(&link->timer, on_reconnect_timer, (uint64_t)(fixed > 0 ? fixed : 0) + random, 0);
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
    if (was_up && clock_mono_ms() - link->up_mono_ms >= STEADY_MS)
        link->backoff_ms = 0;
    redis_link_wait_to_reconnect(link);
    if (was_up) {
        metrics_add(METRIC_REDIS_RECONNECTS, 1);
        metrics_add(METRIC_REDIS_CONNECTED, -1);
        metrics_add(METRIC_REDIS_DISCONNECTED, 1);
        if (link->on_down)
            link->on_down(link->arg);
    }
}

void redis_link_drop(struct redis_link *link, const char *why)
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

// ---- connecting

static void on_pong(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct redis_link *link = privdata;
    redis_reply *reply = data;
    if (!reply || link->state != LINK_HANDSHAKE)
        return; // the disconnect callback takes it from here
    if (redis_reply_is_error(reply)) {
        char why[REDIS_LINK_ERROR_SIZE];
        struct span text = redis_reply_span(reply);
        text.size = text.size < sizeof why ? text.size : sizeof why - 1;
        span_copy(text, why, sizeof why);
        redis_link_drop(link, why);
        return;
    }
    link->state = LINK_UP;
    link->up_mono_ms = clock_mono_ms();
    link->last_reply_ms = uv_now(link->loop);
    link->resend_pause_ms = 0;
    link->error[0] = '\0';
    uv_timer_stop(&link->timer);
    metrics_add(METRIC_REDIS_CONNECTED, 1);
    metrics_add(METRIC_REDIS_DISCONNECTED, -1);
    if (link->is_loss_logged)
        log_info("Redis is back", LOG_STR("link", link->name));
    link->is_loss_logged = false;
    log_debug("connected to Redis", LOG_STR("link", link->name));
    redis_link_resend_parked(link);
    if (link->on_up)
        link->on_up(link->arg);
}

static void on_handshake_reply(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct redis_link *link = privdata;
    redis_reply *reply = data;
    if (reply && redis_reply_is_error(reply) && !redis_reply_has_code(reply, "LOADING") &&
        !link->is_loss_logged)
        log_error("Redis refused the login", LOG_STR("link", link->name),
                  LOG_SPAN("why", redis_reply_span(reply)));
}

// A replica answers reads, and writes with an error: not what the address was given for. Where ROLE isn't allowed
// (an ACL) it shows at the first write.
static void on_role(redisAsyncContext *context, void *data, void *privdata)
{
    (void)context;
    struct redis_link *link = privdata;
    redis_reply *reply = data;
    if (link->state == LINK_HANDSHAKE && redis_reply_count(reply) > 0 &&
        !span_equals_text(redis_reply_span(redis_reply_at(reply, 0)), "master"))
        redis_link_drop(link, "it is a replica");
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
    redisAsyncCommand(c, on_role, link, "ROLE");
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

// A peer that is gone without a word is noticed within 5 s, whoever waits for how long: blocking reads have no other way
// to tell. Where it can't be set (a Unix socket) it isn't needed.
static void watch_for_silence(int fd)
{
    const int is_on = 1, idle_s = 2, interval_s = 1, count = 3;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &is_on, sizeof is_on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static void connect_to(struct redis_link *link, const struct redis_url *target)
{
    redisAsyncContext *context = target->is_unix ? redisAsyncConnectUnix(target->host)
                                                 : redisAsyncConnect(target->host, target->port);
    if (!context || context->err) {
        set_error(link, context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        went_down(link, false);
        return;
    }
    context->data = link;
    watch_for_silence(context->c.fd);
    char why[REDIS_LINK_ERROR_SIZE] = "cannot watch the socket";
    if ((target->is_tls && !redis_tls_start(&context->c, target->host, why, sizeof why)) ||
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
    uv_timer_start(&link->timer, redis_link_on_deadline, CONNECT_TIMEOUT_MS, 0);
}

static void on_resolved(void *arg, const struct redis_url *target, const char *why)
{
    struct redis_link *link = arg;
    if (target) {
        connect_to(link, target);
        return;
    }
    set_error(link, why);
    went_down(link, false);
}

void redis_link_init_resolver(struct redis_link *link)
{
    link->resolver = (struct redis_resolver){
        .loop = link->loop, .url = &link->url, .on_resolved = on_resolved, .arg = link};
}

void redis_link_connect_now(struct redis_link *link)
{
    link->tried_mono_ms = clock_mono_ms();
    metrics_add(METRIC_REDIS_CONNECTS, 1);
    if (!link->url.master_name[0]) {
        connect_to(link, &link->url);
        return;
    }
    link->state = LINK_RESOLVING;
    uv_timer_start(&link->timer, redis_link_on_deadline, REDIS_SENTINEL_TIMEOUT_MS,
                   REDIS_SENTINEL_TIMEOUT_MS);
    redis_resolver_start(&link->resolver);
}
