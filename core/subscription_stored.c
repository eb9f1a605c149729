// SPDX-License-Identifier: Apache-2.0
// The stored form of a subscription, read: leniently about members it doesn't know, so that an older instance can run
// beside a newer one, and strictly about those it knows.
//
// Secret values that the vault can't open don't make the whole unreadable: the subscription is locked, so that events are
// matched with it all the same, and park until the key is there. Once values are opened the tree holds them, so it is
// wiped.
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/vault.h"
#include "subscription_internal.h"

// ---- the secret values in the tree

void subscription_name_secret(size_t index, char field[SUBSCRIPTION_FIELD_SIZE])
{
    snprintf(field, SUBSCRIPTION_FIELD_SIZE, "secrets[%zu]", index);
}

void subscription_name_header(const char *name, char field[SUBSCRIPTION_FIELD_SIZE])
{
    snprintf(field, SUBSCRIPTION_FIELD_SIZE, "headers.%s", name);
}

// Calls visit with each secret value, a JSON string, and the name of its place, until it returns false.
typedef bool visit_value(void *arg, const char *field, cJSON *value);

static bool visit_values(const cJSON *secrets, const cJSON *headers, visit_value *visit, void *arg)
{
    char field[SUBSCRIPTION_FIELD_SIZE];
    const cJSON *item;
    cJSON *header;
    size_t index = 0;
    cJSON_ArrayForEach(item, secrets)
    {
        cJSON *value = cJSON_GetObjectItemCaseSensitive(item, "secret");
        subscription_name_secret(index++, field);
        if (cJSON_IsString(value) && !visit(arg, field, value))
            return false;
    }
    cJSON_ArrayForEach(header, headers)
    {
        if (!header->string || !cJSON_IsString(header))
            continue;
        subscription_name_header(header->string, field);
        if (!visit(arg, field, header))
            return false;
    }
    return true;
}

static void wipe_tree(cJSON *tree)
{
    for (cJSON *item = tree; item; item = item->next) { // JSON_MAX_DEPTH bounds the recursion
        if (item->valuestring)
            explicit_bzero(item->valuestring, strlen(item->valuestring));
        wipe_tree(item->child);
    }
}

void subscription_destroy_tree(cJSON **tree)
{
    wipe_tree(*tree);
    cJSON_Delete(*tree);
    *tree = NULL;
}

// ---- opened

struct opening {
    struct vault *vault;
    const char *id;
    struct text *why;
    enum vault_result result;
};

// Plain text is shorter than its sealed form, so it fits where that stood.
static bool open_value(void *arg, const char *field, cJSON *value)
{
    struct opening *opening = arg;
    struct span stored = span_of(value->valuestring);
    struct text plain;
    if (!seal_is_sealed(stored))
        return true;
    text_init_secret(&plain, stored.size);
    opening->result = vault_open(opening->vault, opening->id, field, stored, &plain, opening->why);
    if (opening->result == VAULT_OK && span_find(text_span(&plain), '\0'))
        opening->result = VAULT_BROKEN;
    if (opening->result == VAULT_OK) {
        memcpy(value->valuestring, text_string(&plain), plain.size + 1);
    } else {
        text_append_format(opening->why, " (%s)", field);
    }
    text_fini(&plain);
    return opening->result == VAULT_OK;
}

// False without memory; otherwise the lock says whether they are open.
static bool open_values(struct subscription *subscription, cJSON *tree, struct vault *vault,
                        struct text *why)
{
    struct opening opening = {.vault = vault, .id = subscription->id, .why = why};
    visit_values(cJSON_GetObjectItemCaseSensitive(tree, "secrets"),
                 cJSON_GetObjectItemCaseSensitive(tree, "headers"), open_value, &opening);
    switch (opening.result) {
    case VAULT_OK:
        subscription->lock = SUBSCRIPTION_NOT_LOCKED;
        return true;
    case VAULT_NO_KEY:
        subscription->lock = SUBSCRIPTION_KEY_MISSING;
        return true;
    case VAULT_BROKEN:
        subscription->lock = SUBSCRIPTION_DAMAGED;
        return true;
    case VAULT_NO_MEMORY:
        return false;
    }
    return false;
}

// ---- examined

struct examination {
    const struct keyring *ring;
    struct subscription_sealing *sealing;
};

static bool examine_value(void *arg, const char *field, cJSON *value)
{
    (void)field;
    struct examination *examination = arg;
    struct subscription_sealing *sealing = examination->sealing;
    const struct keyring *ring = examination->ring;
    struct span stored = span_of(value->valuestring);
    struct span id = {0};
    if (!seal_is_sealed(stored)) {
        sealing->plain++;
        return true;
    }
    bool is_known = seal_find_key_id(stored, &id) && ring && keyring_find(ring, id);
    bool is_current = is_known && span_equals_text(id, keyring_current(ring)->id);
    // The worst one's id is kept.
    bool is_worst = is_current ? !sealing->current && !sealing->old && !sealing->unknown
                               : !sealing->unknown && (!is_known || !sealing->old);
    if (is_worst)
        span_copy(id, sealing->key_id, sizeof sealing->key_id);
    *(is_current ? &sealing->current : is_known ? &sealing->old : &sealing->unknown) += 1;
    return true;
}

