// SPDX-License-Identifier: Apache-2.0
// A subscription with its health, in the API's form: what the API answers, and what --json prints. Pure.
#include "petrel/store.h"
#include "petrel/timestamp.h"

static void add_instant(struct text *out, const char *name, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    if (wall_ms <= 0) {
        text_append_format(out, ",\"%s\":null", name);
        return;
    }
    timestamp_format(wall_ms, instant);
    text_append_format(out, ",\"%s\":\"%s\"", name, instant);
}

static void add_int(struct text *out, const char *name, int64_t value)
{
    text_append_format(out, ",\"%s\":%lld", name, (long long)value);
}

// In lists only what is read for many at once.
static void add_rest(const struct store_health *health, struct text *out)
{
    add_instant(out, "oldest_parked_at", health->oldest_parked_at_ms);
    add_int(out, "in_flight", health->in_flight);
    add_int(out, "waiting", health->waiting);
    if (health->limit > 0)
        add_int(out, "limit", health->limit);
    else
        text_append_string(out, ",\"limit\":null");
}

void store_format_health(const struct store_health *health, struct text *out)
{
    text_append_format(out, "{\"breaker\":\"%s\"", breaker_state_text(health->breaker));
    add_instant(out, "since", health->since_ms);
    add_int(out, "consecutive_failures", health->consecutive_failures);
    add_instant(out, "next_probe_at", health->next_probe_at_ms);
    add_instant(out, "held_until", health->held_until_ms);
    add_instant(out, "last_success_at", health->last_success_at_ms);
    add_instant(out, "last_failure_at", health->last_failure_at_ms);
    add_instant(out, "failing_since", health->failing_since_ms);
    add_int(out, "parked", health->parked);
    if (health->is_whole)
        add_rest(health, out);
    text_append_char(out, '}');
}

void store_format_subscription(const struct subscription *subscription,
                               const struct store_health *health, struct text *out)
{
    struct text object;
    text_init(&object, out->max_bytes);
    subscription_format_public(subscription, &object);
    struct span members = text_span(&object);
    if (members.size > 0 && !object.failed)
        members.size--; // its closing brace
    else
        out->failed = true;
    text_append_span(out, members);
    text_append_string(out, ",\"health\":");
    store_format_health(health, out);
    text_append_char(out, '}');
    text_fini(&object);
}
