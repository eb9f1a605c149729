// SPDX-License-Identifier: Apache-2.0
// What an event's properties may look like; for event.c and event_stored.c only. Pure.
#ifndef PETREL_CORE_EVENT_SYNTAX_H
#define PETREL_CORE_EVENT_SYNTAX_H

#include "petrel/text.h"

// W3C Trace Context §3.2, version 00: lower-case hex, neither id all zero.
bool event_is_traceparent(struct span text);
// RFC 9110 §8.3.1 media-type, shorter than EVENT_CONTENT_TYPE_SIZE.
bool event_is_content_type(struct span text);
// "<ms>-<seq>" in canonical decimal.
bool event_parse_entry_id(struct span text, uint64_t *ms, uint64_t *sequence);

#endif
