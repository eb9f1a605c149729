// SPDX-License-Identifier: Apache-2.0
// The copy of a parked or dead event that Redis keeps:
//
//   00000001 1             how many parked or dead deliveries need it; the version of what follows
//   entry 1700000000000-0  left out: the id says it, being none of the producer's own
//   type invoice.paid
//   … one "<name> <value>" line per property; left out what is empty or the usual: content_type
//     application/json, the entry's time as timestamp …
//                          (an empty line)
//   <the body, to the end>
//
// core/lua/lib/message.lua counts the references, and looks for the entry in the second line. A name that isn't known
// is skipped, so that a newer petrel may add one while older ones still run; a change of meaning needs a new version
// number. No value can have a line break (event_syntax.c). The shard isn't written down: its keys are only there.
#include <stdlib.h>
#include <string.h>

#include "event_syntax.h"
#include "petrel/event.h"

#define VERSION "1"
#define USUAL_CONTENT_TYPE "application/json"
enum { COUNT_DIGITS = 8 };

static void append_line(struct text *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    text_append_string(out, name);
    text_append_char(out, ' ');
    text_append_string(out, value);
    text_append_char(out, '\n');
}

// When the event's entry was added; 0 for what is no entry id.
static int64_t entry_ms(const struct event *event)
{
    uint64_t ms = 0;
    uint64_t sequence;
    return event_parse_entry_id(span_of(event->entry_id), &ms, &sequence) && ms <= INT64_MAX
               ? (int64_t)ms
               : 0;
}

void event_format_stored(const struct event *event, struct text *out)
{
    bool is_usual_type = strcmp(event->content_type, USUAL_CONTENT_TYPE) == 0;
    text_append_string(out, "00000001 " VERSION "\n");
    append_line(out, "entry", event->has_own_id ? event->entry_id : "");
    append_line(out, "type", event->type);
    append_line(out, "tenant", event->tenant);
    append_line(out, "subscription", event->subscription);
    append_line(out, "traceparent", event->traceparent);
    append_line(out, "content_type", is_usual_type ? "" : event->content_type);
    if (event->timestamp_ms != entry_ms(event))
        text_append_format(out, "timestamp %lld\n", (long long)event->timestamp_ms);
    text_append_char(out, '\n');
    text_append(out, event->body, event->body_size);
}

// One property; false when its value can't be one.
static bool read_property(struct span name, struct span value, struct event *event)
{
    uint64_t ms;
    uint64_t sequence;
    if (span_equals_text(name, "entry"))
        return event_parse_entry_id(value, &ms, &sequence) &&
               span_copy(value, event->entry_id, sizeof(event->entry_id));
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

// "<references> <version>"
static bool read_first_line(struct span line, uint64_t *references)
{
    struct span count;
    return span_next(&line, ' ', &count) && count.size == COUNT_DIGITS &&
           span_to_uint64(count, references) && span_equals_text(line, VERSION);
}

static bool read_stored(struct span stored, struct event *event)
{
    struct span line;
    struct span name;
    uint64_t references;
    bool has_timestamp = false;
    if (!take_line(&stored, &line) || !read_first_line(line, &references))
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
    if (!event->entry_id[0] || !event->type[0])
        return false;
    if (!has_timestamp)
        event->timestamp_ms = entry_ms(event);
    event->body = span_duplicate(stored);
    event->body_size = stored.size;
    return event->body;
}

struct event *event_parse_stored(struct span id, uint32_t shard, struct span stored)
{
    uint32_t shard_of_id;
    if (!event_is_id(id))
        return NULL;
    struct event *event = calloc(1, sizeof(*event));
    if (!event)
        return NULL;
    span_copy(id, event->id, sizeof(event->id));
    event->has_own_id = !event_parse_id(event->id, &shard_of_id, event->entry_id);
    event->shard = shard;
    span_copy(SPAN(USUAL_CONTENT_TYPE), event->content_type, sizeof(event->content_type));
    if (!read_stored(stored, event))
        event_destroy(&event);
    return event;
}

uint64_t event_count_references(struct span stored)
{
    struct span line;
    uint64_t references;
    return take_line(&stored, &line) && read_first_line(line, &references) ? references : 0;
}
