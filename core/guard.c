// SPDX-License-Identifier: Apache-2.0
// The judgement is over the bytes of the sockaddr that is about to be connected, never over names or texts.
// Order: ports, deny_networks, allow_networks, the built-in tables. Left to others: asking at the right moments
// (the sender's open-socket and pre-request callbacks), and keeping refusals alike outside.
#include "petrel/guard.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct guard {
    atomic_uint references;
    struct network_list deny, allow; // owned
    struct port_list ports;
    bool is_nat64;
};

// IANA IPv4 special-purpose registry, less what is globally reachable, plus multicast and one
// cloud's metadata and DNS address.
static const struct network denied_ipv4[] = {
    {{0, 0, 0, 0}, 8, false},        // this network
    {{10, 0, 0, 0}, 8, false},       // private
    {{100, 64, 0, 0}, 10, false},    // carrier-grade NAT
    {{127, 0, 0, 0}, 8, false},      // loopback
    {{169, 254, 0, 0}, 16, false},   // link-local, cloud metadata
    {{172, 16, 0, 0}, 12, false},    // private
    {{192, 0, 0, 0}, 24, false},     // IETF protocol assignments
    {{192, 0, 2, 0}, 24, false},     // documentation
    {{192, 88, 99, 0}, 24, false},   // 6to4 relays, deprecated
    {{192, 168, 0, 0}, 16, false},   // private
    {{198, 18, 0, 0}, 15, false},    // benchmarking
    {{198, 51, 100, 0}, 24, false},  // documentation
    {{203, 0, 113, 0}, 24, false},   // documentation
    {{224, 0, 0, 0}, 4, false},      // multicast
    {{240, 0, 0, 0}, 4, false},      // reserved, broadcast
    {{168, 63, 129, 16}, 32, false}, // Azure's host services: a public number that is always inside
};

// All of global unicast; everything else (loopback, mapped, NAT64, unique local, link-local,
// multicast …) is outside.
static const struct network global_ipv6 = {.address = {0x20}, .prefix_bits = 3, .is_ipv6 = true};

static const struct network denied_ipv6[] = {
    {{0x20, 0x01}, 23, true},             // IETF protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32, true}, // documentation
    {{0x20, 0x02}, 16, true},             // 6to4: has an IPv4 address inside
    {{0x3f, 0xff}, 20, true},             // documentation
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48, true}, // AS112
};

// RFC 6052's well-known prefix.
static const struct network nat64 = {
    .address = {0x00, 0x64, 0xff, 0x9b}, .prefix_bits = 96, .is_ipv6 = true};

static bool any_contains(const struct network *networks, size_t count, const struct network *address)
{
    for (size_t i = 0; i < count; i++) {
        if (network_contains(&networks[i], address))
            return true;
    }
    return false;
}

// ISATAP (RFC 5214 §6.1) hides an IPv4 address behind any prefix: interface id 0:5efe:a.b.c.d, also
// with the universal bit set.
static bool is_isatap(const struct network *address)
{
    static const unsigned char marker[] = {0x00, 0x5e, 0xfe};
    const unsigned char *interface_id = address->address + 8;
    return (interface_id[0] & ~0x02) == 0 && memcmp(interface_id + 1, marker, sizeof marker) == 0;
}

static bool is_public(const struct network *address)
{
    if (!address->is_ipv6)
        return !any_contains(denied_ipv4, sizeof denied_ipv4 / sizeof denied_ipv4[0], address);
    return network_contains(&global_ipv6, address) && !is_isatap(address) &&
           !any_contains(denied_ipv6, sizeof denied_ipv6 / sizeof denied_ipv6[0], address);
}

static const char *refuse_port(const struct guard *guard, uint16_t port)
{
    if (guard->ports.count > 0 && !port_list_contains(&guard->ports, port))
        return "the port is not in allow_ports";
    return NULL;
}

