// SPDX-License-Identifier: Apache-2.0
// petrel's own events: published into the stream like anybody's, so they are signed, retried and logged like
// anybody's. Deliveries of own events never cause more of them.
#ifndef PETREL_OWN_EVENTS_H
#define PETREL_OWN_EVENTS_H

#include "delivery.h"
#include "petrel/redis_command.h"

#define OWN_EVENT_DELIVERY_DEAD "petrel.delivery.dead"
#define OWN_EVENT_SUBSCRIPTION_RECOVERED "petrel.subscription.recovered"
#define OWN_EVENT_SUBSCRIPTION_DISABLED "petrel.subscription.disabled"

// Each adds three words to the call of a script that publishes the event together with what it tells of: id, tenant, data. The
// id is empty when no subscription of the tenant asks for it.

// To bury.lua.
void own_events_add_death(struct redis_command *command, const struct worker *worker,
                          const struct delivery *delivery, const char *reason);
// To a script that may close its breaker; NULL when it is no more.
void own_events_add_recovery(struct redis_command *command, const struct worker *worker,
                             const struct subscription *subscription);
// To subscription_put.lua. The caller knows whether somebody asks for it.
void own_events_add_disabling(struct redis_command *command,
                              const struct subscription *subscription, bool is_wanted_by_any);

#endif
