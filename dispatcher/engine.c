// SPDX-License-Identifier: Apache-2.0
// Names of instances' consumers, and the small letters between threads.
#include "engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

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
