// SPDX-License-Identifier: Apache-2.0
// What Redis says of itself: reads the text of INFO. Pure.
#ifndef PETREL_REDIS_INFO_H
#define PETREL_REDIS_INFO_H

#include "petrel/text.h"

// The value of "name:value" on a line of its own, a view into `info`; empty when there is none.
struct span redis_info_find(struct span info, const char *name);
int64_t redis_info_int(struct span info, const char *name); // 0 when there is none

struct redis_memory {
    int64_t used_bytes; // what counts against the limit: without replicas' and the append-only file's buffers
    int64_t limit_bytes; // maxmemory; 0: none
};
void redis_info_read_memory(struct span info, struct redis_memory *memory);
int64_t redis_memory_percent(const struct redis_memory *memory); // 0 without a limit

#endif
