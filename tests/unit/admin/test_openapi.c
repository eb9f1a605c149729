// SPDX-License-Identifier: Apache-2.0
// The document and the table of routes say the same, both ways; and its references lead somewhere.
#include <cjson/cJSON.h>
#include <ctype.h>

#include "admin_assets.h"
#include "petrel/json.h"
#include "routes.h"
#include "unit.h"

enum { METHOD_SIZE = 8 };

static cJSON *document;

static void load(void)
{
    struct json_error error;
    struct span text = {.data = admin_asset_openapi_json, .size = admin_asset_openapi_json_size};
    CHECK(json_validate(text, &error));
    document = cJSON_ParseWithLength(text.data, text.size);
    CHECK(document != NULL);
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *item)
{
    const char *text = cJSON_GetStringValue(item);
    return text ? text : "";
}

static void lower(const char *text, char out[METHOD_SIZE])
{
    size_t size = 0;
    for (; text[size] && size + 1 < METHOD_SIZE; size++)
        out[size] = (char)tolower((unsigned char)text[size]);
    out[size] = '\0';
}

static const struct route *find_route(const char *path, const char *method)
{
    for (size_t i = 0; i < routes_count; i++) {
        char name[METHOD_SIZE];
        lower(routes[i].method, name);
        if (strcmp(routes[i].pattern, path) == 0 && strcmp(name, method) == 0)
            return &routes[i];
    }
    return NULL;
}

TEST(every_route_is_described)
{
    load();
    for (size_t i = 0; i < routes_count; i++) {
        char method[METHOD_SIZE];
        lower(routes[i].method, method);
        const cJSON *operation =
            member(member(member(document, "paths"), routes[i].pattern), method);
        CHECK_ROW(operation != NULL, routes[i].pattern);
        // An empty list of requirements says that no key is needed.
        const cJSON *security = member(operation, "security");
        bool is_open = cJSON_IsArray(security) && cJSON_GetArraySize(security) == 0;
        CHECK_ROW(is_open == routes[i].is_open, routes[i].pattern);
        const cJSON *scopes = member(cJSON_GetArrayItem(security, 0), "key");
        const char *scope = is_open ? "read" : text_of(cJSON_GetArrayItem(scopes, 0));
        CHECK_STR(scope, api_key_scope_text(routes[i].scope));
        CHECK_ROW(cJSON_IsTrue(member(operation, "x-all-tenants")) == routes[i].is_global,
                  routes[i].pattern);
    }
    cJSON_Delete(document);
}

TEST(what_changes_something_needs_more_than_reading)
{
    for (size_t i = 0; i < routes_count; i++) {
        bool is_reading = strcmp(routes[i].method, "GET") == 0 && !routes[i].is_secret;
        CHECK_ROW(is_reading || routes[i].scope > API_KEY_READ, routes[i].pattern);
        CHECK_ROW(!routes[i].is_open || is_reading, routes[i].pattern);
    }
}

TEST(every_description_has_a_route)
{
    const cJSON *path, *operation;
    load();
    cJSON_ArrayForEach(path, member(document, "paths"))
    {
        cJSON_ArrayForEach(operation, path)
        {
            CHECK_ROW(find_route(path->string, operation->string) != NULL, path->string);
            CHECK_ROW(text_of(member(operation, "operationId"))[0] != '\0', path->string);
            CHECK_ROW(text_of(member(operation, "summary"))[0] != '\0', path->string);
            CHECK_ROW(cJSON_GetArraySize(member(operation, "responses")) > 0, path->string);
        }
    }
    cJSON_Delete(document);
}

static bool has_parameter(const cJSON *operation, const char *reference)
{
    const cJSON *parameter;
    cJSON_ArrayForEach(parameter, member(operation, "parameters"))
    {
        if (strcmp(text_of(member(parameter, "$ref")), reference) == 0)
            return true;
    }
    return false;
}

TEST(every_post_whose_answer_may_be_kept_takes_an_idempotency_key)
{
    load();
    for (size_t i = 0; i < routes_count; i++) {
        bool is_post = strcmp(routes[i].method, "POST") == 0;
        char method[METHOD_SIZE];
        lower(routes[i].method, method);
        const cJSON *operation =
            member(member(member(document, "paths"), routes[i].pattern), method);
        CHECK_ROW(has_parameter(operation, "#/components/parameters/idempotency_key") ==
                      (is_post && !routes[i].is_secret),
                  routes[i].pattern);
    }
    cJSON_Delete(document);
}

// "#/components/schemas/event" is a member of a member of a member.
static bool is_resolved(const char *reference)
{
    struct span rest = span_of(reference);
    struct span part;
    const cJSON *at = document;
    if (!span_next(&rest, '/', &part) || !span_equals_text(part, "#"))
        return false;
    while (at && span_next(&rest, '/', &part)) {
        char name[64];
        at = span_copy(part, name, sizeof name) ? member(at, name) : NULL;
    }
    return at != NULL;
}

static int count_references(const cJSON *item)
{
    const cJSON *child;
    int count = 0;
    cJSON_ArrayForEach(child, item)
    {
        if (child->string && strcmp(child->string, "$ref") == 0) {
            CHECK_ROW(is_resolved(text_of(child)), text_of(child));
            count++;
        }
        count += count_references(child);
    }
    return count;
}

TEST(references_lead_somewhere)
{
    load();
    CHECK(count_references(document) > 100);
    cJSON_Delete(document);
}

TEST(its_version_is_that_of_the_program)
{
    load();
    CHECK_STR(text_of(member(member(document, "info"), "version")), PETREL_VERSION);
    cJSON_Delete(document);
}

UNIT_MAIN()
