// SPDX-License-Identifier: Apache-2.0
// The sender's lookups of names, ages of connections, proxies, and URLs that are given parsed.
#include "sender_stage.h"

#include <dirent.h>
#include <sys/resource.h>

// ---- lookups

TEST(one_lookup_at_a_time_per_destination)
{
    open_all("127.0.0.1", NULL);
    lookup_delay_us = 50000;
    for (int i = 0; i < 30; i++)
        start("a.test");
    run_until(30);
    CHECK_INT(last_result.status, 200);
    CHECK_INT(read_locked(&lookups_all), 1);
    CHECK_INT(outside.requests, 30);
    close_all();
}

TEST(lookups_are_bounded)
{
    open_all("127.0.0.1", NULL);
    lookup_delay_us = 20000;
    for (int i = 0; i < 40; i++) {
        char host[32];
        snprintf(host, sizeof host, "n%d.test", i);
        start(host);
    }
    run_until(40);
    CHECK_INT(outside.requests, 40);
    CHECK_INT(read_locked(&lookups_all), 40);
    CHECK_INT(read_locked(&lookups_most), 3); // of four; one is for names that were there before
    close_all();
}

TEST(lookups_that_hang_hold_their_slots_and_nothing_else)
{
    struct sender_options options = {.connect_timeout_ms = 300};
    open_all("127.0.0.1", &options);
    CHECK_INT(send_to("proven.test")->status, 200);
    struct guard *same = make_guard("127.0.0.1", "");
    sender_set_guard(sender, same); // drops the connection and libcurl's cache
    guard_unref(&same);
    set_hanging(true);
    enum attempt_error errors[12];
    for (int i = 0; i < 12; i++) {
        char host[32];
        snprintf(host, sizeof host, "hung%d.test", i % 6);
        start_for(host, 10000, &errors[i]);
    }
    CHECK_INT(send_to("127.0.0.1")->status, 200); // an address needs no slot
    int64_t began_ms = clock_mono_ms();
    run_until(14);
    CHECK(clock_mono_ms() - began_ms < 5000);
    for (int i = 0; i < 12; i++)
        CHECK_INT(errors[i], ATTEMPT_TIMEOUT);
    CHECK_INT(read_locked(&lookups_now), 3);
    // Their threads go on: a new name waits for its own deadline, one that was there before has a slot kept for it.
    CHECK_INT(send_to("later.test")->error, ATTEMPT_TIMEOUT);
    CHECK_INT(read_locked(&lookups_now), 3);
    CHECK_INT(send_to("proven.test")->status, 200);
    CHECK_INT(read_locked(&lookups_most), 4);
    set_hanging(false);
    close_all();
}

TEST(a_name_that_does_not_exist)
{
    open_all("127.0.0.1", NULL);
    answers[0] = (struct answer){.host = "none.test", .addresses = {"none"}};
    for (int i = 0; i < 5; i++)
        start("none.test");
    run_until(5);
    CHECK_INT(last_result.error, ATTEMPT_DNS);
    CHECK_INT(read_locked(&lookups_most), 1);
    close_all();
}

TEST(an_end_while_waiting_for_a_lookup)
{
    open_all("127.0.0.1", NULL);
    set_hanging(true);
    for (int i = 0; i < 8; i++) {
        char host[32];
        snprintf(host, sizeof host, "hung%d.test", i);
        start(host);
    }
    start("localhost");
    uv_run(&loop, UV_RUN_NOWAIT);
    sender_abort_all(sender);
    CHECK_INT(done_count, 9);
    CHECK_INT(last_result.error, ATTEMPT_ABORTED);
    set_hanging(false);
    close_all();
}

TEST(connections_have_a_maximum_age)
{
    struct sender_options options = {.connection_max_age_ms = 1000};
    open_all("127.0.0.1", &options);
    send_to("127.0.0.1");
    send_to("127.0.0.1");
    CHECK_INT(outside.connections, 1);
    // In use all the time, so that not its idleness ends it. Whole seconds are counted.
    int64_t deadline_ms = clock_mono_ms() + 10000;
    while (outside.connections == 1 && clock_mono_ms() < deadline_ms) {
        usleep(200000);
        CHECK_INT(send_to("127.0.0.1")->status, 200);
    }
    CHECK_INT(outside.connections, 2);
    close_all();
}

static int count_open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

TEST(connections_that_rest_make_room)
{
    enum { MOST = 16, DESTINATIONS = 200, MULTIS = 8 };
    struct sender_options options = {.max_connections = MOST};
    open_all("127.0.0.1", &options);
    int before = count_open_files();
    for (int i = 0; i < DESTINATIONS; i++) {
        char host[32];
        snprintf(host, sizeof host, "n%d.test", i);
        CHECK_INT(send_to(host)->status, 200);
    }
    CHECK_INT(outside.connections, DESTINATIONS);
    uv_run(&loop, UV_RUN_NOWAIT);
    // Both ends of a connection are here. curl has two descriptors of its own in each multi handle.
    CHECK(count_open_files() - before <= 2 * MOST + 2 * MULTIS);
    // Who has work keeps its connection meanwhile.
    for (int i = 0; i < 20; i++)
        CHECK_INT(send_to("busy.test")->status, 200);
    CHECK_INT(outside.connections, DESTINATIONS + 1);
    close_all();
}

