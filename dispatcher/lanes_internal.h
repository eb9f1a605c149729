// SPDX-License-Identifier: Apache-2.0
// Shared by lanes.c (admission) and lanes_outcome.c (attempts and what follows), by nobody else.
#ifndef PETREL_LANES_INTERNAL_H
#define PETREL_LANES_INTERNAL_H

#include <uv.h>

#include "lanes.h"

struct lanes {
    struct worker *worker;
    struct lane *by_id;                      // uthash
    struct lane *hungry_first, *hungry_last; // lanes in which something waits, in turn
    uint32_t in_flight, claimed_in_flight;   // attempts running; of them, claimed ones
    uint32_t promised;                       // slots promised to claims
    uint32_t parking;                        // moves of fresh deliveries that Redis hasn't answered
    struct delivery *failed_first;           // attempts that could not even be started
    uv_timer_t sweep;
    bool is_draining;
};

// Starts the attempt of a delivery: it takes a slot of the lane and of the worker until its outcome is known.
void lanes_start(struct lanes *lanes, struct lane *lane, struct delivery *delivery);
// Gives free slots to what waits (this lane first, then the others in turn), then to the lane's backlog.
void lanes_fill(struct lanes *lanes, struct lane *lane);
// A fresh delivery goes to its queue without an attempt.
void lanes_park_unattempted(struct lanes *lanes, struct delivery *delivery, int64_t delay_ms);
// Everything that waits in a lane goes to its queue.
void lanes_park_waiting(struct lanes *lanes, struct lane *lane, int64_t delay_ms);
// A claimed delivery goes back to its queue as it was, due now.
void lanes_put_back(struct lanes *lanes, struct delivery *delivery);
void lanes_sweep_soon(struct lanes *lanes);
// The sweep's part in lanes_outcome.c: attempts that could not be started end as internal failures.
void lanes_conclude_failed(struct lanes *lanes);

#endif
