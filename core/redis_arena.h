// SPDX-License-Identifier: Apache-2.0
// Memory for the replies of one connection: hiredis makes each part of a reply on the heap, 18 calls for an event and as
// many to free it; here a reply lies in one piece that is used again for the next one.
#ifndef PETREL_REDIS_ARENA_H
#define PETREL_REDIS_ARENA_H

#include <hiredis/hiredis.h>

struct redis_arena;

struct redis_arena *redis_arena_create(void); // NULL without memory
// After the reader that uses it.
void redis_arena_destroy(struct redis_arena **arena);
// Replies that the reader makes from now on lie in the arena; they are `redisReply`s. hiredis frees each before it makes
// the next one: keep it so.
void redis_arena_serve(struct redis_arena *arena, redisReader *reader);

#endif
