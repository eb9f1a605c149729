// SPDX-License-Identifier: Apache-2.0
// The attempt of a delivery and what follows from its outcome:
//
//             fresh                                   claimed
//   2xx       back to the origin                      finish.lua
//   retry     park.lua, then back to the origin       retry.lua
//   give up   bury.lua, then back to the origin       bury.lua
//   aborted   park.lua as it was                      retry.lua as it was
#include "attempt.h"
#include "claims.h"
#include "lanes_internal.h"
#include "ledger.h"
#include "petrel/clock.h"
#include "petrel/fault_point.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "petrel/random.h"
#include "worker.h"

enum {
    BLOCKED_RETRY_MS = 60000, // of a blocked ordered delivery whose schedule has no step
    MAX_AGE_FLOOR_MS = 3600000,
};

// ---- bookkeeping of one attempt

static void count_attempt(const struct attempt_result *result)
{
    metrics_observe_ms(METRIC_ATTEMPT_SECONDS, result->duration_ms);
    if (result->opened_connection)
        metrics_add(METRIC_CONNECTIONS_OPENED, 1);
    switch (result->error) {
    case ATTEMPT_OK:
        if (result->status < 300)
            metrics_add(METRIC_ATTEMPTS_2XX, 1);
        else if (result->status < 400)
            metrics_add(METRIC_ATTEMPTS_3XX, 1);
        else if (result->status < 500)
            metrics_add(METRIC_ATTEMPTS_4XX, 1);
        else
            metrics_add(METRIC_ATTEMPTS_5XX, 1);
        break;
    case ATTEMPT_TIMEOUT:
        metrics_add(METRIC_ATTEMPTS_TIMEOUT, 1);
        break;
    case ATTEMPT_BLOCKED_ADDRESS:
        metrics_add(METRIC_ATTEMPTS_BLOCKED, 1);
        break;
    case ATTEMPT_DNS:
    case ATTEMPT_CONNECT_REFUSED:
    case ATTEMPT_CONNECT:
    case ATTEMPT_PROXY:
    case ATTEMPT_TLS_CERTIFICATE:
    case ATTEMPT_TLS:
    case ATTEMPT_RESET:
    case ATTEMPT_PROTOCOL:
    case ATTEMPT_RESPONSE_TOO_LARGE:
    case ATTEMPT_INTERNAL:
    case ATTEMPT_ABORTED:
        metrics_add(METRIC_ATTEMPTS_NETWORK, 1);
        break;
    }
}

static void note_attempt(struct delivery *delivery, const struct attempt_result *result)
{
    delivery->attempts++;
    delivery->last_attempt_ms = result->started_wall_ms;
    if (!delivery->first_attempt_ms)
        delivery->first_attempt_ms = result->started_wall_ms;
    delivery->last_status = result->status;
    const char *error = outcome_error_text(result);
    span_copy(span_of(error[0] ? error : "-"), delivery->last_error, sizeof delivery->last_error);
}

static void log_failure(const struct delivery *delivery, const struct attempt_result *result,
                        const struct verdict *verdict)
{
    if (!log_is_on(LOG_LEVEL_INFO))
        return;
    log_info("attempt failed", LOG_STR("event", delivery->event->id),
             LOG_STR("subscription", delivery->subscription_id),
             LOG_INT("attempt", delivery->attempts), LOG_INT("status", result->status),
             LOG_STR("error", outcome_error_text(result)), LOG_STR("detail", result->detail),
             LOG_INT("duration_ms", result->duration_ms),
             LOG_STR("then", verdict->action == VERDICT_RETRY ? "retry" : verdict->reason),
             LOG_INT("retry_in_ms", verdict->delay_ms));
}

// ---- after Redis has the change

static void on_fresh_moved(void *arg, struct delivery *delivery, const struct ledger_answer *answer)
{
    struct lanes *lanes = arg;
    lanes->parking--;
    lanes_on_answer(lanes, delivery, answer);
    worker_return(lanes->worker, delivery);
}

static void on_claimed_moved(void *arg, struct delivery *delivery,
                             const struct ledger_answer *answer)
{
    struct lanes *lanes = arg;
    if (!answer->is_ours)
        log_warn("lease lost: another instance has taken this delivery over",
                 LOG_STR("event", delivery->event->id),
                 LOG_STR("subscription", delivery->subscription_id));
    lanes_on_answer(lanes, delivery, answer);
    lanes_on_settled(lanes, delivery);
    claims_on_settled(lanes->worker->claims, delivery);
}

// ---- acting on the verdict

static const struct ledger_report no_report;

