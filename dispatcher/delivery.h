// SPDX-License-Identifier: Apache-2.0
// One delivery in this process's hands, and the arrival (event from the stream) it belongs to.
//
//   fresh:   origin makes it from an arrival → home attempts or parks it → back to its origin, which
//            acknowledges the entry when all deliveries of the arrival are back
//   claimed: home leases it from the queue, attempts it, settles it in Redis and destroys it
#ifndef PETREL_DELIVERY_H
#define PETREL_DELIVERY_H

#include "engine.h"

enum { LEASE_SIZE = 40 };

struct lane;
struct arrival;

enum delivery_end {
    DELIVERY_UNSETTLED, // Redis doesn't have it, or not from us: the entry must stay pending
    DELIVERY_ARRIVED,   // 2xx; the origin records it
    DELIVERY_RECORDED, // parked or buried: the script has recorded it (and acknowledged a sole one)
};

struct delivery {
    struct mail mail;                  // first: a delivery is a letter
    struct delivery *next, *previous;  // in the lane's waiting list, or the claims' list
    struct subscription *subscription; // a reference; NULL for a deleted subscription's
    char subscription_id[EVENT_SUBSCRIPTION_SIZE];
    const struct event *event;                 // of the arrival, or own_event
    struct lane *lane;                         // at home, while waiting or attempted
    uint32_t attempts;                         // made so far
    int64_t first_attempt_ms, last_attempt_ms; // wall; 0: none
    int64_t born_ms; // wall: when its event was accepted; its age counts from here
    int32_t last_status;
    char last_error[32]; // "-" when none
    int64_t taken_ms;    // mono; its entry was read, or its lease asked for
    // fresh
    struct arrival *arrival; // origin's; NULL when claimed
    uint32_t origin;
    bool is_sole; // the arrival's only delivery: scripts acknowledge the entry themselves
    enum delivery_end end;
    int64_t waiting_since_ms; // mono
    // while attempted (lanes_slots.c)
    struct delivery *next_young, *previous_young; // the youngest attempts of the worker, by start
    int64_t started_ms;                           // mono
    bool is_young, is_aged;
    bool ends_call; // fresh, parking in its turn: the last of its script call
    bool was_full;  // its lane's limit was in use when it started
    // claimed
    struct event *own_event;
    char lease[LEASE_SIZE];
    int64_t lease_renewed_ms;       // mono
    struct delivery *next_to_start; // of those claimed and not attempted yet
};

// For a fresh one; takes its own reference on the subscription. Asserts memory (bounded by the intake).
struct delivery *delivery_create(struct subscription *subscription, const struct event *event);
void delivery_destroy(struct delivery **delivery);
static inline bool delivery_is_claimed(const struct delivery *delivery)
{
    return delivery->lease[0] != '\0';
}

// What Redis kept of it (parked_state.h). False if it isn't that: then nothing of it was taken.
bool delivery_parse_state(struct delivery *delivery, struct span text);

#endif
