// SPDX-License-Identifier: Apache-2.0
// Life of a delivery, and the reading of its state as Redis keeps it.
#include "delivery.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// What Redis holds may be anybody's: beyond these it is no state of petrel's, and arithmetic with it could overflow.
enum { STATUS_MAX = 9999 };
#define TIME_MAX_MS INT64_C(253402300799999) // the end of the year 9999

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

static bool take_number(struct span *rest, int64_t max, int64_t *value)
{
    struct span part;
    return span_next(rest, ' ', &part) && span_to_int64(part, value) && *value >= 0 && *value <= max;
}

bool delivery_parse_state(struct delivery *delivery, struct span state)
{
    struct span error;
    int64_t attempts, first_ms, last_ms, status, born_ms;
    char word[sizeof delivery->last_error];
    bool is_state =
        take_number(&state, INT32_MAX, &attempts) && take_number(&state, TIME_MAX_MS, &first_ms) &&
        take_number(&state, TIME_MAX_MS, &last_ms) && take_number(&state, STATUS_MAX, &status) &&
        span_next(&state, ' ', &error) && error.size > 0 && span_is_printable(error) &&
        span_copy(error, word, sizeof word) && take_number(&state, TIME_MAX_MS, &born_ms);
    if (!is_state)
        return false;
    delivery->attempts = (uint32_t)attempts;
    delivery->first_attempt_ms = first_ms;
    delivery->last_attempt_ms = last_ms;
    delivery->last_status = (int32_t)status;
    memcpy(delivery->last_error, word, sizeof word);
    delivery->born_ms = born_ms;
    return true;
}
