// SPDX-License-Identifier: Apache-2.0
// The sender with real sockets on loopback, and with a resolver of our own: libcurl's threads call the getaddrinfo
// below. 127.0.0.1 is allowed and stands for the outside; 127.0.0.2 has a listener, too, and must never hear anything.
#include "sender.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "petrel/clock.h"
#include "unit.h"

// ---- the resolver: "name" → one address per call, the last one repeats; several candidates separated by '+'

struct answer {
    const char *host;
    const char *addresses[3];
    int calls;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct answer answers[8];
static bool is_hanging;      // lookups of names that begin with "hung" don't end
static long lookup_delay_us; // of the others
static int lookups_now, lookups_most, lookups_all;

typedef int resolve(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static resolve *real_resolver(void)
{
    resolve *found = NULL;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&found, &symbol, sizeof found);
    return found;
}

static int resolve_all(const char *addresses, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result)
{
    struct span rest = span_of(addresses);
    struct span part;
    struct addrinfo **link = result;
    *result = NULL;
    while (span_next(&rest, '+', &part)) {
        char text[64];
        span_copy(part, text, sizeof text);
        int code = real_resolver()(text, service, hints, link);
        if (code)
            return code;
        while (*link)
            link = &(*link)->ai_next;
    }
    return 0;
}

static const char *addresses_of(const char *host)
{
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct answer *answer = &answers[i];
        if (!answer->host || strcmp(answer->host, host) != 0)
            continue;
        int last = 0;
        while (last < 2 && answer->addresses[last + 1])
            last++;
        int call = answer->calls++;
        return answer->addresses[call < last ? call : last];
    }
    return strstr(host, ".test") ? "127.0.0.1" : host;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    pthread_mutex_lock(&lock);
    lookups_all++;
    if (++lookups_now > lookups_most)
        lookups_most = lookups_now;
    while (is_hanging && strncmp(host, "hung", 4) == 0)
        pthread_cond_wait(&changed, &lock);
    const char *addresses = addresses_of(host);
    long delay_us = lookup_delay_us;
    pthread_mutex_unlock(&lock);
    if (delay_us)
        usleep((useconds_t)delay_us);
    int code = strcmp(addresses, "none") == 0 ? EAI_NONAME
                                              : resolve_all(addresses, service, hints, result);
    pthread_mutex_lock(&lock);
    lookups_now--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return code;
}

static void forget_lookups(void)
{
    pthread_mutex_lock(&lock);
    memset(answers, 0, sizeof answers);
    lookups_most = lookups_all = 0;
    lookup_delay_us = 0;
    pthread_mutex_unlock(&lock);
}

static void set_hanging(bool hangs)
{
    pthread_mutex_lock(&lock);
    is_hanging = hangs;
    pthread_cond_broadcast(&changed);
    while (!hangs && lookups_now > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static int read_locked(const int *number)
{
    pthread_mutex_lock(&lock);
    int value = *number;
    pthread_mutex_unlock(&lock);
    return value;
}

// ---- receivers, on the same loop: each request without a body is answered with 200

struct receiver {
    uv_tcp_t tcp;
    int port, connections, requests, tunnels;
    const char *tunnel_answer; // to CONNECT
    bool closes;
    int breaks;      // as many requests are answered by closing the connection
    char last[2048]; // request head
};

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct receiver *receiver;
    size_t size;
    char head[2048];
};

static uv_loop_t loop;

static void on_connection_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    if ((status < 0 || connection->receiver->closes) &&
        !uv_is_closing((uv_handle_t *)&connection->tcp))
        uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

static void answer(struct connection *connection)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    struct receiver *receiver = connection->receiver;
    bool is_tunnel = strncmp(connection->head, "CONNECT ", 8) == 0;
    const char *text = is_tunnel ? receiver->tunnel_answer : ok;
    is_tunnel ? receiver->tunnels++ : receiver->requests++;
    memcpy(receiver->last, connection->head, sizeof receiver->last);
    connection->size = 0;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
    connection->write.data = connection;
    uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written);
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;
    (void)size;
    *buffer = uv_buf_init(connection->head + connection->size,
                          (unsigned)(sizeof connection->head - connection->size - 1));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;
    (void)buffer;
    if (size < 0) {
        if (!uv_is_closing((uv_handle_t *)stream))
            uv_close((uv_handle_t *)stream, on_connection_closed);
        return;
    }
    connection->size += (size_t)size;
    connection->head[connection->size] = '\0';
    if (!strstr(connection->head, "\r\n\r\n"))
        return;
    if (connection->receiver->breaks == 0) {
        answer(connection);
        return;
    }
    connection->receiver->breaks--;
    uv_close((uv_handle_t *)stream, on_connection_closed);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct receiver *receiver = server->data;
    struct connection *connection = calloc(1, sizeof *connection);
    if (status < 0 || !connection)
        abort();
    receiver->connections++;
    connection->receiver = receiver;
    uv_tcp_init(&loop, &connection->tcp);
    connection->tcp.data = connection;
    uv_accept(server, (uv_stream_t *)&connection->tcp);
    uv_read_start((uv_stream_t *)&connection->tcp, on_room, on_read);
}

