// SPDX-License-Identifier: Apache-2.0
// The receiver of `petrel bench`: answers 200 and takes the time since the event was made, which stands in its data (by
// the monotonic clock: both ends are in this process).
// Handlers run on the server's threads, so everything here is atomic. An event that comes again is a repeat and isn't
// measured. What others send here is turned away: the path is random, and numbers beyond the bench's are ignored.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "petrel/clock.h"
#include "petrel/http_server.h"

enum { THREADS = 2, CONNECTIONS_MAX = 4096, IDLE_S = 75, ERROR_ANSWER_MAX = 4096 };

struct bench_receiver {
    struct http_server *server;
    const char *path; // borrowed
    uint64_t events;
    _Atomic uint64_t *seen; // a bit per event
    _Atomic uint64_t count, repeats;
    _Atomic int64_t last_us; // monotonic
    struct bench_histogram latency;
};

// The digits behind `name` in *rest, which is moved behind them.
static bool take_number(struct span *rest, struct span name, uint64_t *number)
{
    const char *at = span_find_part(*rest, name);
    if (!at)
        return false;
    struct span digits = {at + name.size, 0};
    const char *end = rest->data + rest->size;
    while (digits.data + digits.size < end && digits.data[digits.size] >= '0' &&
           digits.data[digits.size] <= '9')
        digits.size++;
    rest->data = digits.data + digits.size;
    rest->size = (size_t)(end - rest->data);
    return span_to_uint64(digits, number);
}

static void note(struct bench_receiver *receiver, uint64_t number, int64_t made_us)
{
    uint64_t bit = UINT64_C(1) << (number % 64);
    int64_t now_us = clock_mono_us();
    if (atomic_fetch_or(&receiver->seen[number / 64], bit) & bit) {
        atomic_fetch_add(&receiver->repeats, 1);
        return;
    }
    bench_histogram_add(&receiver->latency, now_us - made_us);
    atomic_store(&receiver->last_us, now_us);
    atomic_fetch_add(&receiver->count, 1); // last: who sees the count may read the rest
}

static void on_request(void *arg, const struct http_request *request, struct http_response *response)
{
    struct bench_receiver *receiver = arg;
    struct span rest = request->body;
    uint64_t number;
    uint64_t made_us;
    response->status = 404;
    if (strcmp(request->path, receiver->path) != 0)
        return;
    response->status = 200;
    if (take_number(&rest, SPAN("\"data\":{\"n\":"), &number) && number < receiver->events &&
        take_number(&rest, SPAN(",\"t\":"), &made_us))
        note(receiver, number, (int64_t)made_us);
}

struct bench_receiver *bench_receiver_start(const struct bench_plan *plan, const char *path,
                                            char *error, size_t error_size)
{
    struct bench_receiver *receiver = calloc(1, sizeof *receiver);
    uint64_t events = plan->events > plan->warm_up ? plan->events : plan->warm_up;
    if (receiver)
        receiver->seen = calloc(events / 64 + 1, sizeof *receiver->seen);
    if (!receiver || !receiver->seen) {
        snprintf(error, error_size, "out of memory");
        free(receiver);
        return NULL;
    }
    receiver->path = path;
    receiver->events = events;
    struct http_server_options options = {
        .host = plan->host,
        .port = plan->port,
        .threads = THREADS,
        .max_body_bytes = plan->bytes + BENCH_ENVELOPE_BYTES,
        .max_response_bytes = ERROR_ANSWER_MAX,
        .max_connections = CONNECTIONS_MAX,
        .idle_timeout_s = IDLE_S,
        .handler = on_request,
        .arg = receiver,
    };
    receiver->server = http_server_start(&options, error, error_size);
    if (!receiver->server)
        bench_receiver_stop(&receiver);
    return receiver;
}

void bench_receiver_stop(struct bench_receiver **receiver)
{
    if (!*receiver)
        return;
    if ((*receiver)->server)
        http_server_stop(&(*receiver)->server);
    free((void *)(*receiver)->seen);
    free(*receiver);
    *receiver = NULL;
}

uint16_t bench_receiver_port(const struct bench_receiver *receiver)
{
    return http_server_port(receiver->server);
}

uint64_t bench_receiver_count(const struct bench_receiver *receiver)
{
    return atomic_load(&receiver->count);
}

void bench_receiver_reset(struct bench_receiver *receiver)
{
    for (uint64_t i = 0; i <= receiver->events / 64; i++)
        atomic_store(&receiver->seen[i], 0);
    for (size_t i = 0; i < BENCH_TIMES_BUCKETS; i++)
        atomic_store(&receiver->latency.buckets[i], 0);
    atomic_store(&receiver->latency.max_us, 0);
    atomic_store(&receiver->repeats, 0);
    atomic_store(&receiver->count, 0);
}

int64_t bench_receiver_last_us(const struct bench_receiver *receiver)
{
    return atomic_load(&receiver->last_us);
}

void bench_receiver_read(const struct bench_receiver *receiver, struct bench_result *result)
{
    result->delivered = atomic_load(&receiver->count);
    result->repeats = atomic_load(&receiver->repeats);
    bench_histogram_read(&receiver->latency, &result->latency);
}
