// SPDX-License-Identifier: Apache-2.0
#include "petrel/api_key.h"
#include "unit.h"

static struct api_key make(char text[API_KEY_TEXT_SIZE])
{
    struct api_key key = {.name = "ci", .scope = API_KEY_WRITE, .created_at_ms = 1000};
    api_key_make(&key, text);
    return key;
}

TEST(a_key_names_its_record_and_matches_it_alone)
{
    char text[API_KEY_TEXT_SIZE], other_text[API_KEY_TEXT_SIZE], id[API_KEY_ID_SIZE];
    struct api_key key = make(text), other = make(other_text);
    CHECK(strcmp(text, other_text) != 0);
    CHECK(api_key_read_id(span_of(text), id));
    CHECK_STR(id, key.id);
    CHECK(api_key_matches(&key, span_of(text)));
    CHECK(!api_key_matches(&key, span_of(other_text)));
    CHECK(!api_key_matches(&other, span_of(text)));
    CHECK(strstr(key.digest, text + strlen("petrel_")) == NULL);
}

TEST(what_is_no_key_names_nothing)
{
    static const char *const rows[] = {
        "",
        "petrel_",
        "petrel_0123456789abcdefghijkl",
        "petrel_0123456789abcdefghijkl_",
        "petrel_0123456789abcdefghijkl_0123456789abcdefghijk",
        "petrel_0123456789abcdefghijkl_0123456789abcdefghijklm",
        "petrel_0123456789abcdefghijkl-0123456789abcdefghijkl",
        "petrel_0123456789abcdefghij*l_0123456789abcdefghijkl",
        "petrel_0123456789abcdefghijkl_0123456789abcdefghij_l",
        "Petrel_0123456789abcdefghijkl_0123456789abcdefghijkl",
    };
    char id[API_KEY_ID_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_ROW(!api_key_read_id(span_of(rows[i]), id), rows[i]);
}

TEST(the_stored_form_comes_back)
{
    char text[API_KEY_TEXT_SIZE];
    struct api_key key = make(text), read;
    struct text stored;
    key.has_tenant = true;
    key.expires_at_ms = 2000;
    snprintf(key.name, sizeof key.name, "a \"b\" \xc3\xa9");
    text_init(&stored, API_KEY_JSON_MAX_BYTES);
    api_key_format_stored(&key, &stored);
    CHECK(strstr(text_string(&stored), text) == NULL);
    CHECK(api_key_parse_stored(text_span(&stored), &read));
    CHECK_STR(read.id, key.id);
    CHECK_STR(read.name, key.name);
    CHECK_STR(read.digest, key.digest);
    CHECK(read.has_tenant && read.tenant[0] == '\0');
    CHECK_INT(read.scope, API_KEY_WRITE);
    CHECK(!api_key_has_expired(&read, 1999));
    CHECK(api_key_has_expired(&read, 2000));
    read.expires_at_ms = 0;
    CHECK(!api_key_has_expired(&read, INT64_MAX));
    text_fini(&stored);
}

#define DIGEST "\"digest\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define HEAD "{\"id\":\"key_1\",\"name\":\"n\","
#define TIMES ",\"created_at_ms\":1,\"expires_at_ms\":0}"

TEST(what_is_damaged_opens_nothing)
{
    static const struct {
        const char *json;
        bool is_good;
    } rows[] = {
        {HEAD "\"scope\":\"read\",\"tenant\":null," DIGEST TIMES, true},
        {HEAD "\"scope\":\"read\",\"tenant\":\"acme\"," DIGEST TIMES, true},
        {HEAD "\"scope\":\"read\"," DIGEST TIMES, false}, // a binding lost is no binding to all
        {HEAD "\"scope\":\"read\",\"tenant\":7," DIGEST TIMES, false},
        {HEAD "\"scope\":\"read\",\"tenant\":\"a/b\"," DIGEST TIMES, false},
        {HEAD "\"scope\":\"root\",\"tenant\":null," DIGEST TIMES, false},
        {HEAD "\"tenant\":null," DIGEST TIMES, false},
        {HEAD "\"scope\":\"read\",\"tenant\":null,\"digest\":\"\"" TIMES, false},
        {HEAD
         "\"scope\":\"read\",\"tenant\":null,\"digest\":\"0123456789abcdef0123456789abcdef0123456789"
         "abcdef0123456789abcde\\b\"" TIMES,
         false},
        {HEAD "\"scope\":\"read\",\"tenant\":null," DIGEST "}", false},
        {"{\"scope\":\"read\",\"tenant\":null," DIGEST TIMES, false},
        {"[]", false},
        {"", false},
        {"{", false},
    };
    struct api_key key;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_ROW(api_key_parse_stored(span_of(rows[i].json), &key) == rows[i].is_good,
                  rows[i].json);
}

TEST(scopes_are_ranked)
{
    enum api_key_scope scope;
    CHECK(API_KEY_READ < API_KEY_WRITE && API_KEY_WRITE < API_KEY_ADMIN);
    for (int i = API_KEY_READ; i <= API_KEY_ADMIN; i++) {
        const char *text = api_key_scope_text((enum api_key_scope)i);
        CHECK(api_key_parse_scope(span_of(text), &scope));
        CHECK_INT(scope, i);
    }
    CHECK(!api_key_parse_scope(SPAN("Admin"), &scope));
    CHECK(!api_key_parse_scope(SPAN(""), &scope));
}

TEST(the_public_form_has_the_key_only_when_it_was_made)
{
    char text[API_KEY_TEXT_SIZE];
    struct api_key key = make(text);
    struct text out;
    text_init(&out, API_KEY_JSON_MAX_BYTES);
    api_key_format_public(&key, text, &out);
    CHECK(strstr(text_string(&out), text) != NULL);
    text_clear(&out);
    api_key_format_public(&key, NULL, &out);
    CHECK(strstr(text_string(&out), "petrel_") == NULL);
    CHECK(strstr(text_string(&out), key.digest) == NULL);
    CHECK(strstr(text_string(&out), "\"created_at\":\"1970-01-01T00:00:01.000Z\"") != NULL);
    CHECK(strstr(text_string(&out), "\"expires_at\":null") != NULL);
    text_fini(&out);
}

UNIT_MAIN()
