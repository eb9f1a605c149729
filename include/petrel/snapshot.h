// SPDX-License-Identifier: Apache-2.0
// The immutable table of all subscriptions, indexed by id and by (tenant, type): what workers match
// against. Swapped whole; a change makes a new snapshot that shares the unchanged subscriptions.
// Pure.
#ifndef PETREL_SNAPSHOT_H
#define PETREL_SNAPSHOT_H

#include "petrel/subscription.h"

struct snapshot;

// Takes its own reference on each subscription. Ids are distinct. NULL without memory.
struct snapshot *snapshot_create(struct subscription *const *subscriptions, size_t count);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot **snapshot);

size_t snapshot_count(const struct snapshot *snapshot);
bool snapshot_has_ordered(const struct snapshot *snapshot); // any ordered subscription
struct subscription *snapshot_find(const struct snapshot *snapshot,
                                   const char *id); // borrowed; or NULL

// The subscriptions that want (tenant, type), whatever their state, each once, in no set order. Fills up
// to `capacity` borrowed pointers and returns how many there are in all (may be more than capacity).
size_t snapshot_match(const struct snapshot *snapshot, struct span tenant, struct span type,
                      struct subscription **out, size_t capacity);

#endif
