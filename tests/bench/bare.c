// SPDX-License-Identifier: Apache-2.0
// The yardstick: the least that sending signed webhooks with libcurl costs. One thread, multi handles driven by
// epoll through the socket interface, reused easy handles, parsed URLs, the same options, headers, callbacks and
// signing as petrel's sender; no Redis, no queue, no retry.
//
//   bare --port P --requests N [--in-flight C] [--destinations D] [--ports N] [--bytes B] [--multis M] [--ca FILE]
//
// Destination i is 127.0.0.1 + i, or with --ports and --ca port + i of 127.0.0.1. Prints JSON.
#include <curl/curl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"
#include "petrel/secret.h"
#include "petrel/signature.h"

enum { MULTIS_MAX = 64, BODY_MAX = 64 * 1024, EVENTS_AT_ONCE = 512 };

struct multi {
    CURLM *handle;
    int64_t timeout_ns; // when curl wants to be called; -1: not
};

struct transfer {
    CURL *easy;
    struct multi *multi;
    struct curl_slist *headers;
    char body[BODY_MAX];
};

static int epoll_fd;
static struct multi multis[MULTIS_MAX];
static int multi_count;
static struct secret secret;
static CURLU **destinations;
static size_t destination_count, body_bytes;
static int64_t wanted, started, finished, failures, connects;

// ---- callbacks, as many as petrel has

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)arg;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_before_request(void *arg, char *remote_ip, char *local_ip, int remote_port,
                             int local_port)
{
    (void)arg;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    return remote_ip[0] ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    (void)arg;
    return close(fd); // and epoll forgets it
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    (void)easy;
    struct multi *multi = arg;
    // A connection between two requests stays registered: it is wanted again at once.
    if (what == CURL_POLL_REMOVE)
        return 0;
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    uint64_t data = (uint64_t)(multi - multis) << 48 | (uint64_t)events << 32 | (uint32_t)fd;
    struct epoll_event event = {.events = events, .data.u64 = data};
    static uint32_t registered[1 << 20];
    if (known && registered[fd] == events)
        return 0;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    registered[fd] = events;
    curl_multi_assign(multi->handle, fd, multi);
    return 0;
}

static int on_timer(CURLM *handle, long timeout_ms, void *arg)
{
    (void)handle;
    struct multi *multi = arg;
    multi->timeout_ns = timeout_ms < 0 ? -1 : bench_mono_ns() + timeout_ms * INT64_C(1000000);
    return 0;
}

// ---- transfers

static void add_header(struct transfer *transfer, const char *name, const char *value)
{
    char line[512];
    snprintf(line, sizeof line, "%s: %s", name, value);
    transfer->headers = curl_slist_append(transfer->headers, line);
}

static void start(struct transfer *transfer)
{
    static const char beginning[] =
        "{\"type\":\"bench.0\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"data\":";
    char id[64], number[24];
    size_t head = sizeof beginning - 1;
    memcpy(transfer->body, beginning, head);
    size_t size = head + bench_format_data(transfer->body + head, BODY_MAX - head - 1, body_bytes,
                                           bench_wall_ns(), started);
    transfer->body[size++] = '}';
    snprintf(id, sizeof id, "msg_0_%lld_0", (long long)started);
    struct signed_content content = {
        .id = id, .timestamp_s = time(NULL), .body = {transfer->body, size}};
    struct text signature;
    text_init(&signature, 1024);
    signature_append(&secret, &content, &signature);
    snprintf(number, sizeof number, "%lld", (long long)content.timestamp_s);

    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    add_header(transfer, "webhook-id", id);
    add_header(transfer, "webhook-timestamp", number);
    add_header(transfer, "webhook-signature", text_string(&signature));
    add_header(transfer, "webhook-attempt", "1");
    add_header(transfer, "content-type", "application/json");
    add_header(transfer, "user-agent", "petrel/bench");
    transfer->headers = curl_slist_append(transfer->headers, "Expect:");
    transfer->headers = curl_slist_append(transfer->headers, "Accept:");
    text_fini(&signature);

    size_t destination = (size_t)started++ % destination_count;
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE, (long)size);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, transfer->body);
    curl_easy_setopt(transfer->easy, CURLOPT_CURLU, destinations[destination]);
    transfer->multi = &multis[destination % (size_t)multi_count];
    curl_multi_add_handle(transfer->multi->handle, transfer->easy);
}

static void drain(struct multi *multi)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi->handle, &left))) {
        struct transfer *transfer = NULL;
        long status = 0, opened = 0;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(message->easy_handle, CURLINFO_NUM_CONNECTS, &opened);
        failures += message->data.result != CURLE_OK || status / 100 != 2;
        connects += opened;
        finished++;
        curl_multi_remove_handle(multi->handle, transfer->easy);
        if (started < wanted)
            start(transfer);
    }
}

static struct transfer *make_transfer(const char *ca)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    CURL *easy = transfer->easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 1024L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    if (ca)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    return transfer;
}

// ---- the loop

