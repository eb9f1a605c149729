// SPDX-License-Identifier: Apache-2.0
// Each has an id made of what happened, so that sending it again after a lost reply is a repeat to be dropped. A death is
// told by the script that buries; the others go out after what they tell of, and a crash in between loses them.
#include "own_events.h"

#include <stdio.h>

#include "petrel/clock.h"
#include "petrel/fault_point.h"
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

struct own_event {
    const char *type, *tenant;
    uint32_t shard;
    struct span what; // hashed for the id
    int64_t when_ms;  // for the id
};

static void format_id(const struct own_event *event, char id[EVENT_ID_SIZE])
{
    snprintf(id, EVENT_ID_SIZE, "own_%016llx_%lld", (unsigned long long)hash_bytes(event->what),
             (long long)event->when_ms);
}

static void publish(const struct engine *engine, struct redis_link *commands,
                    const struct own_event *event, struct text *data)
{
    char id[EVENT_ID_SIZE];
    format_id(event, id);
    text_append_char(data, '}');
    struct key events = keys_format(&engine->keys, event->shard, KEY_EVENTS, SPAN(""));
    struct redis_command *command = redis_command_create("XADD");
    redis_command_add_key(command, &events);
    redis_command_add_text(command, "*");
    redis_command_add_text(command, "type");
    redis_command_add_text(command, event->type);
    redis_command_add_text(command, "id");
    redis_command_add_text(command, id);
    redis_command_add_text(command, "tenant");
    redis_command_add_text(command, event->tenant);
    redis_command_add_text(command, "data");
    redis_command_add_span(command, text_span(data));
    FAULT_POINT("own_event.before_send");
    redis_link_send_reliably(commands, &command, NULL, NULL);
}

static void format_death(const struct delivery *delivery, const char *reason, const char *letter,
                         struct text *data)
{
    append_member(data, "dead_letter", letter);
    append_member(data, "event", delivery->event->id);
    append_member(data, "event_type", delivery->event->type);
    append_member(data, "subscription", delivery->subscription_id);
    append_member(data, "reason", reason);
    append_number(data, "attempts", delivery->attempts);
    append_number(data, "last_status", delivery->last_status);
    text_append_char(data, '}');
}

void own_events_add_death(struct redis_command *command, const struct worker *worker,
                          const struct delivery *delivery, const char *reason)
{
    const struct event *event = delivery->event;
    struct subscription *any;
    char id[EVENT_ID_SIZE] = "";
    struct text letter, data;
    text_init(&letter, EVENT_ID_SIZE + EVENT_SUBSCRIPTION_SIZE);
    text_init(&data, DATA_MAX_BYTES);
    if (!event_is_own(event->type) && snapshot_match(worker->snapshot, span_of(event->tenant),
                                                     SPAN(OWN_EVENT_DELIVERY_DEAD), &any, 1)) {
        text_append_format(&letter, "%s.%s", event->id, delivery->subscription_id);
        struct own_event own = {.what = text_span(&letter), .when_ms = delivery->last_attempt_ms};
        format_id(&own, id);
        format_death(delivery, reason, text_string(&letter), &data);
    }
    redis_command_add_text(command, id);
    redis_command_add_text(command, event->tenant);
    redis_command_add_span(command, text_span(&data));
    text_fini(&letter);
    text_fini(&data);
}

void own_events_subscription_recovered(const struct worker *worker, const char *subscription_id,
                                       uint32_t shard)
{
    const struct subscription *subscription = snapshot_find(worker->snapshot, subscription_id);
    struct subscription *any;
    if (!subscription || !snapshot_match(worker->snapshot, span_of(subscription->tenant),
                                         SPAN(OWN_EVENT_SUBSCRIPTION_RECOVERED), &any, 1))
        return;
    struct text data;
    text_init(&data, DATA_MAX_BYTES);
    append_member(&data, "subscription", subscription->id);
    append_member(&data, "url", subscription->url->text);
    struct own_event own = {
        .type = OWN_EVENT_SUBSCRIPTION_RECOVERED,
        .tenant = subscription->tenant,
        .shard = shard,
        .what = span_of(subscription->id),
        .when_ms = clock_wall_ms(),
    };
    publish(worker->engine, worker->commands, &own, &data);
    text_fini(&data);
}

void own_events_subscription_disabled(const struct engine *engine, struct redis_link *commands,
                                      const struct subscription *subscription)
{
    struct text data;
    text_init(&data, DATA_MAX_BYTES);
    append_member(&data, "subscription", subscription->id);
    append_member(&data, "url", subscription->url->text);
    append_member(&data, "reason", subscription->disabled_reason);
    struct own_event own = {
        .type = OWN_EVENT_SUBSCRIPTION_DISABLED,
        .tenant = subscription->tenant,
        .what = span_of(subscription->id),
        .when_ms = subscription->updated_at_ms,
    };
    publish(engine, commands, &own, &data);
    text_fini(&data);
}
