// SPDX-License-Identifier: Apache-2.0
#include <sys/un.h>

#include "petrel/network.h"
#include "unit.h"

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
        {"10.0.0.\x1b[2J", "(\"\")"},
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

TEST(addresses_are_read_as_bytes)
{
    static const struct {
        const char *text, *list;
        bool is_in;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0/8", true},
        {"11.1.2.3", "10.0.0.0/8", false},
        {"::ffff:10.1.2.3", "10.0.0.0/8", true}, // an IPv4 address in disguise
        {"::ffff:10.1.2.3", "::/0", false},
        {"::10.1.2.3", "10.0.0.0/8", false},
        {"fd00::1", "10.0.0.0/8, fd00::/8", true},
        {"fc00::1", "10.0.0.0/8, fd00::/8", false},
        {"1.2.3.4", "", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network_list list;
        struct network network;
        struct sockaddr_storage address;
        char error[NETWORK_ERROR_SIZE];
        CHECK_ROW(network_list_parse(span_of(cases[i].list), &list, error), cases[i].list);
        CHECK_ROW(network_parse_address(cases[i].text, &address), cases[i].text);
        CHECK_ROW(network_read_address((const struct sockaddr *)&address, &network), cases[i].text);
        CHECK_ROW(network_list_contains(&list, &network) == cases[i].is_in, cases[i].text);
        network_list_fini(&list);
    }
    struct network network;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    CHECK(!network_read_address((const struct sockaddr *)&local, &network));
}

TEST(lists_are_formatted_as_they_are_parsed)
{
    struct network_list list;
    char error[NETWORK_ERROR_SIZE];
    struct text out;
    text_init(&out, 1000);
    CHECK(network_list_parse(SPAN("127.0.0.0/8, ::1, FD00::/8,0.0.0.0/0"), &list, error));
    network_list_format(&list, &out);
    CHECK_STR(text_string(&out), "127.0.0.0/8,::1/128,fd00::/8,0.0.0.0/0");
    network_list_fini(&list);
    text_fini(&out);
}

UNIT_MAIN()
