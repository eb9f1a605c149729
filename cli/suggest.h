// SPDX-License-Identifier: Apache-2.0
// "Did you mean …?": the nearest of some names to a mistyped one. Pure.
#ifndef PETREL_CLI_SUGGEST_H
#define PETREL_CLI_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_MAX_BYTES = 40 };

struct suggest {
    char typed[SUGGEST_MAX_BYTES + 1]; // "" when too long to be a typo of any name
    const char *nearest;               // borrowed from who offered it
    size_t distance;                   // edits to `nearest`
};

void suggest_init(struct suggest *suggest, const char *typed, size_t typed_size);
void suggest_offer(struct suggest *suggest, const char *name);
// NULL when nothing offered is near enough to be worth naming.
const char *suggest_nearest(const struct suggest *suggest);

// Insertions, deletions, substitutions and swaps of neighbours that make b of a (optimal string alignment).
// Both at most SUGGEST_MAX_BYTES long.
size_t suggest_distance(const char *a, const char *b);

#endif
