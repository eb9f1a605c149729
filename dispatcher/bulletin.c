// SPDX-License-Identifier: Apache-2.0
// Order that matters: the streams' ends are read before the lists of breakers that aren't closed, so that a change made
// meanwhile is told twice rather than missed.
//
//   up ──> ends of the streams `breakers` ──> lists `open` ──> informed ──> XREAD BLOCK ──> news ──┐
//                                                                              ^───────────────────┘
// Holds stand in no list: the stream's latest news tell which ones last. Lost news is harmless: a lane learns the truth
// from the answer to its next move.
#include "bulletin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_MS = 10000, NEWS_AT_ONCE = 1000, STREAM_ID_SIZE = 48 };

struct bulletin {
    struct bulletin_options options;
    struct redis_link *link;
    char (*positions)[STREAM_ID_SIZE]; // by shard: the last news read
    int64_t began_ms;                  // Redis's clock at the beginning; 0: not known
    uint32_t unanswered;               // of the questions at the beginning
    bool is_started, is_closed;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

// The question of one shard.
struct question {
    struct bulletin *bulletin;
    uint32_t shard;
};

static struct key key_of(const struct bulletin *bulletin, uint32_t shard, enum key_name name)
{
    return keys_format(&bulletin->options.engine->keys, shard, name, SPAN(""));
}

static void tell(struct bulletin *bulletin, struct span subscription, const struct lane_news *news)
{
    char id[EVENT_SUBSCRIPTION_SIZE];
    if (span_copy(subscription, id, sizeof id))
        bulletin->options.on_news(bulletin->options.arg, id, news);
}

// ---- following the streams

static bool shard_of(const struct bulletin *bulletin, struct span stream, uint32_t *shard)
{
    for (*shard = 0; *shard < bulletin->options.engine->keys.shards; (*shard)++) {
        struct key key = key_of(bulletin, *shard, KEY_BREAKERS);
        if (span_equals(key_span(&key), stream))
            return true;
    }
    return false;
}

static struct lane_news news_of(uint32_t shard, redis_reply *item)
{
    redis_reply *fields = redis_reply_at(item, 1);
    struct span state = redis_reply_span(redis_reply_field(fields, "state"));
    return (struct lane_news){
        .shard = shard,
        .state = breaker_parse_state(state),
        .is_hold = span_equals_text(state, "hold"),
        .wait_ms = redis_reply_int(redis_reply_field(fields, "ms")),
    };
}

static struct span subscription_of(redis_reply *item)
{
    return redis_reply_span(redis_reply_field(redis_reply_at(item, 1), "subscription"));
}

static void read_item(struct bulletin *bulletin, uint32_t shard, redis_reply *item)
{
    struct lane_news news = news_of(shard, item);
    span_copy(redis_reply_span(redis_reply_at(item, 0)), bulletin->positions[shard],
              sizeof bulletin->positions[shard]);
    tell(bulletin, subscription_of(item), &news);
}

static void follow(struct bulletin *bulletin);

static void on_news(void *arg, redis_reply *reply)
{
    struct bulletin *bulletin = arg;
    if (bulletin->is_closed || !reply || redis_reply_is_error(reply))
        return; // a new connection starts over
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        redis_reply *stream = redis_reply_at(reply, i);
        redis_reply *items = redis_reply_at(stream, 1);
        uint32_t shard;
        if (!shard_of(bulletin, redis_reply_span(redis_reply_at(stream, 0)), &shard))
            continue;
        for (size_t j = 0; j < redis_reply_count(items); j++)
            read_item(bulletin, shard, redis_reply_at(items, j));
    }
    follow(bulletin);
}

static void follow(struct bulletin *bulletin)
{
    uint32_t shards = bulletin->options.engine->keys.shards;
    struct redis_command *command = redis_command_create("XREAD");
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, NEWS_AT_ONCE);
    redis_command_add_text(command, "BLOCK");
    redis_command_add_int(command, BLOCK_MS);
    redis_command_add_text(command, "STREAMS");
    for (uint32_t shard = 0; shard < shards; shard++) {
        struct key key = key_of(bulletin, shard, KEY_BREAKERS);
        redis_command_add_key(command, &key);
    }
    for (uint32_t shard = 0; shard < shards; shard++)
        redis_command_add_text(command, bulletin->positions[shard]);
    redis_link_send(bulletin->link, &command, BLOCK_MS, on_news, bulletin);
}

// ---- beginning

static void on_answered(struct question *question)
{
    struct bulletin *bulletin = question->bulletin;
    free(question);
    if (--bulletin->unanswered > 0 || bulletin->is_closed || !redis_link_is_up(bulletin->link))
        return;
    bulletin->options.on_informed(bulletin->options.arg);
    follow(bulletin);
}

