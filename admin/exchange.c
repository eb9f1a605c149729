// SPDX-License-Identifier: Apache-2.0
// What requests have in common before a route looks at them: body size, media type, well-formed JSON, parameters.
#include "exchange.h"

#include "body.h"
#include "petrel/clock.h"
#include "views.h"

// Of "application/json; charset=utf-8" the part before the parameters.
static bool is_json_type(const char *content_type)
{
    struct span rest = span_of(content_type);
    struct span type;
    if (!span_next(&rest, ';', &type))
        return false;
    type = span_trim(type);
    return span_equals_ignoring_case(type, SPAN("application/json")) ||
           span_equals_ignoring_case(type, SPAN("application/merge-patch+json"));
}

static bool is_small(struct exchange *exchange)
{
    if (exchange->request->is_too_large)
        problem_set(exchange->response, 413, "The body is larger than this server takes.");
    return !exchange->request->is_too_large;
}

bool exchange_take_json(struct exchange *exchange, struct span *json)
{
    struct json_error error;
    const char *content_type = http_request_header(exchange->request, "content-type");
    if (!is_small(exchange))
        return false;
    if (!is_json_type(content_type)) {
        problem_set(exchange->response, 415, "The content-type is %s%.60s%s; send application/json.",
                    content_type ? "\"" : "", content_type ? content_type : "missing",
                    content_type ? "\"" : "");
        return false;
    }
    *json = exchange->request->body;
    if (!json_validate(*json, &error)) {
        problem_set(exchange->response, 400, "The body is not valid JSON: %s, at byte %zu.",
                    error.message, error.offset);
        return false;
    }
    return true;
}

bool exchange_take_optional_json(struct exchange *exchange, struct span *json)
{
    if (exchange->request->body.size > 0 || exchange->request->is_too_large)
        return exchange_take_json(exchange, json);
    *json = SPAN("{}");
    return true;
}

bool exchange_take_nothing(struct exchange *exchange)
{
    static const char *const none[] = {NULL};
    struct field_errors errors = {.count = 0};
    struct body body;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_take_optional_json(exchange, &json))
        return false;
    body_parse(json, none, &body, &errors);
    return exchange_accept(exchange, &errors);
}

bool exchange_accept(struct exchange *exchange, const struct field_errors *errors)
{
    if (errors->count > 0)
        problem_set_errors(exchange->response, errors);
    return errors->count == 0;
}

bool exchange_accept_no_query(struct exchange *exchange)
{
    static const char *const none[] = {NULL};
    struct field_errors errors = {.count = 0};
    query_check(&exchange->query, none, &errors);
    return exchange_accept(exchange, &errors);
}

bool exchange_accept_id(struct exchange *exchange, const char *what)
{
    bool is_id = event_is_id(span_of(exchange->id));
    if (!is_id)
        problem_set(exchange->response, 404, "There is no such %s.", what);
    return is_id;
}

struct text *exchange_begin_json(struct exchange *exchange, unsigned status)
{
    exchange->response->status = status;
    exchange->response->content_type = "application/json";
    text_clear(&exchange->response->body);
    return &exchange->response->body;
}

void exchange_fail(struct exchange *exchange, enum store_result result, const char *what,
                   const struct field_errors *errors)
{
    problem_set_result(exchange->response, result, exchange->store, what, errors);
}

void exchange_read_list(struct exchange *exchange, const char *const *known,
                        struct list_request *request)
{
    *request = (struct list_request){.now_ms = clock_wall_ms()};
    query_check(&exchange->query, known, &request->errors);
    request->cursor = query_text(&exchange->query, "cursor");
    request->limit = query_limit(&exchange->query, &request->errors);
}

struct text *exchange_begin_list(struct exchange *exchange, enum store_result result,
                                 const char *what, const struct field_errors *errors)
{
    if (result != STORE_OK) {
        exchange_fail(exchange, result, what, errors);
        return NULL;
    }
    struct text *out = exchange_begin_json(exchange, 200);
    view_begin_list(out);
    return out;
}
