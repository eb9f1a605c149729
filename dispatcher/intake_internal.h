// SPDX-License-Identifier: Apache-2.0
// Shared by intake.c (reading), intake_refused.c (when Redis won't give), intake_takeover.c (what dead consumers hold)
// intake_arrivals.c (parsing, matching, settling) and intake_spread.c (large fan-outs), by nobody else.
#ifndef PETREL_INTAKE_INTERNAL_H
#define PETREL_INTAKE_INTERNAL_H

#include <uv.h>

#include "intake.h"
#include "petrel/redis_command.h"
#include "petrel/redis_link.h"

struct intake {
    struct worker *worker;
    char consumer[CONSUMER_SIZE];
    struct redis_link *reader; // for blocking reads
    int64_t reader_id;         // CLIENT ID of the reader; 0: unknown
    bool is_started, is_stopped, is_paused, is_reading;
    unsigned refusals;    // error replies to reads in a row
    int64_t worked_ms;    // mono; when events were read last
    size_t read_count;    // entries to ask for at once
    size_t sip;           // no more than these; 0: as many as there is room for
    int64_t full_read_ms; // mono; when a read brought as much as it may
    uint32_t read_thaws;  // worker->thaws when the read under way was sent
    bool must_review; // what Redis gave us in a reply that never came, or came too late, is to be found again
    bool is_reviewing;          // the read under way is a review
    uv_timer_t review_timer;    // a review that is to come
    int64_t review_pause_ms;    // the last pause before one
    int64_t review_planned_ms;  // mono; when it began
    struct arrival *gone_first; // is_gone, chained by next_in_batch: freed with the review's answer
    uint32_t review_shard;
    char review_from[EVENT_ENTRY_ID_SIZE];

    struct arrival *by_key;        // uthash; everything in hand
    size_t in_hand;                // arrivals
    size_t fanned_out;             // deliveries not back yet
    size_t unanswered;             // other commands under way
    struct reap *waiting_reaps;    // for room; until it comes nothing new is read
    struct arrival *to_note_first; // those with parts that have arrived and are to be noted
    uv_timer_t note_timer, retry_timer;
    bool has_ordered; // subscriptions, by the last table

    // intake_spread.c: fan-outs that haven't left as a whole
    struct spread *spreads_first, *spreads_last;
    size_t unsent; // deliveries of theirs
    uv_timer_t spread_timer;

    // intake_fresh.c: arrivals that wait for a newer table of subscriptions
    struct arrival *held_first, *held_last;
    uv_timer_t hold_timer;
    bool awaits_newest;   // the events of a read have come, the newest change of then comes next
    bool asks_afterwards; // for it; else the question is right behind the read
    char newest_change[EVENT_ENTRY_ID_SIZE];
};

// Takes the entries of one shard's reply: [[id, [name, value, …]], …]. `is_taken_over`: they were pending
// before (a dead consumer's, or ours from before a lost connection).
void intake_take_entries(struct intake *intake, uint32_t shard, redis_reply *entries,
                         bool is_taken_over);
// Events with ids of their own, chained by next_in_batch: those that aren't repeats go on.
void intake_dedupe(struct intake *intake, uint32_t shard, struct arrival *first);
// A good event goes on to its subscriptions.
void intake_proceed(struct intake *intake, struct arrival *arrival);
void intake_reject(struct intake *intake, struct arrival *arrival, const struct event_fault *fault);
struct arrival *intake_find(struct intake *intake, uint32_t shard, struct span entry_id);
// Reads on if there is room.
void intake_read(struct intake *intake);
// For how many deliveries there is room.
size_t intake_room(const struct intake *intake);
// The own pending list is to be read, from the start: entries in it that aren't in hand are taken in.
void intake_review(struct intake *intake);
// Something stays pending with our consumer that nobody has in hand: looks for it after a pause, a longer one each time.
void intake_review_later(struct intake *intake);
// Goes on with a takeover that waits for room, if there is some by now.
void intake_resume_reap(struct intake *intake);
void intake_end_waiting_reaps(struct intake *intake);
void intake_add_key(const struct intake *intake, struct redis_command *command, uint32_t shard,
                    enum key_name name, const char *suffix);
void intake_on_note_timer(uv_timer_t *timer);

// ---- intake_spread.c
// Sends a delivery to each subscription's home, at once or a part at a time.
void intake_spread(struct intake *intake, struct arrival *arrival,
                   struct subscription *const *subscriptions, size_t count);
void intake_spread_on_returned(struct intake *intake); // there may be room for more
void intake_spread_all(struct intake *intake);         // what is left goes now: it is to be parked
void intake_spread_drop(struct intake *intake);        // teardown
void intake_spread_init(struct intake *intake);

// Forgets the parts of an arrival that are waiting to be noted.
void intake_drop_arrived(struct intake *intake, struct arrival *arrival);
// With a new table of subscriptions.
void intake_mark_all_fanned(struct intake *intake);
// Matches and sends out. `settled`: the deliveries done before, or NULL.
void intake_fan_out(struct intake *intake, struct arrival *arrival, redis_reply *settled);
void intake_on_read_ended(struct intake *intake);
// A read was answered with an error: makes the group if that is what is missing, and reads again later.
void intake_on_refused(struct intake *intake, redis_reply *reply);

#endif
