// SPDX-License-Identifier: Apache-2.0
// Shared by ledger.c (acknowledgements, the attempts log, counters) and ledger_moves.c (scripts that move a
// delivery), by nobody else.
#ifndef PETREL_LEDGER_INTERNAL_H
#define PETREL_LEDGER_INTERNAL_H

#include <uv.h>

#include "ledger.h"

struct shard_batch {
    struct arrival *first, *last; // to acknowledge
    size_t count;
    struct text fanned;            // entry ids to mark as fanned out, each ended by a space
    int64_t delivered, duplicates; // to add to totals
    struct redis_command *attempt; // how a line of the attempts log begins
};

struct ledger {
    struct worker *worker;
    struct shard_batch *batches; // one per shard
    uv_timer_t flush_timer;
    size_t unanswered; // commands whose answer somebody here waits for
    char policy[128];  // of breakers, as health_policy in core/lua/lib/health.lua reads it
};

#endif
