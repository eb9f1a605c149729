// SPDX-License-Identifier: Apache-2.0
// IP networks (CIDR) and addresses. Pure.
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

void network_list_format(const struct network_list *list, struct text *out); // as it is parsed

// A socket's address as a network of one; IPv4-mapped IPv6 (::ffff:0:0/96) as its IPv4 address. False for
// families that are neither IPv4 nor IPv6.
bool network_read_address(const struct sockaddr *address, struct network *out);
bool network_contains(const struct network *network, const struct network *address);
bool network_list_contains(const struct network_list *list, const struct network *address);
// The IPv4 address in the last four bytes of an IPv6 one (mapped, NAT64 of RFC 6052 with a /96 prefix).
struct network network_inner_ipv4(const struct network *address);

// The address as text without its port, for logs.
void network_format_address(const struct sockaddr *address, char out[NETWORK_ADDRESS_SIZE]);
// The inverse, numeric forms only; port 0. Returns false if it isn't an address.
bool network_parse_address(const char *text, struct sockaddr_storage *address);

#endif
