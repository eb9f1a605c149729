// SPDX-License-Identifier: Apache-2.0
// What `petrel bench` prints: progress on stderr, the result on stdout, as a few lines or as one JSON object.
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "terminal.h"

enum { JSON_MAX_BYTES = 16384 };

static double per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static double ms(int64_t us)
{
    return (double)us / 1000;
}

static void append_times(struct text *out, const struct bench_times *times)
{
    text_append_format(out, "{\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}",
                       ms(times->p50), ms(times->p99), ms(times->p999), ms(times->max));
}

void bench_print_start(const struct bench *bench)
{
    const struct bench_plan *plan = &bench->plan;
    const struct bench_result *result = &bench->result;
    fprintf(stderr, "%" PRIu32 " dispatcher%s with %" PRIu32 " worker%s; ", result->dispatchers,
            result->dispatchers == 1 ? "" : "s", result->workers, result->workers == 1 ? "" : "s");
    if (bench->receiver)
        fprintf(stderr, "receiving at %s\n", bench->url);
    else
        fprintf(stderr, "%s goes to %" PRIu64 " subscription%s\n", plan->type, result->receivers,
                result->receivers == 1 ? "" : "s");
}

void bench_print_progress(const struct bench *bench, uint64_t delivered, bool is_last)
{
    const struct bench_result *result = &bench->result;
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    // In a file only the lines on the way; on a terminal one line, which the result replaces.
    if (is_last) {
        fputs(is_terminal ? "\r\033[K" : "", stderr);
        return;
    }
    fprintf(stderr,
            "%spublished %" PRIu64 ", delivered %" PRIu64 ", unread %" PRId64 ", under way %" PRId64
            ", parked %" PRId64 "%s",
            is_terminal ? "\r\033[K" : "", result->published, delivered, result->after.stream_lag,
            result->after.stream_pending, result->after.parked, is_terminal ? "" : "\n");
    fflush(stderr);
}

static void print_json(const struct bench *bench)
{
    const struct bench_result *result = &bench->result;
    struct text out;
    text_init(&out, JSON_MAX_BYTES);
    text_append_format(&out,
                       "{\"own_receiver\":%s,\"subscriptions\":%" PRIu64 ",\"dispatchers\":%" PRIu32
                       ",\"workers\":%" PRIu32 ",\"bytes\":%" PRIu64,
                       bench->receiver ? "true" : "false", result->receivers, result->dispatchers,
                       result->workers, bench->plan.bytes);
    text_append_format(
        &out, ",\"published\":{\"count\":%" PRIu64 ",\"seconds\":%.3f,\"per_second\":%.1f}",
        result->published, result->publish_s, per_second(result->published, result->publish_s));
    text_append_format(
        &out, ",\"delivered\":{\"count\":%" PRIu64 ",\"seconds\":%.3f,\"per_second\":%.1f}",
        result->delivered, result->deliver_s, per_second(result->delivered, result->deliver_s));
    text_append_string(&out, ",\"redis_round_trip_ms\":");
    append_times(&out, &result->round_trip);
    if (bench->receiver) {
        text_append_format(&out, ",\"repeats\":%" PRIu64 ",\"latency_ms\":", result->repeats);
        append_times(&out, &result->latency);
    }
    text_append_format(
        &out,
        ",\"left\":{\"unread\":%" PRId64 ",\"under_way\":%" PRId64 ",\"parked\":%" PRId64
        ",\"dead\":%" PRId64 "},\"complete\":%s,\"interrupted\":%s}\n",
        result->after.stream_lag, result->after.stream_pending, result->after.parked,
        result->after.dead - result->before.dead, result->is_complete ? "true" : "false",
        result->is_interrupted ? "true" : "false");
    terminal_write(&out);
    text_fini(&out);
}

static void print_times(const char *name, const struct bench_times *times, const char *what)
{
    printf("%-11s p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms  (%s)\n", name,
           ms(times->p50), ms(times->p99), ms(times->p999), ms(times->max), what);
}

void bench_print_result(const struct bench *bench)
{
    const struct bench_result *result = &bench->result;
    if (bench->plan.as_json) {
        print_json(bench);
        return;
    }
    printf("%-11s %" PRIu64 " events of %" PRIu64 " bytes in %.2f s: %.0f a second\n", "published",
           result->published, bench->plan.bytes, result->publish_s,
           per_second(result->published, result->publish_s));
    printf("%-11s %" PRIu64 " in %.2f s: %.0f a second", "delivered", result->delivered,
           result->deliver_s, per_second(result->delivered, result->deliver_s));
    if (!bench->receiver)
        printf("  (all that dispatchers delivered meanwhile)\n");
    else
        printf(result->repeats > 0 ? ", %" PRIu64 " of them more than once\n" : "\n",
               result->repeats);
    if (bench->receiver && result->latency.count > 0)
        print_times("latency", &result->latency, "XADD to request received");
    print_times("Redis", &result->round_trip, "a round trip, before the load");
    printf("%-11s %" PRId64 " unread, %" PRId64 " under way, %" PRId64 " parked, %" PRId64
           " new dead letters\n",
           "left", result->after.stream_lag, result->after.stream_pending, result->after.parked,
           result->after.dead - result->before.dead);
}