static void settle_arrived(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    struct worker *worker = lanes->worker;
    metrics_add(METRIC_DELIVERIES_DELIVERED, 1);
    if (delivery_is_claimed(delivery)) {
        lanes_count_success(lane);
        lane->has_failures = false; // finish.lua sets the count back
        ledger_finish(worker->ledger, delivery, on_claimed_moved, lanes);
        return;
    }
    metrics_observe_ms(METRIC_DELIVERY_SECONDS, clock_wall_ms() - delivery->event->timestamp_ms);
    ledger_count_delivered(worker->ledger, delivery->event->shard);
    lanes_note_success(lanes, lane, delivery->event->shard);
    delivery->end = DELIVERY_ARRIVED;
    worker_return(worker, delivery);
}

static void settle_later(struct lanes *lanes, struct delivery *delivery, int64_t delay_ms,
                         const struct ledger_report *report)
{
    struct worker *worker = lanes->worker;
    struct subscription *current = snapshot_find(worker->snapshot, delivery->subscription_id);
    if (!current)
        delay_ms = 0; // deleted: it is to be buried
    struct ledger_move move = {
        .delivery = delivery,
        .delay_ms = delay_ms,
        .is_held = current && current->state == SUBSCRIPTION_PAUSED,
        .report = *report,
        .arg = lanes,
    };
    if (delivery_is_claimed(delivery)) {
        move.moved = on_claimed_moved;
        ledger_retry(worker->ledger, &move);
    } else {
        move.moved = on_fresh_moved;
        lanes->parking++;
        ledger_park(worker->ledger, &move);
    }
    if (!move.is_held)
        worker_hint_due(worker, delivery->event->shard, delay_ms);
}

void lanes_put_back(struct lanes *lanes, struct delivery *delivery)
{
    settle_later(lanes, delivery, 0, &no_report);
}

static void settle_dead(struct lanes *lanes, struct delivery *delivery, const char *reason,
                        const struct attempt_result *result, const struct ledger_report *report)
{
    metrics_add(METRIC_DELIVERIES_DEAD, 1);
    struct ledger_move move = {
        .delivery = delivery, .reason = reason, .result = result, .report = *report, .arg = lanes};
    if (delivery_is_claimed(delivery)) {
        move.moved = on_claimed_moved;
    } else {
        move.moved = on_fresh_moved;
        lanes->parking++;
    }
    ledger_bury(lanes->worker->ledger, &move);
}

static void disable_subscription(struct worker *worker, const struct delivery *delivery,
                                 const char *reason)
{
    struct note *note = note_create(MAIL_DISABLE, 0, delivery->subscription_id);
    note->reason = reason;
    mailbox_post_one(worker->engine->supervisor, &note->mail);
}

static void act(struct lanes *lanes, struct lane *lane, struct delivery *delivery,
                const struct attempt_result *result, const struct verdict *verdict)
{
    struct ledger *ledger = lanes->worker->ledger;
    struct ledger_report report;
    switch (verdict->action) {
    case VERDICT_DELIVERED:
        ledger_log_attempt(ledger, delivery, result, "delivered");
        settle_arrived(lanes, lane, delivery);
        return;
    case VERDICT_RETRY:
        log_failure(delivery, result, verdict);
        ledger_log_attempt(ledger, delivery, result, "retry");
        metrics_add(METRIC_DELIVERIES_PARKED_RETRY, 1);
        report = lanes_report(lane, result, verdict->hold_ms);
        settle_later(lanes, delivery, verdict->delay_ms, &report);
        return;
    case VERDICT_DISABLE:
        disable_subscription(lanes->worker, delivery, verdict->reason);
        log_failure(delivery, result, verdict);
        ledger_log_attempt(ledger, delivery, result, "dead");
        settle_dead(lanes, delivery, verdict->reason, result, &no_report);
        return;
    case VERDICT_BURY:
        log_failure(delivery, result, verdict);
        ledger_log_attempt(ledger, delivery, result, "dead");
        // The end of a schedule is a failure like those before; what was refused for good says nothing of health.
        report = verdict->is_exhausted ? lanes_report(lane, result, 0) : no_report;
        settle_dead(lanes, delivery, verdict->reason, result, &report);
        return;
    case VERDICT_RELEASE:
        settle_later(lanes, delivery, 0, &no_report);
        return;
    }
}

static const struct backoff *schedule_of(const struct lanes *lanes,
                                         const struct subscription *subscription)
{
    return subscription->retry_schedule ? subscription->retry_schedule
                                        : &lanes->worker->engine->config->retry_schedule;
}

static int64_t timeout_of(const struct lanes *lanes, const struct subscription *subscription)
{
    return subscription->timeout_ms ? subscription->timeout_ms
                                    : lanes->worker->engine->config->request_timeout_ms;
}

