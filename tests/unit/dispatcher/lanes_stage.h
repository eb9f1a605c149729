// SPDX-License-Identifier: Apache-2.0
// What tests of the lanes share: a real worker whose loop the test turns by hand, subscriptions at a listener that takes
// connections and never answers, so that what has started stays under way, and a Redis that is never there, so that what is
// written to it is kept, and can be counted.
#ifndef PETREL_TEST_LANES_STAGE_H
#define PETREL_TEST_LANES_STAGE_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "claims_internal.h"
#include "lanes_internal.h"
#include "petrel/clock.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "unit.h"
#include "worker.h"

enum { STAGE_LANES = 2, STAGE_DELIVERIES = 64, AN_HOUR_MS = 3600000 };

static struct config config;
static struct redis_url nowhere;
static struct engine engine;
static struct mailbox supervisor;
static uv_loop_t supervisor_loop;
static struct worker *worker;
static struct lanes *lanes;
static int listener;
static struct subscription *subscriptions[STAGE_LANES];
static struct lane *a, *b; // theirs
static struct event events[STAGE_DELIVERIES];
static struct delivery *fresh[STAGE_DELIVERIES]; // those claimed are the claims' to destroy
static size_t event_count, fresh_count;

// ---- the frame

static inline void on_supervisor_mail(void *arg, struct mail *mail)
{
    (void)arg;
    free(mail);
}

static inline int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) != 0 || listen(fd, 512) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        abort();
    *port = ntohs(name.sin_port);
    return fd;
}

static inline void subscribe(uint16_t port)
{
    struct field_errors errors = {0};
    char body[160];
    snprintf(
        body, sizeof body,
        "{\"url\":\"http://127.0.0.1:%u/hook\",\"event_types\":[\"*\"],\"max_concurrency\":100}",
        port);
    for (int i = 0; i < STAGE_LANES; i++) {
        subscriptions[i] = subscription_create(span_of(body), clock_wall_ms(), &errors);
        if (!subscriptions[i])
            abort();
    }
    worker->snapshot = snapshot_create(subscriptions, STAGE_LANES);
}

// Its limits are out of the way: only turns hold anything back.
static inline struct lane *open_lane(struct subscription *subscription)
{
    struct lane *lane = lanes_find(lanes, subscription);
    limiter_init(&lane->limiter, 100);
    return lane;
}

static inline struct guard *allow_loopback(void)
{
    struct network_list allowed;
    char error[NETWORK_ERROR_SIZE];
    CHECK(network_list_parse(SPAN("127.0.0.1/32"), &allowed, error));
    struct guard *guard = guard_create(&(struct guard_rules){.allow_networks = &allowed});
    network_list_fini(&allowed);
    return guard;
}

static inline void open_stage(void)
{
    char error[REDIS_URL_ERROR_SIZE];
    static char none[] = "";
    uint16_t port;
    CHECK(redis_url_parse(SPAN("unix:///nonexistent/socket"), &nowhere, error));
    config = (struct config){
        .ca_file = none,
        .proxy_user = none,
        .request_timeout_ms = AN_HOUR_MS,
        .connect_timeout_ms = AN_HOUR_MS,
        .connection_max_age_ms = AN_HOUR_MS,
        .max_age_ms = AN_HOUR_MS,
        .instance_timeout_ms = AN_HOUR_MS, // a slow machine's pauses are no freeze
        .max_concurrency = 100,
        .max_destination_concurrency = 1000,
    };
    engine = (struct engine){.config = &config,
                             .redis = &nowhere,
                             .keys = {.namespace_name = "test", .shards = 1},
                             .instance = "test",
                             .worker_count = 1,
                             .slots = 1000,
                             .guard = allow_loopback(),
                             .supervisor = &supervisor};
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    sender_global_init();
    uv_loop_init(&supervisor_loop);
    mailbox_init(&supervisor, &supervisor_loop, on_supervisor_mail, NULL);
    engine.workers[0] = worker = worker_create(&engine, 0);
    lanes = worker->lanes;
    event_count = fresh_count = 0;
    listener = listen_anywhere(&port);
    subscribe(port);
    a = open_lane(subscriptions[0]);
    b = open_lane(subscriptions[1]);
}

static inline void close_stage(void)
{
    mailbox_post_one(&worker->inbox, &note_create(MAIL_STOP, 0, "")->mail);
    CHECK(worker_start(worker)); // for its end only
    worker_join(worker);
    uv_run(&supervisor_loop, UV_RUN_ONCE); // opens its last letter
    worker_destroy(&worker);
    uv_run(&supervisor_loop, UV_RUN_NOWAIT); // opens the letter of its end
    mailbox_close(&supervisor, NULL);
    uv_run(&supervisor_loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&supervisor_loop), 0);
    mailbox_fini(&supervisor);
    for (size_t i = 0; i < fresh_count; i++)
        delivery_destroy(&fresh[i]);
    for (int i = 0; i < STAGE_LANES; i++)
        subscription_unref(&subscriptions[i]);
    guard_unref(&engine.guard);
    sender_global_cleanup();
    close(listener);
}

// One turn of the loop. Without the sweep, which would start what waits, too, and let attempts get old.
static inline void turn(void)
{
    uv_timer_stop(&lanes->sweep);
    uv_run(&worker->loop, UV_RUN_NOWAIT);
}

// ---- deliveries

static inline struct event *make_event(struct event *event)
{
    size_t number = ++event_count;
    snprintf(event->id, sizeof event->id, "msg_%zu", number);
    snprintf(event->entry_id, sizeof event->entry_id, "%zu-0", number);
    snprintf(event->type, sizeof event->type, "a");
    snprintf(event->content_type, sizeof event->content_type, "application/json");
    return event;
}

static inline struct delivery *make_fresh(const struct lane *lane)
{
    if (fresh_count == STAGE_DELIVERIES)
        abort();
    events[fresh_count] = (struct event){0};
    struct event *event = make_event(&events[fresh_count]);
    struct delivery *delivery =
        delivery_create(lane == a ? subscriptions[0] : subscriptions[1], event);
    delivery->taken_ms = clock_mono_ms();
    return fresh[fresh_count++] = delivery;
}

static inline void wait_in(struct lane *lane, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lanes_wait(lanes, lane, make_fresh(lane));
}

// As a claim's answer brings it; its slot was promised.
static inline struct delivery *make_claimed(const struct lane *lane)
{
    struct event *event = calloc(1, sizeof *event);
    if (!event)
        abort();
    struct delivery *delivery =
        delivery_create(lane == a ? subscriptions[0] : subscriptions[1], NULL);
    delivery->event = delivery->own_event = make_event(event);
    delivery->taken_ms = clock_mono_ms();
    delivery->born_ms = clock_wall_ms();
    claims_format_lease(worker, delivery->lease);
    claims_hold(worker->claims, delivery);
    return delivery;
}

// What Redis would have been told by now.
static inline size_t written(void)
{
    return redis_link_backlog(worker->commands, NULL);
}

// The ids' numbers of the attempts under way, in the order in which they were started: "1 2 5".
static inline const char *started(void)
{
    static char text[4 * STAGE_DELIVERIES];
    size_t size = 0;
    text[0] = '\0';
    for (const struct delivery *delivery = lanes->young_first; delivery;
         delivery = delivery->next_young)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", size ? " " : "",
                                 delivery->event->id + strlen("msg_"));
    return text;
}

#endif
