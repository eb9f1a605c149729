// SPDX-License-Identifier: Apache-2.0
// Every change of state that a worker writes to Redis: acknowledgements, the scripts that move deliveries, the
// attempts log. All of it idempotent and kept until Redis has answered; batched where nobody waits for it.
#ifndef PETREL_LEDGER_H
#define PETREL_LEDGER_H

#include "delivery.h"
#include "outcome.h"
#include "petrel/breaker.h"
#include "petrel/redis_command.h"

struct ledger;
struct worker;
struct arrival;

struct ledger *ledger_create(struct worker *worker);
void ledger_close(struct ledger *ledger); // releases loop handles
void ledger_destroy(struct ledger **ledger);

// What the script answered. Unless `is_ours`, it has changed nothing now: it had done it before (a lost reply), or
// it refused (`is_refused`), since the lease or the entry is another instance's. Nothing else is known then.
struct ledger_answer {
    bool is_ours, is_refused;
    enum breaker_state breaker; // the subscription's, after the change
    int64_t wait_ms;            // until its queue may be looked at (open, or asked to wait); 0: now
    bool is_hopeless;           // it has failed for so long that it is to be disabled
};

// Called once Redis has the change; at teardown it isn't.
typedef void ledger_moved(void *arg, struct delivery *delivery, const struct ledger_answer *answer);

// What an attempt says about its subscription's health.
struct ledger_report {
    bool is_given;      // false: there was no attempt
    bool is_failure;    // counts for the breaker; false: only the hold is told
    uint32_t successes; // of the same lane since its last report
    int64_t hold_ms;    // the subscriber asked to be left alone; 0: it didn't
};

struct ledger_move {
    struct delivery *delivery; // borrowed until `moved`
    int64_t delay_ms;          // park, retry
    bool is_held;              // park, retry: the subscription is paused, don't wake for it
    const char *reason;        // bury; static
    struct ledger_report report;
    const struct attempt_result *result; // bury: the last attempt, or NULL; borrowed until return
    ledger_moved *moved;
    void *arg;
};
void ledger_park(struct ledger *ledger, const struct ledger_move *move); // fresh → queue, attempted
void ledger_retry(struct ledger *ledger, const struct ledger_move *move); // leased → queue
void ledger_bury(struct ledger *ledger, const struct ledger_move *move);  // either → dead letter

// The same of several deliveries of one subscription and shard (to park: of one origin too, in the order of the stream),
// in one script call; `moved` is called for each.
struct ledger_moves {
    struct delivery *const *deliveries; // the array until return, the deliveries until `moved`
    size_t count;                       // from 1
    int64_t delay_ms;
    bool is_held;
    ledger_moved *moved;
    void *arg;
};
void ledger_park_many(struct ledger *ledger,
                      const struct ledger_moves *moves); // fresh → queue, unattempted
// leased → delivered; soon, together with others of its subscription
void ledger_finish(struct ledger *ledger, struct delivery *delivery, ledger_moved *moved, void *arg);

// A lane whose failures Redis knows has had a success straight from the stream. `answered` has the answer, or NULL
// when it is lost (then nothing is known, and the next success tells again).
typedef void ledger_told(void *arg, const char *subscription, uint32_t shard,
                         const struct ledger_answer *answer);
void ledger_tell_success(struct ledger *ledger, const char *subscription, uint32_t shard,
                         ledger_told *answered, void *arg);
// Notes that a pending arrival is fanned out: ordered subscriptions need not wait for it.
void ledger_mark_fanned(struct ledger *ledger, struct arrival *arrival);

// Acknowledges an entry (soon, in a batch); intake_on_acknowledged is called when Redis has it.
void ledger_acknowledge(struct ledger *ledger, struct arrival *arrival);
// Notes that these deliveries (a list by `next`, borrowed until return) of a still pending arrival have arrived, for
// whoever takes over after a crash.
void ledger_note_arrived(struct ledger *ledger, const struct event *event,
                         const struct delivery *arrived);
// Moves an entry that is no event to `rejected`, then intake_on_acknowledged.
void ledger_reject(struct ledger *ledger, struct arrival *arrival, const char *reason);
// Adds to the attempts log; an entry may be lost with the connection, none is there twice.
void ledger_log_attempt(struct ledger *ledger, const struct delivery *delivery,
                        const struct attempt_result *result, const char *outcome);
// Totals that no script counts: fresh deliveries that arrived, repeats of an event id.
void ledger_count_delivered(struct ledger *ledger, uint32_t shard);
void ledger_count_duplicate(struct ledger *ledger, uint32_t shard);

// Redis is away, or takes less than comes: so much waits to be written that no more is to be begun. What must be
// parked stays in memory meanwhile, where deliveries of an event share it; a command to park has a copy.
bool ledger_is_behind(const struct ledger *ledger);
// Nothing waits to be written.
bool ledger_is_empty(const struct ledger *ledger);
void ledger_flush(struct ledger *ledger);

#endif
