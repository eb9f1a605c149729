// SPDX-License-Identifier: Apache-2.0
// States of a destination's lookup; one that is idle and wanted by nobody doesn't exist.
//
//            enter               take_ready, a slot is free           RESOLVED
//   (none) ────────> wanted ──────────────────────────────> running ───────────> known ──LOOKUP_KNOWN_MS──> (none)
//                      ^                                      │  │
//                      ├────── UNNEEDED, FAILED ──────────────┘  │ GIVEN_UP: keeps its slot
//                      └──────────────LOOKUP_GIVEN_UP_MS──── given up
//
// A slot is one thread, running or given up. Known ones need none: libcurl finds the answer in its cache.
#include "sender_lookups.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

enum lookup_state { STATE_WANTED, STATE_RUNNING, STATE_KNOWN, STATE_GIVEN_UP };

enum { SWEEP_MS = 5000 };

struct lookup {
    UT_hash_handle hh;
    uint64_t destination;
    enum lookup_state state;
    int64_t until_ms; // known, given up
    struct lookup_waiter *waiters;
    struct lookup *next, *prev; // in the list of its state, with waiters
};

struct lookups {
    struct lookup *by_destination;
    struct lookup *wanted;   // in turn, for a slot
    struct lookup *known;    // whose waiters may go on
    struct lookup *given_up; // the oldest first
    uint32_t running, max_running;
    int64_t swept_ms;
};

struct lookups *lookups_create(uint32_t max_running)
{
    struct lookups *lookups = calloc(1, sizeof *lookups);
    if (lookups)
        lookups->max_running = max_running;
    return lookups;
}

static void destroy_lookup(struct lookups *lookups, struct lookup *lookup)
{
    HASH_DEL(lookups->by_destination, lookup); // NOLINT(clang-analyzer-unix.Malloc): uthash
    free(lookup);
}

void lookups_destroy(struct lookups **lookups)
{
    struct lookup *lookup, *next;
    if (!*lookups)
        return;
    HASH_ITER (hh, (*lookups)->by_destination, lookup, next) {
        assert(!lookup->waiters);
        destroy_lookup(*lookups, lookup);
    }
    free(*lookups);
    *lookups = NULL;
}

// Nobody has it any more: somebody who waits may have it next.
static void want(struct lookups *lookups, struct lookup *lookup)
{
    lookup->state = STATE_WANTED;
    if (lookup->waiters)
        DL_APPEND(lookups->wanted, lookup);
    else
        destroy_lookup(lookups, lookup);
}

// What is known too long is forgotten, now and then: a bounded effort per newcomer.
static void sweep(struct lookups *lookups, int64_t now_ms)
{
    struct lookup *lookup, *next;
    if (now_ms - lookups->swept_ms < SWEEP_MS)
        return;
    lookups->swept_ms = now_ms;
    HASH_ITER (hh, lookups->by_destination, lookup, next) {
        if (lookup->state == STATE_KNOWN && !lookup->waiters && now_ms >= lookup->until_ms)
            destroy_lookup(lookups, lookup);
    }
}

static struct lookup *find_or_make(struct lookups *lookups, uint64_t destination, int64_t now_ms)
{
    struct lookup *lookup = NULL;
    HASH_FIND(hh, lookups->by_destination, &destination, sizeof destination, lookup);
    if (lookup)
        return lookup;
    sweep(lookups, now_ms);
    lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return NULL;
    lookup->destination = destination;
    lookup->state = STATE_WANTED;
    HASH_ADD(hh, lookups->by_destination, destination, sizeof destination, lookup);
    return lookup;
}

static void run(struct lookups *lookups, struct lookup *lookup, struct lookup_waiter *waiter)
{
    lookup->state = STATE_RUNNING;
    lookups->running++;
    waiter->lookup = lookup;
    waiter->is_waiting = false;
}

