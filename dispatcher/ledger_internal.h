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
    int64_t delivered, duplicates; // to add to totals
};

struct ledger {
    struct worker *worker;
    struct shard_batch *batches; // one per shard
    uv_timer_t flush_timer;
    size_t unanswered; // commands whose answer somebody here waits for
};

#endif
