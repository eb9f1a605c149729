// SPDX-License-Identifier: Apache-2.0
// Lists of networks (CIDR) and of ports, in two parts. What is accepted is written out and read again as the same list;
// as a list to allow or to deny it holds for exactly the addresses that share a prefix with it, compared bit by bit.
#include "petrel/network.h"

#include <netinet/in.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/guard.h"

enum { LIST_MAX_BYTES = 1024 * 1024 };

static void to_sockaddr(const struct network *network, struct sockaddr_storage *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    memcpy(&v4.sin_addr, network->address, 4);
    memcpy(&v6.sin6_addr, network->address, 16);
    *address = (struct sockaddr_storage){0};
    if (network->is_ipv6)
        memcpy(address, &v6, sizeof v6);
    else
        memcpy(address, &v4, sizeof v4);
}

static bool naive_bit(const struct network *network, unsigned bit)
{
    return network->address[bit / 8] >> (7 - bit % 8) & 1;
}

static bool naive_contains(const struct network *network, const struct network *address)
{
    if (network->is_ipv6 != address->is_ipv6)
        return false;
    for (unsigned bit = 0; bit < network->prefix_bits; bit++) {
        if (naive_bit(network, bit) != naive_bit(address, bit))
            return false;
    }
    return true;
}

static bool is_mapped(const struct network *address)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    return address->is_ipv6 && memcmp(address->address, prefix, sizeof prefix) == 0;
}

static bool is_allowed(const struct guard_rules *rules, const struct sockaddr_storage *address)
{
    struct guard *guard = guard_create(rules);
    FUZZ_CHECK(guard);
    bool is_allowed = !guard_refuse_address(guard, (const struct sockaddr *)address);
    guard_unref(&guard);
    return is_allowed;
}

// Allowed with the list: inside one of its items, or allowed without it. Denied with it: inside, or denied anyway.
static void check_address(const struct network_list *list, const struct network *address)
{
    struct sockaddr_storage sockaddr;
    bool is_inside = false;
    struct network judged = *address;
    if (is_mapped(address)) {
        judged = (struct network){.prefix_bits = 32};
        memcpy(judged.address, address->address + 12, 4);
    }
    for (size_t i = 0; i < list->count; i++)
        is_inside = is_inside || naive_contains(&list->items[i], &judged);
    to_sockaddr(address, &sockaddr);
    bool is_public = is_allowed(&(struct guard_rules){.is_nat64 = false}, &sockaddr);
    FUZZ_CHECK(is_allowed(&(struct guard_rules){.allow_networks = list}, &sockaddr) ==
               (is_inside || is_public));
    FUZZ_CHECK(is_allowed(&(struct guard_rules){.deny_networks = list}, &sockaddr) ==
               (!is_inside && is_public));
    FUZZ_CHECK(is_allowed(&(struct guard_rules){.deny_networks = list, .allow_networks = list},
                          &sockaddr) == (!is_inside && is_public));
}

// The first and last address of each item, and those next to its end on either side.
static void check_item(const struct network_list *list, const struct network *item)
{
    struct network address = *item;
    unsigned bits = item->is_ipv6 ? 128 : 32;
    FUZZ_CHECK(item->prefix_bits <= bits);
    check_address(list, &address);
    for (unsigned bit = item->prefix_bits; bit < bits; bit++) {
        FUZZ_CHECK(!naive_bit(item, bit)); // no host bits
        address.address[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
    }
    check_address(list, &address);
    if (item->prefix_bits > 0) {
        address.address[(item->prefix_bits - 1) / 8] ^=
            (unsigned char)(0x80 >> (item->prefix_bits - 1) % 8);
        check_address(list, &address);
    }
}

static void check_round_trip(const struct network_list *list)
{
    char error[NETWORK_ERROR_SIZE];
    struct text text;
    struct network_list again;
    text_init(&text, LIST_MAX_BYTES);
    network_list_format(list, &text);
    if (!text.failed) {
        FUZZ_CHECK(network_list_parse(text_span(&text), &again, error));
        FUZZ_CHECK(again.count == list->count);
        for (size_t i = 0; i < list->count; i++)
            FUZZ_CHECK(memcmp(&again.items[i], &list->items[i], sizeof again.items[i]) == 0);
        network_list_fini(&again);
    }
    text_fini(&text);
}

static void check_ports(struct span text)
{
    char error[PORTS_ERROR_SIZE];
    struct port_list list, again;
    struct text out;
    if (!port_list_parse(text, &list, error)) {
        FUZZ_CHECK(fuzz_is_printable(error) && list.count == 0);
        return;
    }
    text_init(&out, (size_t)PORTS_MAX_RANGES * 12);
    port_list_format(&list, &out);
    FUZZ_CHECK(!out.failed && port_list_parse(text_span(&out), &again, error));
    FUZZ_CHECK(again.count == list.count && !port_list_contains(&list, 0));
    for (size_t i = 0; i < list.count; i++) {
        FUZZ_CHECK(again.items[i].first == list.items[i].first);
        FUZZ_CHECK(again.items[i].last == list.items[i].last);
        FUZZ_CHECK(port_list_contains(&list, list.items[i].first));
        FUZZ_CHECK(port_list_contains(&list, list.items[i].last));
    }
    text_fini(&out);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct network_list list;
    char error[NETWORK_ERROR_SIZE];
    fuzz_cut(input, &parts);
    if (network_list_parse(fuzz_part(&parts, 0), &list, error)) {
        FUZZ_CHECK(error[0] == '\0');
        check_round_trip(&list);
        for (size_t i = 0; i < list.count && i < 16; i++)
            check_item(&list, &list.items[i]);
        network_list_fini(&list);
    } else {
        FUZZ_CHECK(fuzz_is_printable(error));
    }
    check_ports(fuzz_part(&parts, 1));
    fuzz_free(&parts);
}
