// SPDX-License-Identifier: Apache-2.0
// What the tests of events share: an entry of the stream, from the texts of its fields.
#ifndef PETREL_TEST_EVENT_ENTRY_H
#define PETREL_TEST_EVENT_ENTRY_H

#include "petrel/event.h"
#include "unit.h"

#define ENTRY_ID "1769860800042-7"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64 A32 A32
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

enum { MAX_BYTES = 256 * 1024, FIELDS_MAX = 400 };

// The fields as a NULL-ended list of names and values.
static inline struct event *parse_entry(const char *const *texts, const char *entry_id,
                                        size_t max_bytes, struct event_fault *fault)
{
    struct span fields[FIELDS_MAX];
    size_t count = 0;
    while (count < FIELDS_MAX && texts[count]) {
        fields[count] = span_of(texts[count]);
        count++;
    }
    struct event_entry entry = {
        .entry_id = entry_id, .shard = 3, .fields = fields, .field_count = count};
    return event_parse(&entry, max_bytes, fault);
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline struct event *parse(const char *const *texts)
{
    struct event_fault fault;
    struct event *event = parse_entry(texts, ENTRY_ID, MAX_BYTES, &fault);
    CHECK_ROW(event, fault.message);
    CHECK(!event || !fault.field);
    return event;
}

// It is no event, because of this field, and says so printably.
static inline void check_fault(const char *const *texts, const char *field, const char *part)
{
    struct event_fault fault = {0};
    struct event *event = parse_entry(texts, ENTRY_ID, MAX_BYTES, &fault);
    CHECK_ROW(!event, part);
    CHECK_ROW(fault.field && strcmp(fault.field, field) == 0, part);
    CHECK_ROW(strstr(fault.message, part), fault.message);
    for (const char *c = fault.message; *c; c++)
        CHECK_ROW(*c >= ' ' && *c <= '~', part);
    event_destroy(&event);
}

#endif
