// SPDX-License-Identifier: Apache-2.0
// An event: what a producer put into the stream, validated, with the body that subscribers receive.
// Pure: parse entry fields → struct event or the reason why not. The contract is docs/producers.md.
#ifndef PETREL_EVENT_H
#define PETREL_EVENT_H

#include "petrel/text.h"

enum {
    EVENT_ID_SIZE = 65,           // [A-Za-z0-9_-]{1,64}
    EVENT_TYPE_SIZE = 129,        // [A-Za-z0-9_.:/-]{1,128}
    EVENT_TENANT_SIZE = 65,       // [A-Za-z0-9_.:-]{0,64}
    EVENT_SUBSCRIPTION_SIZE = 65, // an id
    EVENT_ENTRY_ID_SIZE = 42,     // <ms>-<seq> of the stream
    EVENT_TRACEPARENT_SIZE = 56,  // W3C trace context, version 00
    EVENT_CONTENT_TYPE_SIZE = 128,
    EVENT_MAX_FIELDS = 64,
    EVENT_REASON_SIZE = 256
};
#define EVENT_RESERVED_PREFIX "petrel." // types of petrel's own events

// One raw entry as it came from Redis (or from the API): names and values alternate.
struct event_entry {
    const char *entry_id; // "1700000000000-0"
    uint32_t shard;
    const struct span *fields; // field_count spans: name, value, name, value …
    size_t field_count;        // even
};

struct event {
    char id[EVENT_ID_SIZE]; // webhook-id
    char entry_id[EVENT_ENTRY_ID_SIZE];
    uint32_t shard;
    bool has_own_id; // the producer gave `id`: subject to dedupe
    char type[EVENT_TYPE_SIZE];
    char tenant[EVENT_TENANT_SIZE];             // "" when none
    char subscription[EVENT_SUBSCRIPTION_SIZE]; // "" when for all
    char traceparent[EVENT_TRACEPARENT_SIZE];   // "" when none
    char content_type[EVENT_CONTENT_TYPE_SIZE];
    int64_t timestamp_ms; // wall
    char *body;           // owned; the exact bytes to send, body_size of them
    size_t body_size;
};

// Why an entry is no event: which field and a sentence that says what to do. field is "" when it is
// about the entry as a whole.
struct event_fault {
    const char *field; // static
    char message[EVENT_REASON_SIZE];
};

// NULL when the entry is malformed (then *fault is filled) — or, with fault->field NULL, when memory is
// short (not the producer's fault: try again later). max_bytes bounds the sum of all names and values.
// Unknown fields are ignored; a known field given twice is refused. Caller destroys the event.
struct event *event_parse(const struct event_entry *entry, size_t max_bytes,
                          struct event_fault *fault);
void event_destroy(struct event **event);

// The one copy of a parked or dead event that Redis keeps, message:<id>: how many deliveries refer to it, one line per
// property, then the body. format_stored: with one reference. parse_stored: NULL if it isn't that form (or no memory).
// count_references: 0 of what isn't that form.
void event_format_stored(const struct event *event, struct text *out);
struct event *event_parse_stored(struct span id, uint32_t shard, struct span stored);
uint64_t event_count_references(struct span stored);

// "msg_<shard>_<ms>_<seq>" from an entry id; and back. False if it doesn't have that form.
bool event_format_id(uint32_t shard, const char *entry_id, char out[EVENT_ID_SIZE]);
bool event_parse_id(const char *id, uint32_t *shard, char entry_id[EVENT_ENTRY_ID_SIZE]);

// Whether an entry is before another in their stream. False if either is no entry id.
bool event_is_entry_before(const char *entry_id, const char *other);

bool event_is_type(struct span text);
bool event_is_id(struct span text);
bool event_is_tenant(struct span text);
bool event_is_own(const char *type); // starts with "petrel."

#endif
