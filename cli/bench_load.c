// SPDX-License-Identifier: Apache-2.0
// The load of `petrel bench`: events in pipelines, at a rate or as fast as they are delivered, until all are out, the
// time is up or somebody interrupts; then it waits for what is under way.
//
// Without a rate the load is a closed loop: at most `backlog` events are published and not yet delivered. So what is
// measured is what petrel delivers, and neither Redis's memory nor a queue fills up.
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "bench.h"
#include "petrel/clock.h"
#include "terminal.h"

enum {
    BATCH = 100,
    NAP_US = 500,
    LOOK_MS = 250,      // at Redis, for the progress …
    LOOK_OFTEN_MS = 20, // … and where it alone tells how many are under way
    INTERRUPTED_WAIT_MS = 5000,
    HURRY_AFTER_MS = 1000,
    PROGRESS_MS = 500,
    PINGS = 200,
};

static atomic_llong interrupted_ms; // mono; 0: not

// The next one does what it does without us. Not one right behind it: GNU timeout sends two.
static void on_signal(int number)
{
    long long never = 0;
    long long now_ms = clock_mono_ms();
    if (atomic_compare_exchange_strong(&interrupted_ms, &never, now_ms) ||
        now_ms - never < HURRY_AFTER_MS)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

void bench_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL); // its terminal was closed
}

bool bench_is_interrupted(void)
{
    return atomic_load(&interrupted_ms) != 0;
}

void bench_sleep_us(int64_t us)
{
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&left, NULL);
}

// ---- publishing

// With a rate from when the event was due: a Redis that holds up the publishing takes its time from no measurement.
static int64_t made_us(const struct bench *bench, uint64_t number)
{
    if (!bench->planned_from_us)
        return clock_mono_us();
    return bench->planned_from_us + (int64_t)((double)number * 1e6 / (double)bench->plan.rate);
}

