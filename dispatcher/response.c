// SPDX-License-Identifier: Apache-2.0
// Reads what the receiver chose to write, so nothing here trusts it: sizes are counted before anything is looked at, and
// a line that isn't exactly one of the two known headers is nothing.
// Left to others: HTTP itself (libcurl), what follows from the result (outcome.c).
#include "response.h"

#include <string.h>

#include "petrel/clock.h"

void response_begin(struct response *response, struct attempt_result *result)
{
    *response = (struct response){.head_bytes = 0};
    result->status = 0;
    result->directive = DIRECTIVE_NONE;
    result->retry_after_ms = -1;
    result->excerpt_bytes = 0; // the bytes are left as they are: this says how many count
}

static bool take_header(struct span line, const char *name, struct span *value)
{
    struct span head = span_of(name);
    if (line.size <= head.size || line.data[head.size] != ':')
        return false;
    if (!span_equals_ignoring_case((struct span){line.data, head.size}, head))
        return false;
    *value = span_trim((struct span){line.data + head.size + 1, line.size - head.size - 1});
    return true;
}

static void read_header(struct span line, struct attempt_result *result)
{
    struct span value;
    if (take_header(line, "retry-after", &value)) {
        result->retry_after_ms = outcome_parse_retry_after(value, clock_wall_ms() / 1000);
    } else if (take_header(line, "webhook-delivery", &value)) {
        if (span_equals_ignoring_case(value, SPAN("disable")))
            result->directive = DIRECTIVE_DISABLE;
        else if (span_equals_ignoring_case(value, SPAN("abort-message")))
            result->directive = DIRECTIVE_ABORT_MESSAGE;
    }
}

enum response_line response_take_line(struct response *response, struct span line,
                                      struct attempt_result *result)
{
    response->head_bytes += line.size;
    if (response->head_bytes > RESPONSE_HEAD_MAX_BYTES) {
        response->is_too_large = true;
        return RESPONSE_TOO_LARGE;
    }
    while (line.size && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    if (response->has_final_status)
        return RESPONSE_LINE; // trailers: nothing of ours is read from them
    if (line.size == 0)
        return RESPONSE_END_OF_HEAD;
    if (span_starts_with(line, SPAN("HTTP/"))) {
        result->retry_after_ms = -1;
        result->directive = DIRECTIVE_NONE;
    } else {
        read_header(line, result);
    }
    return RESPONSE_LINE;
}

void response_end_head(struct response *response, long status, struct attempt_result *result)
{
    response->has_final_status = status >= 200;
    result->status = (int32_t)(response->has_final_status ? status : 0);
}

bool response_take_body(struct response *response, struct span bytes, struct attempt_result *result)
{
    size_t room = sizeof result->excerpt - result->excerpt_bytes;
    size_t kept = bytes.size < room ? bytes.size : room;
    if (kept > 0)
        memcpy(result->excerpt + result->excerpt_bytes, bytes.data, kept);
    result->excerpt_bytes += kept;
    response->body_bytes += bytes.size;
    response->is_too_large = response->body_bytes > RESPONSE_BODY_MAX_BYTES;
    return !response->is_too_large;
}
