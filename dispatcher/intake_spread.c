// SPDX-License-Identifier: Apache-2.0
// A large fan-out, a part at a time. All at once it would keep two threads from everything else for as long as thousands of
// requests take to be signed, and most of its deliveries would find no slot and go through their queues.
//
//   spread ──> a part now ──> the next on the next turn of the loop, while less than half of the slots' worth is out
//                       └───> else when as much has come back, or after PAUSE_MS: who hangs must not hold back the others
//
// Several fan-outs take turns. Invariant: an arrival's `outstanding` counts its deliveries not sent yet, too, so it isn't
// settled before all of them are back.
#include <assert.h>
#include <stdlib.h>

#include "intake_internal.h"
#include "petrel/fault_point.h"
#include "worker.h"

enum {
    PART = 64,     // deliveries: some milliseconds of a home's time
    PAUSE_MS = 10, // so ten thousand have left after a second and a half, whatever becomes of them
};

struct spread {
    struct spread *next;
    struct arrival *arrival;
    size_t count, sent;
    struct subscription *subscriptions[]; // a reference on each that isn't sent yet
};

static void send_delivery(struct intake *intake, struct arrival *arrival,
                          struct subscription *subscription)
{
    struct delivery *delivery = delivery_create(subscription, arrival->event);
    delivery->arrival = arrival;
    delivery->taken_ms = arrival->taken_ms;
    delivery->origin = intake->worker->index;
    delivery->is_sole = arrival->fan_out == 1 && !arrival->has_record;
    intake->fanned_out++;
    worker_send_home(intake->worker, delivery);
}

static void on_all_sent(void)
{
    FAULT_POINT("event.after_fan_out");
}

static void add(struct intake *intake, struct spread *spread)
{
    spread->next = NULL;
    if (intake->spreads_last)
        intake->spreads_last->next = spread;
    else
        intake->spreads_first = spread;
    intake->spreads_last = spread;
}

static struct spread *take(struct intake *intake)
{
    struct spread *spread = intake->spreads_first;
    intake->spreads_first = spread->next;
    if (!intake->spreads_first)
        intake->spreads_last = NULL;
    return spread;
}

static void send_part(struct intake *intake, struct spread *spread)
{
    for (size_t i = 0; i < PART && spread->sent < spread->count; i++) {
        struct subscription **subscription = &spread->subscriptions[spread->sent++];
        send_delivery(intake, spread->arrival, *subscription);
        subscription_unref(subscription);
        intake->unsent--;
    }
}

static void on_timer(uv_timer_t *timer);

static bool has_room(const struct intake *intake)
{
    return intake->fanned_out < intake->worker->engine->slots / 2;
}

static void go_on(struct intake *intake)
{
    if (intake->spreads_first)
        uv_timer_start(&intake->spread_timer, on_timer, has_room(intake) ? 0 : PAUSE_MS, 0);
}

static void send_next(struct intake *intake)
{
    struct spread *spread = take(intake);
    send_part(intake, spread);
    if (spread->sent < spread->count) {
        add(intake, spread);
        return;
    }
    free(spread);
    on_all_sent();
}

static void on_timer(uv_timer_t *timer)
{
    struct intake *intake = timer->data;
    if (intake->spreads_first)
        send_next(intake);
    go_on(intake);
}

static void spread_large(struct intake *intake, struct arrival *arrival,
                         struct subscription *const *subscriptions, size_t count)
{
    struct spread *spread = calloc(1, sizeof *spread + count * sizeof(struct subscription *));
    assert(spread);
    spread->arrival = arrival;
    spread->count = count;
    for (size_t i = 0; i < count; i++)
        spread->subscriptions[i] = subscription_ref(subscriptions[i]);
    intake->unsent += count;
    add(intake, spread);
    go_on(intake);
}

void intake_spread(struct intake *intake, struct arrival *arrival,
                   struct subscription *const *subscriptions, size_t count)
{
    arrival->fan_out = arrival->outstanding = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        arrival->ordered += subscriptions[i]->is_ordered;
    if (count > PART) {
        spread_large(intake, arrival, subscriptions, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        send_delivery(intake, arrival, subscriptions[i]);
    on_all_sent();
}

void intake_spread_on_returned(struct intake *intake)
{
    if (has_room(intake))
        go_on(intake);
}

void intake_spread_all(struct intake *intake)
{
    while (intake->spreads_first)
        send_next(intake);
}

void intake_spread_drop(struct intake *intake)
{
    while (intake->spreads_first) {
        struct spread *spread = take(intake);
        while (spread->sent < spread->count)
            subscription_unref(&spread->subscriptions[spread->sent++]);
        free(spread);
    }
}

void intake_spread_init(struct intake *intake)
{
    uv_timer_init(&intake->worker->loop, &intake->spread_timer);
    intake->spread_timer.data = intake;
}
