// SPDX-License-Identifier: Apache-2.0
// Keys of the admin API. Parts: an Authorization header, and a key's record in Redis.
//
// No header but the one with the key itself opens anything; a record that is accepted is stored and read again as the
// same, its binding to a tenant above all.
#include "petrel/api_key.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/auth.h"
#include "fuzz.h"

#define KEY "open sesame"

static struct auth *find_auth(void)
{
    static struct auth auth;
    static bool is_ready;
    if (!is_ready)
        auth_init(&auth, KEY);
    is_ready = true;
    return &auth;
}

// What RFC 6750 asks for, written another way.
static bool is_the_key(const char *header)
{
    header += strspn(header, " \t");
    if (strncasecmp(header, "Bearer ", 7) != 0)
        return false;
    header += 7;
    header += strspn(header, " \t");
    return strncmp(header, KEY, strlen(KEY)) == 0 &&
           header[strlen(KEY) + strspn(header + strlen(KEY), " \t")] == '\0';
}

static void check_header(struct span part)
{
    char id[API_KEY_ID_SIZE], again[API_KEY_ID_SIZE];
    char *header = span_duplicate(part);
    FUZZ_CHECK(header);
    const char *last = strrchr(header, ' ');
    struct span text = span_of(last ? last + 1 : header);
    bool has_id = api_key_read_id(text, id);
    if (has_id) {
        FUZZ_CHECK(text.size == strlen("petrel_") + 22 + 1 + 22 && fuzz_is_printable(id));
        FUZZ_CHECK(strncmp(id, "key_", 4) == 0 && strncmp(id + 4, text.data + 7, 22) == 0);
        FUZZ_CHECK(strlen(id) == 26 && api_key_read_id(text, again) && strcmp(id, again) == 0);
    } else if (!strstr(header, "petrel_")) { // Redis would be asked for such a one
        FUZZ_CHECK(auth_has_key(find_auth(), NULL, header, 1) == is_the_key(header));
    }
    free(header);
}

static void check_record(struct span json)
{
    struct api_key key, again;
    struct text stored, shown;
    if (!api_key_parse_stored(json, &key))
        return;
    text_init(&stored, 64 * 1024);
    text_init(&shown, 64 * 1024);
    api_key_format_stored(&key, &stored);
    FUZZ_CHECK(!stored.failed && api_key_parse_stored(text_span(&stored), &again));
    FUZZ_CHECK(strcmp(key.id, again.id) == 0 && strcmp(key.name, again.name) == 0);
    FUZZ_CHECK(key.scope == again.scope && strcmp(key.digest, again.digest) == 0);
    FUZZ_CHECK(key.has_tenant == again.has_tenant && strcmp(key.tenant, again.tenant) == 0);
    FUZZ_CHECK(key.created_at_ms == again.created_at_ms);
    FUZZ_CHECK(key.expires_at_ms == again.expires_at_ms);
    FUZZ_CHECK(key.has_tenant || key.tenant[0] == '\0');
    FUZZ_CHECK(event_is_tenant(span_of(key.tenant)) && key.id[0]);
    api_key_format_public(&key, NULL, &shown);
    FUZZ_CHECK(!shown.failed);
    cJSON *members = cJSON_Parse(text_string(&shown)); // a tenant may be called "digest"
    FUZZ_CHECK(members && !cJSON_GetObjectItemCaseSensitive(members, "digest"));
    cJSON_Delete(members);
    text_fini(&stored);
    text_fini(&shown);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    check_header(fuzz_part(&parts, 0));
    check_record(fuzz_part(&parts, 1));
    fuzz_free(&parts);
}
