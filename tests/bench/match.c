// SPDX-License-Identifier: Apache-2.0
// What it costs to find the subscriptions that want an event among many: the table that the workers match against,
// without anything around it.
//
//   match [--subscriptions N] [--events E]
//
// Of N subscriptions each wants three types, one of them by a prefix. Prints JSON: nanoseconds per event that nobody, one,
// and a hundred want.
#include <stdbool.h>

#include "bench.h"
#include "petrel/snapshot.h"

enum { MATCHES_MAX = 1024, WIDE = 100 };

static struct subscription *make(int64_t i)
{
    char body[512];
    struct field_errors errors = {.count = 0};
    // A hundred of them want the same.
    int size =
        snprintf(body, sizeof body,
                 "{\"url\":\"https://host%lld.example/hooks\",\"event_types\":[\"order.%lld.paid\","
                 "\"customer.%lld.*\",\"%s\"]}",
                 (long long)i, (long long)i, (long long)i, i < WIDE ? "wide" : "other");
    struct subscription *made =
        subscription_create((struct span){body, (size_t)size}, 1700000000000, &errors);
    if (!made) {
        fprintf(stderr, "match: %s: %s\n", errors.items[0].field, errors.items[0].message);
        exit(1);
    }
    return made;
}

// The type of the i-th event; `kind` 0: nobody's, 1: one's, 2: a hundred's.
static size_t format_type(char *out, size_t size, int kind, int64_t i, int64_t count)
{
    if (kind == 2)
        return (size_t)snprintf(out, size, "wide");
    return (size_t)snprintf(out, size, kind == 1 ? "order.%lld.paid" : "nothing.%lld.paid",
                            (long long)(i * 7919 % count));
}

static double measure(const struct snapshot *snapshot, int kind, int64_t events, int64_t count)
{
    static struct subscription *found[MATCHES_MAX];
    enum { TYPES = 1024, TYPE_SIZE = 48 };
    static char types[TYPES][TYPE_SIZE];
    static size_t sizes[TYPES];
    size_t expected = kind == 0 ? 0 : kind == 1 ? 1 : WIDE;
    for (int64_t i = 0; i < TYPES; i++)
        sizes[i] = format_type(types[i], TYPE_SIZE, kind, i, count);
    int64_t begin_ns = bench_mono_ns();
    for (int64_t i = 0; i < events; i++) {
        struct span type = {types[i % TYPES], sizes[i % TYPES]};
        if (snapshot_match(snapshot, (struct span){0}, type, found, MATCHES_MAX) != expected) {
            fprintf(stderr, "match: %s doesn't have %zu\n", types[i % TYPES], expected);
            exit(1);
        }
    }
    return (double)(bench_mono_ns() - begin_ns) / (double)events;
}

int main(int argc, char **argv)
{
    int64_t count = bench_number(argc, argv, "--subscriptions", 100000);
    int64_t events = bench_number(argc, argv, "--events", 1000000);
    struct subscription **all = calloc((size_t)count, sizeof *all);
    for (int64_t i = 0; i < count; i++)
        all[i] = make(i);
    int64_t begin_ns = bench_mono_ns();
    struct snapshot *snapshot = snapshot_create(all, (size_t)count);
    double build_ms = (double)(bench_mono_ns() - begin_ns) / 1e6;
    if (!snapshot)
        bench_die("snapshot");
    printf(
        "{\"subscriptions\":%lld,\"build_ms\":%.1f,\"none_ns\":%.0f,\"one_ns\":%.0f,\"hundred_ns\":%.0f}\n",
        (long long)count, build_ms, measure(snapshot, 0, events, count),
        measure(snapshot, 1, events, count), measure(snapshot, 2, events / WIDE, count));
    return 0;
}
