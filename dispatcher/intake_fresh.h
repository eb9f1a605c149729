// SPDX-License-Identifier: Apache-2.0
// Who subscribes and then publishes gets the event: an event is matched only with a table that has every change
// of a subscription that Redis had when the event was read.
#ifndef PETREL_INTAKE_FRESH_H
#define PETREL_INTAKE_FRESH_H

#include "intake_internal.h"

// Asks for the newest change, right behind the read on the same connection: both answers come together, so
// this costs no round trip; or, at rest, when the read has brought events. The read has ended (intake_on_read_ended) with the
// answer.
void intake_fresh_ask(struct intake *intake, int64_t read_blocks_ms);
// Fans out at once, or as soon as the table is new enough.
void intake_fresh_pass(struct intake *intake, struct arrival *arrival);
// The worker has another snapshot.
void intake_fresh_on_snapshot(struct intake *intake);
void intake_fresh_on_timer(uv_timer_t *timer);

#endif
