// SPDX-License-Identifier: Apache-2.0
// Who (the key's id, the address), what (method and path), which (the path's id, or what was made), and how it ended.
// Never bodies, queries or headers: they hold what people put there.
#include "audit.h"

#include <string.h>

#include "petrel/log.h"

static bool is_reading(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static const char *made(const struct http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "location") == 0)
            return response->headers[i].value;
    }
    return "";
}

void audit_write(const struct exchange *exchange, const struct route *route)
{
    const struct http_request *request = exchange->request;
    const struct api_key *key = &exchange->access.key;
    bool is_quiet = is_reading(request->method) && !(route && route->is_secret);
    if (is_quiet)
        log_debug("admin request", LOG_STR("method", request->method),
                  LOG_STR("path", request->path), LOG_INT("status", exchange->response->status),
                  LOG_STR("key", key->id));
    else
        log_info("audit", LOG_STR("key", key->id), LOG_STR("peer", request->peer),
                 LOG_STR("method", request->method), LOG_STR("path", request->path),
                 LOG_STR("made", made(exchange->response)),
                 LOG_INT("status", exchange->response->status));
}
