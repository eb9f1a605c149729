// SPDX-License-Identifier: Apache-2.0
// From the queues back to the lanes: watches `due` of this worker's shards, tells homes; as a home, leases due
// deliveries for lanes with free slots, fetches their events, renews the leases while attempts run.
#ifndef PETREL_CLAIMS_H
#define PETREL_CLAIMS_H

#include "delivery.h"

struct claims;
struct lane;
struct worker;

struct claims *claims_create(struct worker *worker);
void claims_start(struct claims *claims); // with the first snapshot
// Extends what is held, and looks: at once, since the first look may have found no connection yet; after an outage in which
// leases may have ended only when everybody has had the time to extend theirs.
void claims_on_commands_up(struct claims *claims);
void claims_stop(struct claims *claims); // claims nothing more
bool claims_is_empty(const struct claims *claims);
void claims_close(struct claims *claims); // releases loop handles
void claims_destroy(struct claims **claims);

// Something in a shard this worker watches is due in delay_ms.
void claims_on_hint(struct claims *claims, uint32_t shard, int64_t delay_ms);
// Home: the queue of this subscription in a shard has something due.
void claims_on_due(struct claims *claims, uint32_t shard, const char *subscription_id);
// Home: the lane has slots free and knows of a backlog: leases at most so many.
void claims_refill(struct claims *claims, struct lane *lane, uint32_t at_most);
// The delivery is settled (or not ours any more): forgets the lease and destroys it.
void claims_on_settled(struct claims *claims, struct delivery *delivery);

#endif
