// SPDX-License-Identifier: Apache-2.0
// One function per resource; members in the order that a reader looks for them. An instant that isn't known is null,
// so is a status; texts that aren't there are "". Bodies that aren't UTF-8 come as base64 under another name.
#include "views.h"

#include <stdlib.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/timestamp.h"

// ---- members; each begins with a comma unless it's the first

static void begin_member(struct text *out, const char *name)
{
    bool is_first = out->size > 0 && out->data[out->size - 1] == '{';
    text_append_format(out, is_first ? "\"%s\":" : ",\"%s\":", name);
}

static void add_text(struct text *out, const char *name, const char *value)
{
    begin_member(out, name);
    json_append_string(out, span_of(value));
}

static void add_int(struct text *out, const char *name, int64_t value)
{
    begin_member(out, name);
    text_append_int(out, value);
}

static void add_bool(struct text *out, const char *name, bool value)
{
    begin_member(out, name);
    text_append_string(out, value ? "true" : "false");
}

static void add_instant(struct text *out, const char *name, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    begin_member(out, name);
    if (wall_ms <= 0) {
        text_append_string(out, "null");
        return;
    }
    timestamp_format(wall_ms, instant);
    text_append_format(out, "\"%s\"", instant);
}

static void add_status(struct text *out, const char *name, int32_t status)
{
    begin_member(out, name);
    if (status == 0)
        text_append_string(out, "null");
    else
        text_append_int(out, status);
}

static void add_text_or_base64(struct text *out, const char *name, const char *base64_name,
                               struct span bytes)
{
    if (utf8_is_valid(bytes)) {
        begin_member(out, name);
        json_append_string(out, bytes);
        return;
    }
    char *encoded = malloc(base64_encoded_size(bytes.size) + 1);
    if (encoded) {
        base64_encode((const unsigned char *)bytes.data, bytes.size, encoded);
        add_text(out, base64_name, encoded);
    } else {
        begin_member(out, base64_name);
        text_append_string(out, "null");
    }
    free(encoded);
}

static void add_content(struct text *out, const struct event *event)
{
    add_text(out, "content_type", event->content_type);
    add_text_or_base64(out, "body", "body_base64",
                       (struct span){.data = event->body, .size = event->body_size});
}

// ---- events

static const char *delivery_state_text(enum store_delivery_state state)
{
    switch (state) {
    case STORE_DELIVERY_PENDING:
        return "pending";
    case STORE_DELIVERY_PARKED:
        return "parked";
    case STORE_DELIVERY_DELIVERED:
        return "delivered";
    case STORE_DELIVERY_DEAD:
        return "dead";
    }
    return "";
}

static const char *event_state_text(enum store_event_state state)
{
    switch (state) {
    case STORE_EVENT_QUEUED:
        return "queued";
    case STORE_EVENT_PENDING:
        return "pending";
    case STORE_EVENT_SETTLED:
        return "settled";
    }
    return "";
}

static void add_delivery(struct text *out, const struct store_delivery *delivery)
{
    text_append_char(out, '{');
    add_text(out, "subscription", delivery->subscription);
    add_text(out, "state", delivery_state_text(delivery->state));
    add_int(out, "attempts", delivery->attempts);
    add_instant(out, "next_attempt_at", delivery->next_attempt_at_ms);
    add_instant(out, "last_attempt_at", delivery->last_attempt_at_ms);
    add_status(out, "last_status", delivery->last_status);
    add_text(out, "last_error", delivery->last_error);
    text_append_char(out, '}');
}

void view_event(const struct store_event *found, const char *id, struct text *out)
{
    const struct event *event = found->event;
    text_append_char(out, '{');
    add_text(out, "id", event ? event->id : id);
    add_text(out, "state", event_state_text(found->state));
    if (event) {
        add_text(out, "type", event->type);
        add_text(out, "tenant", event->tenant);
        add_text(out, "subscription", event->subscription);
        add_text(out, "traceparent", event->traceparent);
        add_instant(out, "timestamp", event->timestamp_ms);
        add_content(out, event);
    }
    begin_member(out, "deliveries");
    text_append_char(out, '[');
    for (size_t i = 0; i < found->delivery_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        add_delivery(out, &found->deliveries[i]);
    }
    text_append_char(out, ']');
    add_bool(out, "attempts_truncated", found->attempts_truncated);
    text_append_char(out, '}');
}

void view_event_summary(const struct store_event_summary *event, struct text *out)
{
    text_append_char(out, '{');
    add_text(out, "id", event->id);
    add_text(out, "type", event->type);
    add_text(out, "tenant", event->tenant);
    add_text(out, "subscription", event->subscription);
    add_instant(out, "timestamp", event->timestamp_ms);
    add_instant(out, "published_at", event->published_at_ms);
    add_int(out, "body_bytes", (int64_t)event->body_bytes);
    text_append_char(out, '}');
}

// ---- dead letters, attempts, rejected events

void view_dead_letter(const struct store_dead_letter *letter, struct text *out)
{
    text_append_char(out, '{');
    add_text(out, "id", letter->id);
    add_text(out, "event", letter->event);
    add_text(out, "subscription", letter->subscription);
    add_text(out, "type", letter->type);
    add_text(out, "tenant", letter->tenant);
    add_text(out, "reason", letter->reason);
    add_int(out, "attempts", letter->attempts);
    add_instant(out, "first_attempt_at", letter->first_attempt_at_ms);
    add_instant(out, "last_attempt_at", letter->last_attempt_at_ms);
    add_instant(out, "died_at", letter->died_at_ms);
    add_status(out, "last_status", letter->last_status);
    add_text(out, "last_error", letter->last_error);
    begin_member(out, "last_response");
    json_append_string(
        out, (struct span){.data = letter->last_response,
                           .size = letter->last_response ? letter->last_response_size : 0});
    if (letter->message)
        add_content(out, letter->message);
    text_append_char(out, '}');
}

