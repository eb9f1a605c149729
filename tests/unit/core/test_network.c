// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/un.h>

#include "petrel/network.h"
#include "unit.h"

static bool is_allowed(const char *address, const char *allow)
{
    struct sockaddr_storage storage;
    struct network_list list = {0};
    char error[NETWORK_ERROR_SIZE];
    CHECK_ROW(network_parse_address(address, &storage), address);
    CHECK_ROW(network_list_parse(span_of(allow), &list, error), allow);
    bool result = network_is_allowed((const struct sockaddr *)&storage, &list);
    network_list_fini(&list);
    return result;
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

TEST(ipv6_only_global_unicast_less_its_exceptions)
{
    static const struct {
        const char *address;
        bool is_allowed;
    } cases[] = {
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
        // ISATAP interface ids
        {"2a00:1450:4001:830:0:5efe:127.0.0.1", false},
        {"2a00:1450:4001:830:200:5efe:10.0.0.1", false},
        {"2a00:1450:4001:830:0:5efe:8.8.8.8", false},
        {"2a00:1450:4001:830:100:5efe:8.8.8.8", true},
        {"2a00:1450:4001:830:300:5efe:8.8.8.8", true},
        {"2a00:1450:4001:830:0:5eff:8.8.8.8", true},
        {"2a00:1450:4001:830:1:5efe:8.8.8.8", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(is_allowed(cases[i].address, "") == cases[i].is_allowed, cases[i].address);
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

TEST(other_families_and_no_list)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    CHECK(!network_is_allowed((const struct sockaddr *)&local, NULL));
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    CHECK(!network_is_allowed((const struct sockaddr *)&storage, NULL));
    CHECK(network_parse_address("8.8.8.8", &storage));
    CHECK(network_is_allowed((const struct sockaddr *)&storage, NULL));
}

TEST(port_and_scope_do_not_matter)
{
    struct sockaddr_storage storage;
    CHECK(network_parse_address("127.0.0.1", &storage));
    ((struct sockaddr_in *)&storage)->sin_port = htons(443);
    CHECK(!network_is_allowed((const struct sockaddr *)&storage, NULL));
    CHECK(network_parse_address("fe80::1", &storage));
    ((struct sockaddr_in6 *)&storage)->sin6_scope_id = 2;
    CHECK(!network_is_allowed((const struct sockaddr *)&storage, NULL));
}

TEST(lists_parse)
{
    struct network_list list;
    char error[NETWORK_ERROR_SIZE] = "x";
    CHECK(network_list_parse(SPAN(" 127.0.0.0/8,\t::1/128 , 10.1.2.3"), &list, error));
    CHECK_STR(error, "");
    CHECK_INT(list.count, 3);
    CHECK(!list.items[0].is_ipv6 && list.items[0].prefix_bits == 8 &&
          list.items[0].address[0] == 127);
    CHECK(list.items[1].is_ipv6 && list.items[1].prefix_bits == 128 &&
          list.items[1].address[15] == 1);
    CHECK(!list.items[2].is_ipv6 && list.items[2].prefix_bits == 32 &&
          list.items[2].address[3] == 3);
    network_list_fini(&list);
    CHECK(!list.items && list.count == 0);
    network_list_fini(&list);
    CHECK(network_list_parse(SPAN(""), &list, error) && list.count == 0);
    CHECK(network_list_parse(SPAN(" \t"), &list, error) && list.count == 0);
    CHECK(network_list_parse((struct span){0}, &list, error) && list.count == 0);
    CHECK(network_list_parse(SPAN("0.0.0.0/0,::/0,255.255.255.255/32"), &list, error));
    CHECK_INT(list.count, 3);
    network_list_fini(&list);
}

TEST(list_faults_name_the_item)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"10.0.0.1/8", "network 1 (\"10.0.0.1/8\") has bits set"},
        {"127.0.0.0/8, 10.1.2.3/31", "network 2 (\"10.1.2.3/31\") has bits set"},
        {"fd00::1/64", "has bits set"},
        {"fd00:0:0:1::/63", "has bits set"},
        {"128.0.0.0/0", "has bits set"},
        {"10.0.0.0/33", "from 0 to 32"},
        {"10.0.0.0/", "from 0 to 32"},
        {"10.0.0.0/-1", "from 0 to 32"},
        {"10.0.0.0/+8", "from 0 to 32"},
        {"10.0.0.0/ 8", "from 0 to 32"},
        {"10.0.0.0/8/8", "from 0 to 32"},
        {"10.0.0.0/255.0.0.0", "from 0 to 32"},
        {"10.0.0.0/0008", "from 0 to 32"},
        {"10.0.0.0/18446744073709551624", "from 0 to 32"},
        {"::/129", "from 0 to 128"},
        {"::1/", "from 0 to 128"},
        {"10.0.0", "is no IPv4"},
        {"10.0.0.0.0", "is no IPv4"},
        {"010.0.0.0/8", "is no IPv4"},
        {"0x7f.0.0.1", "is no IPv4"},
        {"2130706433", "is no IPv4"},
        {"256.0.0.0", "is no IPv4"},
        {"/8", "is no IPv4"},
        {"[::1]", "is no IPv4"},
        {"fe80::1%eth0", "is no IPv4"},
        {"localhost", "is no IPv4"},
        {"10.0.0.0/8,", "network 2 (\"\")"},
        {"10.0.0.0/8,,::1", "network 2 (\"\")"},
        {",", "network 1 (\"\")"},
        {"10.0.0.0/8 ::1", "network 1"},
        {"10.0.0.0/8;::1", "network 1"},
        {"::ffff:10.0.0.0/104", "as the IPv4 network"},
        {"::ffff:127.0.0.1", "as the IPv4 network"},
        {"a name that is far longer than any address in any of its forms could be", "(\"\")"},
        {"\xff", "(\"\")"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network_list list = {0};
        char error[NETWORK_ERROR_SIZE] = "";
        CHECK_ROW(!network_list_parse(span_of(cases[i].text), &list, error), cases[i].text);
        CHECK_ROW(strstr(error, cases[i].part), cases[i].text);
        CHECK_ROW(!list.items && list.count == 0, cases[i].text);
    }
}

TEST(addresses_to_text_and_back)
{
    static const struct {
        const char *text, *formatted; // NULL: refused
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::1", "::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:6666"},
        {"", NULL},
        {"127.1", NULL},
        {"0x7f000001", NULL},
        {"2130706433", NULL},
        {"127.0.0.01", NULL},
        {"127.0.0.1:80", NULL},
        {"[::1]", NULL},
        {"fe80::1%lo", NULL},
        {"::1/128", NULL},
        {" 127.0.0.1", NULL},
        {"localhost", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sockaddr_storage storage;
        char text[NETWORK_ADDRESS_SIZE];
        bool ok = network_parse_address(cases[i].text, &storage);
        CHECK_ROW(ok == (cases[i].formatted != NULL), cases[i].text);
        if (!ok || !cases[i].formatted)
            continue;
        network_format_address((const struct sockaddr *)&storage, text);
        CHECK_STR(text, cases[i].formatted);
    }
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    char text[NETWORK_ADDRESS_SIZE];
    network_format_address((const struct sockaddr *)&local, text);
    CHECK_STR(text, "address family 1");
}

UNIT_MAIN()
