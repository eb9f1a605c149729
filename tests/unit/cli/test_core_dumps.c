// SPDX-License-Identifier: Apache-2.0
#include "core_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "unit.h"

static struct rlimit limit_now(void)
{
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 2};
    getrlimit(RLIMIT_CORE, &limit);
    return limit;
}

TEST(off_is_off_and_leaves_the_hard_limit)
{
    struct rlimit before = limit_now();
    core_dumps_disable();
    CHECK_INT(limit_now().rlim_cur, 0);
    CHECK_INT(limit_now().rlim_max, before.rlim_max);
    CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
}

TEST(on_is_up_to_the_hard_limit)
{
    core_dumps_disable();
    core_dumps_enable();
    CHECK_INT(limit_now().rlim_cur, limit_now().rlim_max);
    CHECK_INT(prctl(PR_GET_DUMPABLE), 1);
}

UNIT_MAIN()
