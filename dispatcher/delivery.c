// SPDX-License-Identifier: Apache-2.0
// Life of a delivery.
#include "delivery.h"

#include <assert.h>
#include <stdlib.h>

#include "petrel/parked_state.h"

struct delivery *delivery_create(struct subscription *subscription, const struct event *event)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    assert(delivery);
    delivery->event = event;
    span_copy(SPAN("-"), delivery->last_error, sizeof delivery->last_error);
    if (subscription) {
        delivery->subscription = subscription_ref(subscription);
        span_copy(span_of(subscription->id), delivery->subscription_id,
                  sizeof delivery->subscription_id);
    }
    return delivery;
}

void delivery_destroy(struct delivery **delivery)
{
    if (!*delivery)
        return;
    subscription_unref(&(*delivery)->subscription);
    event_destroy(&(*delivery)->own_event);
    free(*delivery);
    *delivery = NULL;
}

bool delivery_parse_state(struct delivery *delivery, struct span text)
{
    struct parked_state state;
    if (!parked_state_parse(text, &state))
        return false;
    delivery->attempts = state.attempts;
    delivery->first_attempt_ms = state.first_attempt_ms;
    delivery->last_attempt_ms = state.last_attempt_ms;
    delivery->last_status = state.last_status;
    span_copy(span_of(state.last_error), delivery->last_error, sizeof delivery->last_error);
    delivery->born_ms = state.born_ms;
    return true;
}
