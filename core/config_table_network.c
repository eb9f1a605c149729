// SPDX-License-Identifier: Apache-2.0
// Where requests may go, and through what.
#include "config_table.h"

static const struct config_entry entries[] = {
    {
        .key = "allow_networks",
        .flag = "--allow-networks",
        .environment = "PETREL_ALLOW_NETWORKS",
        .type = CONFIG_NETWORKS,
        FIELD(allow_networks),
        .default_text = "",
        .meaning =
            "Private networks that subscribers may be in, as 10.0.0.0/8,127.0.0.1; all others than "
            "public addresses are refused. SIGHUP applies a change at once.",
    },
    {
        .key = "deny_networks",
        .flag = "--deny-networks",
        .environment = "PETREL_DENY_NETWORKS",
        .type = CONFIG_NETWORKS,
        FIELD(deny_networks),
        .default_text = "",
        .meaning = "Networks that are refused in any case, also public ones and those in "
                   "allow_networks. SIGHUP applies a change at once.",
    },
    {
        .key = "allow_ports",
        .flag = "--allow-ports",
        .environment = "PETREL_ALLOW_PORTS",
        .type = CONFIG_PORTS,
        FIELD(allow_ports),
        .default_text = "",
        .meaning = "The only ports that subscribers may be at, as 80,443,8000-8099; empty: all. "
                   "SIGHUP applies a change at once.",
    },
    {
        .key = "nat64",
        .flag = "--nat64",
        .environment = "PETREL_NAT64",
        .type = CONFIG_BOOL,
        FIELD(nat64),
        .default_text = "no",
        .meaning = "The network reaches IPv4 through NAT64: an address in 64:ff9b::/96 is judged by "
                   "the IPv4 address inside. Otherwise all of them are refused. SIGHUP applies a "
                   "change at once.",
    },
    {
        .key = "proxy",
        .flag = "--proxy",
        .environment = "PETREL_PROXY",
        .type = CONFIG_PROXY,
        FIELD(proxy),
        .default_text = "",
        .meaning =
            "A forward proxy, as http://proxy.internal:3128, through which every request is tunnelled "
            "(CONNECT). The proxy resolves the names, so it has to keep requests out of the own "
            "network: petrel sees no addresses any more. http_proxy and the like are never read.",
    },
    {
        .key = "proxy_user",
        .flag = "--proxy-user",
        .environment = "PETREL_PROXY_USER",
        .type = CONFIG_KEY,
        FIELD(proxy_user),
        .minimum = 1,
        .maximum = 512,
        .default_text = "",
        .is_secret = true,
        .meaning = "Name and password for the proxy, as name:password. Prefer the environment: flags "
                   "are visible to every user of the machine.",
    },
    {
        .key = "connection_max_age",
        .flag = "--connection-max-age",
        .environment = "PETREL_CONNECTION_MAX_AGE",
        .type = CONFIG_DURATION,
        FIELD(connection_max_age_ms),
        .minimum = SECOND,
        .maximum = HOUR,
        .default_text = "5m",
        .meaning = "A kept connection isn't used again when it is older, so that changes of DNS and "
                   "of certificates are noticed.",
    },
    {
        .key = "http2",
        .flag = "--http2",
        .environment = "PETREL_HTTP2",
        .type = CONFIG_BOOL,
        FIELD(http2),
        .default_text = "no",
        .meaning =
            "HTTP/2 is offered to https receivers. It costs more per request than HTTP/1.1 on kept "
            "connections, and a receiver that means harm can keep a worker busy with frames.",
    },
    {
        .key = "ca_file",
        .flag = "--ca-file",
        .environment = "PETREL_CA_FILE",
        .type = CONFIG_TEXT,
        FIELD(ca_file),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning = "PEM file of the authorities that vouch for subscribers' certificates. Empty: the "
                   "system's.",
    },
};

const struct config_table config_table_network = CONFIG_TABLE(entries);
