// SPDX-License-Identifier: Apache-2.0
#include "body_values.h"

#include "petrel/timestamp.h"

int64_t body_instant(const char *text, const char *name, int64_t now_ms, struct field_errors *errors)
{
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

size_t body_limit(const struct body *body, struct field_errors *errors)
{
    const struct span *raw = body_find(body, "limit");
    uint64_t limit = BODY_LIMIT_DEFAULT;
    if (raw && (!span_to_uint64(*raw, &limit) || limit < 1 || limit > BODY_LIMIT_MAX)) {
        field_errors_add(errors, "limit", "must be a whole number from 1 to %d", BODY_LIMIT_MAX);
        limit = BODY_LIMIT_DEFAULT;
    }
    return (size_t)limit;
}
