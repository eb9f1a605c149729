// SPDX-License-Identifier: Apache-2.0
// The delivery engine: workers (threads) that read events, match, sign, send and settle, and a supervisor on
// the caller's loop that keeps the heartbeat, the subscription table and the takeover of dead instances.
#ifndef PETREL_DISPATCHER_H
#define PETREL_DISPATCHER_H

#include <stddef.h>

#include "petrel/config.h"
#include "petrel/redis_url.h"
#include "petrel/vault.h"

struct uv_loop_s;
struct dispatcher;

struct dispatcher_options {
    const struct config *config;   // borrowed until destroyed
    const struct redis_url *redis; // borrowed until destroyed
    struct guard *guard;           // a reference of its own is taken
    struct vault *vault;           // borrowed until destroyed
    struct uv_loop_s *loop;        // the supervisor runs on it
    void (*on_stopped)(void *arg); // on the loop, once, after a drain has ended
    void *arg;
};

// Starts the threads; Redis may still be away (they wait for it). NULL: error says why.
struct dispatcher *dispatcher_start(const struct dispatcher_options *options, char *error,
                                    size_t error_size);
// What is about to connect or to send is judged by it from now on; connections made before are not used again.
void dispatcher_set_guard(struct dispatcher *dispatcher, struct guard *guard);
// The vault has another key ring. On the loop's thread.
void dispatcher_on_new_keys(struct dispatcher *dispatcher);
// Stops reading at once, gives attempts in flight until shutdown_timeout, parks the rest, leaves nothing
// pending, then calls on_stopped. Calling it again does nothing.
void dispatcher_drain(struct dispatcher *dispatcher);
// Only after on_stopped.
void dispatcher_destroy(struct dispatcher **dispatcher);

#endif
