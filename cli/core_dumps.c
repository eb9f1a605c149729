// SPDX-License-Identifier: Apache-2.0
// Two switches, because one isn't enough: the limit of a core file's size counts for nothing where the kernel hands cores to
// a program (systemd-coredump, apport), and "not dumpable" isn't inherited over an exec.
#include "core_dumps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

static void set(rlim_t soft, unsigned long is_dumpable)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
        setrlimit(RLIMIT_CORE,
                  &limit); // lowering, or raising up to the hard limit, is always allowed
    }
    prctl(PR_SET_DUMPABLE, is_dumpable, 0UL, 0UL, 0UL);
}

void core_dumps_disable(void)
{
    set(0, 0);
}

void core_dumps_enable(void)
{
    set(RLIM_INFINITY, 1);
}
