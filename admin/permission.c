// SPDX-License-Identifier: Apache-2.0
// 401 says nothing of what there is; 403 is for who has a key, and names what would be enough. What belongs to another
// tenant isn't refused but absent: the store, bound to the key's tenant, doesn't find it.
#include "permission.h"

#include "petrel/clock.h"
#include "petrel/metrics.h"

static void refuse_key(struct exchange *exchange, enum auth_result result, int64_t retry_after_s)
{
    struct http_response *response = exchange->response;
    metrics_add(METRIC_ADMIN_UNAUTHORIZED, 1);
    if (result == AUTH_LIMITED) {
        http_response_add_header(response, "retry-after", "%lld", (long long)retry_after_s);
        problem_set(response, 429, "Too many wrong keys from this address; wait %lld s.",
                    (long long)retry_after_s);
        return;
    }
    http_response_add_header(response, "www-authenticate",
                             result == AUTH_MISSING
                                 ? "Bearer realm=\"petrel\""
                                 : "Bearer realm=\"petrel\", error=\"invalid_token\"");
    problem_set(response, 401, "%s",
                result == AUTH_MISSING   ? "Send a key: authorization: Bearer petrel_…."
                : result == AUTH_EXPIRED ? "The key has expired."
                                         : "The key is not this server's.");
}

bool permission_check_key(struct auth *auth, struct exchange *exchange)
{
    int64_t retry_after_s = 0;
    struct auth_request request = {
        .authorization = http_request_header(exchange->request, "authorization"),
        .peer = exchange->request->peer,
        .now_mono_ms = clock_mono_ms(),
        .now_wall_ms = clock_wall_ms(),
    };
    struct access *access = &exchange->access;
    enum auth_result result = auth_check(auth, exchange->store, &request, access, &retry_after_s);
    if (result == AUTH_OK) {
        exchange->store->tenant = access->key.has_tenant ? access->key.tenant : NULL;
        return true;
    }
    if (result == AUTH_UNAVAILABLE)
        exchange_fail(exchange, STORE_UNAVAILABLE, "", NULL);
    else
        refuse_key(exchange, result, retry_after_s);
    return false;
}

bool permission_check_route(const struct exchange *exchange, const struct route *route)
{
    const struct api_key *key = &exchange->access.key;
    if (key->scope < route->scope) {
        http_response_add_header(
            exchange->response, "www-authenticate",
            "Bearer realm=\"petrel\", error=\"insufficient_scope\", scope=\"%s\"",
            api_key_scope_text(route->scope));
        problem_set(exchange->response, 403, "The key's scope is %s; this needs %s.",
                    api_key_scope_text(key->scope), api_key_scope_text(route->scope));
        return false;
    }
    if (key->has_tenant && route->is_global) {
        problem_set(exchange->response, 403,
                    "This is about all tenants, and the key is bound to one.");
        return false;
    }
    return true;
}
