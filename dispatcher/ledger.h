// SPDX-License-Identifier: Apache-2.0
// Every change of state that a worker writes to Redis: acknowledgements, the scripts that move deliveries, the
// attempts log. All of it idempotent and kept until Redis has answered; batched where nobody waits for it.
#ifndef PETREL_LEDGER_H
#define PETREL_LEDGER_H

#include "delivery.h"
#include "outcome.h"

struct ledger;
struct worker;
struct arrival;

struct ledger *ledger_create(struct worker *worker);
void ledger_close(struct ledger *ledger); // releases loop handles
void ledger_destroy(struct ledger **ledger);

// Called once Redis has the change. `is_ours` is false when the script refused it: the lease was lost, or
// another instance has settled it. At teardown it isn't called.
typedef void ledger_moved(void *arg, struct delivery *delivery, bool is_ours);

struct ledger_move {
    struct delivery *delivery; // borrowed until `moved`
    int64_t delay_ms;          // park, retry
    bool is_held;              // park, retry: the subscription is paused, don't wake for it
    const char *reason;        // bury; static
    const struct attempt_result *result; // bury: the last attempt, or NULL; borrowed until return
    ledger_moved *moved;
    void *arg;
};
void ledger_park(struct ledger *ledger, const struct ledger_move *move);   // fresh → queue
void ledger_retry(struct ledger *ledger, const struct ledger_move *move);  // leased → queue
void ledger_finish(struct ledger *ledger, const struct ledger_move *move); // leased → delivered
void ledger_bury(struct ledger *ledger, const struct ledger_move *move);   // either → dead letter

// Acknowledges an entry (soon, in a batch); intake_on_acknowledged is called when Redis has it.
void ledger_acknowledge(struct ledger *ledger, struct arrival *arrival);
// Notes that one delivery of a still pending arrival has arrived, for whoever takes over after a crash.
void ledger_note_arrived(struct ledger *ledger, const struct event *event, const char *subscription);
// Moves an entry that is no event to `rejected`, then intake_on_acknowledged.
void ledger_reject(struct ledger *ledger, struct arrival *arrival, const char *reason);
// Adds to the attempts log; an entry may be lost with the connection, none is there twice.
void ledger_log_attempt(struct ledger *ledger, const struct delivery *delivery,
                        const struct attempt_result *result, const char *outcome);
// Totals that no script counts: fresh deliveries that arrived, repeats of an event id.
void ledger_count_delivered(struct ledger *ledger, uint32_t shard);
void ledger_count_duplicate(struct ledger *ledger, uint32_t shard);

// Nothing waits to be written.
bool ledger_is_empty(const struct ledger *ledger);
void ledger_flush(struct ledger *ledger);

#endif
