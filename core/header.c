// SPDX-License-Identifier: Apache-2.0
// Which custom request headers may be sent: libcurl filters nothing, so what passes here is what
// goes out. Pure. Left to others: how many there may be, and duplicates.
#include "petrel/header.h"

#include <string.h>

static const char *const reserved_names[] = {
    "accept-encoding", // a response is never decompressed
    "connection",      "content-length",    "content-type", "expect",      "host",
    "http2-settings",  "keep-alive",        "te",           "traceparent", "trailer",
    "tracestate",      "transfer-encoding", "upgrade",      "user-agent",
};

static const char *const reserved_prefixes[] = {"webhook-", "ce-", "proxy-"};

// RFC 9110 §5.6.2.
static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alphanumeric && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.size > 0;
}

static bool is_reserved(struct span name)
{
    for (size_t i = 0; i < sizeof(reserved_names) / sizeof(reserved_names[0]); i++) {
        if (span_equals_ignoring_case(name, span_of(reserved_names[i])))
            return true;
    }
    for (size_t i = 0; i < sizeof(reserved_prefixes) / sizeof(reserved_prefixes[0]); i++) {
        struct span prefix = span_of(reserved_prefixes[i]);
        struct span start = {.data = name.data, .size = prefix.size};
        if (name.size >= prefix.size && span_equals_ignoring_case(start, prefix))
            return true;
    }
    return false;
}

const char *header_refuse_name(struct span name)
{
    if (name.size == 0)
        return "a header's name must not be empty";
    if (name.size > HEADER_NAME_MAX_BYTES)
        return "a header's name may have at most 128 characters";
    if (name.data[0] == ':')
        return "a header's name must not begin with a colon";
    if (!is_token(name))
        return "a header's name may have letters, digits and !#$%&'*+-.^_`|~ only";
    if (is_reserved(name))
        return "this header is set by petrel or by HTTP itself";
    return NULL;
}

const char *header_refuse_value(struct span value)
{
    if (value.size > HEADER_VALUE_MAX_BYTES)
        return "a header's value may have at most 4096 bytes";
    // libcurl takes "Name:" without a value as the order to send no such header.
    if (span_trim(value).size == 0)
        return "a header's value must not be empty";
    if (span_trim(value).size != value.size)
        return "a header's value must not begin or end with a space or tab";
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return "a header's value must not have control characters or line breaks";
        if (c >= 0x80)
            return "a header's value may have ASCII characters only";
    }
    return NULL;
}
