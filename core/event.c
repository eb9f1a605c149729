// SPDX-License-Identifier: Apache-2.0
// From an entry of the stream to an event, or the reason why it is none.
//
// Everything here was written by someone else: any bytes may come, and none may crash, be dropped
// in silence or reach a log unprintable. Invariant: an event that is returned satisfies every limit
// its struct states. Left to others: what words look like (event_syntax.c), the stored copy
// (event_stored.c), rejecting.
#include "petrel/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_syntax.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"

enum { SHOWN_BYTES = 40, SHOWN_SIZE = SHOWN_BYTES + 4 };

enum field {
    FIELD_TYPE,
    FIELD_DATA,
    FIELD_PAYLOAD,
    FIELD_CONTENT_TYPE,
    FIELD_ID,
    FIELD_TENANT,
    FIELD_TIMESTAMP,
    FIELD_SUBSCRIPTION,
    FIELD_TRACEPARENT,
    FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_TYPE] = "type",
    [FIELD_DATA] = "data",
    [FIELD_PAYLOAD] = "payload",
    [FIELD_CONTENT_TYPE] = "content_type",
    [FIELD_ID] = "id",
    [FIELD_TENANT] = "tenant",
    [FIELD_TIMESTAMP] = "timestamp",
    [FIELD_SUBSCRIPTION] = "subscription",
    [FIELD_TRACEPARENT] = "traceparent",
};

struct fields {
    bool is_given[FIELD_COUNT];
    struct span values[FIELD_COUNT];
};

static bool refuse(struct event_fault *fault, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(struct event_fault *fault, const char *field, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof(fault->message), format, arguments);
    va_end(arguments);
    fault->field = field;
    return false;
}

static bool refuse_field(struct event_fault *fault, enum field field, const char *message)
{
    return refuse(fault, field_names[field], "%s", message);
}

static bool run_out_of_memory(struct event_fault *fault)
{
    *fault = (struct event_fault){0};
    return false;
}

// The beginning of a value, fit for a log line.
static const char *show(struct span value, char out[SHOWN_SIZE])
{
    size_t size = value.size < SHOWN_BYTES ? value.size : SHOWN_BYTES;
    for (size_t i = 0; i < size; i++) {
        char c = value.data[i];
        out[i] = '?';
        if (c >= ' ' && c <= '~')
            out[i] = c;
    }
    memcpy(out + size, value.size > size ? "..." : "", value.size > size ? 4 : 1);
    return out;
}

static bool refuse_value(struct event_fault *fault, enum field field, struct span value,
                         const char *rule)
{
    char shown[SHOWN_SIZE];
    return refuse(fault, field_names[field], "\"%s\" %s", show(value, shown), rule);
}

// Sums the sizes; more than max_bytes, or more fields than anyone needs, is refused before anything
// is read.
static bool check_size(const struct event_entry *entry, size_t max_bytes, struct event_fault *fault)
{
    size_t bytes = 0;
    if (entry->field_count % 2 != 0)
        return refuse(fault, "", "names and values must come in pairs");
    for (size_t i = 0; i < entry->field_count; i++) {
        if (__builtin_add_overflow(bytes, entry->fields[i].size, &bytes))
            bytes = SIZE_MAX;
    }
    if (bytes > max_bytes)
        return refuse(fault, "", "the event has %zu bytes, the maximum is %zu", bytes, max_bytes);
    if (entry->field_count > (size_t)2 * EVENT_MAX_FIELDS)
        return refuse(fault, "", "the event has %zu fields, the maximum is %d",
                      entry->field_count / 2, EVENT_MAX_FIELDS);
    return true;
}

static bool collect_fields(const struct event_entry *entry, struct fields *fields,
                           struct event_fault *fault)
{
    for (size_t i = 0; i < entry->field_count; i += 2) {
        for (size_t field = 0; field < FIELD_COUNT; field++) {
            if (!span_equals_text(entry->fields[i], field_names[field]))
                continue;
            if (fields->is_given[field])
                return refuse_field(fault, (enum field)field, "is given twice");
            fields->is_given[field] = true;
            fields->values[field] = entry->fields[i + 1];
        }
    }
    return true;
}

static bool read_type(const struct fields *fields, struct event *event, struct event_fault *fault)
{
    struct span value = fields->values[FIELD_TYPE];
    if (!fields->is_given[FIELD_TYPE])
        return refuse_field(fault, FIELD_TYPE, "is missing");
    if (!event_is_type(value))
        return refuse_value(fault, FIELD_TYPE, value,
                            "must have 1 to 128 characters of A-Z a-z 0-9 _ . : / -");
    return span_copy(value, event->type, sizeof(event->type));
}

static bool read_id(const struct fields *fields, struct event *event, struct event_fault *fault)
{
    struct span value = fields->values[FIELD_ID];
    uint32_t shard;
    char entry_id[EVENT_ENTRY_ID_SIZE];
    if (!fields->is_given[FIELD_ID])
        return event_format_id(event->shard, event->entry_id, event->id);
    if (!event_is_id(value))
        return refuse_value(fault, FIELD_ID, value,
                            "must have 1 to 64 characters of A-Z a-z 0-9 _ -");
    span_copy(value, event->id, sizeof(event->id));
    if (event_parse_id(event->id, &shard, entry_id))
        return refuse_value(fault, FIELD_ID, value,
                            "has the form msg_<n>_<n>_<n>, which petrel keeps for the ids it makes");
    event->has_own_id = true;
    return true;
}

