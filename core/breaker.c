// SPDX-License-Identifier: Apache-2.0
// Names only: the breaker itself lives in Redis and is moved by the scripts.
#include "petrel/breaker.h"

const char *breaker_state_text(enum breaker_state state)
{
    switch (state) {
    case BREAKER_CLOSED:
        return "closed";
    case BREAKER_HALF_OPEN:
        return "half_open";
    case BREAKER_OPEN:
        return "open";
    }
    return "closed";
}

enum breaker_state breaker_parse_state(struct span text)
{
    if (span_equals_text(text, "open"))
        return BREAKER_OPEN;
    if (span_equals_text(text, "half_open"))
        return BREAKER_HALF_OPEN;
    return BREAKER_CLOSED;
}