void view_attempt(const struct store_attempt *attempt, struct text *out)
{
    text_append_char(out, '{');
    add_text(out, "id", attempt->id);
    add_text(out, "event", attempt->event);
    add_text(out, "subscription", attempt->subscription);
    add_text(out, "type", attempt->type);
    add_int(out, "attempt", attempt->number);
    add_text(out, "outcome", attempt->outcome);
    add_status(out, "status", attempt->status);
    add_text(out, "error", attempt->error);
    add_instant(out, "started_at", attempt->started_at_ms);
    add_int(out, "duration_ms", attempt->duration_ms);
    text_append_char(out, '}');
}

static void add_rejected(const struct store_rejected *rejected, struct text *out)
{
    text_append_char(out, '{');
    add_text(out, "id", rejected->id);
    add_text(out, "entry_id", rejected->entry_id);
    add_text(out, "reason", rejected->reason);
    add_text(out, "type", rejected->type);
}

void view_rejected(const struct store_rejected *rejected, struct text *out)
{
    add_rejected(rejected, out);
    text_append_char(out, '}');
}

// Names and values may hold anything, a name may come twice: so a list of pairs, and base64 where it is no UTF-8.
static void add_field(struct text *out, const struct span *field)
{
    static const char *const names[][2] = {{"name", "name_base64"}, {"value", "value_base64"}};
    text_append_char(out, '{');
    for (size_t i = 0; i < 2; i++)
        add_text_or_base64(out, names[i][0], names[i][1], field[i]);
    text_append_char(out, '}');
}

void view_rejected_entry(const struct store_rejected_entry *entry, struct text *out)
{
    add_rejected(&entry->summary, out);
    begin_member(out, "fields");
    text_append_char(out, '[');
    for (size_t i = 0; i < entry->field_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        add_field(out, &entry->fields[2 * i]);
    }
    text_append_string(out, "]}");
}

// ---- instances, status

void view_instance(const struct store_instance *instance, struct text *out)
{
    text_append_char(out, '{');
    add_text(out, "id", instance->id);
    add_text(out, "version", instance->version);
    add_int(out, "pid", instance->pid);
    add_int(out, "workers", instance->workers);
    add_instant(out, "last_heartbeat_at", instance->last_heartbeat_at_ms);
    text_append_char(out, '}');
}

void view_status(const struct store_status *status, struct text *out)
{
    text_append_char(out, '{');
    add_text(out, "version", PETREL_VERSION);
    add_int(out, "instances", status->instances);
    add_int(out, "parked", status->parked);
    add_int(out, "dead_letters", status->dead);
    begin_member(out, "breakers");
    text_append_char(out, '{');
    add_int(out, "open", status->breakers_open);
    add_int(out, "half_open", status->breakers_half_open);
    text_append_char(out, '}');
    add_int(out, "rejected_events", status->rejected);
    begin_member(out, "stream");
    text_append_char(out, '{');
    add_int(out, "length", status->stream_length);
    add_int(out, "lag", status->stream_lag);
    add_int(out, "pending", status->stream_pending);
    text_append_char(out, '}');
    begin_member(out, "redis");
    text_append_char(out, '{');
    add_text(out, "version", status->redis_version);
    add_bool(out, "append_only", status->is_append_only);
    add_text(out, "append_fsync", status->append_fsync);
    add_text(out, "maxmemory_policy", status->maxmemory_policy);
    add_int(out, "maxmemory_bytes", status->maxmemory_bytes);
    add_int(out, "used_memory_bytes", status->used_memory_bytes);
    add_int(out, "replicas", status->replicas);
    add_int(out, "clock_skew_ms", status->clock_skew_ms);
    text_append_string(out, "}}");
}

// ---- secrets

void view_secret(const struct subscription *subscription, struct text *out)
{
    char secret[SECRET_TEXT_SIZE];
    const struct subscription_secret *current = &subscription->secrets[0];
    secret_format(&current->secret, secret);
    text_append_char(out, '{');
    add_text(out, "secret", secret);
    if (current->secret.kind == SECRET_ED25519) {
        secret_format_public(&current->secret, secret);
        add_text(out, "public_key", secret);
    }
    begin_member(out, "previous");
    text_append_char(out, '[');
    for (size_t i = 1; i < subscription->secret_count; i++) {
        text_append_string(out, i > 1 ? ",{" : "{");
        secret_format(&subscription->secrets[i].secret, secret);
        add_text(out, "secret", secret);
        add_instant(out, "expires_at", subscription->secrets[i].expires_at_ms);
        text_append_char(out, '}');
    }
    text_append_string(out, "],\"headers\":");
    subscription_format_headers(subscription, out);
    text_append_char(out, '}');
    explicit_bzero(secret, sizeof secret);
}

void view_begin_list(struct text *out)
{
    text_append_string(out, "{\"items\":[");
}

void view_begin_item(size_t index, struct text *out)
{
    if (index > 0)
        text_append_char(out, ',');
}

void view_end_list(const char *next_cursor, struct text *out)
{
    text_append_string(out, "],\"next_cursor\":");
    if (next_cursor[0])
        json_append_string(out, span_of(next_cursor));
    else
        text_append_string(out, "null");
    text_append_char(out, '}');
}
