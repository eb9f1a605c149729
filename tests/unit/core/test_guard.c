// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>

#include "petrel/guard.h"
#include "unit.h"

struct rules {
    const char *deny, *allow, *ports;
    bool is_nat64;
};

static struct guard *make(const struct rules *rules)
{
    struct network_list deny, allow;
    struct port_list ports;
    char error[NETWORK_ERROR_SIZE];
    CHECK(network_list_parse(span_of(rules->deny), &deny, error));
    CHECK(network_list_parse(span_of(rules->allow), &allow, error));
    CHECK(port_list_parse(span_of(rules->ports), &ports, error));
    struct guard_rules parsed = {.deny_networks = &deny,
                                 .allow_networks = &allow,
                                 .allow_ports = &ports,
                                 .is_nat64 = rules->is_nat64};
    struct guard *guard = guard_create(&parsed);
    network_list_fini(&deny); // the guard has its own copies
    network_list_fini(&allow);
    if (!guard)
        abort();
    return guard;
}

static bool judge(const struct rules *rules, const char *text, uint16_t port)
{
    struct sockaddr_storage address;
    struct guard *guard = make(rules);
    CHECK_ROW(network_parse_address(text, &address), text);
    if (address.ss_family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)&address)->sin6_port = htons(port);
    bool is_good = !guard_refuse_address(guard, (const struct sockaddr *)&address);
    guard_unref(&guard);
    return is_good;
}

static bool is_allowed(const char *address, const char *allow)
{
    return judge(&(struct rules){.allow = allow}, address, 443);
}