static void open_receiver(struct receiver *receiver, const char *address, int port)
{
    struct sockaddr_in name;
    int size = sizeof name;
    *receiver = (struct receiver){.tunnel_answer = "HTTP/1.1 200 Connection established\r\n\r\n"};
    uv_tcp_init(&loop, &receiver->tcp);
    receiver->tcp.data = receiver;
    uv_ip4_addr(address, port, &name);
    if (uv_tcp_bind(&receiver->tcp, (struct sockaddr *)&name, 0) != 0 ||
        uv_listen((uv_stream_t *)&receiver->tcp, 512, on_connection) != 0)
        abort();
    uv_tcp_getsockname(&receiver->tcp, (struct sockaddr *)&name, &size);
    receiver->port = ntohs(name.sin_port);
}

// ---- a test's frame

static struct receiver outside, inside; // same port, 127.0.0.1 and 127.0.0.2
static struct sender *sender;
static int done_count;
static struct attempt_result last_result;

static struct guard *make_guard(const char *allow, const char *deny)
{
    struct network_list allowed, denied;
    char error[NETWORK_ERROR_SIZE];
    CHECK(network_list_parse(span_of(allow), &allowed, error));
    CHECK(network_list_parse(span_of(deny), &denied, error));
    struct guard *guard =
        guard_create(&(struct guard_rules){.allow_networks = &allowed, .deny_networks = &denied});
    network_list_fini(&allowed);
    network_list_fini(&denied);
    return guard;
}

static void open_all(const char *allow, const struct sender_options *more)
{
    struct sender_options options = more ? *more : (struct sender_options){0};
    uv_loop_init(&loop);
    sender_global_init();
    forget_lookups();
    open_receiver(&outside, "127.0.0.1", 0);
    open_receiver(&inside, "127.0.0.2", outside.port);
    options.loop = &loop;
    options.guard = make_guard(allow, "");
    options.ca_file = "";
    options.proxy_user = options.proxy_user ? options.proxy_user : "";
    options.connect_timeout_ms = options.connect_timeout_ms ? options.connect_timeout_ms : 5000;
    options.connection_max_age_ms =
        options.connection_max_age_ms ? options.connection_max_age_ms : 60000;
    options.max_transfers = 100;
    options.max_lookups = options.max_lookups ? options.max_lookups : 4;
    sender = sender_create(&options);
    guard_unref(&options.guard);
    done_count = 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    // Connections of the receivers; listeners have no memory of their own.
    bool is_listener = handle == (uv_handle_t *)&outside.tcp || handle == (uv_handle_t *)&inside.tcp;
    if (!uv_is_closing(handle) && handle->type == UV_TCP)
        uv_close(handle, is_listener ? NULL : on_connection_closed);
}

static void close_all(void)
{
    sender_destroy(&sender);
    uv_walk(&loop, close_handle, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&loop), 0);
    sender_global_cleanup();
}

static void on_done(void *arg, const struct attempt_result *result)
{
    enum attempt_error *error = arg;
    done_count++;
    last_result = *result;
    if (error)
        *error = result->error;
}

static bool uses_targets; // URLs are given parsed, too

static void start_for(const char *host, int64_t timeout_ms, enum attempt_error *error)
{
    struct url url;
    char text[300];
    char why[URL_ERROR_SIZE];
    snprintf(text, sizeof text, "http://%s:%d/hook", host, outside.port);
    CHECK_ROW(url_parse(span_of(text), &url, why), text);
    struct sender_target *target = uses_targets ? sender_target_create(&url) : NULL;
    struct sender_request request = {
        .url = &url,
        .target = target,
        .destination = url_destination(&url),
        .timeout_ms = timeout_ms,
    };
    CHECK(sender_start(sender, &request, on_done, error));
    sender_target_unref(&target); // the request has its own reference
}

static void start(const char *host)
{
    start_for(host, 10000, NULL);
}

static void on_awake(uv_timer_t *timer)
{
    (void)timer;
}

static void run_until(int count)
{
    int64_t deadline_ms = clock_mono_ms() + 30000;
    uv_timer_t awake; // so that the deadline is looked at
    uv_timer_init(&loop, &awake);
    uv_timer_start(&awake, on_awake, 50, 50);
    while (done_count < count && clock_mono_ms() < deadline_ms)
        uv_run(&loop, UV_RUN_ONCE);
    CHECK_INT(done_count, count);
    uv_close((uv_handle_t *)&awake, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static const struct attempt_result *send_to(const char *host)
{
    int before = done_count;
    start(host);
    CHECK_INT(done_count, before); // never before sender_start returned
    run_until(before + 1);
    return &last_result;
}

// ---- the guard

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
