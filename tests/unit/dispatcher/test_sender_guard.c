// SPDX-License-Identifier: Apache-2.0
// Where the sender may connect to: judged at each connection, whatever DNS says and says next.
#include "sender_stage.h"

TEST(whatever_a_name_leads_to_is_judged_when_connecting)
{
    static const char *const forbidden[] = {"127.0.0.2",
                                            "0.0.0.0",
                                            "10.0.0.1",
                                            "172.16.0.1",
                                            "192.168.0.1",
                                            "169.254.169.254",
                                            "100.100.100.200",
                                            "168.63.129.16",
                                            "::1",
                                            "::",
                                            "::127.0.0.2",
                                            "::ffff:127.0.0.2",
                                            "::ffff:7f00:2",
                                            "64:ff9b::7f00:2",
                                            "2002:7f00:2::",
                                            "fd00:ec2::254",
                                            "fe80::1",
                                            "2001::1",
                                            "3fff::1",
                                            "2620:4f:8000::1",
                                            "255.255.255.255",
                                            "2a00::5efe:7f00:1"};
    open_all("127.0.0.1", NULL);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        char host[32];
        snprintf(host, sizeof host, "name%zu.test", i);
        answers[0] = (struct answer){.host = host, .addresses = {forbidden[i]}};
        const struct attempt_result *result = send_to(host);
        CHECK_ROW(result->error == ATTEMPT_BLOCKED_ADDRESS, forbidden[i]);
        CHECK_ROW(result->status == 0 && !result->opened_connection, forbidden[i]);
        CHECK_ROW(strstr(result->detail, ": not a public address"), result->detail);
    }
    answers[0] = (struct answer){0};
    CHECK_INT(read_locked(&lookups_all), (int)(sizeof forbidden / sizeof forbidden[0]));
    CHECK_INT(send_to("good.test")->status, 200);
    CHECK_INT(inside.connections, 0);
    CHECK_INT(outside.requests, 1);
    close_all();
}

TEST(each_candidate_is_judged)
{
    open_all("127.0.0.1", NULL);
    answers[0] = (struct answer){.host = "mixed.test", .addresses = {"127.0.0.2+127.0.0.1"}};
    answers[1] = (struct answer){.host = "both.test", .addresses = {"127.0.0.2+127.0.0.3"}};
    CHECK_INT(send_to("mixed.test")->status, 200);
    CHECK(send_to("both.test")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK_INT(inside.connections, 0);
    CHECK_INT(outside.requests, 1);
    close_all();
}

TEST(a_name_that_changes_its_mind)
{
    open_all("127.0.0.1", NULL);
    answers[0] = (struct answer){.host = "rebind.test", .addresses = {"127.0.0.1", "127.0.0.2"}};
    outside.closes = true; // so that the next request has to connect
    CHECK_INT(send_to("rebind.test")->status, 200);
    CHECK_INT(send_to("rebind.test")->status, 200); // libcurl's cache has the name
    CHECK_INT(answers[0].calls, 1);
    struct guard *same = make_guard("127.0.0.1", "");
    sender_set_guard(sender, same); // drops that cache
    guard_unref(&same);
    CHECK(send_to("rebind.test")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK_INT(answers[0].calls, 2);
    CHECK_INT(inside.connections, 0);
    close_all();
}

TEST(connections_of_another_guard_are_not_used)
{
    open_all("127.0.0.1", NULL);
    send_to("a.test");
    CHECK_INT(send_to("a.test")->status, 200);
    CHECK_INT(outside.connections, 1);
    struct guard *wider = make_guard("127.0.0.0/8", "");
    sender_set_guard(sender, wider);
    CHECK_INT(send_to("a.test")->status, 200);
    CHECK_INT(outside.connections, 2);
    struct guard *denying = make_guard("127.0.0.0/8", "127.0.0.1");
    sender_set_guard(sender, denying);
    CHECK(send_to("a.test")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK(send_to("127.0.0.1")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK_INT(outside.requests, 3);
    sender_set_guard(sender, wider);
    CHECK_INT(send_to("127.0.0.2")->status, 200);
    guard_unref(&wider);
    guard_unref(&denying);
    close_all();
}

TEST(a_kept_connection_is_judged_before_the_request)
{
    open_all("127.0.0.1", NULL);
    CHECK_INT(send_to("a.test")->status, 200);
    // libcurl has the second one, but has not run yet: it would go out on the connection that is there.
    start("a.test");
    struct guard *denying = make_guard("", "");
    sender_set_guard(sender, denying);
    guard_unref(&denying);
    run_until(2);
    CHECK(last_result.error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK_ROW(strstr(last_result.detail, "127.0.0.1: "), last_result.detail);
    CHECK_INT(outside.requests, 1);
    CHECK_INT(outside.connections, 1);
    close_all();
}

TEST(what_the_url_tells_needs_no_lookup)
{
    open_all("127.0.0.1", NULL);
    CHECK_INT(send_to("localhost")->status, 200); // it may be 127.0.0.1
    struct guard *strict = make_guard("", "");
    sender_set_guard(sender, strict);
    guard_unref(&strict);
    static const char *const hosts[] = {
        "localhost", "LOCALHOST.", "x.localhost", "127.0.0.1",
        "0",         "0x7f000001", "[::1]",       "[::ffff:7f00:1]"};
    forget_lookups();
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        CHECK_ROW(send_to(hosts[i])->error == ATTEMPT_BLOCKED_ADDRESS, hosts[i]);
    CHECK_INT(read_locked(&lookups_all), 0);
    CHECK_INT(outside.requests, 1);
    close_all();
}

UNIT_MAIN()