int64_t lanes_max_age_ms(const struct lanes *lanes, const struct subscription *subscription)
{
    int64_t max_age_ms = lanes->worker->engine->config->max_age_ms;
    const struct backoff *schedule = schedule_of(lanes, subscription);
    if (subscription->is_ordered && subscription->ordered_failure == ORDERED_BLOCK)
        return INT64_C(100) * 365 * 24 * 3600 * 1000; // it waits for ever, as asked
    if (max_age_ms > 0)
        return max_age_ms;
    int64_t longest_ms =
        backoff_longest_ms(schedule) + (schedule->steps + 1) * timeout_of(lanes, subscription);
    // With a short schedule too a delivery may wait for its turn a while: behind a cap, or for Redis.
    return longest_ms > MAX_AGE_FLOOR_MS ? longest_ms : MAX_AGE_FLOOR_MS;
}

// An ordered subscription may want to wait rather than skip one: then its schedule's last step goes on for ever.
static void keep_blocking(const struct lanes *lanes, const struct delivery *delivery,
                          struct verdict *verdict)
{
    const struct subscription *subscription = delivery->subscription;
    const struct backoff *schedule = schedule_of(lanes, subscription);
    if (!verdict->is_exhausted || !subscription->is_ordered ||
        subscription->ordered_failure != ORDERED_BLOCK)
        return;
    verdict->action = VERDICT_RETRY;
    verdict->is_exhausted = false;
    verdict->delay_ms =
        schedule->steps
            ? backoff_delay_ms(schedule, schedule->steps, random_next(&lanes->worker->random_state))
            : BLOCKED_RETRY_MS;
}

static void conclude(struct lanes *lanes, struct delivery *delivery,
                     const struct attempt_result *result)
{
    struct worker *worker = lanes->worker;
    struct lane *lane = delivery->lane;
    lanes_learn(lanes, lane, delivery, result);
    lanes_free_slot(lanes, lane, delivery);
    metrics_add(METRIC_IN_FLIGHT, -1);
    if (result->error != ATTEMPT_ABORTED) {
        count_attempt(result);
        note_attempt(delivery, result);
    }
    struct verdict verdict = outcome_judge(result, schedule_of(lanes, delivery->subscription),
                                           delivery->attempts, random_next(&worker->random_state));
    keep_blocking(lanes, delivery, &verdict);
    if (verdict.hold_ms > 0)
        lanes_hold(lanes, lane, verdict.hold_ms);
    act(lanes, lane, delivery, result, &verdict); // the delivery is gone after this
    lanes_fill(lanes, lane);
    worker_check_drained(worker);
}

static void on_attempt_done(void *arg, const struct attempt_result *result)
{
    struct delivery *delivery = arg;
    FAULT_POINT("attempt.after_answer");
    // A worker's lanes are found through the delivery's lane; the sender knows nothing of either.
    conclude(delivery->lane->owner, delivery, result);
}

void lanes_start(struct lanes *lanes, struct lane *lane, struct delivery *delivery)
{
    if (!delivery_is_claimed(delivery) && worker_is_stale(lanes->worker, delivery->taken_ms)) {
        lanes_park_unattempted(lanes, delivery, 0); // refused there if it is another's now
        return;
    }
    int64_t timeout_ms = timeout_of(lanes, delivery->subscription);
    lanes_take_slot(lanes, lane, delivery);
    lanes_use_token(lane);
    metrics_add(METRIC_IN_FLIGHT, 1);
    FAULT_POINT("attempt.before_send");
    if (attempt_start(lanes->worker->sender, delivery, timeout_ms, on_attempt_done, delivery)) {
        FAULT_POINT("attempt.after_send");
        return;
    }
    // Concluded by the sweep, not from in here: the callers are walking the lanes. A moment's pause is what
    // a shortage of memory asks for anyway.
    delivery->next = lanes->failed_first;
    lanes->failed_first = delivery;
    lanes_sweep_soon(lanes);
}

void lanes_bury_expired(struct lanes *lanes, struct delivery *delivery)
{
    metrics_add(METRIC_DELIVERIES_EXPIRED, 1);
    settle_dead(lanes, delivery, "expired", NULL, &no_report);
}

void lanes_conclude_failed(struct lanes *lanes)
{
    struct attempt_result failure = {
        .error = ATTEMPT_INTERNAL, .retry_after_ms = -1, .started_wall_ms = clock_wall_ms()};
    span_copy(SPAN("the request could not be made"), failure.detail, sizeof failure.detail);
    struct delivery *delivery = lanes->failed_first;
    lanes->failed_first = NULL;
    while (delivery) {
        struct delivery *next = delivery->next;
        conclude(lanes, delivery, &failure);
        delivery = next;
    }
}
