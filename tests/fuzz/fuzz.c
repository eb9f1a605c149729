// SPDX-License-Identifier: Apache-2.0
// What the targets share, and the entry point that libFuzzer and replay.c call.
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/log.h"

// Warnings about what strangers send are the point here, and no news.
__attribute__((constructor)) static void silence_log(void)
{
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one((struct span){.data = (const char *)data, .size = size});
    return 0;
}

void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: property doesn't hold: %s\n", file, line, condition);
    abort();
}

static char *copy_exactly(struct span text)
{
    char *copy = malloc(text.size ? text.size : 1);
    if (!copy)
        abort();
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

void fuzz_cut(struct span input, struct fuzz_parts *parts)
{
    struct span part;
    parts->count = 0;
    while (parts->count < FUZZ_PARTS_MAX && span_next(&input, FUZZ_SEPARATOR, &part))
        parts->items[parts->count++] = (struct span){.data = copy_exactly(part), .size = part.size};
}

void fuzz_free(struct fuzz_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free((char *)parts->items[i].data);
    parts->count = 0;
}

struct span fuzz_part(const struct fuzz_parts *parts, size_t index)
{
    return index < parts->count ? parts->items[index] : SPAN("");
}

bool fuzz_is_printable(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c < ' ' || *c > '~')
            return false;
    }
    return text[0] != '\0';
}
