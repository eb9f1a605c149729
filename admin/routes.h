// SPDX-License-Identifier: Apache-2.0
// The handlers of all routes, one file per resource. Each answers its exchange wholly.
#ifndef PETREL_ADMIN_ROUTES_H
#define PETREL_ADMIN_ROUTES_H

#include "exchange.h"

// routes.c
extern const struct route routes[];
extern const size_t routes_count;

// routes_events.c
void route_events_publish(struct exchange *exchange);
void route_events_list(struct exchange *exchange);
void route_events_show(struct exchange *exchange);

// routes_subscriptions.c
void route_subscriptions_create(struct exchange *exchange);
void route_subscriptions_list(struct exchange *exchange);
void route_subscriptions_show(struct exchange *exchange);
void route_subscriptions_patch(struct exchange *exchange);
void route_subscriptions_delete(struct exchange *exchange);

// routes_subscription_actions.c
void route_subscriptions_show_secret(struct exchange *exchange);
void route_subscriptions_rotate_secret(struct exchange *exchange);
void route_subscriptions_pause(struct exchange *exchange);
void route_subscriptions_resume(struct exchange *exchange);
void route_subscriptions_disable(struct exchange *exchange);
void route_subscriptions_test(struct exchange *exchange);

// routes_dead_letters.c
void route_dead_letters_list(struct exchange *exchange);
void route_dead_letters_show(struct exchange *exchange);
void route_dead_letters_redrive(struct exchange *exchange);
void route_dead_letters_delete(struct exchange *exchange);

// routes_dead_letters_bulk.c
void route_dead_letters_redrive_filtered(struct exchange *exchange);
void route_dead_letters_purge(struct exchange *exchange);

// routes_replay.c
void route_events_redeliver(struct exchange *exchange);
void route_subscriptions_replay(struct exchange *exchange);

// routes_attempts.c
void route_attempts_list(struct exchange *exchange);
void route_attempts_list_of_subscription(struct exchange *exchange);

// routes_rejected.c
void route_rejected_list(struct exchange *exchange);
void route_rejected_show(struct exchange *exchange);
void route_rejected_requeue(struct exchange *exchange);
void route_rejected_delete(struct exchange *exchange);

// routes_keys.c
void route_keys_create(struct exchange *exchange);
void route_keys_list(struct exchange *exchange);
void route_keys_show(struct exchange *exchange);
void route_keys_revoke(struct exchange *exchange);

// routes_health.c
void route_health_live(struct exchange *exchange);
void route_health_ready(struct exchange *exchange);
void route_health_metrics(struct exchange *exchange);
void route_health_status(struct exchange *exchange);
void route_health_instances(struct exchange *exchange);
void route_health_index(struct exchange *exchange);
void route_health_openapi(struct exchange *exchange);

#endif
