// SPDX-License-Identifier: Apache-2.0
// A receiver that is never the limit: one epoll loop, one read and one write per request, nothing allocated on the
// way. Counts requests and connections, and keeps a histogram of the time from the mark in the body (when the event
// was made) to here. It listens on every loopback address, so that 127.0.0.1, 127.0.0.2, … are as many destinations,
// and with --ports N on N ports (for TLS, whose certificate names one address).
//
//   receiver --port P [--ports N] [--delay-ms D] [--fail-per-mille F] [--cert FILE --key FILE] [--shared FILE]
//
// --shared: where it counts what it accepted, for the driver.
//
// Prints "ready <port> <control port>". A request to the control port answers with what was counted, as JSON;
// "/reset" sets it to zero, "/fail/<per mille>" and "/delay/<ms>" change what is answered.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum {
    BUFFER_SIZE = 4096, // a request's head and the beginning of its body must fit
    SUB_BITS = 6,       // 64 buckets per doubling: 1.5 % wide
    BUCKETS = 40 << SUB_BITS,
    EVENTS_AT_ONCE = 512,
};

enum kind { KIND_LISTENER, KIND_CONTROL_LISTENER, KIND_CONNECTION, KIND_CONTROL };

struct connection {
    enum kind kind;
    int fd;
    SSL *tls;
    bool is_shaken; // TLS handshake done
    bool is_gone;   // closed while an answer of it was still due
    unsigned due;   // answers waiting in the line
    int64_t number; // of the event in the request that is answered next
    size_t used;
    size_t skip; // bytes of the current body that are still to come
    char buffer[BUFFER_SIZE];
};

// Answers that wait, in the order that they are due: the delay is the same for all.
struct pending {
    struct pending *next;
    struct connection *connection;
    int64_t due_ns;
};

static struct {
    int64_t requests, accepted, failed, connections, first_ns, last_ns;
    int64_t numbers; // of the accepted events, added up: tells whether one is missing or came twice
    int64_t histogram[BUCKETS], marked, max_us;
} counts;

static int epoll_fd;
static int64_t *shared; // accepted ever; or NULL
static SSL_CTX *tls;
static int64_t delay_ns, fail_per_mille;
static struct pending *line_first, *line_last, *unused;

static const char ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char fail_answer[] =
    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno";

// ---- counting

static size_t bucket_of(int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    if (value < (1u << SUB_BITS))
        return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    size_t bucket =
        ((size_t)(shift + 1) << SUB_BITS) + (size_t)((value >> shift) - (1u << SUB_BITS));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static int64_t bucket_value(size_t bucket)
{
    if (bucket < (1u << SUB_BITS))
        return (int64_t)bucket;
    size_t shift = (bucket >> SUB_BITS) - 1;
    return (int64_t)(((bucket & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS)) << shift);
}

static int64_t percentile(int64_t per_mille)
{
    int64_t wanted = (counts.marked * per_mille + 999) / 1000, seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += counts.histogram[i];
        if (seen >= wanted && seen > 0)
            return bucket_value(i);
    }
    return 0;
}

// Returns the event's number.
static int64_t count(const char *body, size_t size)
{
    int64_t now_ns = bench_wall_ns();
    counts.requests++;
    if (!counts.first_ns)
        counts.first_ns = now_ns;
    counts.last_ns = now_ns;
    const char *mark = memmem(body, size < 256 ? size : 256, BENCH_MARK, strlen(BENCH_MARK));
    if (!mark)
        return 0;
    char *end;
    int64_t us = (now_ns - strtoll(mark + strlen(BENCH_MARK), &end, 10)) / 1000;
    counts.histogram[bucket_of(us)]++;
    counts.marked++;
    if (us > counts.max_us)
        counts.max_us = us;
    bool has_number = strncmp(end, BENCH_NUMBER, strlen(BENCH_NUMBER)) == 0;
    return has_number ? strtoll(end + strlen(BENCH_NUMBER), NULL, 10) : 0;
}

// ---- connections

static void watch(struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        bench_die("epoll_ctl");
}

static struct connection *listen_on(int port, enum kind kind)
{
    struct connection *listener = calloc(1, sizeof *listener);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    // Every 127.x.y.z, which no single loopback address covers; strangers are turned away in accept_all.
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    listener->kind = kind;
    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener->fd, 65535) != 0)
        bench_die("bind");
    watch(listener);
    return listener;
}

