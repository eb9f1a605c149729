// SPDX-License-Identifier: Apache-2.0
// What `petrel check` looks at, as findings: pure judgements of what was read, so that each can be tested.
#ifndef PETREL_CLI_CHECK_H
#define PETREL_CLI_CHECK_H

#include <stdio.h>

#include "petrel/store.h"

enum check_level { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check_finding {
    const char *name; // static, stable: what --json users look for
    enum check_level level;
    char value[320];
    const char *meaning; // static: what it means for "nothing accepted is lost"
};

enum { CHECK_MAX_FINDINGS = 24 };
struct check_report {
    struct check_finding items[CHECK_MAX_FINDINGS];
    size_t count;
    enum check_level worst;
};

void check_add(struct check_report *report, const struct check_finding *finding);

// What Redis said of itself.
void check_redis_status(struct check_report *report, const struct store_status *status);
// The layout's version as stored; empty when there is none.
void check_schema(struct check_report *report, struct span stored);
// How secrets lie in Redis; current_key is NULL without a key ring.
void check_encryption(struct check_report *report, const struct store_encryption *encryption,
                      const char *current_key);
// open_files: the hard limit of RLIMIT_NOFILE.
void check_open_files(struct check_report *report, uint64_t open_files, uint32_t max_in_flight);

const char *check_level_text(enum check_level level); // "ok", "warn", "FAIL"

#endif
