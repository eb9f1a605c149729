// SPDX-License-Identifier: Apache-2.0
// Shared by ledger.c (acknowledgements, the attempts log, counters), ledger_moves.c (scripts that move deliveries),
// ledger_answers.c (what they answer) and ledger_batches.c (those gathered for a moment), by nobody else.
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

struct finish_batch;

struct ledger {
    struct worker *worker;
    struct shard_batch *batches;   // one per shard
    struct finish_batch *finishes; // uthash: arrivals to write down, by subscription
    uv_timer_t flush_timer;
    size_t unanswered; // commands whose answer somebody here waits for
    char policy[128];  // of breakers, as health_policy in core/lua/lib/health.lua reads it
};

// ---- ledger.c
void ledger_flush_soon(struct ledger *ledger);

// ---- ledger_moves.c
void ledger_finish_many(struct ledger *ledger, const struct ledger_moves *moves);

// ---- ledger_answers.c
// Sends a command that `script` made of these moves; takes the command.
void ledger_send_moves(struct ledger *ledger, const struct ledger_moves *moves, enum script script,
                       struct redis_command *command);
// Reads what a script of the health family answered, and counts the moves of the breaker that it made.
void ledger_read_answer(redis_reply *reply, struct ledger_answer *answer);

// ---- ledger_batches.c
void ledger_flush_finishes(struct ledger *ledger);
void ledger_drop_finishes(struct ledger *ledger);

#endif
