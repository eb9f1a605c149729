// SPDX-License-Identifier: Apache-2.0
// A histogram whose buckets grow with what they hold: values below 64 µs have one each, then 64 per doubling.
#include <stdatomic.h>

#include "bench.h"

enum { SUB_BITS = 6 };

static size_t bucket_of(int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    if (value < 1u << SUB_BITS)
        return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    size_t bucket =
        ((size_t)(shift + 1) << SUB_BITS) + (size_t)((value >> shift) - (1u << SUB_BITS));
    return bucket < BENCH_TIMES_BUCKETS ? bucket : BENCH_TIMES_BUCKETS - 1;
}

// The largest value of a bucket: what is said is never better than it was.
static int64_t value_of(size_t bucket)
{
    if (bucket < 1u << SUB_BITS)
        return (int64_t)bucket;
    unsigned shift = (unsigned)(bucket >> SUB_BITS) - 1;
    uint64_t first = (bucket & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS);
    return (int64_t)(((first + 1) << shift) - 1);
}

void bench_histogram_add(struct bench_histogram *histogram, int64_t us)
{
    int64_t max = atomic_load_explicit(&histogram->max_us, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->buckets[bucket_of(us)], 1, memory_order_relaxed);
    while (us > max && !atomic_compare_exchange_weak(&histogram->max_us, &max, us))
        ;
}

void bench_histogram_read(const struct bench_histogram *histogram, struct bench_times *times)
{
    uint64_t seen = 0;
    *times = (struct bench_times){.max = histogram->max_us};
    for (size_t i = 0; i < BENCH_TIMES_BUCKETS; i++)
        times->count += histogram->buckets[i];
    const struct {
        uint64_t per_mille;
        int64_t *value;
    } wanted[] = {{500, &times->p50}, {990, &times->p99}, {999, &times->p999}};
    size_t next = 0;
    for (size_t i = 0; i < BENCH_TIMES_BUCKETS && next < 3; i++) {
        seen += histogram->buckets[i];
        while (next < 3 && seen > 0 && seen * 1000 >= times->count * wanted[next].per_mille) {
            int64_t value = value_of(i);
            *wanted[next++].value = value < times->max ? value : times->max;
        }
    }
}
