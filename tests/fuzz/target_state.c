// SPDX-License-Identifier: Apache-2.0
// The state of a parked delivery, as Redis keeps it. What is accepted is within its bounds, and written out as Redis' own
// scripts write it, it is read as the same; of what is refused nothing was taken.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dispatcher/delivery.h"
#include "fuzz.h"

#define YEAR_10000_MS INT64_C(253402300800000)

static bool is_time(int64_t ms)
{
    return ms >= 0 && ms < YEAR_10000_MS;
}

static void check_accepted(const struct delivery *delivery)
{
    char written[256];
    struct delivery again;
    memset(&again, 0xa5, sizeof again);
    FUZZ_CHECK(delivery->attempts <= INT32_MAX); // one more can be counted
    FUZZ_CHECK(delivery->last_status >= 0 && delivery->last_status <= 9999);
    FUZZ_CHECK(is_time(delivery->first_attempt_ms) && is_time(delivery->last_attempt_ms) &&
               is_time(delivery->born_ms));
    FUZZ_CHECK(strnlen(delivery->last_error, sizeof delivery->last_error) <
               sizeof delivery->last_error);
    FUZZ_CHECK(fuzz_is_printable(delivery->last_error) && !strchr(delivery->last_error, ' '));
    int size = snprintf(written, sizeof written,
                        "%" PRIu32 " %" PRId64 " %" PRId64 " %" PRId32 " %s %" PRId64 " -",
                        delivery->attempts, delivery->first_attempt_ms, delivery->last_attempt_ms,
                        delivery->last_status, delivery->last_error, delivery->born_ms);
    FUZZ_CHECK(size > 0 && (size_t)size < sizeof written);
    FUZZ_CHECK(delivery_parse_state(&again, span_of(written)));
    FUZZ_CHECK(again.attempts == delivery->attempts && again.last_status == delivery->last_status);
    FUZZ_CHECK(again.first_attempt_ms == delivery->first_attempt_ms &&
               again.last_attempt_ms == delivery->last_attempt_ms &&
               again.born_ms == delivery->born_ms);
    FUZZ_CHECK(strcmp(again.last_error, delivery->last_error) == 0);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct delivery delivery = {.attempts = 7, .last_error = "before", .born_ms = 7};
    delivery.first_attempt_ms = delivery.last_attempt_ms = delivery.last_status = 7;
    fuzz_cut(input, &parts);
    if (delivery_parse_state(&delivery, fuzz_part(&parts, 0)))
        check_accepted(&delivery);
    else
        FUZZ_CHECK(delivery.attempts == 7 && delivery.last_status == 7 && delivery.born_ms == 7 &&
                   delivery.first_attempt_ms == 7 && delivery.last_attempt_ms == 7 &&
                   strcmp(delivery.last_error, "before") == 0);
    fuzz_free(&parts);
}