TEST(many_at_once_keep_their_connections_when_sockets_are_short)
{
    enum { AT_ONCE = 30 };
    struct sender_options options = {.max_connections = 8};
    open_all("127.0.0.1", &options);
    for (int round = 1; round <= 5; round++) {
        for (int i = 0; i < AT_ONCE; i++)
            start("busy.test");
        run_until(round * AT_ONCE);
        CHECK_INT(last_result.status, 200);
    }
    CHECK_INT(outside.requests, 5 * AT_ONCE);
    CHECK(outside.connections <= 2 * AT_ONCE);
    close_all();
}

TEST(no_socket_is_no_fault_of_the_subscriber)
{
    struct rlimit limit;
    open_all("127.0.0.1", NULL);
    CHECK_INT(send_to("127.0.0.1")->status, 200);
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t usual = limit.rlim_cur;
    limit.rlim_cur = 3; // those that are open stay so
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK_INT(send_to("127.0.0.1")->status, 200); // on the kept connection
    CHECK_INT(send_to("127.0.0.2")->error, ATTEMPT_BLOCKED_ADDRESS);
    enum attempt_error first, second;
    start_for("127.0.0.1", 10000, &first);
    start_for("127.0.0.1", 10000, &second);
    run_until(done_count + 2);
    limit.rlim_cur = usual;
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK_INT(first, ATTEMPT_OK);
    CHECK_INT(second, ATTEMPT_INTERNAL);
    close_all();
}

// ---- proxies

TEST(proxies_of_the_environment_are_not_asked)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        setenv(names[i], "http://127.0.0.2:1", 1);
    setenv("no_proxy", "*", 1);
    open_all("127.0.0.1", NULL);
    CHECK_INT(send_to("a.test")->status, 200);
    CHECK_INT(inside.connections, 0);
    close_all();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
}

TEST(the_configured_proxy)
{
    struct url proxy;
    char text[64], why[URL_ERROR_SIZE];
    struct sender_options options = {.proxy = &proxy, .proxy_user = "petrel:secret"};
    open_all("", &options);
    snprintf(text, sizeof text, "http://127.0.0.1:%d", outside.port);
    sender_destroy(&sender); // now that the port is known
    CHECK(url_parse(span_of(text), &proxy, why));
    struct guard *guard = make_guard("", "");
    options.loop = &loop;
    options.guard = guard;
    options.ca_file = "";
    options.connect_timeout_ms = 5000;
    options.connection_max_age_ms = 60000;
    options.max_transfers = 10;
    options.max_lookups = 4;
    sender = sender_create(&options);
    guard_unref(&guard);

    setenv("no_proxy", "*", 1);
    CHECK_INT(send_to("name.example")->status, 200);
    CHECK_INT(outside.tunnels, 1); // through a tunnel, although it is http
    CHECK_INT(outside.requests, 1);
    CHECK_INT(read_locked(&lookups_all), 0); // the proxy resolves
    CHECK_ROW(!strstr(outside.last, "roxy-"), outside.last);
    // What the URL itself tells is refused before the proxy hears of it.
    CHECK(send_to("127.0.0.1")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK(send_to("localhost")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK(send_to("169.254.169.254")->error == ATTEMPT_BLOCKED_ADDRESS);
    CHECK_INT(outside.tunnels, 1);
    // The proxy's own answers are never the subscriber's.
    outside.tunnel_answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    const struct attempt_result *result = send_to("other.example");
    CHECK_INT(result->error, ATTEMPT_PROXY);
    CHECK_INT(result->status, 0);
    CHECK_ROW(strstr(outside.last, "Proxy-Authorization: Basic "), outside.last);
    outside.tunnel_answer = "HTTP/1.1 410 Gone\r\nwebhook-delivery: disable\r\n\r\n";
    result = send_to("third.example");
    CHECK_INT(result->error, ATTEMPT_PROXY);
    CHECK_INT(result->directive, DIRECTIVE_NONE);
    unsetenv("no_proxy");
    close_all();
}

// ---- URLs that are given parsed

// One easy handle serves them all; libcurl sends a request once more when a kept connection breaks before any answer.
TEST(a_request_goes_where_it_should_also_when_it_is_sent_again)
{
    for (int i = 0; i < 2; i++) {
        uses_targets = i == 1;
        open_all("127.0.0.1,127.0.0.2", NULL);
        CHECK_INT(send_to("127.0.0.1")->status, 200);
        CHECK_INT(send_to("127.0.0.2")->status, 200);
        outside.breaks = 1;
        CHECK_INT(send_to("127.0.0.1")->status, 200);
        CHECK_INT(outside.requests, 2);
        CHECK_INT(outside.connections, 2);
        CHECK_INT(inside.requests, 1);
        CHECK(strstr(outside.last, "Host: 127.0.0.1:") != NULL);
        // From one that is given parsed to one that isn't.
        uses_targets = false;
        CHECK_INT(send_to("127.0.0.2")->status, 200);
        CHECK_INT(inside.requests, 2);
        close_all();
    }
}

UNIT_MAIN()
