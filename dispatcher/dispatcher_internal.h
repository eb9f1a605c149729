// SPDX-License-Identifier: Apache-2.0
// Shared by dispatcher.c (start, drain, stop), fleet.c (heartbeat, takeover) and keeper.c (Redis's memory, its past,
// its losses), by nobody else.
#ifndef PETREL_DISPATCHER_INTERNAL_H
#define PETREL_DISPATCHER_INTERNAL_H

#include <uv.h>

#include "bulletin.h"
#include "catalog.h"
#include "engine.h"
#include "petrel/dispatcher.h"
#include "petrel/redis_link.h"

enum { REAPS_MAX = 64 };

// A dead consumer that a worker is taking over.
struct reap_job {
    bool is_used;
    uint32_t shard;
    char consumer[CONSUMER_SIZE];
};

struct dispatcher {
    struct dispatcher_options options;
    struct engine engine;
    struct mailbox inbox;
    struct redis_link *commands;
    struct catalog *catalog;
    struct bulletin *bulletin;
    struct snapshot *snapshot; // the newest; NULL before the first
    uv_timer_t beat_timer;     // ticks once a second, or six times to an instance_timeout
    uv_timer_t drain_timer;    // the last resort of a drain
    // fleet.c
    int64_t beating_since_ms; // mono; since when heartbeats have gone out without a gap; 0: not yet
    int64_t last_beat_ms;     // mono; last one Redis answered
    uint64_t ticks, beats;    // a beat is a tick on which a heartbeat goes out
    int64_t work_done;        // of all there is to count, at the last tick
    int64_t worked_ms;        // mono; the last tick that saw it grow
    bool must_look;           // a dead consumer was seen that couldn't be taken over whole yet
    struct reap_job reaps[REAPS_MAX];
    uint32_t next_reaper;
    // keeper.c
    bool is_intake_paused;
    bool is_trimming[SHARDS_MAX];
    bool is_memory_short;
    struct {
        int64_t parked, delivered, waiting; // by then, of this process
        uint32_t count, most;               // entries per worker
        uint32_t hold, hold_left;           // beats
    } sip;
    int64_t retained[SHARDS_MAX]; // entries of the past that may stay
    int64_t entries[SHARDS_MAX];  // of the stream, after it was trimmed last
    int64_t waiting[SHARDS_MAX];  // what Redis held when it was last asked: entries not settled …
    int64_t parked[SHARDS_MAX];   // … and parked deliveries
    // the end
    uint32_t drained_count, stopped_count;
    uint32_t open_parts; // handles and connections not closed yet
    bool is_draining, has_left, is_stopping, is_stopped;
    unsigned farewells; // removals of our consumers that Redis hasn't answered
};

// ---- dispatcher.c
// The same letter to each worker. count: of MAIL_SIP.
void dispatcher_tell_workers(struct dispatcher *dispatcher, enum mail_kind kind, uint32_t count);

// On a Redis that has none yet. (A group that is lost later is the intake's to notice.)
void fleet_create_groups(struct dispatcher *dispatcher);
// The heartbeat, on each tick, or fewer at rest.
void fleet_on_tick(struct dispatcher *dispatcher);
void fleet_beat(struct dispatcher *dispatcher); // now
void fleet_on_reaped(struct dispatcher *dispatcher, const struct note *note);
// Removes our consumers (only those that hold nothing) and our heartbeat; then calls done.
void fleet_leave(struct dispatcher *dispatcher, void (*done)(struct dispatcher *dispatcher));
void fleet_add_key(const struct dispatcher *dispatcher, struct redis_command *command,
                   uint32_t shard, enum key_name name);

// ---- keeper.c
// Once a second while Redis answers and there is work: trims, more while Redis is short of memory, and pauses the intake while
// it is nearly full.
void keeper_on_beat(struct dispatcher *dispatcher);
// Redis has lost what it held (FLUSHALL, started without its files), or only this instance, which others took for
// dead: makes again what is ours to make. `is_all_lost`: tells what is known to be lost.
void keeper_on_forgotten(struct dispatcher *dispatcher, bool is_all_lost);

#endif
