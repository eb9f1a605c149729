// SPDX-License-Identifier: Apache-2.0
// Shared by claims.c (leasing), claims_held.c (keeping leases), claims_watch.c (who has something due) and claims_orphans.c
// (queues of subscriptions that are gone), by nobody else.
#ifndef PETREL_CLAIMS_INTERNAL_H
#define PETREL_CLAIMS_INTERNAL_H

#include <uv.h>

#include "claims.h"
#include "petrel/redis_command.h"

struct watched_shard {
    struct claims *claims; // NULL when another worker watches it
    uint32_t shard;
    uv_timer_t timer;
    int64_t next_look_ms; // mono
    int64_t hinted_ms;    // mono; a hint that came while looking; 0: none
    bool is_looking;
};

struct claims {
    struct worker *worker;
    struct watched_shard *shards; // one per shard; only those watched are in use
    struct delivery *held_first;  // leased, until Redis has their outcome
    uv_timer_t renew_timer;
    bool was_connected;
    int64_t answered_ms;    // mono; Redis's last answer to a look or a renewal; 0: none yet
    int64_t quiet_until_ms; // mono; nothing is claimed before
    size_t unanswered;
    bool is_stopped;
};

// ---- claims.c
void claims_add_key(const struct claims *claims, struct redis_command *command, uint32_t shard,
                    enum key_name name, const char *suffix);
// Is the member of a subscription's queue an event's id? If not, somebody else put it there: that is logged.
bool claims_check_event_id(const char *subscription, struct span event_id);
void claims_format_lease(struct worker *worker, char lease[LEASE_SIZE]);
// `subscription` NULL: one that is gone; everything may be leased.
struct claim_order {
    uint32_t shard;
    const char *id;
    const struct subscription *subscription;
    uint32_t count;
    const char *lease;
};
struct redis_command *claims_claim_command(struct claims *claims, const struct claim_order *order);
// Of a claim script's reply: what else there is to say; where the pairs of event id and state begin.
enum { CLAIM_FLAGS = 3, CLAIM_FIRST = 4 };
enum { CLAIM_HAS_CLOSED = 1, CLAIM_ARE_EXPIRED = 2 };

// ---- claims_watch.c
// The next look at the shard's `due`.
void claims_look_in(struct watched_shard *shard, int64_t delay_ms);

// ---- claims_held.c
void claims_held_init(struct claims *claims); // starts the timer that renews
// Puts a leased delivery, with its event, among the held ones, which own it until claims_on_settled.
void claims_hold(struct claims *claims, struct delivery *delivery);
// Redis has answered: leases held by now last from here.
void claims_note_answer(struct claims *claims);
// ms for which nothing may be claimed yet; 0: none.
int64_t claims_quiet_ms(const struct claims *claims);
// Teardown: destroys what is held; nobody waits for outcomes any more.
void claims_held_drop(struct claims *claims);

// ---- claims_orphans.c
// The queue of a deleted or disabled subscription becomes dead letters, a batch per call.
// `subscription` is NULL when this process doesn't know it.
void claims_bury_orphans(struct claims *claims, uint32_t shard, const char *id,
                         struct subscription *subscription);
// What a claim for a live subscription leased because it is too old.
void claims_bury_expired(struct claims *claims, const struct claim_order *order, redis_reply *reply);
// A leased delivery whose event's copy is gone: data loss, told as such. Takes the delivery.
void claims_bury_lost(struct claims *claims, uint32_t shard, const char *event_id,
                      struct delivery *delivery);

#endif
