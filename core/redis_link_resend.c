// SPDX-License-Identifier: Apache-2.0
// When what is parked goes out: a window at a time, which grows with each answer. So a backlog of a long outage neither
// fills the socket's buffer with a second copy of itself, nor waits for its answers past its own deadlines; and a Redis
// that refuses (OOM, MISCONF …) is asked with a few commands, more and more seldom, not with all of them.
// Invariant: resent_count and resent_bytes are those of the requests in `sent` that are `is_resent`.
#include "petrel/random.h"
#include "redis_link_internal.h"

enum {
    RESEND_PAUSE_FIRST_MS = 100,
    RESEND_PAUSE_LAST_MS = 1000, // so that work resumes within 2 s of Redis accepting writes again
    RESEND_WINDOW_FIRST = 16,
    RESEND_WINDOW_LAST = 1024,
    RESEND_WINDOW_BYTES = 8 * 1024 * 1024,
};

void redis_link_park(struct redis_link *link, struct request *request)
{
    request_list_push(&link->parked, request);
}

// As much as the window has room for. Transmitting may find the connection broken, which parks again.
static void fill_resend_window(struct redis_link *link)
{
    while (link->state == LINK_UP && link->parked.first &&
           link->resent_count < link->resend_window && link->resent_bytes < RESEND_WINDOW_BYTES) {
        struct request *request = request_list_pop(&link->parked);
        request->is_resent = true;
        link->resent_count++;
        link->resent_bytes += request->bytes;
        if (!redis_link_transmit(link, request))
            return;
    }
}

void redis_link_resend_parked(struct redis_link *link)
{
    link->resend_window = RESEND_WINDOW_FIRST;
    uv_timer_stop(&link->resend);
    fill_resend_window(link);
}

static void on_resend(uv_timer_t *timer)
{
    redis_link_resend_parked(timer->data);
}

void redis_link_leave_window(struct redis_link *link, struct request *request)
{
    if (!request->is_resent)
        return;
    request->is_resent = false;
    link->resent_count--;
    link->resent_bytes -= request->bytes;
}

void redis_link_pause_resending(struct redis_link *link)
{
    if (link->state != LINK_UP || uv_is_active((uv_handle_t *)&link->resend))
        return;
    int64_t pause_ms = link->resend_pause_ms ? link->resend_pause_ms * 2 : RESEND_PAUSE_FIRST_MS;
    link->resend_pause_ms = pause_ms < RESEND_PAUSE_LAST_MS ? pause_ms : RESEND_PAUSE_LAST_MS;
    // Half fixed, half random, as in redis_link_wait_to_reconnect.
    uint64_t half = (uint64_t)link->resend_pause_ms / 2;
    uv_timer_start(&link->resend, on_resend, half + random_next(&link->random_state) % (half + 1),
                   0);
}

void redis_link_go_on_resending(struct redis_link *link)
{
    link->resend_pause_ms = 0;
    if (link->resend_window < RESEND_WINDOW_LAST)
        link->resend_window++;
    if (!uv_is_active((uv_handle_t *)&link->resend))
        fill_resend_window(link);
}