static uint16_t port_of(const struct sockaddr *address)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    if (address->sa_family == AF_INET) {
        memcpy(&ipv4, address, sizeof ipv4);
        return ntohs(ipv4.sin_port);
    }
    memcpy(&ipv6, address, sizeof ipv6);
    return ntohs(ipv6.sin6_port);
}

static const char *refuse_network(const struct guard *guard, const struct sockaddr *address)
{
    struct network given;
    if (!network_read_address(address, &given))
        return "neither IPv4 nor IPv6";
    struct network judged = given;
    if (guard->is_nat64 && network_contains(&nat64, &given))
        judged = network_inner_ipv4(&given);
    if (network_list_contains(&guard->deny, &given) || network_list_contains(&guard->deny, &judged))
        return "in deny_networks";
    if (network_list_contains(&guard->allow, &judged) || is_public(&judged))
        return NULL;
    return "not a public address, and not in allow_networks";
}

const char *guard_refuse_address(const struct guard *guard, const struct sockaddr *address)
{
    const char *why = refuse_network(guard, address);
    return why ? why : refuse_port(guard, port_of(address));
}

// "localhost" and all below it, with or without the root's dot.
static bool is_own_machine(struct span host)
{
    struct span name = SPAN("localhost");
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    if (host.size < name.size)
        return false;
    struct span end = {.data = host.data + host.size - name.size, .size = name.size};
    return span_equals_ignoring_case(end, name) &&
           (host.size == name.size || host.data[host.size - name.size - 1] == '.');
}

static const char *refuse_text(const struct guard *guard, const char *text)
{
    struct sockaddr_storage address;
    return network_parse_address(text, &address)
               ? refuse_network(guard, (const struct sockaddr *)&address)
               : NULL;
}

const char *guard_refuse_url(const struct guard *guard, const struct url *url)
{
    const char *why = refuse_port(guard, url->port);
    if (why)
        return why;
    if (url->is_address)
        return refuse_text(guard, url_host(url));
    if (!is_own_machine(span_of(url_host(url))))
        return NULL;
    // Either of its addresses may be the one that answers.
    return refuse_text(guard, "127.0.0.1") ? refuse_text(guard, "::1") : NULL;
}

// ---- life

static bool copy_list(const struct network_list *from, struct network_list *to)
{
    if (!from || from->count == 0)
        return true;
    to->items = malloc(from->count * sizeof *to->items);
    if (!to->items)
        return false;
    memcpy(to->items, from->items, from->count * sizeof *to->items);
    to->count = from->count;
    return true;
}

struct guard *guard_create(const struct guard_rules *rules)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return NULL;
    guard->references = 1;
    guard->is_nat64 = rules->is_nat64;
    if (rules->allow_ports)
        guard->ports = *rules->allow_ports;
    if (!copy_list(rules->deny_networks, &guard->deny) ||
        !copy_list(rules->allow_networks, &guard->allow))
        guard_unref(&guard);
    return guard;
}

struct guard *guard_ref(struct guard *guard)
{
    atomic_fetch_add_explicit(&guard->references, 1, memory_order_relaxed);
    return guard;
}

void guard_unref(struct guard **guard_pointer)
{
    struct guard *guard = *guard_pointer;
    *guard_pointer = NULL;
    if (!guard || atomic_fetch_sub_explicit(&guard->references, 1, memory_order_acq_rel) > 1)
        return;
    network_list_fini(&guard->deny);
    network_list_fini(&guard->allow);
    free(guard);
}

static bool is_same_list(const struct network_list *a, const struct network_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].prefix_bits != b->items[i].prefix_bits ||
            !network_contains(&a->items[i], &b->items[i]))
            return false;
    }
    return true;
}

static bool is_same_ports(const struct port_list *a, const struct port_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].first != b->items[i].first || a->items[i].last != b->items[i].last)
            return false;
    }
    return true;
}

bool guard_equals(const struct guard *a, const struct guard *b)
{
    return a->is_nat64 == b->is_nat64 && is_same_ports(&a->ports, &b->ports) &&
           is_same_list(&a->deny, &b->deny) && is_same_list(&a->allow, &b->allow);
}
