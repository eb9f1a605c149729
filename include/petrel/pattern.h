// SPDX-License-Identifier: Apache-2.0
// Patterns of event types: an exact type, or a prefix followed by one final `*`. Pure.
// "*" alone matches every type but petrel's own ("petrel.…"), which must be asked for by name
// ("petrel.*" or more), so that nobody gets them by surprise.
#ifndef PETREL_PATTERN_H
#define PETREL_PATTERN_H

#include "petrel/text.h"

bool pattern_is_valid(struct span text);
bool pattern_matches(struct span pattern, struct span type);

#endif