static int port_of(const struct connection *listener)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(listener->fd, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

static void accept_all(const struct connection *listener)
{
    for (;;) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if ((ntohl(peer.sin_addr.s_addr) >> 24) != 127) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct connection *connection = calloc(1, sizeof *connection);
        connection->kind = listener->kind == KIND_LISTENER ? KIND_CONNECTION : KIND_CONTROL;
        connection->fd = fd;
        if (tls && connection->kind == KIND_CONNECTION) {
            connection->tls = SSL_new(tls);
            SSL_set_fd(connection->tls, fd);
            SSL_set_accept_state(connection->tls);
        }
        if (connection->kind == KIND_CONNECTION)
            counts.connections++;
        watch(connection);
    }
}

static void close_connection(struct connection *connection)
{
    if (!connection->is_gone) {
        SSL_free(connection->tls);
        close(connection->fd);
        connection->is_gone = true;
    }
    if (!connection->due)
        free(connection);
}

// Bytes read, 0 for none now, -1 for the end.
static ssize_t read_some(struct connection *connection, char *out, size_t size)
{
    ssize_t got;
    if (connection->tls) {
        got = SSL_read(connection->tls, out, (int)size);
        if (got > 0)
            return got;
        int error = SSL_get_error(connection->tls, (int)got);
        ERR_clear_error();
        return error == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    got = recv(connection->fd, out, size, 0);
    if (got > 0)
        return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void write_all(struct connection *connection, const char *data, size_t size)
{
    // An answer is small: it always fits into the socket's buffer.
    if (connection->tls)
        (void)SSL_write(connection->tls, data, (int)size);
    else
        (void)send(connection->fd, data, size, MSG_NOSIGNAL);
}

// ---- answers

static void answer_now(struct connection *connection)
{
    bool is_failure = fail_per_mille &&
                      (counts.accepted + counts.failed) * fail_per_mille % 1000 < fail_per_mille;
    if (is_failure) {
        counts.failed++;
    } else {
        counts.accepted++;
        counts.numbers += connection->number;
    }
    if (shared && !is_failure)
        __atomic_fetch_add(shared, 1, __ATOMIC_RELAXED);
    if (is_failure)
        write_all(connection, fail_answer, sizeof fail_answer - 1);
    else
        write_all(connection, ok_answer, sizeof ok_answer - 1);
}

static void answer(struct connection *connection)
{
    if (!delay_ns) {
        answer_now(connection);
        return;
    }
    struct pending *pending = unused;
    if (pending)
        unused = pending->next;
    else
        pending = malloc(sizeof *pending);
    *pending = (struct pending){.connection = connection, .due_ns = bench_mono_ns() + delay_ns};
    if (line_last)
        line_last->next = pending;
    else
        line_first = pending;
    line_last = pending;
    connection->due++;
}

// Returns the milliseconds to the next one, -1 for none.
static int answer_due(void)
{
    int64_t now_ns = line_first ? bench_mono_ns() : 0;
    while (line_first && line_first->due_ns <= now_ns) {
        struct pending *pending = line_first;
        struct connection *connection = pending->connection;
        line_first = pending->next;
        if (!line_first)
            line_last = NULL;
        pending->next = unused;
        unused = pending;
        connection->due--;
        if (connection->is_gone)
            close_connection(connection);
        else
            answer_now(connection);
    }
    return line_first ? (int)((line_first->due_ns - now_ns) / 1000000) + 1 : -1;
}

static void answer_control(struct connection *connection)
{
    char body[1024], head[128];
    struct rusage usage;
    connection->buffer[connection->used < BUFFER_SIZE ? connection->used : BUFFER_SIZE - 1] = '\0';
    if (strncmp(connection->buffer, "GET /reset", 10) == 0)
        memset(&counts, 0, sizeof counts);
    if (strncmp(connection->buffer, "GET /fail/", 10) == 0)
        fail_per_mille = strtoll(connection->buffer + 10, NULL, 10);
    if (strncmp(connection->buffer, "GET /delay/", 11) == 0)
        delay_ns = strtoll(connection->buffer + 11, NULL, 10) * 1000000;
    getrusage(RUSAGE_SELF, &usage);
    int64_t cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
                     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    int size = snprintf(
        body, sizeof body,
        "{\"requests\":%lld,\"accepted\":%lld,\"numbers\":%lld,\"failed\":%lld,\"connections\":%lld,"
        "\"first_ns\":%lld,\"last_ns\":%lld,\"p50_us\":%lld,\"p99_us\":%lld,"
        "\"p999_us\":%lld,\"max_us\":%lld,\"cpu_us\":%lld}",
        (long long)counts.requests, (long long)counts.accepted, (long long)counts.numbers,
        (long long)counts.failed, (long long)counts.connections, (long long)counts.first_ns,
        (long long)counts.last_ns, (long long)percentile(500), (long long)percentile(990),
        (long long)percentile(999), (long long)counts.max_us, (long long)cpu_us);
    int head_size =
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size);
    write_all(connection, head, (size_t)head_size);
    write_all(connection, body, (size_t)size);
}

// ---- requests

// Takes one whole head from the front of the buffer; false when there is none yet.
static bool take_request(struct connection *connection)
{
    char *end = memmem(connection->buffer, connection->used, "\r\n\r\n", 4);
    if (!end)
        return false;
    if (connection->kind == KIND_CONTROL) {
        answer_control(connection);
        connection->used = 0;
        return false;
    }
    size_t head = (size_t)(end - connection->buffer) + 4;
    *end = '\0';
    const char *length = strcasestr(connection->buffer, "content-length:");
    size_t body = length ? strtoul(length + 15, NULL, 10) : 0;
    size_t here = connection->used - head < body ? connection->used - head : body;
    connection->number = count(connection->buffer + head, here);
    connection->skip = body - here;
    connection->used -= head + here;
    memmove(connection->buffer, connection->buffer + head + here, connection->used);
    // Answered when the whole body is there.
    if (!connection->skip)
        answer(connection);
    return true;
}

static void on_readable(struct connection *connection)
{
    if (connection->tls && !connection->is_shaken) {
        int done = SSL_do_handshake(connection->tls);
        if (done != 1) {
            int error = SSL_get_error(connection->tls, done);
            ERR_clear_error();
            if (error != SSL_ERROR_WANT_READ)
                close_connection(connection);
            return;
        }
        connection->is_shaken = true;
    }
    do {
        size_t room = BUFFER_SIZE - connection->used;
        ssize_t got = read_some(connection, connection->buffer + connection->used, room);
        if (got < 0 || !room) {
            close_connection(connection);
            return;
        }
        connection->used += (size_t)got;
        if (connection->skip) {
            size_t skipped =
                connection->skip < connection->used ? connection->skip : connection->used;
            connection->skip -= skipped;
            connection->used -= skipped;
            memmove(connection->buffer, connection->buffer + skipped, connection->used);
            if (!connection->skip)
                answer(connection);
        }
        while (!connection->skip && connection->used && take_request(connection))
            ;
        if (got == 0)
            return;
    } while (connection->tls && SSL_pending(connection->tls));
}

int main(int argc, char **argv)
{
    int port = (int)bench_number(argc, argv, "--port", 0);
    int ports = (int)bench_number(argc, argv, "--ports", 1);
    const char *certificate = bench_text(argc, argv, "--cert", NULL);
    delay_ns = bench_number(argc, argv, "--delay-ms", 0) * 1000000;
    fail_per_mille = bench_number(argc, argv, "--fail-per-mille", 0);
    const char *shared_path = bench_text(argc, argv, "--shared", NULL);
    // A client that goes away while it is answered must not end us; SSL_write knows no MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN);
    bench_raise_file_limit();
    if (shared_path)
        shared = bench_share(shared_path);
    if (certificate) {
        tls = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, bench_text(argc, argv, "--key", ""),
                                        SSL_FILETYPE_PEM) != 1) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    epoll_fd = epoll_create1(0);
    port = port_of(listen_on(port, KIND_LISTENER));
    for (int i = 1; i < ports; i++)
        listen_on(port + i, KIND_LISTENER);
    printf("ready %d %d\n", port, port_of(listen_on(0, KIND_CONTROL_LISTENER)));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int ready = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, answer_due());
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->kind == KIND_CONNECTION || connection->kind == KIND_CONTROL)
                on_readable(connection);
            else
                accept_all(connection);
        }
    }
}
