// SPDX-License-Identifier: Apache-2.0
// Between store_find.c (which event) and store_deliveries.c (its deliveries).
#ifndef PETREL_STORE_DELIVERIES_H
#define PETREL_STORE_DELIVERIES_H

#include "store_internal.h"

struct event_search {
    const char *id; // webhook-id
    bool is_located;
    uint32_t shard;
    char entry_id[EVENT_ENTRY_ID_SIZE]; // "" if unknown
    struct event *copy;                 // from message:<id>; owned until it goes to found
    int64_t references;                 // parked and dead deliveries that need the copy
    bool is_in_stream;
    struct store_event *found;
};

// Fills found->deliveries and attempts_truncated; found->event and state are set.
enum store_result store_find_deliveries(struct store *store, struct event_search *search);

#endif
