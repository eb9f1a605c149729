// SPDX-License-Identifier: Apache-2.0
// One connection to one sentinel at a time, for one question. hiredis runs the question's callback exactly once, with
// NULL when the connection fails in whatever way; so that callback is the only one needed. A context that was let go
// (resolver->context isn't it any more) has nothing to say.
#include "redis_resolver.h"

#include <hiredis/async.h>
#include <stdio.h>

#include "redis_adapter.h"
#include "redis_tls.h"

static void ask_next(struct redis_resolver *resolver);

static const struct redis_sentinel *current(const struct redis_resolver *resolver)
{
    uint32_t index = (resolver->first + resolver->asked - 1) % resolver->url->sentinel_count;
    return &resolver->url->sentinels[index];
}

static void note_failure(struct redis_resolver *resolver, const char *what)
{
    const struct redis_sentinel *sentinel = current(resolver);
    snprintf(resolver->why, sizeof resolver->why, "sentinel %.60s:%u: %.80s", sentinel->host,
             sentinel->port, what && what[0] ? what : "closed");
}

static void on_answer(redisAsyncContext *context, void *data, void *privdata)
{
    struct redis_resolver *resolver = privdata;
    redis_reply *reply = data;
    struct redis_url target;
    if (resolver->context != context)
        return;
    resolver->context = NULL;
    if (!reply) {
        note_failure(resolver, context->errstr);
        ask_next(resolver);
        return;
    }
    bool is_found = redis_sentinel_read_answer(reply, resolver->url, &target, resolver->why);
    redisAsyncFree(context);
    if (!is_found) {
        ask_next(resolver);
        return;
    }
    resolver->first = (resolver->first + resolver->asked - 1) % resolver->url->sentinel_count;
    resolver->on_resolved(resolver->arg, &target, "");
}

// Refused: then so is the question, and its answer says why.
static void log_in(redisAsyncContext *context, const struct redis_url *url)
{
    if (url->sentinel_user[0])
        redisAsyncCommand(context, NULL, NULL, "AUTH %s %s", url->sentinel_user,
                          url->sentinel_password);
    else if (url->sentinel_password[0])
        redisAsyncCommand(context, NULL, NULL, "AUTH %s", url->sentinel_password);
}

static bool ask(struct redis_resolver *resolver)
{
    const struct redis_sentinel *sentinel = current(resolver);
    const struct redis_url *url = resolver->url;
    char tls[80] = "";
    redisAsyncContext *context = redisAsyncConnect(sentinel->host, sentinel->port);
    if (!context || context->err ||
        (url->is_tls && !redis_tls_start(&context->c, sentinel->host, tls, sizeof tls)) ||
        redis_adapter_attach(context, resolver->loop) != 0) {
        note_failure(resolver, tls[0] ? tls : context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        return false;
    }
    resolver->context = context;
    log_in(context, url);
    redisAsyncCommand(context, on_answer, resolver, REDIS_SENTINEL_QUESTION, url->master_name);
    return true;
}

static void ask_next(struct redis_resolver *resolver)
{
    while (resolver->asked < resolver->url->sentinel_count) {
        resolver->asked++;
        if (ask(resolver))
            return;
    }
    resolver->on_resolved(resolver->arg, NULL, resolver->why);
}

void redis_resolver_start(struct redis_resolver *resolver)
{
    redis_resolver_cancel(resolver);
    resolver->asked = 0;
    ask_next(resolver);
}

void redis_resolver_skip(struct redis_resolver *resolver)
{
    redis_resolver_cancel(resolver);
    note_failure(resolver, "no answer in time");
    ask_next(resolver);
}

void redis_resolver_cancel(struct redis_resolver *resolver)
{
    redisAsyncContext *context = resolver->context;
    resolver->context = NULL;
    if (context)
        redisAsyncFree(context);
}
