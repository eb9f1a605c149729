// SPDX-License-Identifier: Apache-2.0
// A subscriber's URL, checked and normalised by the parser that will also connect: libcurl's.
//
// Invariant: url.text parses to exactly this struct again. libcurl guesses what it can (missing
// slashes, userinfo in odd places, hosts in percent-encoding), so what invites guessing is refused
// before it is asked. Left to others: whether the address behind the host may be reached
// (network.c, at connect time).
#include "petrel/url.h"

#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX_BYTES = 63, NAME_MAX_BYTES = 253 };

static bool refuse(char error[URL_ERROR_SIZE], const char *why)
{
    snprintf(error, URL_ERROR_SIZE, "%s", why);
    return false;
}

static bool check_bytes(struct span text, char error[URL_ERROR_SIZE])
{
    if (text.size == 0)
        return refuse(error, "the URL is empty");
    if (text.size > URL_MAX_BYTES) {
        snprintf(error, URL_ERROR_SIZE, "the URL has %zu bytes, the maximum is %d", text.size,
                 URL_MAX_BYTES);
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == ' ' || (c >= '\t' && c <= '\r'))
            return refuse(error, "the URL must not have spaces or line breaks; write %20");
        if (c < 0x20 || c == 0x7f)
            return refuse(error, "the URL must not have control characters");
        if (c == '\\')
            return refuse(error, "the URL must not have backslashes; write / or %5C");
    }
    if (!utf8_is_valid(text))
        return refuse(error, "the URL is not UTF-8");
    return true;
}

static bool cut_ignoring_case(struct span *text, struct span start)
{
    struct span head = {.data = text->data, .size = start.size};
    if (text->size < start.size || !span_equals_ignoring_case(head, start))
        return false;
    text->data += start.size;
    text->size -= start.size;
    return true;
}

// What stands between the scheme and the path, before libcurl reads it its own way.
static bool check_authority(struct span text, char error[URL_ERROR_SIZE])
{
    if (!cut_ignoring_case(&text, SPAN("https://")) && !cut_ignoring_case(&text, SPAN("http://")))
        return refuse(error, "the URL must begin with https:// or http://");
    size_t size = 0;
    while (size < text.size && !strchr("/?#", text.data[size]))
        size++;
    if (size == 0)
        return refuse(error, "the URL has no host");
    text.size = size;
    if (span_find(text, '@'))
        return refuse(error, "the URL must not have a user name or password; use a header instead");
    if (span_find(text, '%'))
        return refuse(error, "the URL's host must not have a zone id or percent-encoding");
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text.data[i] >= 0x80)
            return refuse(error, "the URL's host has characters outside ASCII; give its punycode "
                                 "form (xn--…)");
    }
    return true;
}

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.size > 0;
}

// WHATWG URL §3.5, "ends in a number": such a host is an IPv4 address or nothing.
static bool is_number(struct span label)
{
    if (!cut_ignoring_case(&label, SPAN("0x")))
        return is_digits(label);
    for (size_t i = 0; i < label.size; i++) {
        if (!strchr("0123456789abcdefABCDEF", label.data[i]))
            return false;
    }
    return true;
}

// Four numbers without a leading zero, as libcurl's normalisation leaves an address.
static bool is_ipv4(struct span host)
{
    struct span label;
    int count = 0;
    bool ends_with_dot = host.data[host.size - 1] == '.';
    while (span_next(&host, '.', &label)) {
        uint64_t number;
        bool is_octal = label.size > 1 && label.data[0] == '0';
        if (!is_digits(label) || is_octal || !span_to_uint64(label, &number) || number > 255)
            return false;
        count++;
    }
    return count == 4 && !ends_with_dot;
}

static bool check_host_name(struct span host, char error[URL_ERROR_SIZE])
{
    struct span rest = host;
    struct span label = {0};
    if (host.data[host.size - 1] == '.')
        rest.size--; // one final dot is the root, and not an empty label
    if (rest.size == 0 || rest.size > NAME_MAX_BYTES)
        return refuse(error, "the URL's host must have 1 to 253 characters");
    bool ends_with_dot = rest.data[rest.size - 1] == '.';
    while (span_next(&rest, '.', &label)) {
        if (label.size == 0 || ends_with_dot)
            return refuse(error, "the URL's host has two dots in a row, or one at its beginning");
        if (label.size > LABEL_MAX_BYTES)
            return refuse(error, "a part of the URL's host has more than 63 characters");
    }
    if (is_number(label) && !is_ipv4(host))
        return refuse(error, "the URL's host ends in a number but is no IPv4 address");
    return true;
}

