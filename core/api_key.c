// SPDX-License-Identifier: Apache-2.0
// A key's text carries its id, so that it is found without comparing it with every other, and its record can be named
// in logs. Only the second half is secret.
#include "petrel/api_key.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "petrel/json.h"
#include "petrel/random.h"
#include "petrel/timestamp.h"

#define ID_PREFIX "key_"
#define TEXT_PREFIX "petrel_"

enum { RANDOM_CHARACTERS = 22 };

void api_key_make(struct api_key *key, char text[API_KEY_TEXT_SIZE])
{
    char secret[RANDOM_CHARACTERS + 1];
    random_id(ID_PREFIX, key->id, sizeof key->id);
    random_id("", secret, sizeof secret);
    snprintf(text, API_KEY_TEXT_SIZE, TEXT_PREFIX "%s_%s", key->id + strlen(ID_PREFIX), secret);
    digest_sha256_hex(span_of(text), key->digest);
    explicit_bzero(secret, sizeof secret);
}

static bool is_random_part(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return text.size == RANDOM_CHARACTERS;
}

bool api_key_read_id(struct span text, char id[API_KEY_ID_SIZE])
{
    struct span name;
    size_t prefix = strlen(TEXT_PREFIX);
    if (!span_starts_with(text, SPAN(TEXT_PREFIX)))
        return false;
    struct span rest = {.data = text.data + prefix, .size = text.size - prefix};
    if (!span_next(&rest, '_', &name) || !is_random_part(name) || !is_random_part(rest))
        return false;
    snprintf(id, API_KEY_ID_SIZE, ID_PREFIX "%.*s", SPAN_FMT(name));
    return true;
}

bool api_key_matches(const struct api_key *key, struct span text)
{
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(text, digest);
    return digest_equals(digest, key->digest, DIGEST_HEX_SIZE - 1);
}

bool api_key_has_expired(const struct api_key *key, int64_t now_wall_ms)
{
    return key->expires_at_ms != 0 && now_wall_ms >= key->expires_at_ms;
}

// ---- scopes

static const char *const scopes[] = {
    [API_KEY_READ] = "read", [API_KEY_WRITE] = "write", [API_KEY_ADMIN] = "admin"};

const char *api_key_scope_text(enum api_key_scope scope)
{
    return scopes[scope];
}

bool api_key_parse_scope(struct span text, enum api_key_scope *scope)
{
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        if (span_equals_text(text, scopes[i])) {
            *scope = (enum api_key_scope)i;
            return true;
        }
    }
    return false;
}

// ---- forms

static void append_strings(const struct api_key *key, struct text *out)
{
    text_append_string(out, "{\"id\":");
    json_append_string(out, span_of(key->id));
    text_append_string(out, ",\"name\":");
    json_append_string(out, span_of(key->name));
    text_append_format(out, ",\"scope\":\"%s\",\"tenant\":", api_key_scope_text(key->scope));
    if (key->has_tenant)
        json_append_string(out, span_of(key->tenant));
    else
        text_append_string(out, "null");
}

void api_key_format_stored(const struct api_key *key, struct text *out)
{
    append_strings(key, out);
    text_append_format(out, ",\"digest\":\"%s\",\"created_at_ms\":%lld,\"expires_at_ms\":%lld}",
                       key->digest, (long long)key->created_at_ms, (long long)key->expires_at_ms);
}

static void append_instant(struct text *out, const char *name, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    if (wall_ms > 0)
        timestamp_format(wall_ms, instant);
    text_append_format(out, wall_ms > 0 ? ",\"%s\":\"%s\"" : ",\"%s\":null", name, instant);
}

void api_key_format_public(const struct api_key *key, const char *text, struct text *out)
{
    append_strings(key, out);
    append_instant(out, "created_at", key->created_at_ms);
    append_instant(out, "expires_at", key->expires_at_ms);
    append_instant(out, "last_used_at", key->last_used_at_ms);
    if (text)
        text_append_format(out, ",\"key\":\"%s\"", text);
    text_append_char(out, '}');
}

static struct span read_string(const cJSON *object, const char *name)
{
    return span_of(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

static bool read_digest(const cJSON *object, struct api_key *key)
{
    return span_copy(read_string(object, "digest"), key->digest, sizeof key->digest) &&
           strspn(key->digest, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

static bool read_ms(const cJSON *object, const char *name, int64_t *ms)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0) ||
        !(value->valuedouble <= (double)TIMESTAMP_MAX_MS))
        return false;
    *ms = (int64_t)value->valuedouble;
    return true;
}

static bool read_tenant(const cJSON *value, struct api_key *key)
{
    key->has_tenant = cJSON_IsString(value);
    return key->has_tenant
               ? event_is_tenant(span_of(value->valuestring)) &&
                     span_copy(span_of(value->valuestring), key->tenant, sizeof key->tenant)
               : cJSON_IsNull(value);
}

// Whatever isn't whole and right is no key: a binding that can't be read must not become no binding.
bool api_key_parse_stored(struct span json, struct api_key *key)
{
    *key = (struct api_key){.scope = API_KEY_READ};
    cJSON *tree = json_validate(json, NULL) ? cJSON_ParseWithLength(json.data, json.size) : NULL;
    bool is_good = cJSON_IsObject(tree) &&
                   span_copy(read_string(tree, "id"), key->id, sizeof key->id) && key->id[0] &&
                   span_copy(read_string(tree, "name"), key->name, sizeof key->name) &&
                   api_key_parse_scope(read_string(tree, "scope"), &key->scope) &&
                   read_tenant(cJSON_GetObjectItemCaseSensitive(tree, "tenant"), key) &&
                   read_digest(tree, key) && read_ms(tree, "created_at_ms", &key->created_at_ms) &&
                   read_ms(tree, "expires_at_ms", &key->expires_at_ms);
    cJSON_Delete(tree);
    return is_good;
}
