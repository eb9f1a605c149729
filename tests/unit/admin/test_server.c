// SPDX-License-Identifier: Apache-2.0
// The HTTP server against clients that take their time, and a handler that does.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "petrel/clock.h"
#include "petrel/http_server.h"
#include "unit.h"

enum { CONNECTIONS = 16, PATIENCE_MS = 10000 };

static sem_t entered, released; // of the path /wait

static void on_request(void *arg, const struct http_request *request, struct http_response *response)
{
    (void)arg;
    if (strcmp(request->path, "/wait") == 0) {
        sem_post(&entered);
        sem_wait(&released);
    }
    response->status = 200;
    text_append_span(&response->body, request->body);
}

static bool is_urgent(void *arg, const struct http_request *request)
{
    (void)arg;
    return strcmp(request->path, "/urgent") == 0;
}

static struct http_server *start(void)
{
    char error[256];
    struct http_server_options options = {
        .host = "127.0.0.1",
        .threads = 2,
        .handlers = 1,
        .urgent_handlers = 1,
        .max_body_bytes = 100000,
        .max_response_bytes = 100000,
        .max_connections = CONNECTIONS,
        .idle_timeout_s = 1,
        .handler = on_request,
        .is_urgent = is_urgent,
    };
    sem_init(&entered, 0, 0);
    sem_init(&released, 0, 0);
    struct http_server *server = http_server_start(&options, error, sizeof error);
    CHECK(server != NULL);
    return server;
}

static int dial(const struct http_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

// Whether something can be read (the end, too) within `ms`.
static bool answers(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, ms) == 1;
}

static bool is_closed(int fd, int ms)
{
    char byte;
    return answers(fd, ms) && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static bool has_ok(int fd, int ms)
{
    char head[512] = "";
    static const char expected[] = "HTTP/1.1 200 ";
    if (!answers(fd, ms))
        return false;
    ssize_t size = recv(fd, head, sizeof head - 1, 0);
    return size > 0 && strncmp(head, expected, sizeof expected - 1) == 0;
}

#define REQUEST(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

TEST(a_request_that_comes_byte_by_byte_is_answered_or_cut_off)
{
    struct http_server *server = start();
    int quick = dial(server), slow = dial(server), silent = dial(server);
    for (const char *at = REQUEST("/"); *at; at++) {
        char byte[2] = {*at, '\0'};
        say(quick, byte);
    }
    CHECK(has_ok(quick, PATIENCE_MS));
    // Bytes that come keep no connection open when the head never ends.
    int64_t began_ms = clock_mono_ms();
    bool is_cut = false;
    while (!is_cut && clock_mono_ms() - began_ms < PATIENCE_MS) {
        send(slow, "G", 1, MSG_NOSIGNAL);
        is_cut = is_closed(slow, 50);
    }
    CHECK(is_cut);
    CHECK(clock_mono_ms() - began_ms >= 900);
    CHECK(is_closed(silent, PATIENCE_MS));
    CHECK(is_closed(quick, PATIENCE_MS)); // no second request came
    close(quick), close(slow), close(silent);
    http_server_stop(&server);
}

TEST(newcomers_push_out_who_has_waited_longest)
{
    struct http_server *server = start();
    int idle[CONNECTIONS];
    int busy = dial(server);
    say(busy, REQUEST("/wait"));
    sem_wait(&entered);
    for (size_t i = 0; i < CONNECTIONS; i++)
        idle[i] = dial(server);
    int late = dial(server);
    say(late, REQUEST("/urgent"));
    CHECK(has_ok(late, PATIENCE_MS));
    CHECK(is_closed(idle[0], PATIENCE_MS));
    sem_post(&released);
    CHECK(has_ok(busy, PATIENCE_MS)); // it wasn't idle
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(idle[i]);
    close(busy), close(late);
    http_server_stop(&server);
}

TEST(a_handler_that_waits_holds_up_only_its_own)
{
    struct http_server *server = start();
    int first = dial(server), second = dial(server), urgent = dial(server);
    say(first, REQUEST("/wait"));
    sem_wait(&entered);
    say(second, REQUEST("/"));
    say(urgent, REQUEST("/urgent"));
    CHECK(has_ok(urgent, PATIENCE_MS));
    CHECK(!answers(second, 100)); // one handler thread, and it's taken
    sem_post(&released);
    CHECK(has_ok(first, PATIENCE_MS));
    CHECK(has_ok(second, PATIENCE_MS));
    close(first), close(second), close(urgent);
    http_server_stop(&server);
}

// Everything until the connection ends, which it must.
static void read_all(int fd, char *out, size_t out_size)
{
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0 && size + 1 < out_size && answers(fd, PATIENCE_MS)) {
        got = recv(fd, out + size, out_size - 1 - size, 0);
        size += got > 0 ? (size_t)got : 0;
    }
    CHECK(got <= 0);
    out[size] = '\0';
}

#define POST(headers) "POST / HTTP/1.1\r\nHost: x\r\n" headers "\r\n"

TEST(a_head_that_can_be_read_in_two_ways_is_refused_with_all_that_follows)
{
    static const char *const heads[] = {
        POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n",
        POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") "0\r\n\r\n",
        POST("Content-Length: 0\r\nContent-Length: 5\r\n"),
        POST("Content-Length: 5\r\ncontent-length: 0\r\n"),
        POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\n",
        POST("Transfer-Encoding: xchunked\r\n"),
        POST("Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n",
        POST("Content-Length : 5\r\n"),
        POST("Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 0\r\n"),
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    };
    struct http_server *server = start();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char answer[2048];
        int fd = dial(server);
        say(fd, heads[i]);
        send(fd, REQUEST("/hidden"), strlen(REQUEST("/hidden")), MSG_NOSIGNAL);
        read_all(fd, answer, sizeof answer);
        CHECK_ROW(strncmp(answer, "HTTP/1.1 400 ", 13) == 0, heads[i]);
        CHECK_ROW(!strstr(answer, "HTTP/1.1 200"), heads[i]);
        close(fd);
    }
    int fd = dial(server);
    say(fd, POST("Transfer-Encoding: Chunked\r\n") "2\r\nab\r\n0\r\n\r\n");
    CHECK(has_ok(fd, PATIENCE_MS));
    close(fd);
    http_server_stop(&server);
}

static void *stop(void *arg)
{
    struct http_server *server = arg;
    http_server_stop(&server);
    return NULL;
}

TEST(stopping_waits_for_handlers_and_answers)
{
    struct http_server *server = start();
    pthread_t stopper;
    int fd = dial(server), queued = dial(server);
    say(fd, REQUEST("/wait"));
    sem_wait(&entered);
    say(queued, REQUEST("/"));
    CHECK(pthread_create(&stopper, NULL, stop, server) == 0);
    sem_post(&released);
    pthread_join(stopper, NULL);
    CHECK(answers(fd, 0)); // the answer or, if the daemon was faster than the client, the end
    close(fd), close(queued);
}

UNIT_MAIN()
