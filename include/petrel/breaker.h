// SPDX-License-Identifier: Apache-2.0
// The circuit breaker of a subscription as the scripts keep it (core/lua/lib/health.lua): its states by name.
// Pure.
#ifndef PETREL_BREAKER_H
#define PETREL_BREAKER_H

#include "petrel/text.h"

enum breaker_state {
    BREAKER_CLOSED,    // attempts flow
    BREAKER_HALF_OPEN, // a probe succeeded, or the subscription was resumed: slow start
    BREAKER_OPEN,      // only one leased probe at a time
};

const char *breaker_state_text(enum breaker_state state); // "closed", "half_open", "open"
// Anything unknown counts as closed: an attempt tells more than a wrong guess.
enum breaker_state breaker_parse_state(struct span text);

#endif
