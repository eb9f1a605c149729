// SPDX-License-Identifier: Apache-2.0
#include "bench.h"
#include "unit.h"

static struct bench_histogram histogram;

static struct bench_times read_times(void)
{
    struct bench_times times;
    bench_histogram_read(&histogram, &times);
    histogram = (struct bench_histogram){.max_us = 0};
    return times;
}

TEST(of_none_all_is_zero)
{
    struct bench_times times = read_times();
    CHECK_INT(times.count, 0);
    CHECK_INT(times.p50, 0);
    CHECK_INT(times.p999, 0);
    CHECK_INT(times.max, 0);
}

TEST(small_ones_are_exact)
{
    for (int64_t us = 1; us <= 60; us++)
        bench_histogram_add(&histogram, us);
    struct bench_times times = read_times();
    CHECK_INT(times.count, 60);
    CHECK_INT(times.p50, 30);
    CHECK_INT(times.p99, 60);
    CHECK_INT(times.max, 60);
}

TEST(a_percentile_is_never_better_than_it_was_nor_much_worse)
{
    for (int64_t us = 1; us <= 1000000; us++)
        bench_histogram_add(&histogram, us);
    struct bench_times times = read_times();
    CHECK_INT(times.count, 1000000);
    CHECK(times.p50 >= 500000 && times.p50 <= 508000);
    CHECK(times.p99 >= 990000 && times.p99 <= 1000000);
    CHECK(times.p999 >= 999000 && times.p999 <= 1000000);
    CHECK_INT(times.max, 1000000);
}

TEST(one_of_a_thousand_is_the_max_and_no_percentile)
{
    for (int i = 0; i < 999; i++)
        bench_histogram_add(&histogram, 10);
    bench_histogram_add(&histogram, 5000000);
    struct bench_times times = read_times();
    CHECK_INT(times.p50, 10);
    CHECK_INT(times.p999, 10);
    CHECK_INT(times.max, 5000000);
}

TEST(what_cant_be_is_counted_at_the_edge)
{
    bench_histogram_add(&histogram, -5);
    bench_histogram_add(&histogram, INT64_MAX);
    struct bench_times times = read_times();
    CHECK_INT(times.count, 2);
    CHECK_INT(times.p50, 0);
    CHECK(times.p99 > INT64_C(1) << 40);
}

UNIT_MAIN()
