// SPDX-License-Identifier: Apache-2.0
// /v1/keys. A key is in the answer that makes it, and nowhere else.
#include <string.h>

#include "body.h"
#include "routes.h"
#include "views.h"

enum { FIELD_MAX_BYTES = 256, FIELDS = 4 };
static const char *const names[] = {"name", "scope", "tenant", "expires", NULL};

// NULL when absent.
static const char *given(const struct body *body, size_t index, struct text *strings)
{
    return body_find(body, names[index]) ? text_string(&strings[index]) : NULL;
}

static bool read_request(struct exchange *exchange, struct body *body, struct text *strings)
{
    struct field_errors errors = {.count = 0};
    struct span json;
    if (!exchange_take_json(exchange, &json))
        return false;
    if (body_parse(json, names, body, &errors)) {
        for (size_t i = 0; i < FIELDS; i++)
            body_read_string(body, names[i], &strings[i], &errors);
    }
    return exchange_accept(exchange, &errors);
}

static void create(struct exchange *exchange, const struct store_api_key_request *request)
{
    struct field_errors errors = {.count = 0};
    struct api_key created;
    char text[API_KEY_TEXT_SIZE];
    enum store_result result =
        store_create_api_key(exchange->store, request, &created, text, &errors);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "key", &errors);
        return;
    }
    struct text *out = exchange_begin_json(exchange, 201);
    out->is_secret = true;
    api_key_format_public(&created, text, out);
    http_response_add_header(exchange->response, "location", "/v1/keys/%s", created.id);
    explicit_bzero(text, sizeof text);
}

void route_keys_create(struct exchange *exchange)
{
    struct text strings[FIELDS];
    struct body body;
    if (!exchange_accept_no_query(exchange))
        return;
    for (size_t i = 0; i < FIELDS; i++)
        text_init(&strings[i], FIELD_MAX_BYTES);
    if (read_request(exchange, &body, strings)) {
        struct store_api_key_request request = {
            .name = given(&body, 0, strings),
            .scope = given(&body, 1, strings),
            .tenant = given(&body, 2, strings),
            .expires = given(&body, 3, strings),
        };
        create(exchange, &request);
    }
    for (size_t i = 0; i < FIELDS; i++)
        text_fini(&strings[i]);
}

void route_keys_list(struct exchange *exchange)
{
    static const char *const known[] = {"limit", "cursor", NULL};
    struct list_request request;
    struct store_api_keys list = {.count = 0};
    exchange_read_list(exchange, known, &request);
    if (!exchange_accept(exchange, &request.errors))
        return;
    enum store_result result =
        store_list_api_keys(exchange->store, request.cursor, request.limit, &list, &request.errors);
    struct text *out = exchange_begin_list(exchange, result, "key", &request.errors);
    if (!out)
        return;
    for (size_t i = 0; i < list.count; i++) {
        view_begin_item(i, out);
        api_key_format_public(&list.items[i], NULL, out);
    }
    view_end_list(list.next_cursor, out);
    store_api_keys_fini(&list);
}

void route_keys_show(struct exchange *exchange)
{
    struct api_key found;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "key"))
        return;
    enum store_result result = store_find_api_key(exchange->store, exchange->id, &found);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "key", NULL);
    else
        api_key_format_public(&found, NULL, exchange_begin_json(exchange, 200));
}

void route_keys_revoke(struct exchange *exchange)
{
    if (!exchange_accept_id(exchange, "key") || !exchange_take_nothing(exchange))
        return;
    enum store_result result = store_revoke_api_key(exchange->store, exchange->id);
    if (result != STORE_OK)
        exchange_fail(exchange, result, "key", NULL);
    else
        exchange->response->status = 204;
}
