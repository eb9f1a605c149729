// SPDX-License-Identifier: Apache-2.0
// What is held: each leased delivery whose event is here, from then until Redis has its outcome. Its lease is renewed
// meanwhile, so it ends only with this process, or while Redis is away.
//
// Nobody can renew then, and leases that are over are anybody's. So after an outage everybody first extends what it holds,
// and for QUIET_MS nothing is claimed, until all the others are connected and have extended theirs.
// Invariant: a delivery is in the list of those held exactly once, linked by its next and previous.
#include "claims_internal.h"
#include "petrel/clock.h"
#include "worker.h"

enum {
    // Once Redis is back everybody is connected within 1.5 s (redis_link_connect.c), and extends first what it holds.
    QUIET_MS = 2000,
    // For how long after an answer no lease held then can be over: they were renewed within the last two turns.
    SURELY_HELD_MS = LEASE_MS - 2 * LEASE_RENEW_MS,
};

void claims_hold(struct claims *claims, struct delivery *delivery)
{
    delivery->lease_renewed_ms = clock_mono_ms();
    delivery->previous = NULL;
    delivery->next = claims->held_first;
    if (claims->held_first)
        claims->held_first->previous = delivery;
    claims->held_first = delivery;
}

void claims_on_settled(struct claims *claims, struct delivery *delivery)
{
    if (delivery->previous)
        delivery->previous->next = delivery->next;
    else
        claims->held_first = delivery->next;
    if (delivery->next)
        delivery->next->previous = delivery->previous;
    delivery_destroy(&delivery);
    worker_check_drained(claims->worker);
}

// ---- renewing

static void on_renewed(void *arg, redis_reply *reply)
{
    struct claims *claims = arg;
    claims->unanswered--;
    if (redis_reply_is_ok(reply))
        claims_note_answer(claims);
    worker_check_drained(claims->worker);
}

static void renew(struct claims *claims, struct delivery *delivery)
{
    struct redis_command *command = redis_command_create_script(SCRIPT_RENEW);
    uint32_t shard = delivery->event->shard;
    claims_add_key(claims, command, shard, KEY_QUEUE, delivery->subscription_id);
    claims_add_key(claims, command, shard, KEY_PARKED, delivery->subscription_id);
    redis_command_add_int(command, LEASE_MS);
    redis_command_add_text(command, delivery->lease);
    redis_command_add_text(command, delivery->event->id);
    delivery->lease_renewed_ms = clock_mono_ms();
    claims->unanswered++;
    redis_link_send(claims->worker->commands, &command, 0, on_renewed, claims);
}

static void on_renew_timer(uv_timer_t *timer)
{
    struct claims *claims = timer->data;
    int64_t now_ms = clock_mono_ms();
    for (struct delivery *delivery = claims->held_first; delivery; delivery = delivery->next)
        if (now_ms - delivery->lease_renewed_ms >= LEASE_RENEW_MS / 2)
            renew(claims, delivery);
}

// ---- after an outage

void claims_note_answer(struct claims *claims)
{
    claims->answered_ms = clock_mono_ms();
}

int64_t claims_quiet_ms(const struct claims *claims)
{
    int64_t left_ms = claims->quiet_until_ms - clock_mono_ms();
    return left_ms > 0 ? left_ms : 0;
}

// Those whose outcome only waits for Redis are extended, too: else it would be refused.
void claims_on_commands_up(struct claims *claims)
{
    bool may_be_over =
        claims->was_connected && clock_mono_ms() - claims->answered_ms >= SURELY_HELD_MS;
    claims->was_connected = true;
    for (struct delivery *delivery = claims->held_first; delivery; delivery = delivery->next)
        renew(claims, delivery);
    if (may_be_over)
        claims->quiet_until_ms = clock_mono_ms() + QUIET_MS;
    if (!claims->worker->snapshot || !claims->worker->is_informed)
        return; // claims_start looks
    for (uint32_t i = 0; i < claims->worker->engine->keys.shards; i++)
        if (claims->shards[i].claims)
            claims_look_in(&claims->shards[i], may_be_over ? QUIET_MS : 0);
}

// ---- life

void claims_held_init(struct claims *claims)
{
    uv_timer_init(&claims->worker->loop, &claims->renew_timer);
    claims->renew_timer.data = claims;
    uv_timer_start(&claims->renew_timer, on_renew_timer, LEASE_RENEW_MS, LEASE_RENEW_MS);
}

void claims_held_drop(struct claims *claims)
{
    while (claims->held_first) {
        struct delivery *delivery = claims->held_first;
        claims->held_first = delivery->next;
        delivery_destroy(&delivery);
    }
}
