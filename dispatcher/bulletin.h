// SPDX-License-Identifier: Apache-2.0
// News of breakers: what the moves of other instances have changed reaches this one's lanes within milliseconds, so
// that a subscriber that is down costs the fleet a probe, not an attempt per instance. On the supervisor's loop.
#ifndef PETREL_BULLETIN_H
#define PETREL_BULLETIN_H

#include "engine.h"
#include "petrel/redis_link.h"

struct bulletin;

struct bulletin_options {
    struct uv_loop_s *loop;
    const struct engine *engine;
    // Each piece of news; also, after every (re)connect, each breaker that isn't closed, and the holds that last.
    void (*on_news)(void *arg, const char *subscription_id, const struct lane_news *news);
    void (*on_informed)(void *arg); // after every (re)connect: what there was has been told
    void *arg;
};

struct bulletin *bulletin_create(const struct bulletin_options *options);
// Now that news can be understood (there is a subscription table). Calling it again is harmless.
void bulletin_start(struct bulletin *bulletin);
void bulletin_close(struct bulletin *bulletin, void (*on_closed)(void *arg), void *arg);
void bulletin_destroy(struct bulletin **bulletin); // after on_closed

#endif
