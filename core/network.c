// SPDX-License-Identifier: Apache-2.0
// Networks in CIDR form, and addresses as bytes. An IPv4-mapped IPv6 address reaches an IPv4 host, so
// it is one here. Left to others: which networks may be connected to (guard.c).
#include "petrel/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_BITS = 96, ITEM_TEXT_SIZE = 64 };

static const struct network mapped = {
    .address = {[10] = 0xff, [11] = 0xff}, .prefix_bits = MAPPED_BITS, .is_ipv6 = true};

// The first `bits` bits of a and b are equal.
static bool shares_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool network_contains(const struct network *network, const struct network *address)
{
    return network->is_ipv6 == address->is_ipv6 &&
           shares_prefix(network->address, address->address, network->prefix_bits);
}

struct network network_inner_ipv4(const struct network *address)
{
    struct network ipv4 = {.prefix_bits = IPV4_BITS};
    memcpy(ipv4.address, address->address + 12, 4);
    return ipv4;
}

bool network_read_address(const struct sockaddr *address, struct network *out)
{
    *out = (struct network){0};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof(ipv4));
        memcpy(out->address, &ipv4.sin_addr, 4);
        out->prefix_bits = IPV4_BITS;
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, address, sizeof(ipv6));
    memcpy(out->address, &ipv6.sin6_addr, 16);
    out->prefix_bits = IPV6_BITS;
    out->is_ipv6 = true;
    if (network_contains(&mapped, out))
        *out = network_inner_ipv4(out);
    return true;
}

bool network_list_contains(const struct network_list *list, const struct network *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (network_contains(&list->items[i], address))
            return true;
    }
    return false;
}

static bool has_host_bits(const struct network *network)
{
    static const unsigned char zero[16];
    struct network rest = *network;
    unsigned whole = network->prefix_bits / 8;
    memset(rest.address, 0, whole);
    if (network->prefix_bits % 8)
        rest.address[whole] &= (unsigned char)(0xff >> network->prefix_bits % 8);
    return memcmp(rest.address, zero, sizeof(zero)) != 0;
}

// Reads "address" or "address/bits"; returns why not, or NULL.
static const char *parse_network(struct span item, struct network *network)
{
    char address[ITEM_TEXT_SIZE];
    struct span address_text = item;
    bool has_prefix = span_find(item, '/');
    if (has_prefix)
        span_next(&item, '/', &address_text);
    *network = (struct network){0};
    bool fits = span_copy(address_text, address, sizeof(address));
    if (fits && inet_pton(AF_INET, address, network->address) == 1)
        network->prefix_bits = IPV4_BITS;
    else if (fits && inet_pton(AF_INET6, address, network->address) == 1)
        network->is_ipv6 = true;
    else
        return "is no IPv4 or IPv6 network like 10.0.0.0/8, 127.0.0.1 or fd00::/8";
    uint64_t bits = network->is_ipv6 ? IPV6_BITS : IPV4_BITS;
    uint64_t max_bits = bits;
    if (has_prefix && (item.size > 3 || !span_to_uint64(item, &bits) || bits > max_bits))
        return network->is_ipv6 ? "must have a prefix length from 0 to 128"
                                : "must have a prefix length from 0 to 32";
    network->prefix_bits = (unsigned char)bits;
    if (has_host_bits(network))
        return "has bits set beyond its prefix length";
    if (network->is_ipv6 && bits >= MAPPED_BITS && network_contains(&mapped, network))
        return "must be written as the IPv4 network it stands for";
    return NULL;
}

static bool append_network(struct network_list *list, const struct network *network)
{
    // Lists are short and parsed once at start: growing by one is enough.
    struct network *items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (!items)
        return false;
    list->items = items;
    list->items[list->count++] = *network;
    return true;
}

static bool parse_item(struct span item, struct network_list *list, char error[NETWORK_ERROR_SIZE])
{
    char shown[ITEM_TEXT_SIZE];
    struct network network;
    const char *why = parse_network(item, &network);
    if (why) {
        if (!span_is_printable(item) || !span_copy(item, shown, sizeof(shown)))
            shown[0] = '\0';
        snprintf(error, NETWORK_ERROR_SIZE, "network %zu (\"%s\") %s", list->count + 1, shown, why);
        return false;
    }
    if (!append_network(list, &network)) {
        snprintf(error, NETWORK_ERROR_SIZE, "no memory for the list of networks");
        return false;
    }
    return true;
}

bool network_list_parse(struct span text, struct network_list *list, char error[NETWORK_ERROR_SIZE])
{
    struct network_list parsed = {0};
    bool ok = true;
    error[0] = '\0';
    text = span_trim(text);
    // span_next doesn't show what follows a final comma, which is an empty item like any other.
    bool ends_with_comma = text.size > 0 && text.data[text.size - 1] == ',';
    struct span item;
    while (ok && span_next(&text, ',', &item))
        ok = parse_item(span_trim(item), &parsed, error);
    if (ok && ends_with_comma)
        ok = parse_item(SPAN(""), &parsed, error);
    if (!ok) {
        network_list_fini(&parsed);
        return false;
    }
    *list = parsed;
    return true;
}

void network_list_fini(struct network_list *list)
{
    free(list->items);
    *list = (struct network_list){0};
}

void network_format_address(const struct sockaddr *address, char out[NETWORK_ADDRESS_SIZE])
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    if (address->sa_family == AF_INET) {
        memcpy(&ipv4, address, sizeof(ipv4));
        inet_ntop(AF_INET, &ipv4.sin_addr, out, NETWORK_ADDRESS_SIZE);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&ipv6, address, sizeof(ipv6));
        inet_ntop(AF_INET6, &ipv6.sin6_addr, out, NETWORK_ADDRESS_SIZE);
    } else {
        snprintf(out, NETWORK_ADDRESS_SIZE, "address family %d", address->sa_family);
    }
}

bool network_parse_address(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    *address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
        memcpy(address, &ipv4, sizeof(ipv4));
        return true;
    }
    if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
        memcpy(address, &ipv6, sizeof(ipv6));
        return true;
    }
    return false;
}

void network_list_format(const struct network_list *list, struct text *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct network *network = &list->items[i];
        char address[NETWORK_ADDRESS_SIZE];
        inet_ntop(network->is_ipv6 ? AF_INET6 : AF_INET, network->address, address, sizeof address);
        text_append_format(out, "%s%s/%d", i ? "," : "", address, network->prefix_bits);
    }
}
