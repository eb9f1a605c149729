// SPDX-License-Identifier: Apache-2.0
// Deliveries nobody will attempt: their subscription was deleted or disabled, they are too old, or their event's copy is
// gone.
// They become dead letters, so that nothing vanishes and a person can redrive what deserves it.
#include <assert.h>
#include <stdlib.h>

#include "claims_internal.h"
#include "ledger.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum { BATCH = 64 };

struct orphan_claim {
    struct claims *claims;
    uint32_t shard;
    const char *reason; // static
    char id[EVENT_SUBSCRIPTION_SIZE];
    char lease[LEASE_SIZE];
};

struct orphan_fetch {
    struct claims *claims;
    struct delivery *delivery;
    const char *reason;
    uint32_t shard;
    char event_id[EVENT_ID_SIZE];
};

static void on_buried(void *arg, struct delivery *delivery, const struct ledger_answer *answer)
{
    (void)answer;
    claims_on_settled(arg, delivery);
}

static void bury(struct claims *claims, struct delivery *delivery, const char *reason)
{
    struct ledger_move move = {
        .delivery = delivery, .reason = reason, .moved = on_buried, .arg = claims};
    metrics_add(METRIC_DELIVERIES_DEAD, 1);
    claims_hold(claims, delivery);
    ledger_bury(claims->worker->ledger, &move);
}

void claims_bury_lost(struct claims *claims, uint32_t shard, const char *event_id,
                      struct delivery *delivery)
{
    struct event *empty = calloc(1, sizeof *empty);
    assert(empty);
    empty->shard = shard;
    span_copy(span_of(event_id), empty->id, sizeof empty->id);
    span_copy(SPAN("0-0"), empty->entry_id, sizeof empty->entry_id); // unknown by now
    delivery->own_event = empty;
    delivery->event = empty;
    metrics_add(METRIC_DATA_LOSS, 1);
    log_error("data loss: Redis has no copy of a parked event any more", LOG_STR("event", event_id),
              LOG_STR("subscription", delivery->subscription_id));
    bury(claims, delivery, "payload_lost");
}

static void on_fetched(void *arg, redis_reply *reply)
{
    struct orphan_fetch *fetch = arg;
    struct claims *claims = fetch->claims;
    struct delivery *delivery = fetch->delivery;
    claims->unanswered--;
    struct span stored = redis_reply_span(reply);
    if (redis_reply_is_ok(reply) && stored.size)
        delivery->own_event = event_parse_stored(span_of(fetch->event_id), fetch->shard, stored);
    if (delivery->own_event) {
        delivery->event = delivery->own_event;
        bury(claims, delivery, fetch->reason);
    } else if (redis_reply_is_ok(reply)) {
        claims_bury_lost(claims, fetch->shard, fetch->event_id, delivery);
    } else {
        delivery_destroy(&delivery); // the lease expires, and it is due again
    }
    free(fetch);
}

static void fetch_event(const struct orphan_claim *claim, struct span event_id, struct span state)
{
    struct claims *claims = claim->claims;
    if (!claims_check_event_id(claim->id, event_id))
        return;
    struct orphan_fetch *fetch = calloc(1, sizeof *fetch);
    assert(fetch);
    *fetch = (struct orphan_fetch){.claims = claims, .reason = claim->reason, .shard = claim->shard};
    fetch->delivery = delivery_create(NULL, NULL);
    span_copy(span_of(claim->id), fetch->delivery->subscription_id,
              sizeof fetch->delivery->subscription_id);
    span_copy(span_of(claim->lease), fetch->delivery->lease, sizeof fetch->delivery->lease);
    span_copy(event_id, fetch->event_id, sizeof fetch->event_id);
    delivery_parse_state(fetch->delivery, state);
    struct redis_command *command = redis_command_create("GET");
    claims_add_key(claims, command, claim->shard, KEY_MESSAGE, fetch->event_id);
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_fetched, fetch);
}

static void bury_claimed(const struct orphan_claim *claim, redis_reply *reply)
{
    size_t count = redis_reply_count(reply);
    for (size_t i = CLAIM_FIRST; i + 1 < count; i += 2)
        fetch_event(claim, redis_reply_span(redis_reply_at(reply, i)),
                    redis_reply_span(redis_reply_at(reply, i + 1)));
    if (count > CLAIM_FIRST)
        log_info("parked deliveries become dead letters", LOG_STR("subscription", claim->id),
                 LOG_STR("reason", claim->reason), LOG_INT("count", (count - CLAIM_FIRST) / 2));
}

static void on_claimed(void *arg, redis_reply *reply)
{
    struct orphan_claim *claim = arg;
    struct claims *claims = claim->claims;
    claims->unanswered--;
    bury_claimed(claim, reply);
    // More may be due: look again at once, not at the next round.
    if (redis_reply_count(reply) == CLAIM_FIRST + 2 * BATCH)
        worker_hint_due(claims->worker, claim->shard, 0);
    free(claim);
}

void claims_bury_expired(struct claims *claims, const struct claim_order *order, redis_reply *reply)
{
    struct orphan_claim claim = {.claims = claims, .reason = "expired", .shard = order->shard};
    span_copy(span_of(order->id), claim.id, sizeof claim.id);
    span_copy(span_of(order->lease), claim.lease, sizeof claim.lease);
    bury_claimed(&claim, reply);
    metrics_add(METRIC_DELIVERIES_EXPIRED, (int64_t)(redis_reply_count(reply) - CLAIM_FIRST) / 2);
}

static void claim_orphans(struct orphan_claim *claim)
{
    struct claims *claims = claim->claims;
    claims_format_lease(claims->worker, claim->lease);
    struct claim_order order = {
        .shard = claim->shard, .id = claim->id, .count = BATCH, .lease = claim->lease};
    struct redis_command *command = claims_claim_command(claims, &order);
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_claimed, claim);
}

// An attempt that was under way when the subscription was deleted may have been noted by who didn't know yet.
static void forget_health(const struct orphan_claim *claim)
{
    struct claims *claims = claim->claims;
    struct redis_command *command = redis_command_create("UNLINK");
    claims_add_key(claims, command, claim->shard, KEY_HEALTH, claim->id);
    redis_link_send(claims->worker->commands, &command, 0, NULL, NULL);
    command = redis_command_create("ZREM");
    claims_add_key(claims, command, claim->shard, KEY_OPEN, "");
    redis_command_add_text(command, claim->id);
    redis_link_send(claims->worker->commands, &command, 0, NULL, NULL);
}

static void on_existence(void *arg, redis_reply *reply)
{
    struct orphan_claim *claim = arg;
    claim->claims->unanswered--;
    bool is_gone = redis_reply_kind_of(reply) == REDIS_REPLY_IS_INTEGER && !redis_reply_int(reply);
    if (is_gone && !claim->claims->is_stopped) {
        forget_health(claim);
        claim_orphans(claim);
    } else {
        free(claim); // newer than our table: its news is on the way
    }
}

void claims_bury_orphans(struct claims *claims, uint32_t shard, const char *id,
                         struct subscription *subscription)
{
    struct orphan_claim *claim = calloc(1, sizeof *claim);
    assert(claim);
    claim->claims = claims;
    claim->shard = shard;
    span_copy(span_of(id), claim->id, sizeof claim->id);
    if (subscription) {
        claim->reason = "subscription_disabled";
        claim_orphans(claim);
        return;
    }
    claim->reason = "subscription_deleted";
    struct redis_command *command = redis_command_create("HEXISTS");
    claims_add_key(claims, command, 0, KEY_SUBSCRIPTIONS, "");
    redis_command_add_text(command, id);
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_existence, claim);
}
