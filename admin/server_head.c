// SPDX-License-Identifier: Apache-2.0
// libmicrohttpd takes the first of several, goes by Transfer-Encoding where there is a Content-Length too, and takes a
// name with a space behind it for another name. Pure. Left to the library: heads that are no HTTP at all.
#include "server_head.h"

#include <stddef.h>

struct counts {
    size_t lengths, encodings, hosts, credentials;
    bool has_other_encoding; // than chunked: nothing says where such a body ends
    bool has_spaced_name;
};

static bool count(void *arg, const char *name, const char *value)
{
    struct counts *counts = arg;
    struct span text = span_of(name);
    counts->has_spaced_name |= span_trim(text).size != text.size;
    if (span_equals_ignoring_case(text, SPAN("content-length")))
        counts->lengths++;
    if (span_equals_ignoring_case(text, SPAN("host")))
        counts->hosts++;
    if (span_equals_ignoring_case(text, SPAN("authorization")))
        counts->credentials++;
    if (!span_equals_ignoring_case(text, SPAN("transfer-encoding")))
        return true;
    counts->encodings++;
    counts->has_other_encoding |=
        !span_equals_ignoring_case(span_trim(span_of(value)), SPAN("chunked"));
    return true;
}

const char *server_head_refuse(const struct http_request *request)
{
    struct counts counts = {.lengths = 0};
    http_request_each_header(request, count, &counts);
    if (counts.has_spaced_name)
        return "A header's name has a space before its colon.";
    if (counts.lengths + counts.encodings > 1)
        return "Where the body ends is said more than once: send one Content-Length or one Transfer-Encoding.";
    if (counts.has_other_encoding)
        return "Of transfer codings only \"chunked\" is understood.";
    if (counts.hosts > 1)
        return "There is more than one Host.";
    if (counts.credentials > 1)
        return "There is more than one Authorization.";
    return NULL;
}
