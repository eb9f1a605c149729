// SPDX-License-Identifier: Apache-2.0
// The copy of a parked or dead event that Redis keeps:
//
//   petrel-event 1
//   entry 1700000000000-0
//   type invoice.paid
//   … one "<name> <value>" line per property, empty ones left out …
//                          (an empty line)
//   <the body, to the end>
//
// A name that isn't known is skipped, so that a newer petrel may add one while older ones still
// run; a change of meaning needs a new version number. No value can have a line break
// (event_syntax.c).
#include <stdlib.h>
#include <string.h>

#include "event_syntax.h"
#include "petrel/event.h"

#define VERSION_LINE "petrel-event 1"

static void append_line(struct text *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    text_append_string(out, name);
    text_append_char(out, ' ');
    text_append_string(out, value);
    text_append_char(out, '\n');
}

void event_format_stored(const struct event *event, struct text *out)
{
    text_append_string(out, VERSION_LINE "\n");
    append_line(out, "entry", event->entry_id);
    text_append_format(out, "shard %u\n", (unsigned)event->shard);
    append_line(out, "own_id", event->has_own_id ? "1" : "");
    append_line(out, "type", event->type);
    append_line(out, "tenant", event->tenant);
    append_line(out, "subscription", event->subscription);
    append_line(out, "traceparent", event->traceparent);
    append_line(out, "content_type", event->content_type);
    text_append_format(out, "timestamp %lld\n\n", (long long)event->timestamp_ms);
    text_append(out, event->body, event->body_size);
}

static bool read_shard(struct span value, struct event *event)
{
    uint64_t shard;
    if (!span_to_uint64(value, &shard) || shard > UINT32_MAX)
        return false;
    event->shard = (uint32_t)shard;
    return true;
}

// One property; false when its value can't be one.
static bool read_property(struct span name, struct span value, struct event *event)
{
    uint64_t ms;
    uint64_t sequence;
    if (span_equals_text(name, "entry"))
        return event_parse_entry_id(value, &ms, &sequence) &&
               span_copy(value, event->entry_id, sizeof(event->entry_id));
    if (span_equals_text(name, "shard"))
        return read_shard(value, event);
    if (span_equals_text(name, "own_id"))
        return (event->has_own_id = span_equals_text(value, "1"));
    if (span_equals_text(name, "type"))
        return event_is_type(value) && span_copy(value, event->type, sizeof(event->type));
    if (span_equals_text(name, "tenant"))
        return event_is_tenant(value) && span_copy(value, event->tenant, sizeof(event->tenant));
    if (span_equals_text(name, "subscription"))
        return event_is_id(value) &&
               span_copy(value, event->subscription, sizeof(event->subscription));
    if (span_equals_text(name, "traceparent"))
        return event_is_traceparent(value) &&
               span_copy(value, event->traceparent, sizeof(event->traceparent));
    if (span_equals_text(name, "content_type"))
        return event_is_content_type(value) &&
               span_copy(value, event->content_type, sizeof(event->content_type));
    if (span_equals_text(name, "timestamp"))
        return span_to_int64(value, &event->timestamp_ms);
    return true;
}

// The next line, without its end; false when there is no whole one.
static bool take_line(struct span *rest, struct span *line)
{
    return span_find(*rest, '\n') && span_next(rest, '\n', line);
}

static bool read_stored(struct span stored, struct event *event)
{
    struct span line;
    struct span name;
    bool has_timestamp = false;
    if (!take_line(&stored, &line) || !span_equals_text(line, VERSION_LINE))
        return false;
    for (;;) {
        if (!take_line(&stored, &line))
            return false;
        if (line.size == 0)
            break;
        span_next(&line, ' ', &name);
        if (!read_property(name, line, event))
            return false;
        has_timestamp = has_timestamp || span_equals_text(name, "timestamp");
    }
    if (!has_timestamp || !event->entry_id[0] || !event->type[0] || !event->content_type[0])
        return false;
    event->body = span_duplicate(stored);
    event->body_size = stored.size;
    return event->body;
}

struct event *event_parse_stored(struct span id, struct span stored)
{
    if (!event_is_id(id))
        return NULL;
    struct event *event = calloc(1, sizeof(*event));
    if (!event)
        return NULL;
    span_copy(id, event->id, sizeof(event->id));
    if (!read_stored(stored, event))
        event_destroy(&event);
    return event;
}
