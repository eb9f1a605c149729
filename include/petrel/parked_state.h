// SPDX-License-Identifier: Apache-2.0
// The state of a parked delivery as Redis keeps it, its field in parked:<sub>. Written by the scripts only
// (core/lua/lib/state.lua, which says how). Pure.
#ifndef PETREL_PARKED_STATE_H
#define PETREL_PARKED_STATE_H

#include "petrel/text.h"

struct parked_state {
    uint32_t attempts;                         // made so far
    int64_t born_ms;                           // wall: what its age counts from
    int64_t first_attempt_ms, last_attempt_ms; // wall; 0: none
    int32_t last_status;                       // 0: none
    char last_error[32];                       // "-" when none
};

// False if the text isn't such a state: then nothing of it was taken. Whoever holds its lease isn't looked at.
bool parked_state_parse(struct span text, struct parked_state *state);

#endif
