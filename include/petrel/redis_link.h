// SPDX-License-Identifier: Apache-2.0
// An asynchronous connection to Redis on a libuv loop: connects, authenticates, reconnects with jittered
// backoff, gives every command a deadline. One thread. hiredis is behind it.
#ifndef PETREL_REDIS_LINK_H
#define PETREL_REDIS_LINK_H

#include "petrel/redis_command.h"
#include "petrel/redis_url.h"

struct uv_loop_s;
struct redis_link;

// Called exactly once for each command sent, never before redis_link_send returned. reply is NULL when the
// connection was lost, timed out or is being closed: whether Redis ran the command is then unknown.
typedef void redis_reply_callback(void *arg, redis_reply *reply);

struct redis_link_options {
    const struct redis_url *url; // copied
    const char *name;            // CLIENT SETNAME; "petrel-w0-commands"
    int64_t command_timeout_ms;  // for a reply to the oldest command outstanding
    void (*on_up)(void *arg);    // connected and ready: also after each reconnect
    void (*on_down)(void *arg);
    void *arg;
};

struct redis_link *redis_link_create(struct uv_loop_s *loop,
                                     const struct redis_link_options *options);
// Stops reconnecting and drops the connection; outstanding callbacks run (reply NULL) before on_closed.
// The link is freed after on_closed returns.
void redis_link_close(struct redis_link *link, void (*on_closed)(void *arg), void *arg);

bool redis_link_is_up(const struct redis_link *link);
// Best effort: fails (callback with NULL, on the next loop turn) when the link is down. Destroys command.
// extra_timeout_ms is added to the deadline for blocking commands (XREADGROUP BLOCK).
void redis_link_send(struct redis_link *link, struct redis_command **command,
                     int64_t extra_timeout_ms, redis_reply_callback *callback, void *arg);
// Reliable: for idempotent commands whose effect must happen. Kept until Redis gives a final answer (any
// reply that isn't transient), sent again after each reconnect. Callback gets NULL only at close.
void redis_link_send_reliably(struct redis_link *link, struct redis_command **command,
                              redis_reply_callback *callback, void *arg);
// At most once: for what isn't idempotent and shouldn't be missing either. Waits for the link; lost with the
// connection if that breaks before the answer.
void redis_link_send_once(struct redis_link *link, struct redis_command **command);
// Commands of the last two kinds without a final answer yet, and their bytes: what the caller bounds.
size_t redis_link_backlog(const struct redis_link *link, size_t *bytes);
// Why the link is down, for logs and readiness; "" while up.
const char *redis_link_error(const struct redis_link *link);

#endif
