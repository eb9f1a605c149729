// SPDX-License-Identifier: Apache-2.0
// Deliveries from the queue that arrived, gathered for some milliseconds: a backlog that drains has many at once, and
// one script call for all of a subscription costs Redis a third of one for each. After a crash in these milliseconds
// they are sent again, as they are from the stream.
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "ledger_internal.h"

enum { FINISH_AT_MOST = 32 };

struct batch_key { // all bytes of it are compared
    char subscription[EVENT_SUBSCRIPTION_SIZE];
    uint32_t shard;
};

struct finish_batch {
    UT_hash_handle hh;
    struct batch_key key;
    ledger_moved *moved;
    void *arg;
    size_t count;
    struct delivery *deliveries[FINISH_AT_MOST];
};

static void send_batch(struct ledger *ledger, struct finish_batch **batch)
{
    struct finish_batch *full = *batch;
    *batch = NULL;
    HASH_DEL(ledger->finishes, full); // NOLINT(clang-analyzer-unix.Malloc): uthash
    struct ledger_moves moves = {.deliveries = full->deliveries,
                                 .count = full->count,
                                 .moved = full->moved,
                                 .arg = full->arg};
    ledger_finish_many(ledger, &moves);
    free(full);
}

void ledger_finish(struct ledger *ledger, struct delivery *delivery, ledger_moved *moved, void *arg)
{
    struct finish_batch *batch = NULL;
    struct batch_key key;
    memset(&key, 0, sizeof key); // its padding too
    span_copy(span_of(delivery->subscription_id), key.subscription, sizeof key.subscription);
    key.shard = delivery->event->shard;
    HASH_FIND(hh, ledger->finishes, &key, sizeof key, batch);
    if (!batch) {
        batch = calloc(1, sizeof *batch);
        assert(batch);
        memcpy(&batch->key, &key, sizeof key);
        batch->moved = moved;
        batch->arg = arg;
        HASH_ADD(hh, ledger->finishes, key, sizeof key, batch);
    }
    assert(batch->moved == moved && batch->arg == arg);
    batch->deliveries[batch->count++] = delivery;
    // The next of an ordered subscription waits for this one's end.
    if (batch->count == FINISH_AT_MOST || delivery->subscription->is_ordered)
        send_batch(ledger, &batch);
    else
        ledger_flush_soon(ledger);
}

void ledger_flush_finishes(struct ledger *ledger)
{
    while (ledger->finishes) {
        struct finish_batch *first = ledger->finishes;
        send_batch(ledger, &first);
    }
}

void ledger_drop_finishes(struct ledger *ledger)
{
    while (ledger->finishes) {
        struct finish_batch *first = ledger->finishes;
        HASH_DEL(ledger->finishes, first); // NOLINT(clang-analyzer-unix.Malloc): uthash
        free(first);
    }
}
