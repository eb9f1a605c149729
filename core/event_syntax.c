// SPDX-License-Identifier: Apache-2.0
// The words of an event: types, ids, tenants, trace parents, media types, entry ids and generated
// ids. Invariant: what passes here has no space at its ends, no control character (but the tabs that
// may stand around a media type's semicolons) and no byte outside ASCII, and fits its array in
// struct event. Pure.
#include "event_syntax.h"

#include <stdio.h>
#include <string.h>

#include "petrel/event.h"

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Letters, digits and `others` only.
static bool has_only(struct span text, const char *others)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!is_alphanumeric(c) && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return true;
}

bool event_is_type(struct span text)
{
    return text.size > 0 && text.size < EVENT_TYPE_SIZE && has_only(text, "_.:/-");
}

bool event_is_id(struct span text)
{
    return text.size > 0 && text.size < EVENT_ID_SIZE && has_only(text, "_-");
}

bool event_is_tenant(struct span text)
{
    return text.size < EVENT_TENANT_SIZE && has_only(text, "_.:-");
}

bool event_is_own(const char *type)
{
    return span_starts_with(span_of(type), SPAN(EVENT_RESERVED_PREFIX));
}

static bool is_lower_hex(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

static bool is_zero(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '0')
            return false;
    }
    return true;
}

bool event_is_traceparent(struct span text)
{
    // 00-<32 digits>-<16 digits>-<2 digits>
    if (text.size != EVENT_TRACEPARENT_SIZE - 1 || !span_starts_with(text, SPAN("00-")) ||
        text.data[35] != '-' || text.data[52] != '-')
        return false;
    struct span trace_id = {.data = text.data + 3, .size = 32};
    struct span parent_id = {.data = text.data + 36, .size = 16};
    struct span flags = {.data = text.data + 53, .size = 2};
    return is_lower_hex(trace_id) && is_lower_hex(parent_id) && is_lower_hex(flags) &&
           !is_zero(trace_id) && !is_zero(parent_id);
}

static bool cut_char(struct span *text, char c)
{
    if (text->size == 0 || text->data[0] != c)
        return false;
    text->data++;
    text->size--;
    return true;
}

static bool cut_token(struct span *text)
{
    size_t size = 0;
    while (size < text->size &&
           has_only((struct span){.data = text->data + size, .size = 1}, "!#$%&'*+-.^_`|~"))
        size++;
    if (size == 0)
        return false; // an empty span may have no data to point into
    text->data += size;
    text->size -= size;
    return true;
}

// RFC 9110 §5.6.4, printable ASCII only.
static bool cut_quoted_string(struct span *text)
{
    if (!cut_char(text, '"'))
        return false;
    while (text->size > 0) {
        if (cut_char(text, '"'))
            return true;
        cut_char(text, '\\'); // any printable character may follow a backslash
        if (text->size == 0 || text->data[0] < ' ' || text->data[0] > '~')
            return false;
        text->data++;
        text->size--;
    }
    return false;
}

bool event_is_content_type(struct span text)
{
    if (text.size >= EVENT_CONTENT_TYPE_SIZE || !cut_token(&text) || !cut_char(&text, '/') ||
        !cut_token(&text))
        return false;
    while (text.size > 0) {
        text = span_trim(text);
        if (!cut_char(&text, ';'))
            return false;
        text = span_trim(text);
        if (!cut_token(&text) || !cut_char(&text, '=') ||
            (!cut_token(&text) && !cut_quoted_string(&text)))
            return false;
    }
    return true;
}

// Decimal as Redis writes it: no leading zero.
static bool to_canonical_uint64(struct span text, uint64_t *value)
{
    return (text.size == 1 || (text.size > 1 && text.data[0] != '0')) && span_to_uint64(text, value);
}

bool event_parse_entry_id(struct span text, uint64_t *ms, uint64_t *sequence)
{
    struct span ms_text;
    return span_next(&text, '-', &ms_text) && to_canonical_uint64(ms_text, ms) &&
           to_canonical_uint64(text, sequence);
}

bool event_is_entry_before(const char *entry_id, const char *other)
{
    uint64_t ms, sequence, other_ms, other_sequence;
    return event_parse_entry_id(span_of(entry_id), &ms, &sequence) &&
           event_parse_entry_id(span_of(other), &other_ms, &other_sequence) &&
           (ms < other_ms || (ms == other_ms && sequence < other_sequence));
}

// An entry's id is canonical, so its digits are those of its numbers.
bool event_format_id(uint32_t shard, const char *entry_id, char out[EVENT_ID_SIZE])
{
    enum { PREFIX_BYTES = sizeof "msg_" - 1 };
    uint64_t ms;
    uint64_t sequence;
    struct span entry = span_of(entry_id);
    out[0] = '\0';
    if (!event_parse_entry_id(entry, &ms, &sequence))
        return false;
    // 4 + 10 + 1 + 20 + 1 + 20 characters at most.
    memcpy(out, "msg_", PREFIX_BYTES);
    size_t size = PREFIX_BYTES + uint64_format(shard, out + PREFIX_BYTES);
    out[size++] = '_';
    memcpy(out + size, entry.data, entry.size + 1);
    *strchr(out + size, '-') = '_';
    return true;
}

bool event_parse_id(const char *id, uint32_t *shard, char entry_id[EVENT_ENTRY_ID_SIZE])
{
    struct span rest = span_of(id);
    struct span prefix;
    struct span shard_text;
    struct span ms_text;
    uint64_t shard_number;
    uint64_t ms;
    uint64_t sequence;
    bool ok = span_next(&rest, '_', &prefix) && span_equals_text(prefix, "msg") &&
              span_next(&rest, '_', &shard_text) &&
              to_canonical_uint64(shard_text, &shard_number) && shard_number <= UINT32_MAX &&
              span_next(&rest, '_', &ms_text) && to_canonical_uint64(ms_text, &ms) &&
              to_canonical_uint64(rest, &sequence);
    if (!ok)
        return false;
    *shard = (uint32_t)shard_number;
    snprintf(entry_id, EVENT_ENTRY_ID_SIZE, "%llu-%llu", (unsigned long long)ms,
             (unsigned long long)sequence);
    return true;
}
