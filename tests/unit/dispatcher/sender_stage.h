// SPDX-License-Identifier: Apache-2.0
// What the tests of the sender share: real sockets on loopback, and a resolver of our own, since libcurl's threads call the
// getaddrinfo below. 127.0.0.1 is allowed and stands for the outside; 127.0.0.2 has a listener, too, and must never hear anything.
#ifndef PETREL_TEST_SENDER_STAGE_H
#define PETREL_TEST_SENDER_STAGE_H

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

static inline resolve *real_resolver(void)
{
    resolve *found = NULL;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&found, &symbol, sizeof found);
    return found;
}

static inline int resolve_all(const char *addresses, const char *service,
                              const struct addrinfo *hints, struct addrinfo **result)
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

static inline const char *addresses_of(const char *host)
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

static inline void forget_lookups(void)
{
    pthread_mutex_lock(&lock);
    memset(answers, 0, sizeof answers);
    lookups_most = lookups_all = 0;
    lookup_delay_us = 0;
    pthread_mutex_unlock(&lock);
}

static inline void set_hanging(bool hangs)
{
    pthread_mutex_lock(&lock);
    is_hanging = hangs;
    pthread_cond_broadcast(&changed);
    while (!hangs && lookups_now > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static inline int read_locked(const int *number)
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

static inline void on_connection_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static inline void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    if ((status < 0 || connection->receiver->closes) &&
        !uv_is_closing((uv_handle_t *)&connection->tcp))
        uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
}

static inline void answer(struct connection *connection)
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

static inline void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;
    (void)size;
    *buffer = uv_buf_init(connection->head + connection->size,
                          (unsigned)(sizeof connection->head - connection->size - 1));
}

static inline void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
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

static inline void on_connection(uv_stream_t *server, int status)
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

static inline void open_receiver(struct receiver *receiver, const char *address, int port)
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

static inline struct guard *make_guard(const char *allow, const char *deny)
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

static inline void open_all(const char *allow, const struct sender_options *more)
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

static inline void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    // Connections of the receivers; listeners have no memory of their own.
    bool is_listener = handle == (uv_handle_t *)&outside.tcp || handle == (uv_handle_t *)&inside.tcp;
    if (!uv_is_closing(handle) && handle->type == UV_TCP)
        uv_close(handle, is_listener ? NULL : on_connection_closed);
}

static inline void close_all(void)
{
    sender_destroy(&sender);
    uv_walk(&loop, close_handle, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&loop), 0);
    sender_global_cleanup();
}

static inline void on_done(void *arg, const struct attempt_result *result)
{
    enum attempt_error *error = arg;
    done_count++;
    last_result = *result;
    if (error)
        *error = result->error;
}

static bool uses_targets; // URLs are given parsed, too

static inline void start_for(const char *host, int64_t timeout_ms, enum attempt_error *error)
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

static inline void start(const char *host)
{
    start_for(host, 10000, NULL);
}

static inline void on_awake(uv_timer_t *timer)
{
    (void)timer;
}

static inline void run_until(int count)
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

static inline const struct attempt_result *send_to(const char *host)
{
    int before = done_count;
    start(host);
    CHECK_INT(done_count, before); // never before sender_start returned
    run_until(before + 1);
    return &last_result;
}

#endif
