// SPDX-License-Identifier: Apache-2.0
// States of a destination's lookup:
//
//            enter               take_ready, a slot is free           RESOLVED
//   (idle) ────────> wanted ──────────────────────────────> running ───────────> known ──LOOKUP_KNOWN_MS──> (idle)
//                      ^                                      │  │
//                      ├────── UNNEEDED, FAILED ──────────────┘  │ GIVEN_UP: keeps its slot
//                      └──────────────LOOKUP_GIVEN_UP_MS──── given up
//
// A slot is one thread, running or given up. Known ones need none: libcurl finds the answer in its cache. Names that
// nobody answers for must not keep the others' from being looked up; so destinations have a standing, from what became
// of their last lookup: proven ones may take all slots, new ones and suspects together three quarters, suspects one.
#include "sender_lookups.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

enum lookup_state { STATE_WANTED, STATE_RUNNING, STATE_KNOWN, STATE_GIVEN_UP };

enum standing { STANDING_PROVEN, STANDING_NEW, STANDING_SUSPECT, STANDING_COUNT };

enum { SWEEP_MS = 5000 };

struct lookup {
    UT_hash_handle hh;
    uint64_t destination;
    enum lookup_state state;
    int64_t until_ms;       // known, given up
    enum standing standing; // changes only while nobody waits for a slot
    int64_t remembered_until_ms;
    enum standing running_as;
    struct lookup_waiter *waiters;
    struct lookup *next, *prev; // in the list of its state, with waiters
};

struct lookups {
    struct lookup *by_destination;
    struct lookup *wanted[STANDING_COUNT]; // in turn, for a slot
    struct lookup *known;                  // whose waiters may go on
    struct lookup *given_up;               // the oldest first
    uint32_t running[STANDING_COUNT], limits[STANDING_COUNT];
    int64_t swept_ms;
};

struct lookups *lookups_create(uint32_t max_running)
{
    struct lookups *lookups = calloc(1, sizeof *lookups);
    if (!lookups)
        return NULL;
    lookups->limits[STANDING_PROVEN] = max_running;
    lookups->limits[STANDING_NEW] = max_running < 4 ? max_running : max_running / 4 * 3;
    lookups->limits[STANDING_SUSPECT] = max_running < 4 ? 1 : max_running / 4;
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

uint32_t lookups_running(const struct lookups *lookups)
{
    uint32_t all = 0;
    for (int i = 0; i < STANDING_COUNT; i++)
        all += lookups->running[i];
    return all;
}

// Those of lower standing count, too: what they take isn't there for the higher.
static bool has_slot(const struct lookups *lookups, enum standing standing)
{
    uint32_t all = 0;
    for (int i = STANDING_COUNT - 1; i >= 0; i--) {
        all += lookups->running[i];
        if (i <= (int)standing && all >= lookups->limits[i])
            return false;
    }
    return true;
}

// Nobody has it any more: somebody who waits may have it next.
static void want(struct lookups *lookups, struct lookup *lookup)
{
    lookup->state = STATE_WANTED;
    if (lookup->waiters)
        DL_APPEND(lookups->wanted[lookup->standing], lookup);
    else if (lookup->standing == STANDING_NEW)
        destroy_lookup(lookups, lookup);
}

// What is remembered too long is forgotten, now and then: a bounded effort per newcomer.
static void sweep(struct lookups *lookups, int64_t now_ms)
{
    struct lookup *lookup, *next;
    if (now_ms - lookups->swept_ms < SWEEP_MS)
        return;
    lookups->swept_ms = now_ms;
    HASH_ITER (hh, lookups->by_destination, lookup, next) {
        bool is_idle = lookup->state == STATE_KNOWN || lookup->state == STATE_WANTED;
        if (is_idle && !lookup->waiters && now_ms >= lookup->remembered_until_ms)
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
    lookup->standing = STANDING_NEW;
    HASH_ADD(hh, lookups->by_destination, destination, sizeof destination, lookup);
    return lookup;
}

static void run(struct lookups *lookups, struct lookup *lookup, struct lookup_waiter *waiter)
{
    lookup->state = STATE_RUNNING;
    lookup->running_as = lookup->standing;
    lookups->running[lookup->running_as]++;
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
        if (now_mono_ms >= lookup->remembered_until_ms)
            lookup->standing = STANDING_NEW;
        if (has_slot(lookups, lookup->standing)) {
            run(lookups, lookup, waiter);
            return true;
        }
        DL_APPEND(lookups->wanted[lookup->standing], lookup);
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
        lookups->running[lookup->running_as]--;
        want(lookups, lookup);
        return;
    case LOOKUP_RESOLVED:
        lookups->running[lookup->running_as]--;
        lookup->standing = STANDING_PROVEN;
        lookup->remembered_until_ms = now_mono_ms + LOOKUP_REMEMBERED_MS;
        lookup->state = STATE_KNOWN;
        lookup->until_ms = now_mono_ms + LOOKUP_KNOWN_MS;
        if (lookup->waiters)
            DL_APPEND(lookups->known, lookup);
        return;
    case LOOKUP_GIVEN_UP:
        lookup->state = STATE_GIVEN_UP;
        lookup->until_ms = now_mono_ms + LOOKUP_GIVEN_UP_MS;
        lookup->standing = STANDING_SUSPECT;
        lookup->remembered_until_ms = now_mono_ms + LOOKUP_REMEMBERED_MS;
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
        DL_DELETE(lookups->wanted[lookup->standing], lookup);
        if (lookup->standing == STANDING_NEW)
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
        lookups->running[lookup->running_as]--;
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
    int standing = 0;
    while (standing < STANDING_COUNT &&
           (!lookups->wanted[standing] || !has_slot(lookups, (enum standing)standing)))
        standing++;
    if (standing == STANDING_COUNT)
        return NULL;
    struct lookup *lookup = lookups->wanted[standing];
    struct lookup_waiter *waiter = lookup->waiters;
    DL_DELETE(lookups->wanted[standing], lookup);
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