static int next_timeout_ms(void)
{
    int64_t first_ns = -1;
    for (int i = 0; i < multi_count; i++)
        if (multis[i].timeout_ns >= 0 && (first_ns < 0 || multis[i].timeout_ns < first_ns))
            first_ns = multis[i].timeout_ns;
    if (first_ns < 0)
        return 1000;
    int64_t left_ns = first_ns - bench_mono_ns();
    return left_ns <= 0 ? 0 : (int)(left_ns / 1000000) + 1;
}

static void run_loop(void)
{
    int running;
    while (finished < wanted) {
        struct epoll_event events[EVENTS_AT_ONCE];
        int ready = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, next_timeout_ms());
        for (int i = 0; i < ready; i++) {
            struct multi *multi = &multis[events[i].data.u64 >> 48];
            int action = (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? CURL_CSELECT_IN : 0) |
                         (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(multi->handle, (int)(uint32_t)events[i].data.u64, action,
                                     &running);
            drain(multi);
        }
        int64_t now_ns = bench_mono_ns();
        for (int i = 0; i < multi_count; i++) {
            if (multis[i].timeout_ns < 0 || multis[i].timeout_ns > now_ns)
                continue;
            multis[i].timeout_ns = -1;
            curl_multi_socket_action(multis[i].handle, CURL_SOCKET_TIMEOUT, 0, &running);
            drain(&multis[i]);
        }
    }
}

static void make_destinations(int argc, char **argv, const char *ca)
{
    int64_t port = bench_number(argc, argv, "--port", 0);
    destination_count = (size_t)bench_number(argc, argv, "--destinations", 1);
    destinations = calloc(destination_count, sizeof *destinations);
    for (size_t i = 0; i < destination_count; i++) {
        char url[96];
        size_t host = ca ? 1 : i + 1;
        snprintf(url, sizeof url, "%s://127.%zu.%zu.%zu:%lld/hook", ca ? "https" : "http",
                 host >> 16, host >> 8 & 255, host & 255,
                 (long long)(ca ? port + (int64_t)i : port));
        destinations[i] = curl_url();
        if (curl_url_set(destinations[i], CURLUPART_URL, url, 0) != CURLUE_OK)
            bench_die("url");
    }
}

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

// Sends `count` more requests, as many at a time as there are transfers.
static void send_more(struct transfer **transfers, int64_t in_flight, int64_t count)
{
    wanted = started + count;
    for (int64_t i = 0; i < in_flight && started < wanted; i++)
        start(transfers[i]);
    run_loop();
}

static void print_result(double seconds, const struct rusage *before)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double user_us = microseconds(usage.ru_utime) - microseconds(before->ru_utime);
    double system_us = microseconds(usage.ru_stime) - microseconds(before->ru_stime);
    printf("{\"requests\":%lld,\"failures\":%lld,\"connections\":%lld,\"seconds\":%.6f,"
           "\"per_second\":%.0f,\"user_us\":%.2f,\"system_us\":%.2f,\"cpu_us\":%.2f}\n",
           (long long)finished, (long long)failures, (long long)connects, seconds,
           (double)finished / seconds, user_us / (double)finished, system_us / (double)finished,
           (user_us + system_us) / (double)finished);
}

int main(int argc, char **argv)
{
    const char *ca = bench_text(argc, argv, "--ca", NULL), *why;
    int64_t in_flight = bench_number(argc, argv, "--in-flight", 64);
    int64_t requests = bench_number(argc, argv, "--requests", 10000);
    body_bytes = (size_t)bench_number(argc, argv, "--bytes", 1000);
    multi_count = (int)bench_number(argc, argv, "--multis", 1);
    if (multi_count < 1 || multi_count > MULTIS_MAX)
        bench_die("--multis");
    bench_raise_file_limit();
    curl_global_init(CURL_GLOBAL_ALL);
    secret_parse(span_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &secret, &why);
    make_destinations(argc, argv, ca);
    epoll_fd = epoll_create1(0);
    // All that may be wanted again, as far as files go round (20,000 are a common limit).
    long kept = (long)(in_flight + (int64_t)destination_count * 4 + 16);
    kept = kept < 16000 ? kept : 16000 / multi_count;
    for (int i = 0; i < multi_count; i++) {
        multis[i].handle = curl_multi_init();
        multis[i].timeout_ns = -1;
        curl_multi_setopt(multis[i].handle, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(multis[i].handle, CURLMOPT_SOCKETDATA, &multis[i]);
        curl_multi_setopt(multis[i].handle, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(multis[i].handle, CURLMOPT_TIMERDATA, &multis[i]);
        curl_multi_setopt(multis[i].handle, CURLMOPT_MAXCONNECTS, kept);
    }
    struct transfer **transfers = calloc((size_t)in_flight, sizeof(struct transfer *));
    for (int64_t i = 0; i < in_flight; i++)
        transfers[i] = make_transfer(ca);
    // Connections are opened before the measurement, as petrel's are.
    send_more(transfers, in_flight, 4 * in_flight + 2 * (int64_t)destination_count);
    finished = failures = connects = 0;
    started = 0;
    struct rusage before;
    getrusage(RUSAGE_SELF, &before);
    int64_t begin_ns = bench_mono_ns();
    send_more(transfers, in_flight, requests);
    print_result((double)(bench_mono_ns() - begin_ns) / 1e9, &before);
    return 0;
}
