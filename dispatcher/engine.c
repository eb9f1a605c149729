// SPDX-License-Identifier: Apache-2.0
// Names of instances' consumers, the consumer group, and the small letters between threads.
#include "engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "petrel/log.h"
#include "petrel/metrics.h"

struct note *note_create(enum mail_kind kind, uint32_t shard, const char *text)
{
    struct note *note = calloc(1, sizeof *note);
    assert(note);
    note->mail.kind = kind;
    note->shard = shard;
    bool fits = span_copy(span_of(text), note->text, sizeof note->text);
    assert(fits);
    return note;
}

void engine_format_consumer(const struct engine *engine, uint32_t worker, char out[CONSUMER_SIZE])
{
    snprintf(out, CONSUMER_SIZE, "%s:%u", engine->instance, worker);
}

struct redis_command *engine_create_group_command(const struct engine *engine, uint32_t shard)
{
    struct redis_command *command = redis_command_create_script(SCRIPT_GROUP);
    struct key events = keys_format(&engine->keys, shard, KEY_EVENTS, SPAN(""));
    struct key floor = keys_format(&engine->keys, shard, KEY_FLOOR, SPAN(""));
    redis_command_add_key(command, &events);
    redis_command_add_key(command, &floor);
    redis_command_add_text(command, KEYS_GROUP);
    return command;
}

void engine_tell_group_created(uint32_t shard, redis_reply *reply)
{
    struct span start = redis_reply_span(reply);
    if (!redis_reply_is_ok(reply) || !start.size)
        return;
    metrics_add(METRIC_GROUPS_CREATED, 1);
    if (span_equals_text(start, "0-0"))
        log_info("the consumer group is made: it reads the stream from its beginning",
                 LOG_INT("shard", shard));
    else
        log_warn("the consumer group was lost: it is made again, from where all was settled",
                 LOG_INT("shard", shard), LOG_SPAN("after", start));
}
