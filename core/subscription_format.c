// SPDX-License-Identifier: Apache-2.0
// Subscriptions as JSON: the stored form (with secrets, for Redis) and the API's form (without).
//
// The stored form is read leniently about members it doesn't know, so that an older instance can run beside
// a newer one, and strictly about those it knows. id and created_at_ms come first: whoever sorts a hundred
// thousand of them finds the sort key without reading the rest.
#include <cjson/cJSON.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/timestamp.h"
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

static void append_headers(struct text *out, const struct subscription *subscription)
{
    text_append_string(out, "\"headers\":{");
    for (size_t i = 0; i < subscription->header_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        json_append_string(out, span_of(subscription->headers[i].name));
        text_append_char(out, ':');
        json_append_string(out, span_of(subscription->headers[i].value));
    }
    text_append_string(out, "},");
}

static void append_retry_schedule(struct text *out, const struct subscription *subscription)
{
    if (!subscription->has_retry_schedule) {
        text_append_string(out, "\"retry_schedule\":null,");
        return;
    }
    text_append_string(out, "\"retry_schedule\":[");
    for (uint32_t i = 0; i < subscription->retry_schedule.steps; i++) {
        char delay[DURATION_SIZE];
        duration_format(subscription->retry_schedule.delay_ms[i], delay);
        text_append_format(out, "%s\"%s\"", i ? "," : "", delay);
    }
    text_append_string(out, "],");
}

static void append_policy(struct text *out, const struct subscription *subscription)
{
    append_headers(out, subscription);
    append_optional_number(out, "timeout_ms", subscription->timeout_ms);
    append_optional_number(out, "max_concurrency", subscription->max_concurrency);
    append_retry_schedule(out, subscription);
}

// ---- the API's form

void subscription_format_public(const struct subscription *subscription, struct text *out)
{
    char created[TIMESTAMP_SIZE];
    char updated[TIMESTAMP_SIZE];
    timestamp_format(subscription->created_at_ms, created);
    timestamp_format(subscription->updated_at_ms, updated);
    text_append_char(out, '{');
    append_string_member(out, "id", subscription->id);
    append_string_member(out, "url", subscription->url.text);
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
    append_policy(out, subscription);
    text_append_format(out, "\"created_at\":\"%s\",\"updated_at\":\"%s\"}", created, updated);
}

// ---- the stored form, written

static void append_secrets(struct text *out, const struct subscription *subscription)
{
    text_append_string(out, "\"secrets\":[");
    for (size_t i = 0; i < subscription->secret_count; i++) {
        char secret[SECRET_TEXT_SIZE];
        secret_format(&subscription->secrets[i].secret, secret);
        text_append_format(out, "%s{\"secret\":\"%s\",\"expires_at_ms\":%lld}", i ? "," : "",
                           secret, (long long)subscription->secrets[i].expires_at_ms);
        explicit_bzero(secret, sizeof secret);
    }
    text_append_string(out, "],");
}

void subscription_format_stored(const struct subscription *subscription, struct text *out)
{
    text_append_char(out, '{');
    append_string_member(out, "id", subscription->id);
    text_append_format(out, "\"created_at_ms\":%lld,", (long long)subscription->created_at_ms);
    append_string_member(out, "tenant", subscription->tenant);
    append_string_member(out, "state", subscription_state_text(subscription->state));
    append_string_member(out, "disabled_reason", subscription->disabled_reason);
    append_string_member(out, "url", subscription->url.text);
    append_event_types(out, subscription);
    append_string_member(out, "description", subscription->description);
    text_append_format(out, "\"metadata\":%s,", subscription->metadata_json);
    append_secrets(out, subscription);
    append_policy(out, subscription);
    text_append_format(out, "\"updated_at_ms\":%lld}", (long long)subscription->updated_at_ms);
}

// ---- the stored form, read

static bool read_ms(const cJSON *object, const char *name, int64_t *ms)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    // Years up to 9999, far below 2^53, where a double would lose milliseconds.
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0) || !(value->valuedouble < 2.6e14))
        return false;
    *ms = (int64_t)value->valuedouble;
    return true;
}

static struct span read_string(const cJSON *object, const char *name)
{
    return span_of(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

static bool read_secrets(struct subscription *subscription, const cJSON *list)
{
    const cJSON *item;
    int count = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || count < 1 || count > SUBSCRIPTION_MAX_SECRETS)
        return false;
    cJSON_ArrayForEach(item, list)
    {
        struct subscription_secret *secret = &subscription->secrets[subscription->secret_count];
        const char *why;
        if (!secret_parse(read_string(item, "secret"), &secret->secret, &why) ||
            !read_ms(item, "expires_at_ms", &secret->expires_at_ms))
            return false;
        subscription->secret_count++;
    }
    return true;
}

// What only the stored form has. NULL, or the name of the bad member.
static const char *read_own_members(struct subscription *subscription, const cJSON *object)
{
    struct span id = read_string(object, "id");
    if (!event_is_id(id) || !span_copy(id, subscription->id, sizeof subscription->id))
        return "id";
    if (!subscription_parse_state(read_string(object, "state"), &subscription->state))
        return "state";
    subscription_set_reason(subscription, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
                                              object, "disabled_reason")));
    if (!read_secrets(subscription, cJSON_GetObjectItemCaseSensitive(object, "secrets")))
        return "secrets";
    if (!read_ms(object, "created_at_ms", &subscription->created_at_ms))
        return "created_at_ms";
    if (!read_ms(object, "updated_at_ms", &subscription->updated_at_ms))
        return "updated_at_ms";
    return NULL;
}

static void read_shared_members(struct subscription_draft *draft, const cJSON *object)
{
    static const struct {
        const char *name;
        subscription_set_field *set;
        bool is_required;
    } members[] = {
        {"url", subscription_set_url, true},
        {"tenant", subscription_set_tenant, true},
        {"event_types", subscription_set_event_types, true},
        {"description", subscription_set_description, false},
        {"metadata", subscription_set_metadata, false},
        {"headers", subscription_set_headers, false},
        {"timeout_ms", subscription_set_timeout, false},
        {"max_concurrency", subscription_set_max_concurrency, false},
        {"retry_schedule", subscription_set_retry_schedule, false},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, members[i].name);
        if (value)
            members[i].set(draft, value);
        else if (members[i].is_required)
            field_errors_add(draft->errors, members[i].name, "is missing");
    }
}

static bool read_stored(struct subscription *subscription, struct span json, struct text *why)
{
    cJSON *tree = json_validate(json, NULL) ? cJSON_ParseWithLength(json.data, json.size) : NULL;
    if (!cJSON_IsObject(tree)) {
        cJSON_Delete(tree);
        text_append_string(why, "it is no JSON object");
        return false;
    }
    struct field_errors errors = {0};
    struct subscription_draft draft = {
        .subscription = subscription,
        .text = json,
        .errors = &errors,
    };
    read_shared_members(&draft, tree);
    const char *bad = read_own_members(subscription, tree);
    cJSON_Delete(tree);
    if (bad)
        text_append_format(why, "%s is missing or malformed", bad);
    else if (errors.count)
        text_append_format(why, "%s %s", errors.items[0].field, errors.items[0].message);
    return !bad && errors.count == 0;
}

struct subscription *subscription_parse_stored(struct span json, struct text *why)
{
    struct subscription *subscription = subscription_allocate();
    if (!subscription)
        text_append_string(why, "not enough memory");
    else if (!read_stored(subscription, json, why))
        subscription_unref(&subscription);
    return subscription;
}
