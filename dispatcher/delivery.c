// SPDX-License-Identifier: Apache-2.0
// Life of a delivery, and the reading of its state as Redis keeps it.
#include "delivery.h"

#include <assert.h>
#include <stdlib.h>

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

bool delivery_parse_state(struct delivery *delivery, struct span state)
{
    struct span part;
    int64_t attempts, status;
    if (!span_next(&state, ' ', &part) || !span_to_int64(part, &attempts) || attempts < 0 ||
        attempts > UINT32_MAX)
        return false;
    if (!span_next(&state, ' ', &part) || !span_to_int64(part, &delivery->first_attempt_ms))
        return false;
    if (!span_next(&state, ' ', &part) || !span_to_int64(part, &delivery->last_attempt_ms))
        return false;
    if (!span_next(&state, ' ', &part) || !span_to_int64(part, &status))
        return false;
    if (!span_next(&state, ' ', &part) ||
        !span_copy(part, delivery->last_error, sizeof delivery->last_error))
        return false;
    if (!span_next(&state, ' ', &part) || !span_to_int64(part, &delivery->born_ms))
        return false;
    delivery->attempts = (uint32_t)attempts;
    delivery->last_status = (int32_t)status;
    return true;
}
