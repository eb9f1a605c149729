// SPDX-License-Identifier: Apache-2.0
// petrel's own events: published into the stream like anybody's, so they are signed, retried and logged like
// anybody's. Deliveries of own events never cause more of them.
#ifndef PETREL_OWN_EVENTS_H
#define PETREL_OWN_EVENTS_H

#include "delivery.h"
#include "petrel/redis_command.h"
#include "petrel/redis_link.h"

#define OWN_EVENT_DELIVERY_DEAD "petrel.delivery.dead"
#define OWN_EVENT_SUBSCRIPTION_RECOVERED "petrel.subscription.recovered"
#define OWN_EVENT_SUBSCRIPTION_DISABLED "petrel.subscription.disabled"

// Adds three words to a call of bury.lua: id, tenant and data of the event that tells of the death. The id is empty when no
// subscription of the event's tenant asks for it.
void own_events_add_death(struct redis_command *command, const struct worker *worker,
                          const struct delivery *delivery, const char *reason);
// After its breaker has closed in a shard, if a subscription of its tenant asks for this.
void own_events_subscription_recovered(const struct worker *worker, const char *subscription_id,
                                       uint32_t shard);
// The caller knows that somebody asks for it.
void own_events_subscription_disabled(const struct engine *engine, struct redis_link *commands,
                                      const struct subscription *subscription);

#endif
