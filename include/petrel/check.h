// SPDX-License-Identifier: Apache-2.0
// What `petrel check` and /readyz look at, as findings: pure judgements of what was read, so that each can be tested.
#ifndef PETREL_CHECK_H
#define PETREL_CHECK_H

#include "petrel/store.h"

enum check_level { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check_finding {
    const char *name; // static, stable: what --json users look for
    enum check_level level;
    char value[320];
    const char *meaning; // static: what it means for "nothing accepted is lost"
    bool is_blocking;    // as it is, petrel can't do its work: unready
};

enum { CHECK_MAX_FINDINGS = 24 };
struct check_report {
    struct check_finding items[CHECK_MAX_FINDINGS];
    size_t count;
    enum check_level worst;
    bool is_blocked; // one of them is blocking
};

void check_add(struct check_report *report, const struct check_finding *finding);

// What Redis said of itself: version, layout, role, durability, memory, replicas, clock, group.
void check_redis_status(struct check_report *report, const struct store_status *status);
// How secrets lie in Redis; current_key is NULL without a key ring.
void check_encryption(struct check_report *report, const struct store_encryption *encryption,
                      const char *current_key);
// How much there is to do.
void check_contents(struct check_report *report, const struct store_status *status);
// open_files: the hard limit of RLIMIT_NOFILE.
void check_open_files(struct check_report *report, uint64_t open_files, uint32_t max_in_flight);

// This process's own links to Redis that are down.
void check_links(struct check_report *report, int64_t disconnected);
// Workers of this process's dispatcher that have Redis and a table of subscriptions.
void check_workers(struct check_report *report, int64_t at_work, uint32_t workers);
// For require_durability: an append-only file and noeviction, or it is blocking. The finding that fails first; NULL
// when the report has none.
const struct check_finding *check_require_durability(struct check_report *report);

const char *check_level_text(enum check_level level); // "ok", "warn", "FAIL"

#endif
