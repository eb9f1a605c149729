// SPDX-License-Identifier: Apache-2.0
// The SSRF guard: may petrel connect to this address and port? Immutable, shared between threads by reference count.
// A refusal is a static sentence for the operator's log; outside, all refusals look alike (`blocked_address`).
// Sources: RFC 6890 and the IANA special-purpose registries, RFC 6052 (NAT64), RFC 5214 (ISATAP).
#ifndef PETREL_GUARD_H
#define PETREL_GUARD_H

#include "petrel/network.h"
#include "petrel/ports.h"
#include "petrel/url.h"

struct guard;

struct guard_rules {
    const struct network_list *deny_networks;  // beats everything; NULL: none
    const struct network_list *allow_networks; // beats the built-in tables; NULL: none
    const struct port_list *allow_ports;       // NULL or empty: all
    bool is_nat64;                             // 64:ff9b::/96 is judged by the IPv4 address inside
};

struct guard *guard_create(const struct guard_rules *rules); // copies; NULL without memory
struct guard *guard_ref(struct guard *guard);
void guard_unref(struct guard **guard);
bool guard_equals(const struct guard *a, const struct guard *b);

// NULL: allowed. The address about to be connected to, with its port.
const char *guard_refuse_address(const struct guard *guard, const struct sockaddr *address);
// NULL: nothing against it so far. What can be told from a URL alone: its port, an address in place of a name, and
// the names of the own machine (RFC 6761 §6.3). Where other names lead is seen when connecting.
const char *guard_refuse_url(const struct guard *guard, const struct url *url);

#endif
