// SPDX-License-Identifier: Apache-2.0
// A subscriber's URL, and the guard. Parts: the URL, then up to 16 raw bytes of an address.
//
// What the URL's host is as a number (if it is one) is asked of libc, which knows 127.1, 0x7f000001 and 017700000001:
// what it would connect to must be what petrel wrote down. The guard's answer must be that of the table below, read
// bit by bit.
#include "petrel/url.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/guard.h"

static const char *const denied[] = {
    "0.0.0.0/8",         "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12",     "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15",     "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "168.63.129.16/32",  "2001::/23",       "2001:db8::/32",  "2002::/16",      "3fff::/20",
    "2620:4f:8000::/48",
};

typedef unsigned __int128 number;

static number to_number(const unsigned char *bytes, size_t size)
{
    number value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

static bool is_inside(const char *network, const unsigned char *address, size_t size)
{
    char text[64];
    unsigned char bytes[16];
    const char *slash = strchr(network, '/');
    snprintf(text, sizeof text, "%.*s", (int)(slash - network), network);
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if ((family == AF_INET6) != (size == 16) || inet_pton(family, text, bytes) != 1)
        return false;
    unsigned bits = (unsigned)strtoul(slash + 1, NULL, 10);
    unsigned rest = (unsigned)size * 8 - bits;
    return to_number(bytes, size) >> rest == to_number(address, size) >> rest;
}

static bool oracle_allows(const unsigned char *address, size_t size)
{
    if (size == 16 && is_inside("::ffff:0:0/96", address, size)) {
        address += 12;
        size = 4;
    }
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        if (is_inside(denied[i], address, size))
            return false;
    }
    if (size == 4)
        return true;
    // ISATAP: ::0:5efe:a.b.c.d and ::200:5efe:a.b.c.d as interface ids.
    uint32_t marker = (uint32_t)to_number(address + 8, 4);
    return is_inside("2000::/3", address, size) && marker != 0x00005efe && marker != 0x02005efe;
}

static bool guard_allows(const unsigned char *address, size_t size, bool is_nat64)
{
    static struct guard *guards[2]; // plain, and with NAT64
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct guard_rules rules = {.is_nat64 = is_nat64};
    if (!guards[is_nat64])
        guards[is_nat64] = guard_create(&rules);
    FUZZ_CHECK(guards[is_nat64]);
    if (size == 4)
        memcpy(&v4.sin_addr, address, 4);
    else
        memcpy(&v6.sin6_addr, address, 16);
    return !guard_refuse_address(guards[is_nat64],
                                 size == 4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
}

static void check_address(struct span bytes)
{
    unsigned char address[16] = {0};
    memcpy(address, bytes.data, bytes.size < 16 ? bytes.size : 16);
    bool is_v4_allowed = oracle_allows(address, 4);
    FUZZ_CHECK(guard_allows(address, 4, false) == is_v4_allowed);
    FUZZ_CHECK(guard_allows(address, 16, false) == oracle_allows(address, 16));
    // The same IPv4 address, mapped, and behind NAT64.
    unsigned char mapped[16] = {[10] = 0xff, [11] = 0xff};
    unsigned char translated[16] = {0x00, 0x64, 0xff, 0x9b};
    memcpy(mapped + 12, address, 4);
    memcpy(translated + 12, address, 4);
    FUZZ_CHECK(guard_allows(mapped, 16, false) == is_v4_allowed);
    FUZZ_CHECK(!guard_allows(translated, 16, false));
    FUZZ_CHECK(guard_allows(translated, 16, true) == is_v4_allowed);
}

// If libc reads the host as a number, petrel's text must be that same number in its usual form.
static void check_numeric_host(const struct url *url)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct sockaddr_storage own;
    bool is_own = network_parse_address(url_host(url), &own);
    bool is_number = getaddrinfo(url_host(url), NULL, &hints, &found) == 0;
    FUZZ_CHECK(is_number == is_own);
    if (is_number) {
        static struct guard *guard;
        struct guard_rules rules = {.is_nat64 = false};
        if (!guard)
            guard = guard_create(&rules);
        FUZZ_CHECK((guard_refuse_url(guard, url) == NULL) ==
                   (guard_refuse_address(guard, found->ai_addr) == NULL));
        char theirs_text[NETWORK_ADDRESS_SIZE], own_text[NETWORK_ADDRESS_SIZE];
        network_format_address(found->ai_addr, theirs_text);
        network_format_address((struct sockaddr *)&own, own_text);
        FUZZ_CHECK(strcmp(theirs_text, own_text) == 0);
        freeaddrinfo(found);
    }
}

static void check_url(const struct url *url)
{
    struct url again;
    char error[URL_ERROR_SIZE];
    FUZZ_CHECK(url_parse(span_of(url->text), &again, error));
    FUZZ_CHECK(strcmp(url->text, again.text) == 0 && strcmp(url_host(url), url_host(&again)) == 0);
    FUZZ_CHECK(url->port == again.port && url->is_https == again.is_https && url->port > 0);
    FUZZ_CHECK(url_destination(url) == url_destination(&again));
    FUZZ_CHECK(fuzz_is_printable(url->text) && fuzz_is_printable(url_host(url)));
    FUZZ_CHECK(!strchr(url->text, ' ') && !strchr(url->text, '#') && !strchr(url->text, '\\'));
    const char *start = url->is_https ? "https://" : "http://";
    FUZZ_CHECK(strncmp(url->text, start, strlen(start)) == 0);
    // The host stands right behind the scheme: no userinfo, nothing to read in two ways.
    const char *host = url->text + strlen(start);
    size_t bracket = host[0] == '[';
    FUZZ_CHECK(strncmp(host + bracket, url_host(url), strlen(url_host(url))) == 0);
    FUZZ_CHECK(strchr(":/?]", host[bracket + strlen(url_host(url))]));
    FUZZ_CHECK((strchr(url_host(url), ':') != NULL) == (bracket == 1));
    for (const char *c = url_host(url); *c; c++)
        FUZZ_CHECK(!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ%@/?#[]", *c));
    check_numeric_host(url);
}

void fuzz_one(struct span input)
{
    struct url url;
    char error[URL_ERROR_SIZE];
    const char *end = span_find(input, FUZZ_SEPARATOR);
    size_t size = end ? (size_t)(end - input.data) : input.size;
    char *copy = malloc(size ? size : 1); // exactly, so that a read beyond it is found
    if (size > 0)
        memcpy(copy, input.data, size);
    if (url_parse((struct span){.data = copy, .size = size}, &url, error))
        check_url(&url);
    else
        FUZZ_CHECK(error[0] != '\0' && utf8_is_valid(span_of(error)));
    if (end)
        check_address((struct span){.data = end + 1, .size = input.size - size - 1});
    free(copy);
}
