// SPDX-License-Identifier: Apache-2.0
// The blocking client: one deadline over connecting, login, all commands and all replies of a call.
//
// hiredis's own blocking calls bound each read, not their sum; so this file turns the crank itself and, before
// each step, sets the socket's timeout to what is left. Invariant: between calls the connection is either
// NULL or has no reply outstanding; whatever goes wrong in a call drops it, and the next call connects anew.
// Left to others: what a reply means, and trying again. The process ignores SIGPIPE.
#include "petrel/redis_client.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "petrel/clock.h"
#include "petrel/fault_point.h"
#include "redis_internal.h"
#include "redis_sentinel.h"
#include "redis_tls.h"

struct redis_client {
    struct redis_url url;
    int64_t timeout_ms;
    redisContext *context; // NULL: not connected
    uint32_t sentinel;     // the one that answered last
    bool is_demoted;       // it has become a replica: connect anew
    int64_t deadline_mono_ms;
    char error[REDIS_CLIENT_ERROR_SIZE];
};

struct redis_client *redis_client_create(const struct redis_url *url, int64_t timeout_ms)
{
    struct redis_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->url = *url;
    client->timeout_ms = timeout_ms;
    return client;
}

void redis_client_set_timeout(struct redis_client *client, int64_t timeout_ms)
{
    client->timeout_ms = timeout_ms;
}

static void drop(struct redis_client *client)
{
    if (client->context)
        redisFree(client->context);
    client->context = NULL;
}

void redis_client_destroy(struct redis_client **client)
{
    if (!*client)
        return;
    drop(*client);
    explicit_bzero(&(*client)->url, sizeof(*client)->url);
    free(*client);
    *client = NULL;
}

const char *redis_client_error(const struct redis_client *client)
{
    return client->error;
}

void redis_client_free_reply(redis_reply **reply)
{
    // The const of the view is ours; hiredis owns the memory.
    if (*reply)
        freeReplyObject((void *)(uintptr_t)*reply);
    *reply = NULL;
}

// ---- errors

static bool fail(struct redis_client *client, const char *what, struct span why)
{
    struct text where;
    text_init(&where, REDIS_CLIENT_ERROR_SIZE);
    redis_url_format_safe(&client->url, &where);
    snprintf(client->error, sizeof client->error, "%s %s: %.*s", what, text_string(&where),
             SPAN_FMT(why));
    text_fini(&where);
    return false;
}

static bool fail_at_deadline(struct redis_client *client, const char *what)
{
    char why[64];
    snprintf(why, sizeof why, "no answer within %lld ms", (long long)client->timeout_ms);
    return fail(client, what, span_of(why));
}

static bool fail_with_context(struct redis_client *client, const char *what)
{
    int number = errno;
    const redisContext *context = client->context;
    bool is_timeout = context && context->err == REDIS_ERR_IO &&
                      (number == EAGAIN || number == EWOULDBLOCK || number == ETIMEDOUT);
    if (is_timeout)
        return fail_at_deadline(client, what);
    return fail(client, what, context ? span_of(context->errstr) : SPAN("out of memory"));
}

// ---- the deadline

static int64_t remaining_ms(const struct redis_client *client)
{
    return client->deadline_mono_ms - clock_mono_ms();
}

