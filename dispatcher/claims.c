// SPDX-License-Identifier: Apache-2.0
// Leasing: the home, which knows the free slots, claims what is due and fetches its events. Who has something due is found
// out in claims_watch.c; leases are kept in claims_held.c; deliveries of deleted and disabled subscriptions become dead
// letters in claims_orphans.c.
#include "claims.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims_internal.h"
#include "lanes.h"
#include "own_events.h"
#include "petrel/clock.h"
#include "petrel/log.h"
#include "petrel/metrics.h"
#include "worker.h"

enum {
    CLAIM_AT_MOST = 64, // deliveries per claim: a turn, so that queues alternate
    PAUSED_LOOK_MS = 30000,
    LOCKED_LOOK_MS = 2000, // an instance that has the key may look before us then
};

// ---- leasing, at home

struct claim {
    struct claims *claims;
    struct lane *lane; // alive: it has promised slots
    struct subscription *subscription;
    uint32_t shard;
    uint32_t slots;
    int64_t sent_ms; // mono
    char lease[LEASE_SIZE];
};

struct fetch {
    struct claims *claims;
    struct delivery *delivery; // its event is what is fetched
    struct lane *lane;
    uint32_t shard;
    char event_id[EVENT_ID_SIZE];
};

bool claims_check_event_id(const char *subscription, struct span event_id)
{
    if (event_is_id(event_id))
        return true;
    log_error("what is queued is no event: somebody else writes to petrel's keys",
              LOG_STR("subscription", subscription), LOG_SPAN("member", event_id));
    return false;
}

void claims_format_lease(struct worker *worker, char lease[LEASE_SIZE])
{
    // The instance's random tail keeps leases of different processes apart.
    const char *instance = worker->engine->instance;
    size_t size = span_of(instance).size;
    const char *tail = size > 12 ? instance + size - 12 : instance;
    snprintf(lease, LEASE_SIZE, "%.12s.%u.%u", tail, worker->index, ++worker->lease_count);
}

// The copy bears nothing but an id: what is another tenant's, however it came there, doesn't go out.
static bool is_theirs(const struct delivery *delivery)
{
    return delivery->own_event &&
           strcmp(delivery->own_event->tenant, delivery->subscription->tenant) != 0;
}

static void on_fetched(void *arg, redis_reply *reply)
{
    struct fetch *fetch = arg;
    struct claims *claims = fetch->claims;
    struct lanes *lanes = claims->worker->lanes;
    struct delivery *delivery = fetch->delivery;
    claims->unanswered--;
    struct span stored = redis_reply_span(reply);
    if (redis_reply_is_ok(reply) && stored.size)
        delivery->own_event = event_parse_stored(span_of(fetch->event_id), fetch->shard, stored);
    if (is_theirs(delivery))
        event_destroy(&delivery->own_event);
    if (delivery->own_event) {
        delivery->event = delivery->own_event;
        claims_hold(claims, delivery);
        lanes_attempt_claimed(lanes, delivery);
        free(fetch);
        return;
    }
    lanes_give_back(lanes, fetch->lane, 1);
    if (redis_reply_is_ok(reply))
        claims_bury_lost(claims, fetch->shard, fetch->event_id, delivery);
    else
        delivery_destroy(&delivery); // the lease expires, and it is due again
    free(fetch);
    worker_check_drained(claims->worker);
}

// False when the queue's member is no event: its lease expires, and it stays where it is.
static bool fetch_event(const struct claim *claim, struct span event_id, struct span state)
{
    struct claims *claims = claim->claims;
    if (!claims_check_event_id(claim->subscription->id, event_id))
        return false;
    struct fetch *fetch = calloc(1, sizeof *fetch);
    assert(fetch);
    *fetch = (struct fetch){.claims = claims, .lane = claim->lane, .shard = claim->shard};
    fetch->delivery = delivery_create(claim->subscription, NULL);
    fetch->delivery->taken_ms = claim->sent_ms;
    span_copy(span_of(claim->lease), fetch->delivery->lease, sizeof fetch->delivery->lease);
    span_copy(event_id, fetch->event_id, sizeof fetch->event_id);
    if (!delivery_parse_state(fetch->delivery, state))
        log_error("a parked delivery's state is damaged: it starts its schedule again",
                  LOG_SPAN("event", event_id), LOG_SPAN("state", state));
    struct redis_command *command = redis_command_create("GET");
    claims_add_key(claims, command, claim->shard, KEY_MESSAGE, fetch->event_id);
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_fetched, fetch);
    return true;
}

// Returns how many of the slots are used.
static uint32_t take_claimed(const struct claim *claim, redis_reply *reply)
{
    uint32_t found = 0;
    size_t count = redis_reply_count(reply);
    if (redis_reply_int(redis_reply_at(reply, CLAIM_FLAGS)) & CLAIM_ARE_EXPIRED) {
        struct claim_order order = {
            .shard = claim->shard, .id = claim->subscription->id, .lease = claim->lease};
        claims_bury_expired(claim->claims, &order, reply);
        return 0;
    }
    for (size_t i = CLAIM_FIRST; i + 1 < count; i += 2)
        found += fetch_event(claim, redis_reply_span(redis_reply_at(reply, i)),
                             redis_reply_span(redis_reply_at(reply, i + 1)));
    return found;
}

