// SPDX-License-Identifier: Apache-2.0
// The parts of `petrel bench`: its receiver, its subscription, the load, what is printed. One bench at a time: all of
// it runs on the main thread but the receiver, which counts on its server's threads.
#ifndef PETREL_CLI_BENCH_H
#define PETREL_CLI_BENCH_H

#include "input.h"
#include "session.h"

enum {
    BENCH_EVENTS_MAX = 10000000,
    BENCH_TENANT_SIZE = 40,
    BENCH_URL_SIZE = 160,
    BENCH_ENVELOPE_BYTES = 1024, // of an event's limit: all that isn't padding
};
#define BENCH_TYPE "bench.event" // for the own receiver; what keeps others out is the tenant

// What was asked for.
struct bench_plan {
    uint64_t events;      // at most
    uint64_t rate;        // a second; 0: as fast as they are delivered
    uint64_t bytes;       // of each event's data
    uint64_t backlog;     // without a rate: published and not yet delivered at any time, at most
    uint64_t warm_up;     // events before it counts; own receiver only
    uint64_t concurrency; // of the own subscription
    int64_t duration_ms;  // of publishing; 0: until all events are out
    int64_t timeout_ms;   // for what is still under way then
    const char *type;     // of existing subscriptions; NULL: own receiver
    const char *tenant;   // with type; or NULL
    const char *url;      // where dispatchers reach the own receiver; NULL: where it listens
    char host[INPUT_HOST_SIZE];
    uint16_t port;
    bool as_json;
};

// Times in µs.
struct bench_times {
    uint64_t count;
    int64_t p50, p99, p999, max;
};

struct bench_result {
    uint64_t published, delivered, repeats; // delivered: received once; or Redis's count
    double publish_s, deliver_s;            // until the last one
    struct bench_times round_trip, latency;
    struct store_status before, after;
    uint32_t dispatchers, workers;
    uint64_t receivers; // subscriptions that the events went to
    bool is_interrupted, is_complete;
};

// ---- the receiver (bench_receiver.c)
struct bench_receiver;
// For events numbered below `events`. path is what it answers to, anything else gets 404. NULL: error says why.
struct bench_receiver *bench_receiver_start(const struct bench_plan *plan, const char *path,
                                            char *error, size_t error_size);
void bench_receiver_stop(struct bench_receiver **receiver);
uint16_t bench_receiver_port(const struct bench_receiver *receiver);
// Events that have come, each counted once; any thread.
uint64_t bench_receiver_count(const struct bench_receiver *receiver);
int64_t bench_receiver_last_us(const struct bench_receiver *receiver); // monotonic; of the last one
// What has come so far is forgotten: call it while nothing is under way.
void bench_receiver_reset(struct bench_receiver *receiver);
void bench_receiver_read(const struct bench_receiver *receiver, struct bench_result *result);

// ---- the times of many (bench_times.c): 64 buckets per doubling, so that no percentile is wrong by more than 1.6 %
enum { BENCH_TIMES_BUCKETS = 40 * 64 };
struct bench_histogram {
    _Atomic uint64_t buckets[BENCH_TIMES_BUCKETS];
    _Atomic int64_t max_us;
};
void bench_histogram_add(struct bench_histogram *histogram, int64_t us); // any thread
void bench_histogram_read(const struct bench_histogram *histogram, struct bench_times *times);

// ---- everything together
struct bench {
    struct bench_plan plan;
    struct session session;
    struct bench_receiver *receiver; // NULL for existing subscriptions
    char url[BENCH_URL_SIZE];
    char tenant[BENCH_TENANT_SIZE];             // of the own subscription
    char subscription[EVENT_SUBSCRIPTION_SIZE]; // its id; "" when there is none
    int64_t planned_from_us; // when event 0 of a load with a rate was due, monotonic; 0: made when there is room
    struct bench_result result;
};

// ---- who gets the events (bench_subscription.c). Each prints an error line when it gives false.
// How many active subscriptions want the plan's type; without `is_agreed` they are named and refused.
bool bench_find_subscribers(struct bench *bench, bool is_agreed, int *code);
// Makes the own subscription, and sends one event to see that it arrives, or why not.
bool bench_subscribe(struct bench *bench);
void bench_unsubscribe(struct bench *bench);

// ---- the load (bench_load.c)
void bench_catch_signals(
    void); // SIGINT, SIGTERM, SIGHUP end the publishing; the second one ends the process
bool bench_is_interrupted(void);
void bench_sleep_us(int64_t us);
// Adds `count` events numbered from `first`, all in one round trip. False after an error line.
bool bench_publish(struct bench *bench, uint64_t first, size_t count);
bool bench_measure_round_trip(struct bench *bench);
bool bench_warm_up(struct bench *bench);
bool bench_run_load(struct bench *bench); // and waits for the deliveries

// ---- what is seen (bench_report.c)
void bench_print_start(const struct bench *bench);
void bench_print_progress(const struct bench *bench, uint64_t delivered, bool is_last);
void bench_print_result(const struct bench *bench);

#endif
