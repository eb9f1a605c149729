// SPDX-License-Identifier: Apache-2.0
// INFO's lines: "name:value\r\n", "# Section".
#include "petrel/redis_info.h"

struct span redis_info_find(struct span info, const char *name)
{
    struct span line;
    while (span_next(&info, '\n', &line)) {
        struct span key;
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (span_next(&line, ':', &key) && span_equals_text(key, name))
            return line;
    }
    return (struct span){0};
}

int64_t redis_info_int(struct span info, const char *name)
{
    int64_t value = 0;
    return span_to_int64(redis_info_find(info, name), &value) ? value : 0;
}

void redis_info_read_memory(struct span info, struct redis_memory *memory)
{
    memory->limit_bytes = redis_info_int(info, "maxmemory");
    memory->used_bytes =
        redis_info_int(info, "used_memory") - redis_info_int(info, "mem_not_counted_for_evict");
    if (memory->used_bytes < 0)
        memory->used_bytes = 0;
}

int64_t redis_memory_percent(const struct redis_memory *memory)
{
    if (memory->limit_bytes <= 0)
        return 0;
    // In this order: a hundred times the bytes of a big machine still fits.
    return memory->used_bytes * 100 / memory->limit_bytes;
}
