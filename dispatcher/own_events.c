// SPDX-License-Identifier: Apache-2.0
// Each is told by the very script that does what it tells of, and has an id made of what happened: the same event again, if
// ever, is a repeat to be dropped.
#include "own_events.h"

#include <stdio.h>

#include "petrel/clock.h"
#include "petrel/json.h"
#include "worker.h"

enum { DATA_MAX_BYTES = 8192 };

static void append_member(struct text *data, const char *name, const char *value)
{
    text_append_char(data, data->size ? ',' : '{');
    json_append_string(data, span_of(name));
    text_append_char(data, ':');
    json_append_string(data, span_of(value));
}

static void append_number(struct text *data, const char *name, int64_t value)
{
    text_append_char(data, data->size ? ',' : '{');
    json_append_string(data, span_of(name));
    text_append_char(data, ':');
    text_append_int(data, value);
}

// `when_ms` tells the same thing happening twice apart.
static void add_words(struct redis_command *command, struct span what, int64_t when_ms,
                      const char *tenant, const struct text *data)
{
    char id[EVENT_ID_SIZE];
    snprintf(id, sizeof id, "own_%016llx_%lld", (unsigned long long)hash_bytes(what),
             (long long)when_ms);
    redis_command_add_text(command, id);
    redis_command_add_text(command, tenant);
    redis_command_add_span(command, text_span(data));
}

static void add_nothing(struct redis_command *command)
{
    for (int i = 0; i < 3; i++)
        redis_command_add_text(command, "");
}

static bool is_wanted(const struct worker *worker, const char *tenant, struct span type)
{
    struct subscription *any;
    return snapshot_match(worker->snapshot, span_of(tenant), type, &any, 1) > 0;
}

void own_events_add_death(struct redis_command *command, const struct worker *worker,
                          const struct delivery *delivery, const char *reason)
{
    const struct event *event = delivery->event;
    if (event_is_own(event->type) ||
        !is_wanted(worker, event->tenant, SPAN(OWN_EVENT_DELIVERY_DEAD))) {
        add_nothing(command);
        return;
    }
    struct text letter, data;
    text_init(&letter, EVENT_ID_SIZE + EVENT_SUBSCRIPTION_SIZE);
    text_init(&data, DATA_MAX_BYTES);
    text_append_format(&letter, "%s.%s", event->id, delivery->subscription_id);
    append_member(&data, "dead_letter", text_string(&letter));
    append_member(&data, "event", event->id);
    append_member(&data, "event_type", event->type);
    append_member(&data, "subscription", delivery->subscription_id);
    append_member(&data, "reason", reason);
    append_number(&data, "attempts", delivery->attempts);
    append_number(&data, "last_status", delivery->last_status);
    text_append_char(&data, '}');
    add_words(command, text_span(&letter), delivery->last_attempt_ms, event->tenant, &data);
    text_fini(&letter);
    text_fini(&data);
}

void own_events_add_recovery(struct redis_command *command, const struct worker *worker,
                             const struct subscription *subscription)
{
    if (!subscription ||
        !is_wanted(worker, subscription->tenant, SPAN(OWN_EVENT_SUBSCRIPTION_RECOVERED))) {
        add_nothing(command);
        return;
    }
    struct text data;
    text_init(&data, DATA_MAX_BYTES);
    append_member(&data, "subscription", subscription->id);
    append_member(&data, "url", subscription->url->text);
    text_append_char(&data, '}');
    add_words(command, span_of(subscription->id), clock_wall_ms(), subscription->tenant, &data);
    text_fini(&data);
}

void own_events_add_disabling(struct redis_command *command,
                              const struct subscription *subscription, bool is_wanted_by_any)
{
    if (!is_wanted_by_any) {
        add_nothing(command);
        return;
    }
    struct text data;
    text_init(&data, DATA_MAX_BYTES);
    append_member(&data, "subscription", subscription->id);
    append_member(&data, "url", subscription->url->text);
    append_member(&data, "reason", subscription->disabled_reason);
    text_append_char(&data, '}');
    add_words(command, span_of(subscription->id), subscription->updated_at_ms, subscription->tenant,
              &data);
    text_fini(&data);
}
