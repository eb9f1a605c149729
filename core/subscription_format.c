// SPDX-License-Identifier: Apache-2.0
// Subscriptions as JSON, written: the stored form (for Redis, its secret values closed by the vault) and the API's form
// (without them).
//
// In the stored form id and created_at_ms come first: whoever sorts a hundred thousand of them finds the sort key
// without reading the rest. Left to others: reading it again (subscription_stored.c).
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "petrel/header.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"
#include "petrel/vault.h"
#include "subscription_internal.h"

// ---- parts of both forms

static void append_string_member(struct text *out, const char *name, const char *value)
{
    text_append_format(out, "\"%s\":", name);
    json_append_string(out, span_of(value));
    text_append_char(out, ',');
}

static void append_optional_number(struct text *out, const char *name, uint32_t value)
{
    if (value)
        text_append_format(out, "\"%s\":%u,", name, value);
    else
        text_append_format(out, "\"%s\":null,", name);
}

static void append_event_types(struct text *out, const struct subscription *subscription)
{
    text_append_string(out, "\"event_types\":[");
    for (size_t i = 0; i < subscription->event_type_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        json_append_string(out, span_of(subscription->event_types[i]));
    }
    text_append_string(out, "],");
}

static void append_retry_schedule(struct text *out, const struct subscription *subscription)
{
    if (!subscription->retry_schedule) {
        text_append_string(out, "\"retry_schedule\":null,");
        return;
    }
    text_append_string(out, "\"retry_schedule\":[");
    for (uint32_t i = 0; i < subscription->retry_schedule->steps; i++) {
        char delay[DURATION_SIZE];
        duration_format(subscription->retry_schedule->delay_ms[i], delay);
        text_append_format(out, "%s\"%s\"", i ? "," : "", delay);
    }
    text_append_string(out, "],");
}

static void append_rate_limit(struct text *out, const struct subscription *subscription)
{
    if (subscription->rate_per_second > 0)
        text_append_format(out, "\"rate_limit\":{\"per_second\":%.9g,\"burst\":%u},",
                           subscription->rate_per_second, subscription->rate_burst);
    else
        text_append_string(out, "\"rate_limit\":null,");
}

static void append_limits(struct text *out, const struct subscription *subscription)
{
    append_optional_number(out, "timeout_ms", subscription->timeout_ms);
    append_optional_number(out, "max_concurrency", subscription->max_concurrency);
    append_retry_schedule(out, subscription);
    append_rate_limit(out, subscription);
    text_append_format(out, "\"ordered\":%s,", subscription->is_ordered ? "true" : "false");
    append_string_member(out, "ordered_failure",
                         subscription->ordered_failure == ORDERED_BLOCK ? "block" : "skip");
}

// ---- the API's form

// Names only: values are often credentials.
static void append_hidden_headers(struct text *out, const struct subscription *subscription)
{
    text_append_string(out, "\"headers\":{");
    for (size_t i = 0; i < subscription->header_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        json_append_string(out, span_of(subscription->headers[i].name));
        text_append_string(out, ":\"" HEADER_HIDDEN "\"");
    }
    text_append_string(out, "},");
}

void subscription_format_headers(const struct subscription *subscription, struct text *out)
{
    text_append_char(out, '{');
    for (size_t i = 0; i < subscription->header_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        json_append_string(out, span_of(subscription->headers[i].name));
        text_append_char(out, ':');
        json_append_string(out, span_of(subscription->headers[i].value));
    }
    text_append_char(out, '}');
}

void subscription_format_public(const struct subscription *subscription, struct text *out)
{
    char created[TIMESTAMP_SIZE];
    char updated[TIMESTAMP_SIZE];
    timestamp_format(subscription->created_at_ms, created);
    timestamp_format(subscription->updated_at_ms, updated);
    text_append_char(out, '{');
    append_string_member(out, "id", subscription->id);
    append_string_member(out, "url", subscription->url->text);
    append_string_member(out, "tenant", subscription->tenant);
    append_event_types(out, subscription);
    append_string_member(out, "description", subscription->description);
    text_append_format(out, "\"metadata\":%s,", subscription->metadata_json);
    append_string_member(out, "state", subscription_state_text(subscription->state));
    if (subscription->state == SUBSCRIPTION_DISABLED)
        append_string_member(out, "disabled_reason", subscription->disabled_reason);
    else
        text_append_string(out, "\"disabled_reason\":null,");
    append_string_member(out, "signature",
                         subscription->secrets[0].secret.kind == SECRET_HMAC ? "v1" : "v1a");
    append_hidden_headers(out, subscription);
    append_limits(out, subscription);
    text_append_format(out, "\"created_at\":\"%s\",\"updated_at\":\"%s\"}", created, updated);
}