// Each denied network with its first and last address, and the neighbours outside.
TEST(ipv4_deny_table_to_the_address)
{
    static const struct {
        const char *before, *first, *last, *after; // NULL: there is none, or it is denied as well
    } cases[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
        {"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
        {NULL, "240.0.0.0", "255.255.255.255", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_ROW(!is_allowed(cases[i].first, ""), cases[i].first);
        CHECK_ROW(!is_allowed(cases[i].last, ""), cases[i].last);
        if (cases[i].before)
            CHECK_ROW(is_allowed(cases[i].before, ""), cases[i].before);
        if (cases[i].after)
            CHECK_ROW(is_allowed(cases[i].after, ""), cases[i].after);
        // Dressed as IPv6 it is no different.
        char mapped[64];
        snprintf(mapped, sizeof(mapped), "::ffff:%s", cases[i].first);
        CHECK_ROW(!is_allowed(mapped, ""), mapped);
    }
}

TEST(ipv4_addresses_of_note)
{
    static const struct {
        const char *address;
        bool is_allowed;
    } cases[] = {
        {"169.254.169.254", false},
        {"169.254.170.2", false},
        {"100.100.100.200", false},
        {"192.0.0.192", false},
        {"127.0.0.1", false},
        {"127.1.2.3", false},
        {"255.255.255.255", false},
        {"8.8.8.8", true},
        {"93.184.215.14", true},
        {"192.0.1.1", true},
        {"::ffff:8.8.8.8", true},
        {"::ffff:127.0.0.1", false},
        {"::ffff:169.254.169.254", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(is_allowed(cases[i].address, "") == cases[i].is_allowed, cases[i].address);
}

struct judged {
    const char *address;
    bool is_allowed;
};

static void check_judged(const struct judged *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK_ROW(is_allowed(cases[i].address, "") == cases[i].is_allowed, cases[i].address);
}

TEST(ipv6_only_global_unicast)
{
    static const struct judged cases[] = {
        {"2606:2800:21f:cb07:6820:80da:af6b:8b2c", true},
        {"2a00:1450:4001:830::200e", true},
        {"2000::", true},
        {"2000::1", true},
        {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"::", false},
        {"::1", false},
        {"::127.0.0.1", false},
        {"::8.8.8.8", false},
        {"::fffe:8.8.8.8", false},
        {"::ffff:0:8.8.8.8", false}, // IPv4-translated
        {"64:ff9b::8.8.8.8", false}, // NAT64
        {"64:ff9b::127.0.0.1", false},
        {"64:ff9b:1::1", false},
        {"100::1", false},
        {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"4000::", false},
        {"5f00::1", false},
        {"fc00::1", false},
        {"fd00:ec2::254", false},
        {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"fe80::1", false},
        {"febf::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"ff0e::1", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
    };
    check_judged(cases, sizeof cases / sizeof cases[0]);
}

TEST(ipv6_global_unicast_has_exceptions)
{
    static const struct judged cases[] = {
        // 2001::/23
        {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001::", false},
        {"2001:0:4136:e378:8000:63bf:3fff:fdd2", false}, // Teredo
        {"2001:10::1", false},
        {"2001:20::1", false},
        {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"2001:200::", true},
        {"2001:4860:4860::8888", true},
        // 2001:db8::/32
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db8::", false},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"2001:db9::", true},
        // 2002::/16
        {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2002::", false},
        {"2002:7f00:1::1", false},
        {"2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"2003::", true},
        // 2620:4f:8000::/48
        {"2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", true},
        {"2620:4f:8000::", false},
        {"2620:4f:8000:ffff:ffff:ffff:ffff:ffff", false},
        {"2620:4f:8001::", true},
        // 3fff::/20
        {"3fff::", false},
        {"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"3fff:1000::", true},
        {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    };
    check_judged(cases, sizeof cases / sizeof cases[0]);
}

TEST(ipv6_interface_ids_of_isatap_are_addresses)
{
    static const struct judged cases[] = {
        {"2a00:1450:4001:830:0:5efe:127.0.0.1", false},
        {"2a00:1450:4001:830:200:5efe:10.0.0.1", false},
        {"2a00:1450:4001:830:0:5efe:8.8.8.8", false},
        {"2a00:1450:4001:830:100:5efe:8.8.8.8", true},
        {"2a00:1450:4001:830:300:5efe:8.8.8.8", true},
        {"2a00:1450:4001:830:0:5eff:8.8.8.8", true},
        {"2a00:1450:4001:830:1:5efe:8.8.8.8", true},
    };
    check_judged(cases, sizeof cases / sizeof cases[0]);
}

TEST(allow_networks_are_exceptions)
{
    static const struct {
        const char *address, *allow;
        bool is_allowed;
    } cases[] = {
        {"127.0.0.1", "127.0.0.0/8", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.2", "127.0.0.1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.0/8", false},
        {"127.0.0.1", "::1, 127.0.0.1", true},
        {"::ffff:127.0.0.1", "127.0.0.1", true},
        {"::ffff:10.0.0.1", "::/0", false}, // judged as IPv4
        {"10.0.0.1", "0.0.0.0/0", true},
        {"::1", "0.0.0.0/0", false},
        {"fd00::1", "::/0", true},
        {"fd00::1", "fd00::/8", true},
        {"fc00::1", "fd00::/8", false},
        {"10.1.2.3", "10.1.2.0/23, 192.168.0.0/16", true},
        {"192.168.0.1", "10.1.2.0/23, 192.168.0.0/16", true},
        {"10.1.1.255", "10.1.2.0/23, 192.168.0.0/16", false},
        {"10.1.3.255", "10.1.2.0/23", true},
        {"10.1.4.0", "10.1.2.0/23", false},
        {"8.8.8.8", "10.0.0.0/8", true}, // the list adds, it doesn't restrict
        {"64:ff9b::808:808", "64:ff9b::/96", true},
        {"2a00::5efe:7f00:1", "2a00::5efe:7f00:1", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(is_allowed(cases[i].address, cases[i].allow) == cases[i].is_allowed,
                  cases[i].address);
}

TEST(other_families_and_no_rules)
{
    struct guard *guard = guard_create(&(struct guard_rules){0});
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    CHECK(guard_refuse_address(guard, (const struct sockaddr *)&local));
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    CHECK(guard_refuse_address(guard, (const struct sockaddr *)&storage));
    CHECK(network_parse_address("8.8.8.8", &storage));
    CHECK(!guard_refuse_address(guard, (const struct sockaddr *)&storage));
    CHECK(network_parse_address("fe80::1", &storage));
    ((struct sockaddr_in6 *)&storage)->sin6_scope_id = 2;
    CHECK(guard_refuse_address(guard, (const struct sockaddr *)&storage));
    guard_unref(&guard);
    CHECK(!guard);
}

TEST(deny_networks_beat_everything)
{
    static const struct {
        const char *address, *deny, *allow;
        bool is_allowed;
    } cases[] = {
        {"8.8.8.8", "8.8.8.0/24", "", false},
        {"8.8.9.8", "8.8.8.0/24", "", true},
        {"10.0.0.5", "10.0.0.5", "10.0.0.0/8", false},
        {"10.0.0.6", "10.0.0.5", "10.0.0.0/8", true},
        {"10.0.0.5", "10.0.0.0/8", "10.0.0.5", false},
        {"::ffff:8.8.8.8", "8.8.8.8", "", false},
        {"2a00::1", "2a00::/16", "", false},
        {"2a01::1", "2a00::/16", "", true},
        {"8.8.8.8", "0.0.0.0/0,::/0", "0.0.0.0/0", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rules rules = {.deny = cases[i].deny, .allow = cases[i].allow};
        CHECK_ROW(judge(&rules, cases[i].address, 443) == cases[i].is_allowed, cases[i].address);
    }
}

TEST(ports)
{
    static const struct {
        const char *address, *allow, *ports;
        uint16_t port;
        bool is_allowed;
    } cases[] = {
        {"8.8.8.8", "", "", 22, true},
        {"8.8.8.8", "", "80,443", 443, true},
        {"8.8.8.8", "", "80,443", 8443, false},
        {"8.8.8.8", "", "8000-8099", 8099, true},
        {"8.8.8.8", "", "8000-8099", 8100, false},
        {"2a00::1", "", "443", 443, true},
        {"2a00::1", "", "443", 80, false},
        {"::ffff:8.8.8.8", "", "443", 80, false},
        {"10.0.0.1", "10.0.0.0/8", "443", 80, false}, // also where networks are allowed
        {"10.0.0.1", "", "443", 443, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rules rules = {.allow = cases[i].allow, .ports = cases[i].ports};
        CHECK_ROW(judge(&rules, cases[i].address, cases[i].port) == cases[i].is_allowed,
                  cases[i].address);
    }
}

TEST(nat64_is_judged_by_the_address_inside_when_enabled)
{
    static const struct {
        const char *address, *deny, *allow;
        bool is_allowed; // enabled; otherwise none of them is
    } cases[] = {
        {"64:ff9b::8.8.8.8", "", "", true},
        {"64:ff9b::7f00:1", "", "", false},
        {"64:ff9b::a9fe:a9fe", "", "", false},
        {"64:ff9b::10.0.0.1", "", "", false},
        {"64:ff9b::a83f:8110", "", "", false}, // Azure's
        {"64:ff9b::1:8.8.8.8", "", "", false}, // not in the /96
        {"64:ff9b:1::8.8.8.8", "", "", false}, // local use: not the well-known prefix
        {"64:ff9b::8.8.8.8", "8.8.8.8", "", false},
        {"64:ff9b::8.8.8.8", "64:ff9b::/96", "", false},
        {"64:ff9b::8.8.8.8", "64:ff9b::808:808", "", false},
        {"64:ff9b::10.0.0.1", "", "10.0.0.0/8", true},
        {"64:ff9b::10.0.0.1", "", "::/0", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rules rules = {.deny = cases[i].deny, .allow = cases[i].allow, .is_nat64 = true};
        CHECK_ROW(judge(&rules, cases[i].address, 443) == cases[i].is_allowed, cases[i].address);
        CHECK_ROW(!is_allowed(cases[i].address, ""), cases[i].address);
    }
}

TEST(what_a_url_tells_by_itself)
{
    static const struct {
        const char *url, *allow, *ports;
        bool is_allowed;
    } cases[] = {
        {"https://example.com/", "", "", true}, // where it leads is seen when connecting
        {"http://127.0.0.1/", "", "", false},
        {"http://127.1/", "", "", false},
        {"http://0/", "", "", false},
        {"http://0x7f000001/", "", "", false},
        {"http://017700000001/", "", "", false},
        {"http://2130706433/", "", "", false},
        {"http://[::1]/", "", "", false},
        {"http://[::]/", "", "", false},
        {"http://[::ffff:127.0.0.1]/", "", "", false},
        {"http://[::ffff:7f00:1]/", "", "", false},
        {"http://[::127.0.0.1]/", "", "", false},
        {"http://[64:ff9b::7f00:1]/", "", "", false},
        {"http://[2002:7f00:1::]/", "", "", false},
        {"http://localhost/", "", "", false},
        {"http://LOCALHOST./", "", "", false},
        {"http://app.localhost/", "", "", false},
        {"http://notlocalhost/", "", "", true},
        {"http://localhost.example/", "", "", true},
        {"http://169.254.169.254/latest/meta-data/", "", "", false},
        {"http://100.100.100.200/", "", "", false},
        {"http://[fd00:ec2::254]/", "", "", false},
        {"http://168.63.129.16/", "", "", false},
        {"http://8.8.8.8/", "", "", true},
        {"http://[2a00:1450:4001:830::200e]/", "", "", true},
        {"http://127.0.0.1:8080/", "127.0.0.1", "", true},
        {"http://localhost:8080/", "127.0.0.1", "", true},
        {"http://localhost:8080/", "::1", "", true},
        {"https://example.com/", "", "443", true},
        {"http://example.com/", "", "443", false},
        {"https://example.com:8443/", "", "443", false},
        {"http://127.0.0.1/", "127.0.0.1", "443", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        char error[URL_ERROR_SIZE];
        struct guard *guard =
            make(&(struct rules){.allow = cases[i].allow, .ports = cases[i].ports});
        CHECK_ROW(url_parse(span_of(cases[i].url), &url, error), cases[i].url);
        CHECK_ROW(!guard_refuse_url(guard, &url) == cases[i].is_allowed, cases[i].url);
        guard_unref(&guard);
    }
}

TEST(equality)
{
    static const struct rules rules[] = {
        {.deny = ""},
        {.deny = "10.0.0.0/8"},
        {.deny = "10.0.0.0/9"},
        {.deny = "10.0.0.0/8,::1"},
        {.allow = "10.0.0.0/8"},
        {.allow = "0.0.0.0/0"},
        {.allow = "::/0"},
        {.ports = "443"},
        {.ports = "443-444"},
        {.is_nat64 = true},
    };
    size_t count = sizeof rules / sizeof rules[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct guard *a = make(&rules[i]);
            struct guard *b = make(&rules[j]);
            CHECK(guard_equals(a, b) == (i == j));
            guard_unref(&a);
            guard_unref(&b);
        }
    }
}

UNIT_MAIN()
