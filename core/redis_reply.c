// SPDX-License-Identifier: Apache-2.0
// Views of a reply: hiredis's struct seen through functions that accept NULL and any type.
#include <hiredis/hiredis.h>

#include "petrel/redis_command.h"

enum redis_reply_kind redis_reply_kind_of(redis_reply *reply)
{
    if (!reply)
        return REDIS_REPLY_IS_ERROR;
    switch (reply->type) {
    case REDIS_REPLY_NIL:
        return REDIS_REPLY_IS_NIL;
    case REDIS_REPLY_INTEGER:
#ifdef REDIS_REPLY_BOOL
    case REDIS_REPLY_BOOL:
#endif
        return REDIS_REPLY_IS_INTEGER;
    case REDIS_REPLY_ARRAY:
#ifdef REDIS_REPLY_MAP
    case REDIS_REPLY_MAP:
    case REDIS_REPLY_SET:
    case REDIS_REPLY_PUSH:
#endif
        return REDIS_REPLY_IS_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_REPLY_IS_ERROR;
    default: // strings, and the kinds of RESP3 that hiredis gives as text: double, big number, verbatim
        return REDIS_REPLY_IS_TEXT;
    }
}

bool redis_reply_is_error(redis_reply *reply)
{
    return redis_reply_kind_of(reply) == REDIS_REPLY_IS_ERROR;
}

bool redis_reply_is_ok(redis_reply *reply)
{
    return !redis_reply_is_error(reply);
}

struct span redis_reply_span(redis_reply *reply)
{
    enum redis_reply_kind kind = redis_reply_kind_of(reply);
    if (!reply || (kind != REDIS_REPLY_IS_TEXT && kind != REDIS_REPLY_IS_ERROR))
        return (struct span){0};
    return (struct span){.data = reply->str, .size = (size_t)reply->len};
}

int64_t redis_reply_int(redis_reply *reply)
{
    int64_t value = 0;
    if (redis_reply_kind_of(reply) == REDIS_REPLY_IS_INTEGER)
        return reply->integer;
    return redis_reply_kind_of(reply) == REDIS_REPLY_IS_TEXT &&
                   span_to_int64(redis_reply_span(reply), &value)
               ? value
               : 0;
}

size_t redis_reply_count(redis_reply *reply)
{
    return redis_reply_kind_of(reply) == REDIS_REPLY_IS_ARRAY ? (size_t)reply->elements : 0;
}

redis_reply *redis_reply_at(redis_reply *reply, size_t index)
{
    return index < redis_reply_count(reply) ? reply->element[index] : NULL;
}

redis_reply *redis_reply_field(redis_reply *reply, const char *name)
{
    size_t count = redis_reply_count(reply);
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (span_equals_text(redis_reply_span(reply->element[i]), name))
            return reply->element[i + 1];
    }
    return NULL;
}

bool redis_reply_has_code(redis_reply *reply, const char *code)
{
    if (!reply || redis_reply_kind_of(reply) != REDIS_REPLY_IS_ERROR)
        return false;
    struct span text = redis_reply_span(reply);
    struct span word;
    return span_next(&text, ' ', &word) && span_equals_text(word, code);
}

bool redis_reply_is_transient(redis_reply *reply)
{
    // NOPERM: a right that an operator took away by mistake comes back like a Redis that was full.
    static const char *const codes[] = {"LOADING", "OOM",         "READONLY",   "MASTERDOWN",
                                        "BUSY",    "CLUSTERDOWN", "NOREPLICAS", "TRYAGAIN",
                                        "MISCONF", "NOSCRIPT",    "NOPERM"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (redis_reply_has_code(reply, codes[i]))
            return true;
    }
    return false;
}
