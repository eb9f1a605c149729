// SPDX-License-Identifier: Apache-2.0
// Reads the stream (own consumer of the group), parses, dedupes, matches and fans out; acknowledges an entry
// when all its deliveries are settled. Reads only what it has room for, so memory is bounded.
#ifndef PETREL_INTAKE_H
#define PETREL_INTAKE_H

#include <uthash.h>

#include "delivery.h"

struct intake;
struct worker;

// An entry of the stream in this worker's hands, from being read until Redis has acknowledged it.
enum { ARRIVAL_KEY_SIZE = EVENT_ENTRY_ID_SIZE + UINT64_MAX_DIGITS };
struct arrival {
    UT_hash_handle hh;
    char key[ARRIVAL_KEY_SIZE]; // "<entry id>/<shard>"
    char entry_id[EVENT_ENTRY_ID_SIZE];
    uint32_t shard;
    struct event *event;  // NULL once rejected
    int64_t taken_ms;     // mono
    uint32_t outstanding; // deliveries not back yet
    uint32_t fan_out;
    bool is_taken_over;   // it was pending before we got it: some deliveries may be settled
    bool has_record;      // settled:<entry> may exist
    bool is_stuck;        // a delivery came back unsettled: stays pending, and is looked for again
    bool is_marked;       // as fanned out, for ordered subscriptions
    uint32_t ordered;     // deliveries of ordered subscriptions not parked yet
    bool is_acknowledged; // by a script, together with the parking of its only delivery
    bool is_gone;         // out of hand, but a review under way may still name it as pending
    struct delivery *arrived_first; // parts that have arrived while others haven't, not noted in Redis
    struct arrival *next_to_note, *previous_to_note; // while there are any
    struct arrival *next_in_batch;
    struct arrival *next_held;
};

struct intake *intake_create(struct worker *worker);
// The worker has a snapshot, the first one (reading starts) or a newer one (what waited for it goes on).
void intake_on_snapshot(struct intake *intake);
// The worker's connection for commands came up: nothing is read while it is down.
void intake_on_commands_up(struct intake *intake);
// While Redis is nearly full: what is read would only be parked there. What is in hand goes on.
void intake_pause(struct intake *intake, bool is_paused);
// While paused: one read of `at_most` entries.
void intake_sip(struct intake *intake, size_t at_most);
// There is more in the stream than a read brings: what isn't urgent should let it pass.
bool intake_is_behind(const struct intake *intake);
void intake_stop(struct intake *intake); // reads nothing more
// While stopping: ends a blocking read. Repeated, since one that overtakes its read has no effect.
void intake_unblock(struct intake *intake);
bool intake_is_empty(const struct intake *intake); // stopped, and nothing in hand
void intake_close(struct intake *intake);          // drops the connection
void intake_destroy(struct intake **intake);       // after the loop has ended
void intake_on_returned(struct intake *intake, struct delivery *delivery);
// `is_refused`: by an error, which leaves it pending.
void intake_on_acknowledged(struct intake *intake, struct arrival *arrival, bool is_refused);
// Takes over what a dead consumer holds in a shard; then posts MAIL_REAPED.
void intake_reap(struct intake *intake, uint32_t shard, const char *consumer);

#endif