static struct timeval remaining_time(const struct redis_client *client)
{
    int64_t ms = remaining_ms(client);
    if (ms < 1)
        ms = 1; // zero would mean: for ever
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static bool arm(struct redis_client *client, const char *what)
{
    if (remaining_ms(client) <= 0)
        return fail_at_deadline(client, what);
    if (redisSetTimeout(client->context, remaining_time(client)) != REDIS_OK)
        return fail_with_context(client, what);
    return true;
}

// ---- turning the crank

static bool flush(struct redis_client *client, const char *what)
{
    int is_done = 0;
    while (!is_done) {
        if (!arm(client, what))
            return false;
        if (redisBufferWrite(client->context, &is_done) != REDIS_OK)
            return fail_with_context(client, what);
    }
    return true;
}

static bool receive(struct redis_client *client, const char *what, redisReply **reply)
{
    for (;;) {
        void *found = NULL;
        if (redisGetReplyFromReader(client->context, &found) != REDIS_OK)
            return fail_with_context(client, what);
        if (found) {
            *reply = found;
            return true;
        }
        if (!arm(client, what))
            return false;
        if (redisBufferRead(client->context) != REDIS_OK)
            return fail_with_context(client, what);
    }
}

// ---- connecting

static bool log_in(struct redis_client *client)
{
    static const char what[] = "cannot log in to Redis at";
    redisContext *c = client->context;
    const struct redis_url *url = &client->url;
    int expected = 1;
    if (url->password[0]) {
        if (url->user[0])
            redisAppendCommand(c, "AUTH %s %s", url->user, url->password);
        else
            redisAppendCommand(c, "AUTH %s", url->password);
        expected++;
    }
    if (url->database) {
        redisAppendCommand(c, "SELECT %u", url->database);
        expected++;
    }
    // The name is a comfort for the operator; an ACL may forbid it. The role is asked for where sentinels may not know
    // yet of a failover; an address given by hand is taken as it is.
    redisAppendCommand(c, "CLIENT SETNAME petrel-client");
    redisAppendCommand(c, "ROLE");
    expected++;
    if (!flush(client, what))
        return false;
    bool is_good = true;
    for (int i = 0; i < expected; i++) {
        redisReply *reply = NULL;
        if (!receive(client, what, &reply))
            return false;
        if (is_good && i + 2 < expected && redis_reply_is_error(reply))
            is_good = fail(client, what, redis_reply_span(reply));
        bool is_replica = i + 1 == expected && redis_reply_count(reply) > 0 &&
                          !span_equals_text(redis_reply_span(redis_reply_at(reply, 0)), "master");
        if (is_good && is_replica && url->master_name[0])
            is_good = fail(client, what, SPAN("it is a replica"));
        freeReplyObject(reply);
    }
    return is_good;
}

static bool open_context(struct redis_client *client)
{
    static const char what[] = "cannot connect to Redis at";
    struct redis_url target;
    const struct redis_url *url = &client->url;
    if (url->master_name[0]) {
        char no_master[REDIS_SENTINEL_WHY_SIZE];
        if (!redis_sentinel_find_master(url, &client->sentinel, client->deadline_mono_ms, &target,
                                        no_master))
            return fail(client, what, span_of(no_master));
        url = &target;
    }
    struct timeval time = remaining_time(client);
    client->context = url->is_unix ? redisConnectUnixWithTimeout(url->host, time)
                                   : redisConnectWithTimeout(url->host, url->port, time);
    if (!client->context || client->context->err) {
        if (remaining_ms(client) <= 0)
            return fail_at_deadline(client, what);
        return fail_with_context(client, what);
    }
    if (!url->is_tls)
        return true;
    char why[160];
    if (!arm(client, what))
        return false;
    if (!redis_tls_start(client->context, url->host, why, sizeof why))
        return fail(client, what, span_of(why));
    return true;
}

// Idle and yet readable: Redis has closed it meanwhile (or says what nobody asked for).
static bool is_stale(const redisContext *context)
{
    struct pollfd watched = {.fd = context->fd, .events = POLLIN};
    return poll(&watched, 1, 0) != 0;
}

static bool ensure_connected(struct redis_client *client)
{
    if (client->context && (client->is_demoted || is_stale(client->context)))
        drop(client);
    client->is_demoted = false;
    if (client->context)
        return true;
    if (open_context(client) && log_in(client))
        return true;
    drop(client);
    return false;
}

// ---- calls

static bool append(struct redis_client *client, struct redis_command *command)
{
    FAULT_POINT_COMMAND(command, "before_send");
    struct span wire = redis_command_wire(command);
    if (redisAppendFormattedCommand(client->context, wire.data, wire.size) != REDIS_OK)
        return fail_with_context(client, "cannot send to Redis at");
    return true;
}

// Sends those whose reply is still NULL, and fills the replies in.
static bool exchange(struct redis_client *client, struct redis_command **commands,
                     redis_reply **replies, size_t count)
{
    static const char what[] = "no answer from Redis at";
    for (size_t i = 0; i < count; i++) {
        if (!replies[i] && !append(client, commands[i]))
            return false;
    }
    if (!flush(client, what))
        return false;
    for (size_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        if (replies[i])
            continue;
        if (!receive(client, what, &reply))
            return false;
        FAULT_POINT_COMMAND(commands[i], "after_reply");
        replies[i] = reply;
    }
    return true;
}

// Takes back the replies of scripts that Redis doesn't know; these are then sent with their source.
static bool prepare_evals(struct redis_command **commands, redis_reply **replies, size_t count)
{
    bool is_needed = false;
    for (size_t i = 0; i < count; i++) {
        if (!redis_command_script(commands[i], NULL) ||
            !redis_reply_has_code(replies[i], "NOSCRIPT"))
            continue;
        redis_client_free_reply(&replies[i]);
        redis_command_use_eval(commands[i]);
        is_needed = true;
    }
    return is_needed;
}

static bool are_sound(struct redis_client *client, struct redis_command **commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!commands[i] || redis_command_is_spoiled(commands[i])) {
            snprintf(client->error, sizeof client->error, "not enough memory for a command");
            return false;
        }
    }
    return true;
}

void redis_client_call_all(struct redis_client *client, struct redis_command **commands,
                           redis_reply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        replies[i] = NULL;
    client->error[0] = '\0';
    client->deadline_mono_ms = clock_mono_ms() + client->timeout_ms;
    if (are_sound(client, commands, count) && ensure_connected(client)) {
        bool is_good = exchange(client, commands, replies, count);
        if (is_good && prepare_evals(commands, replies, count))
            is_good = exchange(client, commands, replies, count);
        if (!is_good)
            drop(client);
        for (size_t i = 0; i < count; i++)
            client->is_demoted |= redis_reply_has_code(replies[i], "READONLY");
    }
    for (size_t i = 0; i < count; i++)
        redis_command_destroy(&commands[i]);
}

redis_reply *redis_client_call(struct redis_client *client, struct redis_command **command)
{
    redis_reply *reply = NULL;
    redis_client_call_all(client, command, &reply, 1);
    return reply;
}
