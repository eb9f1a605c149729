// SPDX-License-Identifier: Apache-2.0
// An entry of the stream. Parts: the entry's id, then names and values in turn.
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/event.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"

enum { MAX_BYTES = 4096, STORED_MAX_BYTES = 64 * 1024 };

static const struct span *find_value(const struct event_entry *entry, const char *name)
{
    for (size_t i = 0; i + 1 < entry->field_count; i += 2) {
        if (span_equals_text(entry->fields[i], name))
            return &entry->fields[i + 1];
    }
    return NULL;
}

static bool is_same(const struct event *a, const struct event *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->entry_id, b->entry_id) == 0 &&
           a->shard == b->shard && a->has_own_id == b->has_own_id &&
           strcmp(a->type, b->type) == 0 && strcmp(a->tenant, b->tenant) == 0 &&
           strcmp(a->subscription, b->subscription) == 0 &&
           strcmp(a->traceparent, b->traceparent) == 0 &&
           strcmp(a->content_type, b->content_type) == 0 && a->timestamp_ms == b->timestamp_ms &&
           a->body_size == b->body_size && memcmp(a->body, b->body, a->body_size) == 0;
}

static void check_body(const struct event_entry *entry, const struct event *event)
{
    const struct span *data = find_value(entry, "data");
    const struct span *payload = find_value(entry, "payload");
    struct span body = {.data = event->body, .size = event->body_size};
    FUZZ_CHECK((data != NULL) != (payload != NULL));
    if (payload) {
        FUZZ_CHECK(span_equals(body, *payload));
        return;
    }
    struct span found;
    char timestamp[TIMESTAMP_SIZE + 2];
    timestamp_format(event->timestamp_ms, timestamp + 1);
    timestamp[0] = '"';
    memcpy(timestamp + TIMESTAMP_SIZE, "\"", 2);
    FUZZ_CHECK(strcmp(event->content_type, "application/json") == 0);
    FUZZ_CHECK(json_validate(*data, NULL));
    FUZZ_CHECK(body.size > data->size);
    // One level more than the data's own, so json_validate may call it too deep; its end is the data's bytes.
    FUZZ_CHECK(memcmp(body.data + body.size - 1 - data->size, data->data, data->size) == 0);
    FUZZ_CHECK(body.data[body.size - 1] == '}');
    FUZZ_CHECK(json_find_member(body, "timestamp", &found) && span_equals_text(found, timestamp));
    FUZZ_CHECK(json_find_member(body, "type", &found) && found.size == strlen(event->type) + 2 &&
               memcmp(found.data + 1, event->type, strlen(event->type)) == 0);
}

// What petrel stores it reads again as the same event, and stores as the same bytes.
static void check_stored(const struct event *event)
{
    struct text first, second;
    text_init(&first, STORED_MAX_BYTES);
    text_init(&second, STORED_MAX_BYTES);
    event_format_stored(event, &first);
    struct event *again = event_parse_stored(span_of(event->id), event->shard, text_span(&first));
    FUZZ_CHECK(!first.failed && again && is_same(event, again));
    event_format_stored(again, &second);
    FUZZ_CHECK(span_equals(text_span(&first), text_span(&second)));
    event_destroy(&again);
    text_fini(&first);
    text_fini(&second);
}

// Tabs may stand around its semicolons; nothing else that isn't printable.
static void check_content_type(const char *type)
{
    FUZZ_CHECK(strchr(type, '/'));
    for (const char *c = type; *c; c++)
        FUZZ_CHECK(*c == '\t' || (*c >= ' ' && *c <= '~'));
}

static void check_event(const struct event_entry *entry, const struct event *event)
{
    uint32_t shard;
    char entry_id[EVENT_ENTRY_ID_SIZE];
    FUZZ_CHECK(event_is_id(span_of(event->id)) && event_is_type(span_of(event->type)));
    FUZZ_CHECK(event_is_tenant(span_of(event->tenant)));
    FUZZ_CHECK(event->subscription[0] == '\0' || event_is_id(span_of(event->subscription)));
    check_content_type(event->content_type);
    FUZZ_CHECK(event->traceparent[0] == '\0' || fuzz_is_printable(event->traceparent));
    FUZZ_CHECK(strcmp(event->entry_id, entry->entry_id) == 0);
    FUZZ_CHECK(event->has_own_id == (find_value(entry, "id") != NULL));
    if (!event->has_own_id)
        FUZZ_CHECK(event_parse_id(event->id, &shard, entry_id) && shard == entry->shard &&
                   strcmp(entry_id, entry->entry_id) == 0);
    check_body(entry, event);
    check_stored(event);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct event_fault fault;
    fuzz_cut(input, &parts);
    char *entry_id = span_duplicate(fuzz_part(&parts, 0));
    struct event_entry entry = {
        .entry_id = entry_id,
        .shard = 3,
        .fields = parts.items + 1,
        .field_count = parts.count > 0 ? parts.count - 1 : 0,
    };
    struct event *event = event_parse(&entry, MAX_BYTES, &fault);
    if (event)
        check_event(&entry, event);
    else
        FUZZ_CHECK(fault.field && fuzz_is_printable(fault.message));
    event_destroy(&event);
    free(entry_id);
    fuzz_free(&parts);
}