static cJSON *parse_member(struct span json, const char *name)
{
    struct span value;
    return json_find_member(json, name, &value) ? cJSON_ParseWithLength(value.data, value.size)
                                                : NULL;
}

bool subscription_examine_stored(struct span json, const struct keyring *ring,
                                 struct subscription_sealing *sealing)
{
    *sealing = (struct subscription_sealing){.plain = 0};
    if (!json_validate(json, NULL))
        return false;
    struct examination examination = {.ring = ring, .sealing = sealing};
    cJSON *secrets = parse_member(json, "secrets");
    cJSON *headers = parse_member(json, "headers");
    bool is_good = cJSON_IsArray(secrets);
    visit_values(secrets, headers, examine_value, &examination);
    subscription_destroy_tree(&secrets);
    subscription_destroy_tree(&headers);
    return is_good;
}

// ---- read

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
    if (!cJSON_IsArray(list) || count < 1 || count > subscription->secret_max)
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

static bool read_id(struct subscription *subscription, const cJSON *object)
{
    struct span id = read_string(object, "id");
    return event_is_id(id) && span_copy(id, subscription->id, sizeof subscription->id);
}

// What only the stored form has, but for the id. NULL, or the name of the bad member.
static const char *read_own_members(struct subscription *subscription, const cJSON *object)
{
    if (!subscription_parse_state(read_string(object, "state"), &subscription->state))
        return "state";
    if (!subscription_set_reason(subscription, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
                                                   object, "disabled_reason"))))
        return "disabled_reason"; // without memory
    if (subscription->lock == SUBSCRIPTION_NOT_LOCKED &&
        !read_secrets(subscription, cJSON_GetObjectItemCaseSensitive(object, "secrets")))
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
        {"timeout_ms", subscription_set_timeout, false},
        {"max_concurrency", subscription_set_max_concurrency, false},
        {"retry_schedule", subscription_set_retry_schedule, false},
        {"rate_limit", subscription_set_rate_limit, false},
        {"ordered", subscription_set_ordered, false},
        {"ordered_failure", subscription_set_ordered_failure, false},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, members[i].name);
        if (value)
            members[i].set(draft, value);
        else if (members[i].is_required)
            field_errors_add(draft->errors, members[i].name, "is missing");
    }
    const cJSON *headers = cJSON_GetObjectItemCaseSensitive(object, "headers");
    if (headers && draft->subscription->lock == SUBSCRIPTION_NOT_LOCKED)
        subscription_set_headers(draft, headers);
}

static bool read_tree(struct subscription_draft *draft, cJSON *tree, struct vault *vault,
                      struct text *why)
{
    struct subscription *subscription = draft->subscription;
    const char *bad = "id";
    if (read_id(subscription, tree)) {
        if (!open_values(subscription, tree, vault, why))
            return false;
        read_shared_members(draft, tree);
        bad = read_own_members(subscription, tree);
    }
    if (!bad && draft->errors->count == 0)
        return true;
    text_clear(why);
    if (bad)
        text_append_format(why, "%s is missing or malformed", bad);
    else
        text_append_format(why, "%s %s", draft->errors->items[0].field,
                           draft->errors->items[0].message);
    return false;
}

// Room for the secrets there are; for one, where there is no good number of them.
static size_t count_secrets(const cJSON *tree)
{
    int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(tree, "secrets"));
    return count >= 1 && count <= SUBSCRIPTION_MAX_SECRETS ? (size_t)count : 1;
}

static struct subscription *read_stored(cJSON *tree, struct span json, struct vault *vault,
                                        struct text *why)
{
    struct field_errors errors = {0};
    struct subscription_draft draft = {
        .subscription = subscription_allocate(count_secrets(tree)),
        .text = json,
        .errors = &errors,
        .is_stored = true,
    };
    if (!draft.subscription)
        text_append_string(why, "not enough memory");
    else if (!read_tree(&draft, tree, vault, why))
        subscription_unref(&draft.subscription);
    return draft.subscription;
}

struct subscription *subscription_parse_stored(struct span json, struct vault *vault,
                                               struct text *why)
{
    cJSON *tree = json_validate(json, NULL) ? cJSON_ParseWithLength(json.data, json.size) : NULL;
    struct subscription *subscription = NULL;
    if (cJSON_IsObject(tree))
        subscription = read_stored(tree, json, vault, why);
    else
        text_append_string(why, "it is no JSON object");
    subscription_destroy_tree(&tree);
    return subscription;
}