static void on_open_list(void *arg, redis_reply *reply)
{
    struct question *question = arg;
    struct lane_news news = {.shard = question->shard, .state = BREAKER_OPEN};
    for (size_t i = 0; i < redis_reply_count(reply) && !question->bulletin->is_closed; i++)
        tell(question->bulletin, redis_reply_span(redis_reply_at(reply, i)), &news);
    on_answered(question);
}

static void on_time(void *arg, redis_reply *reply)
{
    struct question *question = arg;
    question->bulletin->began_ms = redis_reply_int(redis_reply_at(reply, 0)) * 1000;
    on_answered(question);
}

// A hold's end is counted from its entry's id, which begins with Redis's clock in ms.
static void tell_hold(struct bulletin *bulletin, uint32_t shard, redis_reply *item)
{
    struct lane_news news = news_of(shard, item);
    struct span id = redis_reply_span(redis_reply_at(item, 0)), ms;
    int64_t told_ms;
    if (!bulletin->began_ms || !news.is_hold || !span_next(&id, '-', &ms) ||
        !span_to_int64(ms, &told_ms))
        return;
    news.wait_ms -= bulletin->began_ms - told_ms;
    if (news.wait_ms > 0)
        tell(bulletin, subscription_of(item), &news);
}

static void on_latest(void *arg, redis_reply *reply)
{
    struct question *question = arg;
    struct bulletin *bulletin = question->bulletin;
    char *position = bulletin->positions[question->shard];
    struct span id = redis_reply_span(redis_reply_at(redis_reply_at(reply, 0), 0));
    if (!redis_reply_is_ok(reply) || !id.size || !span_copy(id, position, STREAM_ID_SIZE))
        snprintf(position, STREAM_ID_SIZE, "0");
    for (size_t i = 0; i < redis_reply_count(reply) && !bulletin->is_closed; i++)
        tell_hold(bulletin, question->shard, redis_reply_at(reply, i));
    on_answered(question);
}

static void ask(struct bulletin *bulletin, uint32_t shard, struct redis_command *command,
                redis_reply_callback *callback)
{
    struct question *question = calloc(1, sizeof *question);
    assert(question);
    *question = (struct question){.bulletin = bulletin, .shard = shard};
    bulletin->unanswered++;
    redis_link_send(bulletin->link, &command, 0, callback, question);
}

static void begin(struct bulletin *bulletin)
{
    bulletin->began_ms = 0;
    ask(bulletin, 0, redis_command_create("TIME"), on_time);
    for (uint32_t shard = 0; shard < bulletin->options.engine->keys.shards; shard++) {
        struct key breakers = key_of(bulletin, shard, KEY_BREAKERS);
        struct redis_command *command = redis_command_create("XREVRANGE");
        redis_command_add_key(command, &breakers);
        redis_command_add_text(command, "+");
        redis_command_add_text(command, "-");
        redis_command_add_text(command, "COUNT");
        redis_command_add_int(command, NEWS_AT_ONCE);
        ask(bulletin, shard, command, on_latest);
        struct key open = key_of(bulletin, shard, KEY_OPEN);
        command = redis_command_create("ZRANGE");
        redis_command_add_key(command, &open);
        redis_command_add_int(command, 0);
        redis_command_add_int(command, -1);
        ask(bulletin, shard, command, on_open_list);
    }
}

static void on_up(void *arg)
{
    struct bulletin *bulletin = arg;
    if (bulletin->is_started)
        begin(bulletin);
}

void bulletin_start(struct bulletin *bulletin)
{
    if (bulletin->is_started)
        return;
    bulletin->is_started = true;
    if (redis_link_is_up(bulletin->link))
        begin(bulletin);
}

// ---- life

struct bulletin *bulletin_create(const struct bulletin_options *options)
{
    struct bulletin *bulletin = calloc(1, sizeof *bulletin);
    assert(bulletin);
    bulletin->options = *options;
    bulletin->positions = calloc(options->engine->keys.shards, sizeof *bulletin->positions);
    assert(bulletin->positions);
    struct redis_link_options link = {
        .url = options->engine->redis,
        .name = "petrel-breakers",
        .command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS,
        .on_up = on_up,
        .arg = bulletin,
    };
    bulletin->link = redis_link_create(options->loop, &link);
    assert(bulletin->link);
    return bulletin;
}

static void on_link_closed(void *arg)
{
    struct bulletin *bulletin = arg;
    bulletin->on_closed(bulletin->closed_arg);
}

void bulletin_close(struct bulletin *bulletin, void (*on_closed)(void *arg), void *arg)
{
    bulletin->is_closed = true;
    bulletin->on_closed = on_closed;
    bulletin->closed_arg = arg;
    redis_link_close(bulletin->link, on_link_closed, bulletin);
}

void bulletin_destroy(struct bulletin **bulletin)
{
    if (!*bulletin)
        return;
    free((*bulletin)->positions);
    free(*bulletin);
    *bulletin = NULL;
}
