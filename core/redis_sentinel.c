// SPDX-License-Identifier: Apache-2.0
// The sentinels' answer is asked for anew at every connect, as Redis's guide for clients wants it: it is the only thing
// that changes in a failover. Whether the address given is a master by now, ROLE says.
#include "redis_sentinel.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

#include "petrel/clock.h"
#include "redis_tls.h"

bool redis_sentinel_read_answer(redis_reply *reply, const struct redis_url *url,
                                struct redis_url *target, char why[REDIS_SENTINEL_WHY_SIZE])
{
    struct span text = redis_reply_span(reply);
    int64_t port = redis_reply_int(redis_reply_at(reply, 1));
    if (redis_reply_is_error(reply)) {
        snprintf(why, REDIS_SENTINEL_WHY_SIZE, "the sentinel answered: %.*s",
                 text.size < 100 ? (int)text.size : 100, text.data ? text.data : "nothing");
        return false;
    }
    *target = *url;
    if (redis_reply_count(reply) != 2 || port <= 0 || port > UINT16_MAX ||
        !span_copy(redis_reply_span(redis_reply_at(reply, 0)), target->host, sizeof target->host)) {
        snprintf(why, REDIS_SENTINEL_WHY_SIZE, "the sentinel knows no master of the name %s",
                 url->master_name);
        return false;
    }
    target->port = (uint16_t)port;
    return true;
}

static struct timeval time_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static bool log_in(redisContext *context, const struct redis_url *url)
{
    if (!url->sentinel_password[0])
        return true;
    redisReply *reply =
        url->sentinel_user[0]
            ? redisCommand(context, "AUTH %s %s", url->sentinel_user, url->sentinel_password)
            : redisCommand(context, "AUTH %s", url->sentinel_password);
    if (reply)
        freeReplyObject(reply); // refused: then so is the question, and its answer says why
    return reply != NULL;
}

static redisReply *question(const struct redis_url *url, const struct redis_sentinel *sentinel,
                            int64_t timeout_ms, char why[REDIS_SENTINEL_WHY_SIZE])
{
    char tls[80] = "";
    redisReply *reply = NULL;
    redisContext *context =
        redisConnectWithTimeout(sentinel->host, sentinel->port, time_of(timeout_ms));
    if (context && !context->err && redisSetTimeout(context, time_of(timeout_ms)) == REDIS_OK &&
        (!url->is_tls || redis_tls_start(context, sentinel->host, tls, sizeof tls)) &&
        log_in(context, url))
        reply = redisCommand(context, REDIS_SENTINEL_QUESTION, url->master_name);
    if (!reply)
        snprintf(why, REDIS_SENTINEL_WHY_SIZE, "sentinel %.60s:%u: %.80s", sentinel->host,
                 sentinel->port,
                 tls[0]    ? tls
                 : context ? context->errstr
                           : "out of memory");
    if (context)
        redisFree(context);
    return reply;
}

static bool ask(const struct redis_url *url, const struct redis_sentinel *sentinel,
                int64_t timeout_ms, struct redis_url *target, char why[REDIS_SENTINEL_WHY_SIZE])
{
    redisReply *reply = question(url, sentinel, timeout_ms, why);
    bool is_found = reply && redis_sentinel_read_answer(reply, url, target, why);
    if (reply)
        freeReplyObject(reply);
    return is_found;
}

bool redis_sentinel_find_master(const struct redis_url *url, uint32_t *first,
                                int64_t deadline_mono_ms, struct redis_url *target,
                                char why[REDIS_SENTINEL_WHY_SIZE])
{
    snprintf(why, REDIS_SENTINEL_WHY_SIZE, "no sentinel answered in time");
    for (uint32_t i = 0; i < url->sentinel_count; i++) {
        uint32_t index = (*first + i) % url->sentinel_count;
        int64_t left_ms = deadline_mono_ms - clock_mono_ms();
        if (left_ms <= 0)
            return false;
        if (left_ms > REDIS_SENTINEL_TIMEOUT_MS)
            left_ms = REDIS_SENTINEL_TIMEOUT_MS;
        if (ask(url, &url->sentinels[index], left_ms, target, why)) {
            *first = index;
            return true;
        }
    }
    return false;
}
