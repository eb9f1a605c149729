// SPDX-License-Identifier: Apache-2.0
// The fields of a subscription, one function each: from a JSON value into the subscription, with every rule
// and its message. The same for the API's form and the stored form. How it is delivered to: subscription_policy.c.
#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/header.h"
#include "petrel/json.h"
#include "petrel/pattern.h"
#include "subscription_internal.h"

static void refuse(struct subscription_draft *draft, const char *field, const char *message)
{
    field_errors_add(draft->errors, field, "%s", message);
}

static bool replace_text(struct subscription_draft *draft, char **field, struct span value)
{
    char *copy = subscription_keep_text(value);
    if (!copy) {
        field_errors_add_memory(draft->errors);
        return false;
    }
    subscription_drop_text(field);
    *field = copy;
    return true;
}

void subscription_set_url(struct subscription_draft *draft, const cJSON *value)
{
    char error[URL_ERROR_SIZE];
    struct url url;
    draft->has_url = true;
    if (!cJSON_IsString(value)) {
        refuse(draft, "url", "must be a string with an http or https URL");
        return;
    }
    if (!url_parse(span_of(value->valuestring), &url, error)) {
        refuse(draft, "url", error);
        return;
    }
    struct url *kept = url_duplicate(&url);
    if (!kept) {
        field_errors_add_memory(draft->errors);
        return;
    }
    free(draft->subscription->url);
    draft->subscription->url = kept;
    draft->subscription->destination = url_destination(&url);
}

void subscription_set_tenant(struct subscription_draft *draft, const cJSON *value)
{
    struct span text = cJSON_IsString(value) ? span_of(value->valuestring) : SPAN("");
    if ((!cJSON_IsString(value) && !cJSON_IsNull(value)) || !event_is_tenant(text))
        refuse(draft, "tenant", "must be a string of at most 64 characters of A-Z a-z 0-9 _ . : -");
    else
        span_copy(text, draft->subscription->tenant, sizeof draft->subscription->tenant);
}

// Of a new subscription; later it changes by its own ways, which also wake or bury what is parked.
void subscription_set_state(struct subscription_draft *draft, const cJSON *value)
{
    enum subscription_state state = SUBSCRIPTION_ACTIVE;
    bool is_state =
        cJSON_IsNull(value) ||
        (cJSON_IsString(value) && subscription_parse_state(span_of(value->valuestring), &state));
    if (!is_state || state == SUBSCRIPTION_DISABLED)
        refuse(draft, "state", "must be active or paused");
    else
        draft->subscription->state = state;
}

// ---- event types

static bool is_known_type(const struct subscription *subscription, const char *type)
{
    for (size_t i = 0; i < subscription->event_type_count; i++) {
        if (strcmp(subscription->event_types[i], type) == 0)
            return true;
    }
    return false;
}

static void add_event_type(struct subscription_draft *draft, size_t index, const cJSON *item)
{
    struct subscription *subscription = draft->subscription;
    char field[FIELD_NAME_SIZE];
    snprintf(field, sizeof field, "event_types[%zu]", index);
    if (!cJSON_IsString(item) || !pattern_is_valid(span_of(item->valuestring))) {
        refuse(
            draft, field,
            "must be a type like invoice.paid, a prefix with a final * like invoice.*, or * for all; "
            "at most 128 characters of A-Z a-z 0-9 _ . : / -");
        return;
    }
    if (is_known_type(subscription, item->valuestring)) {
        refuse(draft, field, "is given twice");
        return;
    }
    char *type = span_duplicate(span_of(item->valuestring));
    if (type)
        subscription->event_types[subscription->event_type_count++] = type;
    else
        field_errors_add_memory(draft->errors);
}

void subscription_set_event_types(struct subscription_draft *draft, const cJSON *value)
{
    draft->has_event_types = true;
    int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : 0;
    if (count < 1 || count > SUBSCRIPTION_MAX_TYPES) {
        refuse(draft, "event_types", "must be an array of 1 to 256 event types");
        return;
    }
    subscription_free_event_types(draft->subscription);
    assert(draft->subscription->event_type_count == 0);
    draft->subscription->event_types =
        calloc((size_t)count, sizeof *draft->subscription->event_types);
    if (!draft->subscription->event_types) {
        field_errors_add_memory(draft->errors);
        return;
    }
    size_t index = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value) add_event_type(draft, index++, item);
}

// ---- description, metadata

void subscription_set_description(struct subscription_draft *draft, const cJSON *value)
{
    struct span text = cJSON_IsString(value) ? span_of(value->valuestring) : SPAN("");
    if ((!cJSON_IsString(value) && !cJSON_IsNull(value)) ||
        text.size > SUBSCRIPTION_DESCRIPTION_MAX_BYTES)
        refuse(draft, "description", "must be a string of at most 1024 bytes");
    else
        replace_text(draft, &draft->subscription->description, text);
}

// As written but for whitespace between values, so that a view fits on a line.
static void store_metadata(struct subscription_draft *draft, struct span json)
{
    char **field = &draft->subscription->metadata_json;
    if (json.size > SUBSCRIPTION_METADATA_MAX_BYTES)
        refuse(draft, "metadata", "must have at most 16384 bytes");
    else if (replace_text(draft, field, json) && json.size > sizeof "{}" - 1)
        cJSON_Minify(*field); // "{}", which all share, is as small as can be
}

