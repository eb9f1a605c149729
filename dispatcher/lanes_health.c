// SPDX-License-Identifier: Apache-2.0
// What the fleet knows of a subscriber, as far as this process has heard: whether its breaker is closed, and until
// when it asked to be left alone. Redis decides (the scripts); a lane keeps the last word it heard, from the answers
// to its own moves and from the news of others, to spare attempts that would be wrong. While a breaker isn't closed
// fresh deliveries park, and the claim script lets through what may go.
//
// Successes are counted by Redis only as a share of the minute's attempts, so they are told with the next failure's report.
// Those straight from the stream write nothing to Redis alone, but when Redis counts failures (the count is to start anew),
// and once a minute, as a sign of life.
#include <assert.h>

#include "lanes_internal.h"
#include "petrel/clock.h"
#include "worker.h"

enum { SIGN_OF_LIFE_MS = 60000 };

int64_t lanes_hold_ms(const struct lane *lane)
{
    return lane->hold_until_ms - clock_mono_ms();
}

void lanes_hold(struct lanes *lanes, struct lane *lane, int64_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    if (until_ms <= lane->hold_until_ms)
        return;
    lane->hold_until_ms = until_ms;
    lanes_park_waiting(lanes, lane);
}

// ---- the breaker

void lanes_on_breaker(struct lanes *lanes, struct lane *lane, uint32_t shard,
                      enum breaker_state state)
{
    uint64_t bit = UINT64_C(1) << shard;
    bool was_blocked = (lane->blocked_shards & bit) != 0;
    if (state == BREAKER_CLOSED) {
        lane->blocked_shards &= ~bit;
        if (!was_blocked)
            return;
        // It has come through a slow start; what it can take now shows from here.
        limiter_restart(&lane->limiter);
        lane->has_failures = false;
        return;
    }
    lane->blocked_shards |= bit;
    lane->has_failures = true;
    if (!was_blocked)
        lanes_park_waiting(lanes, lane);
}

void lanes_on_news(struct lanes *lanes, const char *subscription_id, const struct lane_news *news)
{
    struct subscription *subscription = snapshot_find(lanes->worker->snapshot, subscription_id);
    if (!subscription || lanes->is_draining)
        return;
    struct lane *lane = lanes_find(lanes, subscription);
    if (news->is_hold)
        lanes_hold(lanes, lane, news->wait_ms);
    else
        lanes_on_breaker(lanes, lane, news->shard, news->state);
}

// ---- telling Redis

struct ledger_report lanes_report(struct lane *lane, const struct attempt_result *result,
                                  int64_t hold_ms)
{
    // What was deleted meanwhile has no health any more.
    if (!snapshot_find(lane->owner->worker->snapshot, lane->id))
        return (struct ledger_report){.is_given = false};
    // Too many requests is an answer of a healthy subscriber: it holds back, it doesn't open the breaker.
    bool is_failure = !(result->error == ATTEMPT_OK && result->status == 429);
    struct ledger_report report = {
        .is_given = true,
        .is_failure = is_failure,
        .successes = lane->successes,
        .hold_ms = hold_ms,
    };
    lane->successes = 0;
    lane->has_failures = lane->has_failures || is_failure;
    return report;
}

static void on_told(void *arg, const char *subscription, uint32_t shard,
                    const struct ledger_answer *answer)
{
    struct lanes *lanes = arg;
    struct lane *lane = NULL;
    lanes->asking--;
    HASH_FIND_STR(lanes->by_id, subscription, lane);
    assert(lane); // one that is telling isn't forgotten
    lane->is_telling = false;
    if (answer) {
        lane->has_failures = false;
        lane->told_ms = clock_mono_ms();
        lanes_on_breaker(lanes, lane, shard, answer->breaker);
    }
    worker_check_drained(lanes->worker);
}

void lanes_count_success(struct lane *lane)
{
    int64_t minute = clock_wall_ms() / 60000;
    // Of an earlier minute it only matters that there were some: they end the failures in a row.
    if (minute != lane->success_minute && lane->successes > 1)
        lane->successes = 1;
    lane->success_minute = minute;
    lane->successes++;
}

void lanes_note_success(struct lanes *lanes, struct lane *lane, uint32_t shard)
{
    lanes_count_success(lane);
    bool is_overdue = clock_mono_ms() - lane->told_ms >= SIGN_OF_LIFE_MS;
    if ((!lane->has_failures && !is_overdue) || lane->is_telling)
        return;
    lane->is_telling = true;
    lanes->asking++;
    ledger_tell_success(lanes->worker->ledger, lane->id, shard, on_told, lanes);
}

// ---- what the scripts answer

static void disable(struct lanes *lanes, const char *subscription)
{
    struct note *note = note_create(MAIL_DISABLE, 0, subscription);
    note->reason = "failing_for_too_long";
    mailbox_post_one(lanes->worker->engine->supervisor, &note->mail);
}

void lanes_on_answer(struct lanes *lanes, const struct delivery *delivery,
                     const struct ledger_answer *answer)
{
    struct lane *lane = NULL;
    if (!answer->is_ours)
        return;
    HASH_FIND_STR(lanes->by_id, delivery->subscription_id, lane);
    if (lane)
        lanes_on_breaker(lanes, lane, delivery->event->shard, answer->breaker);
    if (answer->is_hopeless)
        disable(lanes, delivery->subscription_id);
}
