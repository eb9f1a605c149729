// SPDX-License-Identifier: Apache-2.0
// Shared by redis_link.c (requests), redis_link_connect.c (the connection) and redis_link_resend.c (when what is parked
// goes out), by nobody else.
#ifndef PETREL_REDIS_LINK_INTERNAL_H
#define PETREL_REDIS_LINK_INTERNAL_H

#include <hiredis/async.h>
#include <uv.h>

#include "petrel/redis_link.h"
#include "redis_resolver.h"

enum { REDIS_LINK_ERROR_SIZE = 160 };

struct request {
    struct redis_link *link;
    struct request *next, *previous;
    struct redis_command *command;
    size_t bytes; // of the command when it was given; sending its script's source makes it larger for a while
    redis_reply_callback *callback;
    void *arg;
    int64_t deadline_mono_ms; // once sent
    int64_t extra_timeout_ms;
    bool is_patient;    // waits for the link, rather than fail while it is down
    bool is_reliable;   // and is sent again when its answer was lost
    bool was_evaluated; // NOSCRIPT is answered with EVAL once
    bool is_resent;     // counted in resent_count
};

struct request_list {
    struct request *first, *last;
};

enum link_state {
    LINK_WAITING,
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_HANDSHAKE,
    LINK_UP,
    LINK_CLOSING
};

struct redis_link {
    uv_loop_t *loop;
    struct redis_url url;
    struct redis_resolver resolver; // when url names sentinels
    char name[64];
    int64_t command_timeout_ms;
    void (*on_up)(void *arg);
    void (*on_down)(void *arg);
    void *arg;

    enum link_state state;
    redisAsyncContext *context; // held in CONNECTING, HANDSHAKE, UP
    uv_timer_t timer; // reconnect, a sentinel's, the connect's or the oldest request's deadline, by state
    uv_timer_t resend; // pause after a transient answer
    uv_idle_t fail;    // delivers `failed` before the loop sleeps
    int open_handles;

    struct request_list sent, parked, failed;
    size_t backlog_count, backlog_bytes; // reliable requests, wherever they are
    size_t resent_count, resent_bytes;   // of `sent`: those that were parked before
    size_t resend_window;                // how many of them at most
    int64_t resend_pause_ms;             // after a transient answer
    int64_t refusal_told_ms;             // mono; the last one that was logged
    uint64_t last_reply_ms;              // uv_now
    int64_t backoff_ms;
    int64_t tried_mono_ms; // the last try to connect
    int64_t up_mono_ms;    // since when it is up
    uint64_t random_state;
    bool is_loss_logged; // said once until it is up again
    char error[REDIS_LINK_ERROR_SIZE];
    void (*on_closed)(void *arg);
    void *closed_arg;
};

// ---- redis_link.c
void request_list_push(struct request_list *list, struct request *request); // at the end
void request_list_remove(struct request_list *list, struct request *request);
struct request *request_list_pop(struct request_list *list); // the first, or NULL
// Sends one that is in no list. False when the connection is being torn down: its end is about to be reported.
bool redis_link_transmit(struct redis_link *link, struct request *request);
// The timer for the state: the connect deadline, or that of the oldest request.
void redis_link_on_deadline(uv_timer_t *timer);

// ---- redis_link_connect.c
void redis_link_init_resolver(struct redis_link *link); // before the first try
// Tries now; what follows is the state machine in redis_link.c's head.
void redis_link_connect_now(struct redis_link *link);
// Tries after the backoff.
void redis_link_wait_to_reconnect(struct redis_link *link);
// Ends the connection, because of `why`, and plans the next try. Requests outstanding end or are parked.
void redis_link_drop(struct redis_link *link, const char *why);

// ---- redis_link_resend.c
// One that is in no list waits until it may be sent (again).
void redis_link_park(struct redis_link *link, struct request *request);
// The connection is ready: sends what is parked, a window at a time.
void redis_link_resend_parked(struct redis_link *link);
// It is in `sent` no more.
void redis_link_leave_window(struct redis_link *link, struct request *request);
// Refused for now: that one waits behind the others, and all of them for a while that grows.
void redis_link_pause_resending(struct redis_link *link);
// A final answer to one that had waited: the next ones may go.
void redis_link_go_on_resending(struct redis_link *link);

#endif
