// SPDX-License-Identifier: Apache-2.0
// Blocks that are filled from the front. The parts of a reply are never freed one by one: with its root all of it goes,
// and the first block stays for the next reply.
// Invariant: between two replies there is at most one block, empty and of the usual size.
#include "redis_arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// 64 events of 1 KB fill it once: a read of events is made of two.
enum { BLOCK_BYTES = 64 * 1024 };

struct block {
    struct block *next;
    size_t size, used;
    max_align_t data[];
};

struct redis_arena {
    struct block *blocks; // the one that is being filled first
};

// hiredis hands nothing but the root to the function that frees.
struct root {
    redisReply reply;
    struct redis_arena *arena;
};

// ---- blocks

// A larger one than usual comes zeroed, as far as it is ever touched: its size is what Redis says.
static struct block *create_block(size_t bytes)
{
    bool is_usual = bytes <= BLOCK_BYTES;
    size_t size = is_usual ? BLOCK_BYTES : bytes;
    struct block *block = is_usual ? malloc(sizeof *block + size) : calloc(1, sizeof *block + size);
    if (block)
        *block = (struct block){.size = size};
    return block;
}

// NULL without memory.
static void *take(struct redis_arena *arena, size_t bytes)
{
    enum { ALIGNMENT = _Alignof(max_align_t) };
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = arena->blocks;
    if (!block || block->size - block->used < rounded) {
        block = create_block(rounded);
        if (!block)
            return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = (char *)block->data + block->used;
    block->used += rounded;
    return memory;
}

static void clear(struct redis_arena *arena)
{
    struct block *kept = NULL;
    while (arena->blocks) {
        struct block *block = arena->blocks;
        arena->blocks = block->next;
        if (!kept && block->size == BLOCK_BYTES)
            kept = block;
        else
            free(block);
    }
    if (!kept)
        return;
    kept->next = NULL;
    kept->used = 0;
    arena->blocks = kept;
}

// ---- parts of a reply

// In its place in its parent; NULL without memory.
static redisReply *add(const redisReadTask *task)
{
    struct redis_arena *arena = task->privdata;
    redisReply *reply;
    if (task->parent) {
        reply = take(arena, sizeof *reply);
    } else {
        struct root *root = take(arena, sizeof *root);
        if (root)
            root->arena = arena;
        reply = (redisReply *)root;
    }
    if (!reply)
        return NULL;
    memset(reply, 0, sizeof *reply);
    reply->type = task->type;
    if (task->parent) {
        redisReply *parent = task->parent->obj;
        assert(task->idx >= 0 && (size_t)task->idx < parent->elements);
        parent->element[task->idx] = reply;
    }
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t size)
{
    redisReply *reply = add(task);
    char *copy = reply ? take(task->privdata, size + 1) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    reply->str = copy;
    reply->len = size;
    return reply;
}

#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size;
#endif

static void *create_array(const redisReadTask *task, array_size given)
{
    size_t count = (size_t)given, bytes;
    redisReply *reply = add(task);
    if (!reply || __builtin_mul_overflow(count, sizeof(redisReply *), &bytes))
        return NULL;
    reply->element = take(task->privdata, bytes);
    if (!reply->element)
        return NULL;
    if (bytes <= BLOCK_BYTES)
        memset(reply->element, 0, bytes);
    reply->elements = count;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = add(task);
    if (reply)
        reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    redisReply *reply = add(task);
    // A missing text or array: the task knows only which of them it would have been.
    if (reply)
        reply->type = REDIS_REPLY_NIL;
    return reply;
}

#if HIREDIS_MAJOR >= 1
// Of RESP3, which is never asked for.
static void *create_double(const redisReadTask *task, double value, char *text, size_t size)
{
    (void)value;
    return create_string(task, text, size);
}

static void *create_bool(const redisReadTask *task, int value)
{
    return create_integer(task, value);
}
#endif

static void free_root(void *object)
{
    struct root *root = object;
    if (root)
        clear(root->arena);
}

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .createNil = create_nil,
    .freeObject = free_root,
};

// ---- life

struct redis_arena *redis_arena_create(void)
{
    return calloc(1, sizeof(struct redis_arena));
}

void redis_arena_destroy(struct redis_arena **arena)
{
    if (!*arena)
        return;
    clear(*arena);
    free((*arena)->blocks);
    free(*arena);
    *arena = NULL;
}

void redis_arena_serve(struct redis_arena *arena, redisReader *reader)
{
    reader->fn = &functions;
    reader->privdata = arena;
}
