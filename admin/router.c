// SPDX-License-Identifier: Apache-2.0
// The table is short (some thirty rows), so it is looked through from its beginning. Fixed patterns stand before
// those with {…} that they would match.
#include "router.h"

#include <string.h>

// Takes the text up to the next '/' from *rest, and that '/'.
static struct span take_segment(struct span *rest)
{
    const char *end = span_find(*rest, '/');
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    struct span segment = {.data = rest->data, .size = size};
    size_t taken = end ? size + 1 : size;
    rest->data += taken;
    rest->size -= taken;
    return segment;
}

static bool is_match(const char *pattern, struct span path, char id[ROUTER_ID_SIZE])
{
    struct span left = span_of(pattern);
    id[0] = '\0';
    // A '/' at the end would otherwise be lost with the last segment.
    if (path.size > 1 && path.data[path.size - 1] == '/')
        return false;
    while (left.size > 0 && path.size > 0) {
        struct span expected = take_segment(&left);
        struct span given = take_segment(&path);
        if (expected.size > 0 && expected.data[0] == '{') {
            if (given.size == 0 || !span_copy(given, id, ROUTER_ID_SIZE))
                return false;
        } else if (!span_equals(expected, given)) {
            return false;
        }
    }
    return left.size == 0 && path.size == 0;
}

static void add_allowed(char allow[ROUTER_ALLOW_SIZE], const char *method)
{
    size_t used = strlen(allow);
    const char *parts[] = {used > 0 ? ", " : "", method, strcmp(method, "GET") == 0 ? ", HEAD" : ""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t size = strlen(parts[i]);
        if (used + size >= ROUTER_ALLOW_SIZE)
            return;
        memcpy(allow + used, parts[i], size + 1);
        used += size;
    }
}

enum router_result router_find(const struct route *routes, size_t count, struct span method,
                               struct span path, struct router_match *match)
{
    char id[ROUTER_ID_SIZE];
    *match = (struct router_match){.route = NULL};
    if (span_equals_text(method, "HEAD"))
        method = SPAN("GET");
    for (size_t i = 0; i < count; i++) {
        if (!is_match(routes[i].pattern, path, id))
            continue;
        if (span_equals_text(method, routes[i].method)) {
            match->route = &routes[i];
            memcpy(match->id, id, sizeof match->id);
            return ROUTER_FOUND;
        }
        add_allowed(match->allow, routes[i].method);
    }
    return match->allow[0] ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
}
