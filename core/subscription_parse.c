// SPDX-License-Identifier: Apache-2.0
// Subscriptions from the API's JSON: POST makes a new one, PATCH a changed copy.
//
// One table says which fields there are and which may not be written when, with the sentence that says what
// to do instead. Everything wrong with a body is reported, not only the first thing.
#include <cjson/cJSON.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/random.h"
#include "subscription_internal.h"

#define SET_BY_PETREL "is set by petrel and can't be written"
#define STATE_RULE                                                                                 \
    "can't be changed here: use POST /v1/subscriptions/{id}/pause, /resume or /disable"
#define ORDERED_RULE                                                                               \
    "can't be changed, since what is parked has or hasn't its place: create a new subscription"
#define SECRET_RULE "can't be changed: use POST /v1/subscriptions/{id}/rotate-secret"

struct field {
    const char *name;
    subscription_set_field *set;
    const char *post_refusal; // NULL: may be written
    const char *patch_refusal;
};

static const struct field fields[] = {
    {.name = "url", .set = subscription_set_url},
    {
        .name = "tenant",
        .set = subscription_set_tenant,
        .patch_refusal = "can't be changed: create a new subscription for another tenant",
    },
    {.name = "event_types", .set = subscription_set_event_types},
    {.name = "description", .set = subscription_set_description},
    {.name = "metadata", .set = subscription_set_metadata},
    {
        .name = "signature",
        .set = subscription_set_signature,
        .patch_refusal = "is that of the current secret and " SECRET_RULE,
    },
    {
        .name = "secret",
        .set = subscription_set_secret,
        .patch_refusal = SECRET_RULE,
    },
    {.name = "headers", .set = subscription_set_headers},
    {.name = "timeout_ms", .set = subscription_set_timeout},
    {.name = "max_concurrency", .set = subscription_set_max_concurrency},
    {.name = "retry_schedule", .set = subscription_set_retry_schedule},
    {.name = "rate_limit", .set = subscription_set_rate_limit},
    {.name = "ordered", .set = subscription_set_ordered, .patch_refusal = ORDERED_RULE},
    {.name = "ordered_failure", .set = subscription_set_ordered_failure},
    {.name = "state", .set = subscription_set_state, .patch_refusal = STATE_RULE},
    {.name = "id", .post_refusal = SET_BY_PETREL, .patch_refusal = SET_BY_PETREL},
    {.name = "disabled_reason", .post_refusal = SET_BY_PETREL, .patch_refusal = SET_BY_PETREL},
    {.name = "created_at", .post_refusal = SET_BY_PETREL, .patch_refusal = SET_BY_PETREL},
    {.name = "updated_at", .post_refusal = SET_BY_PETREL, .patch_refusal = SET_BY_PETREL},
};

static const struct field *find_field(const char *name)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

// cJSON's strings end at the first NUL, so what follows one would be dropped in silence.
static bool has_escaped_nul(struct span json)
{
    for (size_t i = 0; i + 1 < json.size; i++) {
        if (json.data[i] != '\\')
            continue;
        if (i + 6 <= json.size && memcmp(json.data + i, "\\u0000", 6) == 0)
            return true;
        i++; // what is escaped can't begin an escape
    }
    return false;
}

// Caller deletes. NULL with an error for the whole body (field "").
static cJSON *parse_body(struct span body, struct field_errors *errors)
{
    struct json_error fault;
    if (body.size > SUBSCRIPTION_JSON_MAX_BYTES) {
        field_errors_add(errors, "", "the body has more than 256 KiB");
        return NULL;
    }
    if (!json_validate(body, &fault)) {
        field_errors_add(errors, "", "the body is no valid JSON: at byte %zu, %s", fault.offset,
                         fault.message);
        return NULL;
    }
    if (has_escaped_nul(body)) {
        field_errors_add(errors, "",
                         "the body has a NUL character (\\u0000), which no field may have");
        return NULL;
    }
    cJSON *tree = cJSON_ParseWithLength(body.data, body.size);
    if (!tree)
        field_errors_add_memory(errors);
    else if (!cJSON_IsObject(tree))
        field_errors_add(errors, "", "the body must be a JSON object");
    if (tree && !cJSON_IsObject(tree)) {
        subscription_destroy_tree(&tree);
    }
    return tree;
}

static bool is_repeated(const cJSON *object, const cJSON *item)
{
    return cJSON_GetObjectItemCaseSensitive(object, item->string) != item;
}

static void apply_fields(struct subscription_draft *draft, const cJSON *object)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        const struct field *field = find_field(item->string);
        const char *refusal = NULL;
        if (field)
            refusal = draft->is_patch ? field->patch_refusal : field->post_refusal;
        if (!field)
            field_errors_add(draft->errors, item->string, "is no field of a subscription");
        else if (refusal)
            field_errors_add(draft->errors, item->string, "%s", refusal);
        else if (is_repeated(object, item))
            field_errors_add(draft->errors, item->string, "is given twice");
        else
            field->set(draft, item);
    }
}

static void settle_secret(struct subscription_draft *draft)
{
    struct subscription *subscription = draft->subscription;
    enum secret_kind kind = draft->has_signature ? draft->signature : SECRET_HMAC;
    if (draft->has_secret && draft->has_signature && draft->secret.kind != kind) {
        field_errors_add(draft->errors, "signature",
                         "doesn't fit the secret: whsec_ signs as v1, whsk_ as v1a");
        return;
    }
    subscription->secret_count = 1;
    if (draft->has_secret)
        subscription->secrets[0].secret = draft->secret;
    else
        secret_generate(kind, &subscription->secrets[0].secret);
}

struct subscription *subscription_create(struct span body, int64_t now_ms,
                                         struct field_errors *errors)
{
    size_t errors_before = errors->count;
    cJSON *tree = parse_body(body, errors);
    if (!tree)
        return NULL;
    struct subscription_draft draft = {
        .subscription = subscription_allocate(SUBSCRIPTION_MAX_SECRETS),
        .text = body,
        .errors = errors,
    };
    if (!draft.subscription) {
        field_errors_add_memory(errors);
        subscription_destroy_tree(&tree);
        return NULL;
    }
    apply_fields(&draft, tree);
    if (!draft.has_url)
        field_errors_add(errors, "url", "is required");
    if (!draft.has_event_types)
        field_errors_add(errors, "event_types", "is required");
    settle_secret(&draft);
    secret_wipe(&draft.secret);
    subscription_destroy_tree(&tree);
    random_id("sub_", draft.subscription->id, sizeof draft.subscription->id);
    draft.subscription->created_at_ms = now_ms;
    draft.subscription->updated_at_ms = now_ms;
    if (errors->count > errors_before)
        subscription_unref(&draft.subscription);
    return draft.subscription;
}

struct subscription *subscription_patch(const struct subscription *from, struct span body,
                                        int64_t now_ms, struct field_errors *errors)
{
    size_t errors_before = errors->count;
    cJSON *tree = parse_body(body, errors);
    if (!tree)
        return NULL;
    struct subscription_draft draft = {
        .subscription = subscription_copy(from),
        .text = body,
        .errors = errors,
        .is_patch = true,
    };
    if (!draft.subscription) {
        field_errors_add_memory(errors);
        subscription_destroy_tree(&tree);
        return NULL;
    }
    apply_fields(&draft, tree);
    subscription_destroy_tree(&tree);
    draft.subscription->updated_at_ms = now_ms;
    if (errors->count > errors_before)
        subscription_unref(&draft.subscription);
    return draft.subscription;
}