static bool read_labels(const struct fields *fields, struct event *event, struct event_fault *fault)
{
    struct span tenant = fields->values[FIELD_TENANT];
    if (!event_is_tenant(tenant))
        return refuse_value(fault, FIELD_TENANT, tenant,
                            "must have at most 64 characters of A-Z a-z 0-9 _ . : -");
    struct span subscription = fields->values[FIELD_SUBSCRIPTION];
    // Empty can't mean all: a producer that lost the id would send one customer's event to
    // everyone.
    if (fields->is_given[FIELD_SUBSCRIPTION] && !event_is_id(subscription))
        return refuse_value(fault, FIELD_SUBSCRIPTION, subscription,
                            "is no subscription id; leave the field out to reach all that match");
    struct span traceparent = fields->values[FIELD_TRACEPARENT];
    if (fields->is_given[FIELD_TRACEPARENT] && !event_is_traceparent(traceparent))
        return refuse_value(fault, FIELD_TRACEPARENT, traceparent,
                            "is no W3C traceparent of version 00");
    return span_copy(tenant, event->tenant, sizeof(event->tenant)) &&
           span_copy(subscription, event->subscription, sizeof(event->subscription)) &&
           span_copy(traceparent, event->traceparent, sizeof(event->traceparent));
}

static bool read_timestamp(const struct fields *fields, uint64_t entry_ms, struct event *event,
                           struct event_fault *fault)
{
    struct span value = fields->values[FIELD_TIMESTAMP];
    if (!fields->is_given[FIELD_TIMESTAMP]) {
        // An entry id may be any number its producer chose; the timestamp stays one that can be
        // written.
        event->timestamp_ms = (int64_t)(entry_ms < TIMESTAMP_MAX_MS ? entry_ms : TIMESTAMP_MAX_MS);
        return true;
    }
    if (!timestamp_parse(value, &event->timestamp_ms))
        return refuse_value(fault, FIELD_TIMESTAMP, value,
                            "is no RFC 3339 date and time like 2026-01-31T12:00:00Z");
    return true;
}

static bool take_body(struct event *event, const struct span *parts, size_t count,
                      struct event_fault *fault)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size; // all of an entry: far from overflowing
    char *body = event->body = malloc(size + 1);
    if (!body)
        return run_out_of_memory(fault);
    event->body_size = size;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(body, parts[i].data, parts[i].size);
        body += parts[i].size;
    }
    *body = '\0';
    return true;
}

static bool read_data(struct span data, struct event *event, struct event_fault *fault)
{
    struct json_error error;
    char timestamp[TIMESTAMP_SIZE];
    if (!json_validate(data, &error))
        return refuse(fault, field_names[FIELD_DATA], "is no valid JSON at byte %zu: %s",
                      error.offset, error.message);
    timestamp_format(event->timestamp_ms, timestamp);
    // A type has no character that JSON would escape.
    const struct span parts[] = {SPAN("{\"type\":\""),
                                 span_of(event->type),
                                 SPAN("\",\"timestamp\":\""),
                                 span_of(timestamp),
                                 SPAN("\",\"data\":"),
                                 data,
                                 SPAN("}")};
    return take_body(event, parts, sizeof parts / sizeof *parts, fault);
}

// After the type and the timestamp, which are part of it.
static bool read_body(const struct fields *fields, struct event *event, struct event_fault *fault)
{
    struct span content_type = SPAN("application/json");
    bool has_data = fields->is_given[FIELD_DATA];
    bool has_payload = fields->is_given[FIELD_PAYLOAD];
    if (!has_data && !has_payload)
        return refuse_field(fault, FIELD_DATA, "is missing, and so is payload; give one of them");
    if (has_data && has_payload)
        return refuse_field(fault, FIELD_PAYLOAD, "and data are both given; give one of them");
    if (fields->is_given[FIELD_CONTENT_TYPE]) {
        content_type = fields->values[FIELD_CONTENT_TYPE];
        if (has_data)
            return refuse_field(fault, FIELD_CONTENT_TYPE,
                                "goes with payload only; data is always application/json");
        if (!event_is_content_type(content_type))
            return refuse_value(fault, FIELD_CONTENT_TYPE, content_type,
                                "is no media type like text/plain; charset=utf-8 of at most 127 "
                                "characters");
    }
    span_copy(content_type, event->content_type, sizeof(event->content_type));
    if (has_data)
        return read_data(fields->values[FIELD_DATA], event, fault);
    return take_body(event, &fields->values[FIELD_PAYLOAD], 1, fault);
}

static bool read_event(const struct event_entry *entry, const struct fields *fields,
                       struct event *event, struct event_fault *fault)
{
    uint64_t entry_ms;
    uint64_t sequence;
    struct span entry_id = span_of(entry->entry_id);
    if (!event_parse_entry_id(entry_id, &entry_ms, &sequence) ||
        !span_copy(entry_id, event->entry_id, sizeof(event->entry_id)))
        return refuse(fault, "", "the entry's id is not of the form <ms>-<sequence>");
    event->shard = entry->shard;
    return read_type(fields, event, fault) && read_id(fields, event, fault) &&
           read_labels(fields, event, fault) && read_timestamp(fields, entry_ms, event, fault) &&
           read_body(fields, event, fault);
}

struct event *event_parse(const struct event_entry *entry, size_t max_bytes,
                          struct event_fault *fault)
{
    struct fields fields = {0};
    *fault = (struct event_fault){0};
    if (!check_size(entry, max_bytes, fault) || !collect_fields(entry, &fields, fault))
        return NULL;
    struct event *event = calloc(1, sizeof(*event));
    if (!event)
        return NULL;
    if (!read_event(entry, &fields, event, fault))
        event_destroy(&event);
    return event;
}

void event_destroy(struct event **event)
{
    if (!*event)
        return;
    free((*event)->body);
    free(*event);
    *event = NULL;
}
