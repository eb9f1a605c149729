// SPDX-License-Identifier: Apache-2.0
// Query parameters are refused when unknown: a misspelt filter that is ignored would list everything, and whoever
// acts on that list redrives or deletes what they never asked for.
#include "query.h"

#include <string.h>

#include "petrel/timestamp.h"

bool query_add(struct query *query, const char *name, const char *value)
{
    if (query->count == QUERY_MAX_PARAMETERS) {
        query->has_too_many = true;
        return false;
    }
    query->parameters[query->count].name = name;
    query->parameters[query->count++].value = value ? value : "";
    return true;
}

static bool on_parameter(void *arg, const char *name, const char *value)
{
    return query_add(arg, name, value);
}

void query_collect(const struct http_request *request, struct query *query)
{
    query->count = 0;
    query->has_too_many = false;
    http_request_each_query(request, on_parameter, query);
}

static bool is_listed(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(name, *list) == 0)
            return true;
    }
    return false;
}

static void join(const char *const *list, char *out, size_t out_size)
{
    struct text text;
    text_init(&text, out_size - 1);
    for (size_t i = 0; list[i]; i++)
        text_append_format(&text, "%s%s", i > 0 ? ", " : "", list[i]);
    if (!span_copy(text_span(&text), out, out_size))
        out[0] = '\0';
    text_fini(&text);
}

void query_check(const struct query *query, const char *const *known, struct field_errors *errors)
{
    char list[FIELD_MESSAGE_SIZE / 2];
    join(known, list, sizeof list);
    for (size_t i = 0; i < query->count; i++) {
        const char *name = query->parameters[i].name;
        if (!is_listed(name, known)) {
            if (known[0])
                field_errors_add(errors, name, "unknown parameter; there are: %s", list);
            else
                field_errors_add(errors, name, "unknown parameter; this request takes none");
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(query->parameters[k].name, name) == 0) {
                field_errors_add(errors, name, "given twice; give it once");
                break;
            }
        }
    }
    if (query->has_too_many)
        field_errors_add(errors, "", "more than %d query parameters", QUERY_MAX_PARAMETERS);
}

const char *query_text(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->parameters[i].name, name) == 0)
            return query->parameters[i].value[0] ? query->parameters[i].value : NULL;
    }
    return NULL;
}

size_t query_limit(const struct query *query, struct field_errors *errors)
{
    const char *text = query_text(query, "limit");
    uint64_t limit = QUERY_LIMIT_DEFAULT;
    if (text && (!span_to_uint64(span_of(text), &limit) || limit < 1 || limit > QUERY_LIMIT_MAX)) {
        field_errors_add(errors, "limit", "must be a number from 1 to %d", QUERY_LIMIT_MAX);
        return QUERY_LIMIT_DEFAULT;
    }
    return (size_t)limit;
}

int64_t query_instant(const struct query *query, const char *name, int64_t now_ms,
                      struct field_errors *errors)
{
    const char *text = query_text(query, name);
    int64_t value = 0;
    if (!text)
        return 0;
    if (timestamp_parse(span_of(text), &value))
        return value > 0 ? value : 1; // 0 would mean: no bound
    if (duration_parse(span_of(text), &value))
        return now_ms - value > 0 ? now_ms - value : 1;
    field_errors_add(errors, name,
                     "must be a time like 2026-01-31T12:00:00Z, or how long ago, like 24h");
    return 0;
}

const char *query_choice(const struct query *query, const char *name, const char *const *choices,
                         struct field_errors *errors)
{
    const char *text = query_text(query, name);
    if (!text || is_listed(text, choices))
        return text;
    char list[FIELD_MESSAGE_SIZE / 2];
    join(choices, list, sizeof list);
    field_errors_add(errors, name, "must be one of: %s", list);
    return NULL;
}