static void on_claimed(void *arg, redis_reply *reply)
{
    struct claim *claim = arg;
    struct claims *claims = claim->claims;
    struct lanes *lanes = claims->worker->lanes;
    claims->unanswered--;
    uint32_t found = 0;
    if (redis_reply_is_ok(reply)) {
        found = take_claimed(claim, reply);
        int64_t wait_ms = redis_reply_int(redis_reply_at(reply, 1));
        // An ordered one's next is due as soon as this one is settled.
        bool has_more = claim->lane->is_ordered ? found > 0 : found == claim->slots && wait_ms == 0;
        lanes_on_breaker(lanes, claim->lane, claim->shard,
                         breaker_parse_state(redis_reply_span(redis_reply_at(reply, 2))));
        if (redis_reply_int(redis_reply_at(reply, CLAIM_FLAGS)) & CLAIM_HAS_CLOSED)
            metrics_add(METRIC_BREAKERS_TO_CLOSED, 1);
        lanes_on_claimed(lanes, claim->lane, claim->shard, has_more);
        if (wait_ms >= 0 && !has_more)
            worker_hint_due(claims->worker, claim->shard, wait_ms);
    } else if (reply) {
        log_error("Redis refused a claim", LOG_STR("subscription", claim->lane->id),
                  LOG_SPAN("why", redis_reply_span(reply)));
    }
    lanes_give_back(lanes, claim->lane, claim->slots - found);
    subscription_unref(&claim->subscription);
    free(claim);
    worker_check_drained(claims->worker);
}

static bool claim_for_lane(struct claims *claims, struct lane *lane,
                           struct subscription *subscription, uint32_t shard, uint32_t at_most)
{
    if (claims_quiet_ms(claims) > 0 || !redis_link_is_up(claims->worker->commands))
        return false;
    uint32_t slots = lanes_promise(claims->worker->lanes, lane, at_most);
    if (!slots)
        return false;
    struct claim *claim = calloc(1, sizeof *claim);
    assert(claim);
    *claim = (struct claim){.claims = claims,
                            .lane = lane,
                            .subscription = subscription_ref(subscription),
                            .shard = shard,
                            .slots = slots,
                            .sent_ms = clock_mono_ms()};
    claims_format_lease(claims->worker, claim->lease);
    struct claim_order order = {.shard = shard,
                                .id = subscription->id,
                                .subscription = subscription,
                                .count = slots,
                                .lease = claim->lease};
    struct redis_command *command = claims_claim_command(claims, &order);
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_claimed, claim);
    return true;
}

struct redis_command *claims_claim_command(struct claims *claims, const struct claim_order *order)
{
    const struct engine *engine = claims->worker->engine;
    const struct subscription *subscription = order->subscription;
    bool is_live = subscription && subscription->state == SUBSCRIPTION_ACTIVE;
    bool is_in_order = is_live && subscription->is_ordered;
    uint32_t cap = subscription && subscription->max_concurrency ? subscription->max_concurrency
                                                                 : engine->config->max_concurrency;
    struct redis_command *command =
        redis_command_create_script(is_in_order ? SCRIPT_CLAIM_ORDERED : SCRIPT_CLAIM);
    claims_add_key(claims, command, order->shard, KEY_QUEUE, order->id);
    claims_add_key(claims, command, order->shard, KEY_DUE, "");
    claims_add_key(claims, command, order->shard, KEY_PARKED, order->id);
    claims_add_key(claims, command, order->shard, KEY_HEALTH, order->id);
    claims_add_key(claims, command, order->shard, KEY_OPEN, "");
    claims_add_key(claims, command, order->shard, KEY_BREAKERS, "");
    claims_add_key(claims, command, order->shard, KEY_EVENTS, "");
    if (is_in_order) {
        claims_add_key(claims, command, order->shard, KEY_ORDER, order->id);
        claims_add_key(claims, command, order->shard, KEY_FANNED, "");
        claims_add_key(claims, command, order->shard, KEY_FANNED_TO, "");
    }
    redis_command_add_text(command, order->id);
    redis_command_add_int(command, order->count);
    redis_command_add_int(command, LEASE_MS);
    redis_command_add_text(command, order->lease);
    redis_command_add_int(command, cap);
    if (is_in_order)
        redis_command_add_text(command, KEYS_GROUP);
    else
        redis_command_add_int(command,
                              is_live ? lanes_max_age_ms(claims->worker->lanes, subscription) : -1);
    own_events_add_recovery(command, claims->worker, subscription);
    return command;
}

