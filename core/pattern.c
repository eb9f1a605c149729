// SPDX-License-Identifier: Apache-2.0
// Patterns of event types. Pure.
#include "petrel/pattern.h"

#include "petrel/event.h"

static bool is_prefix_pattern(struct span pattern)
{
    return pattern.size > 0 && pattern.data[pattern.size - 1] == '*';
}

bool pattern_is_valid(struct span text)
{
    if (text.size >= EVENT_TYPE_SIZE)
        return false;
    if (is_prefix_pattern(text)) {
        text.size--;
        return text.size == 0 || event_is_type(text);
    }
    return event_is_type(text);
}

bool pattern_matches(struct span pattern, struct span type)
{
    if (!is_prefix_pattern(pattern))
        return span_equals(pattern, type);
    pattern.size--;
    if (!span_starts_with(type, pattern))
        return false;
    // Petrel's own types must be asked for by name: "*" or "p*" means the producers' events.
    struct span reserved = SPAN(EVENT_RESERVED_PREFIX);
    return !span_starts_with(type, reserved) || span_starts_with(pattern, reserved);
}
