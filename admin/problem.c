// SPDX-License-Identifier: Apache-2.0
// RFC 9457 documents. type is always "about:blank": the status says what kind it is, detail and errors say the rest.
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "petrel/json.h"

enum { DETAIL_SIZE = 512, RETRY_AFTER_S = 1 };

static const struct {
    unsigned status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

const char *problem_title(unsigned status)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Error";
}

static void begin(struct http_response *response, unsigned status, const char *detail)
{
    response->status = status;
    response->content_type = "application/problem+json";
    text_clear(&response->body);
    text_append_format(&response->body,
                       "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":",
                       problem_title(status), status);
    json_append_string(&response->body, span_of(detail));
}

void problem_set(struct http_response *response, unsigned status, const char *format, ...)
{
    char detail[DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    begin(response, status, detail);
    text_append_char(&response->body, '}');
}

void problem_set_errors(struct http_response *response, const struct field_errors *errors)
{
    begin(response, 422,
          errors->count == 1 ? "One field needs to be corrected; see errors."
                             : "Some fields need to be corrected; see errors.");
    text_append_string(&response->body, ",\"errors\":[");
    for (size_t i = 0; i < errors->count; i++) {
        text_append_string(&response->body, i > 0 ? ",{\"field\":" : "{\"field\":");
        json_append_string(&response->body, span_of(errors->items[i].field));
        text_append_string(&response->body, ",\"message\":");
        json_append_string(&response->body, span_of(errors->items[i].message));
        text_append_char(&response->body, '}');
    }
    text_append_string(&response->body, "]}");
}

static void set_retry_after(struct http_response *response)
{
    http_response_add_header(response, "retry-after", "%d", RETRY_AFTER_S);
}

void problem_set_result(struct http_response *response, enum store_result result,
                        const struct store *store, const char *what,
                        const struct field_errors *errors)
{
    static const struct field_errors none = {.count = 0};
    switch (result) {
    case STORE_OK:
        problem_set(response, 500, "petrel took a success for a failure; this is a bug");
        return;
    case STORE_NOT_FOUND:
        problem_set(response, 404, "There is no such %s.", what);
        return;
    case STORE_INVALID:
        problem_set_errors(response, errors ? errors : &none);
        return;
    case STORE_CONFLICT:
        problem_set(response, 409, "%s", store->error);
        return;
    case STORE_FULL:
        set_retry_after(response);
        problem_set(response, 507, "Redis refuses writes: %s", store->error);
        return;
    case STORE_UNAVAILABLE:
        set_retry_after(response);
        problem_set(response, 503, "Redis isn't available: %s", store->error);
        return;
    case STORE_UNCONFIRMED:
        set_retry_after(response);
        problem_set(
            response, 503,
            "The %s is in Redis, but %s: it is delivered unless a failover loses it. Sent again with the "
            "same id or Idempotency-Key it is delivered once.",
            what, store->error);
        return;
    }
}
