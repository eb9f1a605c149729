// SPDX-License-Identifier: Apache-2.0
// Who may look a name up now. libcurl runs each lookup in a thread of its own that nothing can stop; so there is one at
// a time per destination, and a bounded number in all. Who comes in between waits here, without a thread. Pure: time
// is brought by the caller.
#ifndef PETREL_SENDER_LOOKUPS_H
#define PETREL_SENDER_LOOKUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // libcurl's own cache keeps an answer for 60 s; a moment less is counted on.
    LOOKUP_KNOWN_MS = 55 * 1000,
    // How long the thread of a lookup that was given up is taken to go on. The C library asks a silent server twice,
    // five seconds each, and a transfer waits for half of that by default.
    LOOKUP_GIVEN_UP_MS = 10 * 1000,
    // How long a destination's last lookup tells what to expect of the next one.
    LOOKUP_REMEMBERED_MS = 10 * 60 * 1000,
};

struct lookup;
struct lookups;

// Embedded in what may need a lookup; zero at first.
struct lookup_waiter {
    struct lookup *lookup;             // NULL: has nothing to do with one
    struct lookup_waiter *next, *prev; // while it waits
    bool is_waiting;                   // otherwise the lookup is its own
};

enum lookup_end {
    LOOKUP_UNNEEDED, // a kept connection was there
    LOOKUP_RESOLVED,
    LOOKUP_FAILED,   // there was an answer: no
    LOOKUP_GIVEN_UP, // no answer; its thread goes on
};

struct lookups *lookups_create(uint32_t max_running); // NULL without memory
void lookups_destroy(struct lookups **lookups);       // nobody may be waiting

// True: go on (the waiter may be the one who looks up now). False: it waits until lookups_take_ready gives it back.
bool lookups_enter(struct lookups *lookups, uint64_t destination, struct lookup_waiter *waiter,
                   int64_t now_mono_ms);
// The lookup of a waiter that went on has ended; does nothing if it had none.
void lookups_end(struct lookups *lookups, struct lookup_waiter *waiter, enum lookup_end end,
                 int64_t now_mono_ms);
// It doesn't want to wait any longer; does nothing if it doesn't wait.
void lookups_leave(struct lookups *lookups, struct lookup_waiter *waiter);
// The next one that may go on now, or NULL.
struct lookup_waiter *lookups_take_ready(struct lookups *lookups, int64_t now_mono_ms);
// Nothing is known any longer: libcurl's caches are gone.
void lookups_forget(struct lookups *lookups);
// Lookups that are counted as running, those given up included.
uint32_t lookups_running(const struct lookups *lookups);

#endif