// {"n":<number>,"t":<made, µs>,"pad":"xxx…"} of about so many bytes: what the receiver reads.
static void format_data(const struct bench *bench, uint64_t number, struct text *data)
{
    static const char padding[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    text_clear(data);
    text_append_format(data, "{\"n\":%llu,\"t\":%lld,\"pad\":\"", (unsigned long long)number,
                       (long long)made_us(bench, number));
    while (data->size + 2 < bench->plan.bytes) {
        size_t left = (size_t)bench->plan.bytes - 2 - data->size;
        text_append(data, padding, left < sizeof padding - 1 ? left : sizeof padding - 1);
    }
    text_append_string(data, "\"}");
}

static struct redis_command *make_event(const struct bench *bench, uint64_t number,
                                        struct text *data)
{
    const struct keys *keys = &bench->session.store.keys;
    const char *tenant = bench->receiver ? bench->tenant : bench->plan.tenant;
    struct redis_command *command = redis_command_create("XADD");
    struct key key =
        keys_format(keys, (uint32_t)(number % keys->shards), KEY_EVENTS, (struct span){0});
    if (!command)
        return NULL;
    format_data(bench, number, data);
    redis_command_add_key(command, &key);
    redis_command_add_text(command, "*");
    redis_command_add_text(command, "type");
    redis_command_add_text(command, bench->plan.type ? bench->plan.type : BENCH_TYPE);
    redis_command_add_text(command, "data");
    redis_command_add_span(command, text_span(data));
    if (tenant) {
        redis_command_add_text(command, "tenant");
        redis_command_add_text(command, tenant);
    }
    return command;
}

static bool report_reply(const struct bench *bench, redis_reply *reply)
{
    if (redis_reply_is_ok(reply))
        return true;
    if (!reply)
        terminal_error("%s", redis_client_error(bench->session.client));
    else
        terminal_error("Redis refuses the events: %.*s", SPAN_FMT(redis_reply_span(reply)));
    return false;
}

bool bench_publish(struct bench *bench, uint64_t first, size_t count)
{
    struct redis_command *commands[BATCH];
    redis_reply *replies[BATCH];
    struct text data;
    bool is_good = true;
    count = count < BATCH ? count : BATCH;
    text_init(&data, bench->plan.bytes + BENCH_ENVELOPE_BYTES);
    for (size_t i = 0; i < count; i++)
        commands[i] = make_event(bench, first + i, &data);
    redis_client_call_all(bench->session.client, commands, replies, count);
    for (size_t i = 0; i < count; i++) {
        is_good = is_good && report_reply(bench, replies[i]);
        redis_client_free_reply(&replies[i]);
    }
    text_fini(&data);
    return is_good;
}

bool bench_measure_round_trip(struct bench *bench)
{
    static struct bench_histogram histogram;
    bool is_good = true;
    for (int i = 0; is_good && i < PINGS; i++) {
        int64_t began_us = clock_mono_us();
        struct redis_command *command = redis_command_create("PING");
        redis_reply *reply = redis_client_call(bench->session.client, &command);
        bench_histogram_add(&histogram, clock_mono_us() - began_us);
        is_good = report_reply(bench, reply);
        redis_client_free_reply(&reply);
    }
    bench_histogram_read(&histogram, &bench->result.round_trip);
    return is_good;
}

bool bench_warm_up(struct bench *bench)
{
    uint64_t published = 0;
    int64_t deadline_ms = clock_mono_ms() + bench->plan.timeout_ms;
    bench_receiver_reset(bench->receiver);
    while (!bench_is_interrupted() && clock_mono_ms() < deadline_ms) {
        uint64_t received = bench_receiver_count(bench->receiver);
        uint64_t left = bench->plan.warm_up - published;
        if (received >= bench->plan.warm_up)
            break;
        if (left > 0 && published - received + BATCH <= bench->plan.backlog + BATCH / 2) {
            size_t count = left < BATCH ? (size_t)left : BATCH;
            if (!bench_publish(bench, published, count))
                return false;
            published += count;
        } else {
            bench_sleep_us(NAP_US);
        }
    }
    bench_receiver_reset(bench->receiver);
    return true;
}

// ---- the load

struct load {
    struct bench *bench;
    int64_t began_us, look_at_ms, progress_at_ms;
    uint64_t under_way;      // by Redis's count, when it was looked at …
    uint64_t published_then; // … and so many were published
    bool is_broken;
};

// Everything in Redis that isn't settled, beyond what was parked before.
static uint64_t count_under_way(const struct bench_result *result)
{
    int64_t parked = result->after.parked - result->before.parked;
    return (uint64_t)(result->after.stream_lag + result->after.stream_pending +
                      (parked > 0 ? parked : 0));
}

static void look(struct load *load, bool is_due)
{
    struct bench *bench = load->bench;
    struct bench_result *result = &bench->result;
    int64_t now_ms = clock_mono_ms();
    if (bench->receiver)
        result->delivered = bench_receiver_count(bench->receiver);
    if (is_due || now_ms >= load->look_at_ms) {
        if (store_read_status(&bench->session.store, &result->after) != STORE_OK) {
            terminal_error("%s", bench->session.store.error);
            load->is_broken = true;
            return;
        }
        load->look_at_ms = clock_mono_ms() + (bench->receiver ? LOOK_MS : LOOK_OFTEN_MS);
        load->under_way = count_under_way(result);
        load->published_then = result->published;
        if (!bench->receiver)
            result->delivered = (uint64_t)(result->after.delivered - result->before.delivered);
    }
    if (now_ms >= load->progress_at_ms) {
        load->progress_at_ms = now_ms + PROGRESS_MS;
        bench_print_progress(bench, result->delivered, false);
    }
}

// How many events may be published now.
static uint64_t count_room(const struct load *load)
{
    const struct bench *bench = load->bench;
    const struct bench_result *result = &bench->result;
    uint64_t left = bench->plan.events - result->published;
    uint64_t room;
    if (bench->plan.rate > 0) {
        double due = (double)(clock_mono_us() - load->began_us) * (double)bench->plan.rate / 1e6;
        room = (uint64_t)due + 1 > result->published ? (uint64_t)due + 1 - result->published : 0;
    } else {
        uint64_t under_way = bench->receiver
                                 ? result->published - result->delivered
                                 : load->under_way + result->published - load->published_then;
        room = bench->plan.backlog > under_way ? bench->plan.backlog - under_way : 0;
    }
    return room < left ? room : left;
}

static bool is_time_up(const struct load *load)
{
    int64_t duration_ms = load->bench->plan.duration_ms;
    return duration_ms > 0 && clock_mono_us() - load->began_us >= duration_ms * 1000;
}

static void publish_all(struct load *load)
{
    struct bench *bench = load->bench;
    struct bench_result *result = &bench->result;
    while (result->published < bench->plan.events && !bench_is_interrupted() && !is_time_up(load) &&
           !load->is_broken) {
        uint64_t room = count_room(load);
        size_t count = room < BATCH ? (size_t)room : BATCH;
        if (count == 0) {
            bench_sleep_us(NAP_US);
        } else if (bench_publish(bench, result->published, count)) {
            result->published += count;
        } else {
            load->is_broken = true;
            return;
        }
        look(load, false);
    }
    result->publish_s = (double)(clock_mono_us() - load->began_us) / 1e6;
}

static bool is_complete(const struct load *load)
{
    const struct bench_result *result = &load->bench->result;
    if (load->bench->receiver)
        return result->delivered >= result->published;
    return load->published_then == result->published && load->under_way == 0;
}

static void wait_for_the_rest(struct load *load)
{
    struct bench *bench = load->bench;
    struct bench_result *result = &bench->result;
    int64_t began_ms = clock_mono_ms();
    look(load, true);
    while (!is_complete(load) && !load->is_broken) {
        int64_t most_ms = bench->plan.timeout_ms;
        if (bench_is_interrupted() && most_ms > INTERRUPTED_WAIT_MS)
            most_ms = INTERRUPTED_WAIT_MS;
        if (clock_mono_ms() - began_ms > most_ms)
            break;
        bench_sleep_us(NAP_US);
        look(load, false);
    }
    int64_t last_us = clock_mono_us();
    if (bench->receiver && result->delivered > 0)
        last_us = bench_receiver_last_us(bench->receiver);
    result->deliver_s = (double)(last_us - load->began_us) / 1e6;
    result->is_complete = is_complete(load);
}

// What was received is acknowledged a moment later: the backlog is told when that is over, or goes on.
static void settle(struct load *load)
{
    enum { SETTLE_MS = 2000 };
    int64_t deadline_ms = clock_mono_ms() + SETTLE_MS;
    do {
        look(load, true);
        if (load->under_way == 0 || !load->bench->result.is_complete)
            return;
        bench_sleep_us(10 * NAP_US);
    } while (!load->is_broken && clock_mono_ms() < deadline_ms);
}

bool bench_run_load(struct bench *bench)
{
    struct load load = {.bench = bench};
    struct bench_result *result = &bench->result;
    if (store_read_status(&bench->session.store, &result->before) != STORE_OK) {
        terminal_error("%s", bench->session.store.error);
        return false;
    }
    result->after = result->before;
    load.began_us = clock_mono_us();
    bench->planned_from_us = bench->plan.rate > 0 ? load.began_us : 0;
    load.progress_at_ms = clock_mono_ms() + PROGRESS_MS;
    publish_all(&load);
    wait_for_the_rest(&load);
    settle(&load);
    bench_print_progress(bench, result->delivered, true);
    if (bench->receiver)
        bench_receiver_read(bench->receiver, result);
    result->is_interrupted = bench_is_interrupted();
    return !load.is_broken;
}
