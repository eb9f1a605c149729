// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include "petrel/clock.h"
#include "unit.h"

TEST(wall_time_is_libcs)
{
    int64_t before_s = time(NULL);
    int64_t wall_ms = clock_wall_ms();
    int64_t after_s = time(NULL);
    // time() may read a coarser clock that lags by a tick.
    CHECK(wall_ms >= before_s * 1000);
    CHECK(wall_ms <= (after_s + 1) * 1000);
}

TEST(monotonic_time_never_goes_back)
{
    int64_t last_us = clock_mono_us();
    for (int i = 0; i < 100000; i++) {
        int64_t now_us = clock_mono_us();
        CHECK(now_us >= last_us);
        last_us = now_us;
    }
}

TEST(monotonic_time_advances_in_its_units)
{
    struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    int64_t start_ms = clock_mono_ms();
    int64_t start_us = clock_mono_us();
    nanosleep(&pause, NULL);
    int64_t passed_us = clock_mono_us() - start_us;
    int64_t passed_ms = clock_mono_ms() - start_ms;
    CHECK(passed_us >= 20000);
    CHECK(passed_ms >= 20);
    CHECK(passed_ms >= passed_us / 1000); // it started earlier and ended later
    CHECK(start_ms <= start_us / 1000);   // one clock, two units
}

UNIT_MAIN()