bool lookups_enter(struct lookups *lookups, uint64_t destination, struct lookup_waiter *waiter,
                   int64_t now_mono_ms)
{
    struct lookup *lookup = find_or_make(lookups, destination, now_mono_ms);
    *waiter = (struct lookup_waiter){0};
    if (!lookup)
        return true; // without memory, better one thread too many than nothing sent
    if (lookup->state == STATE_KNOWN && !lookup->waiters) {
        if (now_mono_ms < lookup->until_ms)
            return true;
        lookup->state = STATE_WANTED;
    }
    if (lookup->state == STATE_WANTED && !lookup->waiters) {
        if (lookups->running < lookups->max_running) {
            run(lookups, lookup, waiter);
            return true;
        }
        DL_APPEND(lookups->wanted, lookup);
    }
    waiter->lookup = lookup;
    waiter->is_waiting = true;
    DL_APPEND(lookup->waiters, waiter);
    return false;
}

void lookups_end(struct lookups *lookups, struct lookup_waiter *waiter, enum lookup_end end,
                 int64_t now_mono_ms)
{
    struct lookup *lookup = waiter->lookup;
    if (!lookup || waiter->is_waiting)
        return;
    waiter->lookup = NULL;
    switch (end) {
    case LOOKUP_UNNEEDED:
    case LOOKUP_FAILED:
        lookups->running--;
        want(lookups, lookup);
        return;
    case LOOKUP_RESOLVED:
        lookups->running--;
        lookup->state = STATE_KNOWN;
        lookup->until_ms = now_mono_ms + LOOKUP_KNOWN_MS;
        if (lookup->waiters)
            DL_APPEND(lookups->known, lookup);
        return;
    case LOOKUP_GIVEN_UP:
        lookup->state = STATE_GIVEN_UP;
        lookup->until_ms = now_mono_ms + LOOKUP_GIVEN_UP_MS;
        DL_APPEND(lookups->given_up, lookup);
        return;
    }
}

static void stop_waiting(struct lookups *lookups, struct lookup_waiter *waiter)
{
    struct lookup *lookup = waiter->lookup;
    DL_DELETE(lookup->waiters, waiter);
    *waiter = (struct lookup_waiter){0};
    if (lookup->waiters)
        return;
    if (lookup->state == STATE_KNOWN) {
        DL_DELETE(lookups->known, lookup);
    } else if (lookup->state == STATE_WANTED) {
        DL_DELETE(lookups->wanted, lookup);
        destroy_lookup(lookups, lookup);
    }
}

void lookups_leave(struct lookups *lookups, struct lookup_waiter *waiter)
{
    if (waiter->lookup && waiter->is_waiting)
        stop_waiting(lookups, waiter);
}

static void free_given_up(struct lookups *lookups, int64_t now_ms)
{
    while (lookups->given_up && now_ms >= lookups->given_up->until_ms) {
        struct lookup *lookup = lookups->given_up;
        DL_DELETE(lookups->given_up, lookup);
        lookups->running--;
        want(lookups, lookup);
    }
}

struct lookup_waiter *lookups_take_ready(struct lookups *lookups, int64_t now_mono_ms)
{
    free_given_up(lookups, now_mono_ms);
    if (lookups->known) {
        struct lookup_waiter *waiter = lookups->known->waiters;
        stop_waiting(lookups, waiter);
        return waiter;
    }
    if (!lookups->wanted || lookups->running >= lookups->max_running)
        return NULL;
    struct lookup *lookup = lookups->wanted;
    struct lookup_waiter *waiter = lookup->waiters;
    DL_DELETE(lookups->wanted, lookup);
    DL_DELETE(lookup->waiters, waiter);
    run(lookups, lookup, waiter);
    return waiter;
}

void lookups_forget(struct lookups *lookups)
{
    struct lookup *lookup, *next;
    HASH_ITER (hh, lookups->by_destination, lookup, next) {
        if (lookup->state != STATE_KNOWN)
            continue;
        if (lookup->waiters)
            DL_DELETE(lookups->known, lookup);
        want(lookups, lookup);
    }
}

uint32_t lookups_running(const struct lookups *lookups)
{
    return lookups->running;
}
