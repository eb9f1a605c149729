// SPDX-License-Identifier: Apache-2.0
// A worker: one thread with its loop, its Redis connections, its HTTP connections. Its parts:
//   intake  reads the stream, makes deliveries, acknowledges      (what this worker is the origin of)
//   lanes   admits, attempts and judges deliveries                (what this worker is the home of)
//   claims  fetches due deliveries from the queues for the lanes
//   ledger  writes every change of state to Redis
// The parts call each other through the functions of their headers, on this one thread.
#ifndef PETREL_WORKER_H
#define PETREL_WORKER_H

#include "delivery.h"
#include "engine.h"
#include "petrel/redis_link.h"
#include "sender.h"

struct intake;
struct lanes;
struct claims;
struct ledger;

struct worker {
    const struct engine *engine;
    uint32_t index;
    uv_thread_t thread;
    uv_loop_t loop;
    struct mailbox inbox;
    struct mail_list outgoing[WORKERS_MAX]; // posted once per loop turn
    bool has_outgoing;
    uv_prepare_t post; // posts them
    struct redis_link *commands;
    struct sender *sender;
    struct snapshot *snapshot; // NULL until the first one came
    bool is_informed; // of breakers and holds; without them, and a snapshot, nothing is read or claimed
    char changes_applied[EVENT_ENTRY_ID_SIZE]; // the last change that `snapshot` has
    struct intake *intake;
    struct lanes *lanes;
    struct claims *claims;
    struct ledger *ledger;
    uv_timer_t tick_timer, drain_timer;
    int64_t last_tick_ms;      // mono; long ago means that the process was frozen
    uint32_t thaws;            // how often that was noticed
    int64_t drain_deadline_ms; // mono
    bool is_ready, is_draining, is_drained, is_stopping;
    uint64_t random_state;
    unsigned lease_count;
};

// Everything but the thread, so that all workers exist before the first one runs. NULL without memory.
struct worker *worker_create(struct engine *engine, uint32_t index);
bool worker_start(struct worker *worker); // false: the system has no thread for it
// After MAIL_STOPPED.
void worker_join(struct worker *worker);
void worker_destroy(struct worker **worker); // after all are joined: they write to each other

// Hands a delivery to its home (this worker included), and back to its origin.
void worker_send_home(struct worker *worker, struct delivery *delivery);
void worker_return(struct worker *worker, struct delivery *delivery);
void worker_post(struct worker *worker, uint32_t to, struct mail *mail);
// Something in a shard's queues is due in delay_ms: tells the worker that watches the shard.
void worker_hint_due(struct worker *worker, uint32_t shard, int64_t delay_ms);
// The process stood still so long that others may have taken its entries over: what has not been attempted yet
// must go through Redis (whose scripts know) rather than be sent. True until the next tick.
bool worker_was_frozen(const struct worker *worker);
// Whether the process stood still since `thaws` was worker->thaws: what Redis handed out then may be others' now.
bool worker_has_thawed(const struct worker *worker, uint32_t thaws);
// What came into this process's hands at `taken_ms` (mono) and has not been attempted yet may be others' by now.
bool worker_is_stale(const struct worker *worker, int64_t taken_ms);
// Called whenever something ended, while draining: goes on when nothing is left.
void worker_check_drained(struct worker *worker);

#endif