void subscription_set_metadata(struct subscription_draft *draft, const cJSON *value)
{
    struct span json = SPAN("{}");
    if (cJSON_IsNull(value)) {
        store_metadata(draft, json);
        return;
    }
    if (!cJSON_IsObject(value) || !json_find_member(draft->text, "metadata", &json)) {
        refuse(draft, "metadata", "must be a JSON object");
        return;
    }
    if (!draft->is_patch || json.size > SUBSCRIPTION_METADATA_MAX_BYTES) {
        store_metadata(draft, json);
        return;
    }
    struct text merged;
    text_init(&merged, (size_t)2 * SUBSCRIPTION_METADATA_MAX_BYTES + 2);
    subscription_merge_json(span_of(draft->subscription->metadata_json), json, &merged);
    if (merged.failed)
        refuse(draft, "metadata", "must have at most 16384 bytes");
    else
        store_metadata(draft, text_span(&merged));
    text_fini(&merged);
}

// ---- headers

static struct subscription_header *find_header(struct subscription *subscription, const char *name)
{
    for (size_t i = 0; i < subscription->header_count; i++) {
        if (span_equals_ignoring_case(span_of(subscription->headers[i].name), span_of(name)))
            return &subscription->headers[i];
    }
    return NULL;
}

static void remove_header(struct subscription *subscription, struct subscription_header *header)
{
    subscription_free_header(header);
    size_t index = (size_t)(header - subscription->headers);
    memmove(header, header + 1,
            (subscription->header_count - index - 1) * sizeof *subscription->headers);
    subscription->header_count--;
}

// Room was made before; a name that is there already gets the new value and spelling.
static void put_header(struct subscription_draft *draft, const char *name, const char *value)
{
    struct subscription *subscription = draft->subscription;
    struct subscription_header *header = find_header(subscription, name);
    if (header)
        remove_header(subscription, header);
    if (subscription->header_count == HEADER_MAX_COUNT) {
        refuse(draft, "headers", "may have at most 20 headers");
        return;
    }
    struct subscription_header fresh = {.name = span_duplicate(span_of(name)),
                                        .value = span_duplicate(span_of(value))};
    if (!fresh.name || !fresh.value) {
        subscription_free_header(&fresh);
        field_errors_add_memory(draft->errors);
        return;
    }
    subscription->headers[subscription->header_count++] = fresh;
}

static bool is_repeated(const cJSON *object, const cJSON *item)
{
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, object)
    {
        if (earlier == item)
            return false;
        if (span_equals_ignoring_case(span_of(earlier->string), span_of(item->string)))
            return true;
    }
    return false;
}

static void set_header(struct subscription_draft *draft, const cJSON *object, const cJSON *item)
{
    char field[FIELD_NAME_SIZE];
    snprintf(field, sizeof field, "headers.%s", item->string);
    if (is_repeated(object, item)) {
        refuse(draft, field, "is given twice; upper and lower case make no difference");
        return;
    }
    if (draft->is_patch && cJSON_IsNull(item)) {
        struct subscription_header *header = find_header(draft->subscription, item->string);
        if (header)
            remove_header(draft->subscription, header);
        return;
    }
    const char *why = header_refuse_name(span_of(item->string));
    if (!why)
        why = cJSON_IsString(item) ? header_refuse_value(span_of(item->valuestring))
                                   : "must be a string";
    // Sent back as it was shown, a header stays as it is.
    bool is_hidden = !why && !draft->is_stored && strcmp(item->valuestring, HEADER_HIDDEN) == 0;
    if (is_hidden && draft->is_patch && find_header(draft->subscription, item->string))
        return;
    if (is_hidden)
        why = HEADER_HIDDEN " stands for a value that isn't shown: give the value";
    if (!why && !draft->is_stored && seal_is_sealed(span_of(item->valuestring)))
        why = "a header's value must not begin with " SEAL_PREFIX
              ", petrel's mark of an encrypted one";
    if (why)
        refuse(draft, field, why);
    else
        put_header(draft, item->string, item->valuestring);
}

void subscription_set_headers(struct subscription_draft *draft, const cJSON *value)
{
    struct subscription *subscription = draft->subscription;
    if (cJSON_IsNull(value)) {
        subscription_free_headers(subscription);
        return;
    }
    if (!cJSON_IsObject(value)) {
        refuse(draft, "headers", "must be an object of names and strings");
        return;
    }
    if (cJSON_GetArraySize(value) > 2 * HEADER_MAX_COUNT) { // as many to remove as to set
        refuse(draft, "headers", "may have at most 20 headers");
        return;
    }
    struct subscription_header *headers =
        reallocarray(subscription->headers, HEADER_MAX_COUNT, sizeof *headers);
    if (!headers) {
        field_errors_add_memory(draft->errors);
        return;
    }
    subscription->headers = headers;
    const cJSON *item;
    // Removals first, so that a full list can be changed in one request.
    cJSON_ArrayForEach(item, value)
    {
        if (cJSON_IsNull(item))
            set_header(draft, value, item);
    }
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsNull(item))
            set_header(draft, value, item);
    }
}

// ---- signature and secret (creation only)

void subscription_set_signature(struct subscription_draft *draft, const cJSON *value)
{
    if (cJSON_IsNull(value))
        return;
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    if (strcmp(text, "v1") != 0 && strcmp(text, "v1a") != 0) {
        refuse(draft, "signature", "must be v1 (HMAC-SHA256) or v1a (ed25519)");
        return;
    }
    draft->has_signature = true;
    draft->signature = strcmp(text, "v1") == 0 ? SECRET_HMAC : SECRET_ED25519;
}

void subscription_set_secret(struct subscription_draft *draft, const cJSON *value)
{
    const char *why = "must be a string like whsec_… or whsk_…";
    if (cJSON_IsNull(value))
        return;
    if (cJSON_IsString(value) && secret_parse(span_of(value->valuestring), &draft->secret, &why))
        draft->has_secret = true;
    else
        refuse(draft, "secret", why);
}