static void look_later(struct claims *claims, uint32_t shard, const char *id, int64_t delay_ms)
{
    struct redis_command *command = redis_command_create_script(SCRIPT_WAKE);
    claims_add_key(claims, command, shard, KEY_DUE, "");
    claims_add_key(claims, command, shard, KEY_QUEUE, id);
    claims_add_key(claims, command, shard, KEY_HEALTH, id);
    claims_add_key(claims, command, shard, KEY_OPEN, "");
    claims_add_key(claims, command, shard, KEY_BREAKERS, "");
    redis_command_add_text(command, id);
    redis_command_add_int(command, delay_ms);
    redis_command_add_text(command, "0");
    redis_link_send(claims->worker->commands, &command, 0, NULL, NULL);
}

void claims_on_due(struct claims *claims, uint32_t shard, const char *subscription_id)
{
    struct worker *worker = claims->worker;
    if (claims->is_stopped)
        return;
    struct subscription *subscription = snapshot_find(worker->snapshot, subscription_id);
    if (!subscription || subscription->state == SUBSCRIPTION_DISABLED) {
        claims_bury_orphans(claims, shard, subscription_id, subscription);
        return;
    }
    if (subscription->state == SUBSCRIPTION_PAUSED) {
        look_later(claims, shard, subscription_id, PAUSED_LOOK_MS);
        return;
    }
    if (subscription->lock != SUBSCRIPTION_NOT_LOCKED) {
        look_later(claims, shard, subscription_id, LOCKED_LOOK_MS);
        return;
    }
    struct lane *lane = lanes_find(worker->lanes, subscription);
    int64_t hold_ms = lanes_hold_ms(lane);
    if (hold_ms > 0)
        look_later(claims, shard, subscription_id, hold_ms);
    else if (!claim_for_lane(claims, lane, subscription, shard, CLAIM_AT_MOST))
        lanes_on_claimed(worker->lanes, lane, shard, true); // when there is a slot, a token, Redis
}

void claims_refill(struct claims *claims, struct lane *lane, uint32_t at_most)
{
    if (claims->is_stopped)
        return;
    struct subscription *subscription = snapshot_find(claims->worker->snapshot, lane->id);
    if (!subscription || !subscription_is_ready(subscription)) {
        // `due` brings it back when its time comes.
        for (uint32_t shard = 0; shard < claims->worker->engine->keys.shards; shard++)
            lanes_on_claimed(claims->worker->lanes, lane, shard, false);
        return;
    }
    for (uint32_t shard = 0; shard < claims->worker->engine->keys.shards; shard++)
        if (lane->backlog_shards & (UINT64_C(1) << shard))
            if (!claim_for_lane(claims, lane, subscription, shard, at_most))
                return;
}

// ---- life

void claims_add_key(const struct claims *claims, struct redis_command *command, uint32_t shard,
                    enum key_name name, const char *suffix)
{
    struct key key = keys_format(&claims->worker->engine->keys, shard, name, span_of(suffix));
    redis_command_add_key(command, &key);
}

struct claims *claims_create(struct worker *worker)
{
    struct claims *claims = calloc(1, sizeof *claims);
    assert(claims);
    claims->worker = worker;
    uint32_t shards = worker->engine->keys.shards;
    claims->shards = calloc(shards, sizeof *claims->shards);
    assert(claims->shards);
    for (uint32_t i = 0; i < shards; i++) {
        if (engine_claimer(worker->engine, i) != worker->index)
            continue;
        claims->shards[i].claims = claims;
        claims->shards[i].shard = i;
        uv_timer_init(&worker->loop, &claims->shards[i].timer);
        claims->shards[i].timer.data = &claims->shards[i];
    }
    claims_held_init(claims);
    return claims;
}

void claims_start(struct claims *claims)
{
    for (uint32_t i = 0; i < claims->worker->engine->keys.shards; i++)
        if (claims->shards[i].claims && !uv_is_active((uv_handle_t *)&claims->shards[i].timer))
            claims_look_in(&claims->shards[i], 0);
}

void claims_stop(struct claims *claims)
{
    claims->is_stopped = true;
    for (uint32_t i = 0; i < claims->worker->engine->keys.shards; i++)
        if (claims->shards[i].claims)
            uv_timer_stop(&claims->shards[i].timer);
}

bool claims_is_empty(const struct claims *claims)
{
    return !claims->held_first && !claims->unanswered;
}

void claims_close(struct claims *claims)
{
    claims->is_stopped = true;
    for (uint32_t i = 0; i < claims->worker->engine->keys.shards; i++)
        if (claims->shards[i].claims)
            uv_close((uv_handle_t *)&claims->shards[i].timer, NULL);
    uv_close((uv_handle_t *)&claims->renew_timer, NULL);
}

void claims_destroy(struct claims **claims)
{
    if (!*claims)
        return;
    claims_held_drop(*claims);
    free((*claims)->shards);
    free(*claims);
    *claims = NULL;
}
