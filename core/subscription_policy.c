// SPDX-License-Identifier: Apache-2.0
// The fields of a subscription that say how it is delivered to: deadline, cap, retries, pace, order. One function each:
// from a JSON value into the subscription, with every rule and its message, as in subscription_fields.c.
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/timestamp.h"
#include "subscription_internal.h"

enum { TIMEOUT_MIN_MS = 100, TIMEOUT_MAX_MS = 120000, CONCURRENCY_MAX = 10000 };

static void refuse(struct subscription_draft *draft, const char *field, const char *message)
{
    field_errors_add(draft->errors, field, "%s", message);
}

// ---- numbers and schedule

static bool read_number(const cJSON *value, double minimum, double maximum, uint32_t *number)
{
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= minimum) ||
        !(value->valuedouble <= maximum) || value->valuedouble != floor(value->valuedouble))
        return false;
    *number = (uint32_t)value->valuedouble;
    return true;
}

void subscription_set_timeout(struct subscription_draft *draft, const cJSON *value)
{
    uint32_t number = 0;
    if (cJSON_IsNull(value) || read_number(value, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &number))
        draft->subscription->timeout_ms = number;
    else
        refuse(draft, "timeout_ms", "must be a whole number from 100 to 120000, or null");
}

void subscription_set_max_concurrency(struct subscription_draft *draft, const cJSON *value)
{
    uint32_t number = 0;
    if (cJSON_IsNull(value) || read_number(value, 1, CONCURRENCY_MAX, &number))
        draft->subscription->max_concurrency = number;
    else
        refuse(draft, "max_concurrency", "must be a whole number from 1 to 10000, or null");
}

static bool read_step(const cJSON *item, int64_t *delay_ms)
{
    uint32_t seconds;
    if (cJSON_IsString(item))
        return duration_parse(span_of(item->valuestring), delay_ms) &&
               *delay_ms <= BACKOFF_MAX_STEP_MS;
    if (!read_number(item, 0, BACKOFF_MAX_STEP_MS / 1000.0, &seconds))
        return false;
    *delay_ms = (int64_t)seconds * 1000;
    return true;
}

void subscription_set_retry_schedule(struct subscription_draft *draft, const cJSON *value)
{
    struct backoff schedule = {0};
    bool is_good = true;
    if (cJSON_IsNull(value)) {
        free(draft->subscription->retry_schedule);
        draft->subscription->retry_schedule = NULL;
        return;
    }
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > BACKOFF_MAX_STEPS) {
        refuse(draft, "retry_schedule",
               "must be an array of at most 64 delays, or null for the configured schedule");
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        char field[FIELD_NAME_SIZE];
        snprintf(field, sizeof field, "retry_schedule[%u]", schedule.steps);
        if (!read_step(item, &schedule.delay_ms[schedule.steps++])) {
            refuse(draft, field,
                   "must be a length of time like 250ms, 5s, 30m, 2h or 1d, or whole seconds as a "
                   "number; at most 30d");
            is_good = false;
        }
    }
    if (!is_good)
        return;
    struct subscription *subscription = draft->subscription;
    if (!subscription->retry_schedule)
        subscription->retry_schedule = malloc(sizeof schedule);
    if (subscription->retry_schedule)
        *subscription->retry_schedule = schedule;
    else
        field_errors_add_memory(draft->errors);
}

// ---- pace and order

static bool read_rate(const cJSON *value, double *per_second)
{
    // Written so that NaN fails too. A send every 1000 s is the slowest.
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0.001) ||
        !(value->valuedouble <= RATE_LIMIT_MAX))
        return false;
    *per_second = value->valuedouble;
    return true;
}

static bool has_other_member(const cJSON *object)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (strcmp(item->string, "per_second") != 0 && strcmp(item->string, "burst") != 0)
            return true;
    }
    return false;
}

void subscription_set_rate_limit(struct subscription_draft *draft, const cJSON *value)
{
    struct subscription *subscription = draft->subscription;
    double per_second = 0;
    uint32_t burst = 0;
    if (cJSON_IsNull(value)) {
        subscription->rate_per_second = 0;
        subscription->rate_burst = 0;
        return;
    }
    const cJSON *rate =
        cJSON_IsObject(value) ? cJSON_GetObjectItemCaseSensitive(value, "per_second") : value;
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(value, "burst");
    if (!read_rate(rate, &per_second) || has_other_member(value)) {
        refuse(
            draft, "rate_limit",
            "must be {\"per_second\": 0.001 to 100000, \"burst\": 1 to 100000}, the first alone as "
            "a number, or null for no limit");
        return;
    }
    // A second's worth by default: pacing that is exact over seconds, and cheap.
    if (!size || cJSON_IsNull(size))
        burst = per_second < 1 ? 1 : (uint32_t)per_second;
    else if (!read_number(size, 1, RATE_LIMIT_MAX, &burst)) {
        refuse(draft, "rate_limit.burst", "must be a whole number from 1 to 100000");
        return;
    }
    subscription->rate_per_second = per_second;
    subscription->rate_burst = burst;
}

void subscription_set_ordered(struct subscription_draft *draft, const cJSON *value)
{
    if (cJSON_IsBool(value) || cJSON_IsNull(value))
        draft->subscription->is_ordered = cJSON_IsTrue(value);
    else
        refuse(draft, "ordered", "must be true or false");
}

void subscription_set_ordered_failure(struct subscription_draft *draft, const cJSON *value)
{
    const char *text = cJSON_IsString(value) ? value->valuestring : "";
    if (cJSON_IsNull(value) || strcmp(text, "skip") == 0)
        draft->subscription->ordered_failure = ORDERED_SKIP;
    else if (strcmp(text, "block") == 0)
        draft->subscription->ordered_failure = ORDERED_BLOCK;
    else
        refuse(draft, "ordered_failure",
               "must be skip (a dead letter after the schedule) or block (the others wait)");
}