// ---- the stored form

// A secret value as a JSON string, closed by the vault if there is one and it has a key.
static void append_closed(struct text *out, struct vault *vault, const char *id, const char *field,
                          const char *plain)
{
    struct text closed;
    text_init_secret(&closed, SUBSCRIPTION_JSON_MAX_BYTES); // without a key it is plain
    if (!vault)
        json_append_string(out, span_of(plain));
    else if (vault_close(vault, id, field, span_of(plain), &closed))
        json_append_string(out, text_span(&closed));
    else
        out->failed = true;
    text_fini(&closed);
}

static void append_secrets(struct text *out, struct vault *vault,
                           const struct subscription *subscription)
{
    text_append_string(out, "\"secrets\":[");
    for (size_t i = 0; i < subscription->secret_count; i++) {
        char secret[SECRET_TEXT_SIZE];
        char field[SUBSCRIPTION_FIELD_SIZE];
        subscription_name_secret(i, field);
        secret_format(&subscription->secrets[i].secret, secret);
        text_append_string(out, i > 0 ? ",{\"secret\":" : "{\"secret\":");
        append_closed(out, vault, subscription->id, field, secret);
        text_append_format(out, ",\"expires_at_ms\":%lld}",
                           (long long)subscription->secrets[i].expires_at_ms);
        explicit_bzero(secret, sizeof secret);
    }
    text_append_string(out, "],");
}

static void append_headers(struct text *out, struct vault *vault,
                           const struct subscription *subscription)
{
    text_append_string(out, "\"headers\":{");
    for (size_t i = 0; i < subscription->header_count; i++) {
        const struct subscription_header *header = &subscription->headers[i];
        char field[SUBSCRIPTION_FIELD_SIZE];
        subscription_name_header(header->name, field);
        if (i > 0)
            text_append_char(out, ',');
        json_append_string(out, span_of(header->name));
        text_append_char(out, ':');
        append_closed(out, vault, subscription->id, field, header->value);
    }
    text_append_string(out, "},");
}

static void format_stored(const struct subscription *subscription, struct vault *vault,
                          struct text *out)
{
    assert(subscription->lock == SUBSCRIPTION_NOT_LOCKED); // it would lose what couldn't be opened
    text_append_char(out, '{');
    append_string_member(out, "id", subscription->id);
    text_append_format(out, "\"created_at_ms\":%lld,", (long long)subscription->created_at_ms);
    append_string_member(out, "tenant", subscription->tenant);
    append_string_member(out, "state", subscription_state_text(subscription->state));
    append_string_member(out, "disabled_reason", subscription->disabled_reason);
    append_string_member(out, "url", subscription->url->text);
    append_event_types(out, subscription);
    append_string_member(out, "description", subscription->description);
    text_append_format(out, "\"metadata\":%s,", subscription->metadata_json);
    append_secrets(out, vault, subscription);
    append_headers(out, vault, subscription);
    append_limits(out, subscription);
    text_append_format(out, "\"updated_at_ms\":%lld}", (long long)subscription->updated_at_ms);
}

void subscription_format_stored(const struct subscription *subscription, struct vault *vault,
                                struct text *out)
{
    assert(vault); // forgotten, it would put secrets into Redis unencrypted
    format_stored(subscription, vault, out);
}

bool subscription_equals(const struct subscription *a, const struct subscription *b)
{
    struct text text_a;
    struct text text_b;
    text_init_secret(&text_a, SUBSCRIPTION_JSON_MAX_BYTES);
    text_init_secret(&text_b, SUBSCRIPTION_JSON_MAX_BYTES);
    format_stored(a, NULL, &text_a);
    format_stored(b, NULL, &text_b);
    bool is_same =
        !text_a.failed && !text_b.failed && span_equals(text_span(&text_a), text_span(&text_b));
    text_fini(&text_a);
    text_fini(&text_b);
    return is_same;
}
