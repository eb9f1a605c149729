// SPDX-License-Identifier: Apache-2.0
// Rate limits: one bucket per subscription for the whole fleet, in Redis (tokens.lua). A lane asks for as many sends as
// it could start, gets what the bucket has, and asks again when the next one is due; what is limited waits, in memory
// or in its queue, and burns no attempt. Asking costs one command per grant, for limited subscriptions only; sharing
// the rate by the number of instances instead would cost nothing, but is wrong whenever the load isn't spread evenly.
#include <stdio.h>

#include "lanes_internal.h"
#include "petrel/clock.h"
#include "petrel/metrics.h"
#include "petrel/redis_command.h"
#include "worker.h"

enum {
    AT_ONCE_MAX = 256, // sends per question
    AGAIN_MS = 100,    // after a question without an answer
};

static void ask(struct lanes *lanes, struct lane *lane);

// ---- asking later: the lanes that must wait for their bucket, and one timer for the first of them

static void on_rate_timer(uv_timer_t *timer)
{
    struct lanes *lanes = timer->data;
    int64_t now_ms = clock_mono_ms();
    struct lane *all = lanes->thirsty_first;
    lanes->thirsty_first = NULL;
    int64_t next_ms = INT64_MAX;
    while (all) {
        struct lane *lane = all;
        all = lane->next_thirsty;
        if (lane->ask_at_ms <= now_ms) {
            lane->is_thirsty = false;
            ask(lanes, lane);
            continue;
        }
        lane->next_thirsty = lanes->thirsty_first;
        lanes->thirsty_first = lane;
        if (lane->ask_at_ms < next_ms)
            next_ms = lane->ask_at_ms;
    }
    if (next_ms < INT64_MAX)
        uv_timer_start(timer, on_rate_timer, (uint64_t)(next_ms - now_ms), 0);
}

static void ask_at(struct lanes *lanes, struct lane *lane, int64_t delay_ms)
{
    lane->ask_at_ms = clock_mono_ms() + delay_ms;
    if (!lane->is_thirsty) {
        lane->is_thirsty = true;
        lane->next_thirsty = lanes->thirsty_first;
        lanes->thirsty_first = lane;
    }
    uint64_t due_in = uv_timer_get_due_in(&lanes->rate_timer);
    if (!uv_is_active((uv_handle_t *)&lanes->rate_timer) || due_in > (uint64_t)delay_ms)
        uv_timer_start(&lanes->rate_timer, on_rate_timer, (uint64_t)delay_ms, 0);
}

static void wait_for_bucket(struct lanes *lanes, struct lane *lane, int64_t wait_ms)
{
    metrics_add(METRIC_RATE_LIMITED, 1);
    ask_at(lanes, lane, wait_ms);
}

void lanes_rate_forget(struct lanes *lanes, struct lane *lane)
{
    struct lane **link = &lanes->thirsty_first;
    while (*link && *link != lane)
        link = &(*link)->next_thirsty;
    if (*link)
        *link = lane->next_thirsty;
    lane->is_thirsty = false;
}

void lanes_rate_set(struct lanes *lanes, struct lane *lane, const struct subscription *subscription)
{
    if (lane->rate_per_second == subscription->rate_per_second &&
        lane->rate_burst == subscription->rate_burst)
        return;
    lane->rate_per_second = subscription->rate_per_second;
    lane->rate_burst = subscription->rate_burst;
    // When to ask next was computed from the old one.
    lane->tokens = 0;
    lane->ask_at_ms = 0;
    lanes_rate_forget(lanes, lane);
}

// ---- asking

static void on_granted(void *arg, redis_reply *reply)
{
    struct lane *lane = arg;
    struct lanes *lanes = lane->owner;
    lane->is_asking = false;
    lanes->asking--;
    if (lanes->is_draining || !redis_reply_is_ok(reply)) {
        if (!lanes->is_draining)
            ask_at(lanes, lane, AGAIN_MS);
        worker_check_drained(lanes->worker);
        return;
    }
    lane->tokens += (uint32_t)redis_reply_int(redis_reply_at(reply, 0));
    int64_t wait_ms = redis_reply_int(redis_reply_at(reply, 1));
    if (lane->tokens == 0)
        wait_for_bucket(lanes, lane, wait_ms > 0 ? wait_ms : 1);
    else
        lane->ask_at_ms = clock_mono_ms() + wait_ms;
    lanes_fill(lanes, lane);
}

// What could be started with them: no more is taken from the fleet's bucket than is used soon.
static uint32_t wanted(const struct lane *lane)
{
    uint32_t limit = limiter_limit(&lane->limiter, lane->cap);
    uint32_t used = lane_in_flight(lane) + lane->promised;
    uint32_t room = used < limit ? limit - used : 0;
    uint32_t work = lane->backlog_shards ? AT_ONCE_MAX : lane->waiting + 1;
    return room < work ? room : work;
}

static void ask(struct lanes *lanes, struct lane *lane)
{
    uint32_t count = wanted(lane);
    if (lane->is_asking || lane->tokens || count == 0 || lanes->is_draining ||
        lane->rate_per_second <= 0)
        return;
    struct key key = keys_format(&lanes->worker->engine->keys, 0, KEY_RATE, span_of(lane->id));
    struct redis_command *command = redis_command_create_script(SCRIPT_TOKENS);
    redis_command_add_key(command, &key);
    char number[32];
    snprintf(number, sizeof number, "%.9g", lane->rate_per_second);
    redis_command_add_text(command, number);
    redis_command_add_int(command, lane->rate_burst);
    redis_command_add_int(command, count < AT_ONCE_MAX ? count : AT_ONCE_MAX);
    lane->is_asking = true;
    lanes->asking++;
    redis_link_send(lanes->worker->commands, &command, 0, on_granted, lane);
}

bool lanes_has_token(struct lanes *lanes, struct lane *lane)
{
    if (lane->rate_per_second <= 0 || lane->tokens)
        return true;
    int64_t wait_ms = lane->ask_at_ms - clock_mono_ms();
    if (lane->is_asking || lane->is_thirsty)
        return false;
    if (wait_ms > 0)
        wait_for_bucket(lanes, lane, wait_ms);
    else
        ask(lanes, lane);
    return false;
}

void lanes_use_token(struct lane *lane)
{
    if (lane->tokens)
        lane->tokens--;
}

void lanes_rate_init(struct lanes *lanes)
{
    uv_timer_init(&lanes->worker->loop, &lanes->rate_timer);
    lanes->rate_timer.data = lanes;
}
