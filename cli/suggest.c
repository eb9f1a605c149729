// SPDX-License-Identifier: Apache-2.0
// The nearest name to a mistyped one. A name is worth suggesting when a third of its letters or less would have
// to change, or when what was typed is the start of it. Pure: no I/O, fixed memory.
#include "suggest.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    assert(a_size <= SUGGEST_MAX_BYTES && b_size <= SUGGEST_MAX_BYTES);
    size_t table[SUGGEST_MAX_BYTES + 1][SUGGEST_MAX_BYTES + 1];
    for (size_t i = 0; i <= a_size; i++)
        table[i][0] = i;
    for (size_t j = 0; j <= b_size; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            size_t best = least(table[i - 1][j] + 1, table[i][j - 1] + 1);
            best = least(best, table[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least(best, table[i - 2][j - 2] + 1);
            table[i][j] = best;
        }
    }
    return table[a_size][b_size];
}

void suggest_init(struct suggest *suggest, const char *typed, size_t typed_size)
{
    *suggest = (struct suggest){.distance = SIZE_MAX};
    if (typed_size <= SUGGEST_MAX_BYTES)
        memcpy(suggest->typed, typed, typed_size);
}

void suggest_offer(struct suggest *suggest, const char *name)
{
    size_t typed_size = strlen(suggest->typed);
    if (typed_size == 0 || strlen(name) > SUGGEST_MAX_BYTES)
        return;
    bool is_start = typed_size >= 2 && strncmp(name, suggest->typed, typed_size) == 0;
    size_t distance = is_start ? 1 : suggest_distance(suggest->typed, name);
    size_t allowed = (strlen(name) + 2) / 3;
    if (distance <= allowed && distance < suggest->distance) {
        suggest->nearest = name;
        suggest->distance = distance;
    }
}

const char *suggest_nearest(const struct suggest *suggest)
{
    return suggest->nearest;
}