// The host as libcurl has it, lower-case; IPv6 loses its brackets.
static bool read_host(CURLU *handle, struct url *url, char name_out[URL_HOST_SIZE],
                      char error[URL_ERROR_SIZE])
{
    char *host = NULL;
    char *zone = NULL;
    bool ok = false;
    if (curl_url_get(handle, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0') {
        refuse(error, "the URL has no host");
        goto out;
    }
    if (curl_url_get(handle, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK) {
        refuse(error, "the URL's host must not have a zone id");
        goto out;
    }
    for (char *c = host; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    if (curl_url_set(handle, CURLUPART_HOST, host, 0) != CURLUE_OK) {
        refuse(error, "the URL's host can't be read");
        goto out;
    }
    struct span name = span_of(host);
    url->is_address = host[0] == '[' || is_ipv4(name);
    if (host[0] == '[') {
        name.data++;
        name.size -= 2;
    } else if (!check_host_name(name, error)) {
        goto out;
    }
    ok = span_copy(name, name_out, URL_HOST_SIZE);
    if (!ok)
        refuse(error, "the URL's host is too long");
out:
    curl_free(zone);
    curl_free(host);
    return ok;
}

static bool read_port(CURLU *handle, struct url *url, char error[URL_ERROR_SIZE])
{
    char *port = NULL;
    uint64_t number = 0;
    bool ok = curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              span_to_uint64(span_of(port), &number) && number >= 1 && number <= UINT16_MAX;
    url->port = (uint16_t)number;
    curl_free(port);
    return ok || refuse(error, "the URL's port must be a number from 1 to 65535");
}

// The text, and the host behind it.
static bool read_text(CURLU *handle, struct url *url, const char *host, char error[URL_ERROR_SIZE])
{
    char *text = NULL;
    bool ok = curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
              curl_url_get(handle, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT) == CURLUE_OK;
    if (!ok)
        refuse(error, "the URL can't be normalised");
    else if (!(ok = span_copy(span_of(text), url->text, URL_MAX_BYTES + 1)))
        refuse(error, "the URL is longer than 2048 bytes once its characters are percent-encoded");
    if (ok) {
        url->host_at = (uint16_t)(strlen(text) + 1);
        memcpy(url->text + url->host_at, host, strlen(host) + 1);
    }
    curl_free(text);
    return ok;
}

static bool read_url(CURLU *handle, struct span text, struct url *url, char error[URL_ERROR_SIZE])
{
    char given[URL_MAX_BYTES + 1];
    char host[URL_HOST_SIZE];
    // Percent-encoding what is outside ASCII is what libcurl does when it connects.
    unsigned flags = CURLU_URLENCODE | CURLU_DISALLOW_USER;
    if (!span_copy(text, given, sizeof(given)))
        return refuse(error, "the URL must not have control characters");
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, given, flags);
    if (code != CURLUE_OK) {
        snprintf(error, URL_ERROR_SIZE, "the URL can't be read: %s", curl_url_strerror(code));
        return false;
    }
    url->is_https = text.data[4] == 's' || text.data[4] == 'S'; // check_authority saw the scheme
    return read_host(handle, url, host, error) && read_port(handle, url, error) &&
           read_text(handle, url, host, error);
}

bool url_parse(struct span text, struct url *url, char error[URL_ERROR_SIZE])
{
    *url = (struct url){0};
    error[0] = '\0';
    if (!check_bytes(text, error) || !check_authority(text, error))
        return false;
    CURLU *handle = curl_url();
    if (!handle)
        return refuse(error, "no memory to read the URL");
    bool ok = read_url(handle, text, url, error);
    curl_url_cleanup(handle);
    return ok;
}

struct url *url_duplicate(const struct url *url)
{
    size_t size = offsetof(struct url, text) + url->host_at + strlen(url_host(url)) + 1;
    struct url *copy = malloc(size);
    if (copy)
        memcpy(copy, url, size);
    return copy;
}

bool url_equals(const struct url *a, const struct url *b)
{
    return strcmp(a->text, b->text) == 0; // the rest follows from it
}

// The finish of splitmix64: each bit of the result depends on all of the hash. Of FNV alone the high half is the same
// for hosts that differ in the last characters only.
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
    return hash ^ (hash >> 31);
}

uint64_t url_destination(const struct url *url)
{
    char text[URL_HOST_SIZE + sizeof("https 65535 ")];
    int size = snprintf(text, sizeof(text), "%s %u %s", url->is_https ? "https" : "http",
                        (unsigned)url->port, url_host(url));
    return mix(hash_bytes((struct span){.data = text, .size = (size_t)size}));
}
