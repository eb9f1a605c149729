// SPDX-License-Identifier: Apache-2.0
// IP networks (CIDR) and the judgement whether an address may be connected to. Pure.
// Sources: RFC 6890 and the IANA special-purpose registries; DESIGN: IPv6 only 2000::/3 less exceptions.
#ifndef PETREL_NETWORK_H
#define PETREL_NETWORK_H

#include <sys/socket.h>

#include "petrel/text.h"

enum { NETWORK_ERROR_SIZE = 160, NETWORK_ADDRESS_SIZE = 64 };

struct network {
    unsigned char address[16]; // IPv4 in its first four bytes
    unsigned char prefix_bits;
    bool is_ipv6;
};

struct network_list {
    struct network *items; // owned
    size_t count;
};

// "127.0.0.0/8, ::1/128, 10.1.2.3" (a bare address is a whole-length prefix). Empty text is an empty
// list. Host bits beyond the prefix are refused. error names the item and why.
bool network_list_parse(struct span text, struct network_list *list, char error[NETWORK_ERROR_SIZE]);
void network_list_fini(struct network_list *list);

// May petrel connect to this address? Allowed when in `allow`; otherwise the built-in deny tables
// judge. IPv4-mapped IPv6 (::ffff:0:0/96) is judged as its IPv4 address. Other families: no.
bool network_is_allowed(const struct sockaddr *address, const struct network_list *allow);

// The address as text without its port, for logs.
void network_format_address(const struct sockaddr *address, char out[NETWORK_ADDRESS_SIZE]);
// The inverse, numeric forms only; port 0. Returns false if it isn't an address.
bool network_parse_address(const char *text, struct sockaddr_storage *address);

#endif
