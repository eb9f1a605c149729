// SPDX-License-Identifier: Apache-2.0
// One poll handle and one idle handle per connection. An idle handle, not a prepare handle: what is written
// while the loop runs its prepare handles would wait for the next event, whereas an active idle handle keeps
// the loop from sleeping. Both live on the heap together: closing them is
// asynchronous, and hiredis has freed its context by then.
#include "redis_adapter.h"

#include <stdbool.h>
#include <stdlib.h>

#include "redis_arena.h"

struct adapter {
    uv_poll_t poll;
    uv_idle_t flush;
    redisAsyncContext *context; // NULL once hiredis has let go
    struct redis_arena *arena;  // for its replies; hiredis frees the last one after it has let go
    int wanted;                 // UV_READABLE | UV_WRITABLE, as hiredis asked
    int polled;                 // what the loop watches
    int open_handles;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct adapter *adapter = handle->data;
    if (--adapter->open_handles > 0)
        return;
    redis_arena_destroy(&adapter->arena);
    free(adapter);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct adapter *adapter, int events)
{
    if (events == adapter->polled)
        return;
    adapter->polled = events;
    if (events)
        uv_poll_start(&adapter->poll, events, on_poll);
    else
        uv_poll_stop(&adapter->poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct adapter *adapter = poll->data;
    // An error is delivered to whichever side hiredis waits on: its own read or write then sees it.
    if (status < 0)
        events = adapter->wanted | UV_READABLE;
    if (adapter->context && (events & UV_WRITABLE))
        redisAsyncHandleWrite(adapter->context);
    // The write may have failed and taken the context with it.
    if (adapter->context && (events & UV_READABLE))
        redisAsyncHandleRead(adapter->context);
}

// Tries to write at once; only what the socket didn't take waits for writability.
static void on_flush(uv_idle_t *flush)
{
    struct adapter *adapter = flush->data;
    uv_idle_stop(flush);
    if (!adapter->context || !(adapter->wanted & UV_WRITABLE))
        return;
    if (adapter->context->c.flags & REDIS_CONNECTED)
        redisAsyncHandleWrite(adapter->context);
    if (adapter->context)
        watch(adapter, adapter->wanted);
}

static void add_read(void *data)
{
    struct adapter *adapter = data;
    adapter->wanted |= UV_READABLE;
    watch(adapter, adapter->polled | UV_READABLE);
}

static void delete_read(void *data)
{
    struct adapter *adapter = data;
    adapter->wanted &= ~UV_READABLE;
    watch(adapter, adapter->polled & ~UV_READABLE);
}

static void add_write(void *data)
{
    struct adapter *adapter = data;
    if (adapter->wanted & UV_WRITABLE)
        return;
    adapter->wanted |= UV_WRITABLE;
    uv_idle_start(&adapter->flush, on_flush);
}

static void delete_write(void *data)
{
    struct adapter *adapter = data;
    adapter->wanted &= ~UV_WRITABLE;
    watch(adapter, adapter->polled & ~UV_WRITABLE);
}

static void cleanup(void *data)
{
    struct adapter *adapter = data;
    adapter->context = NULL;
    uv_poll_stop(&adapter->poll);
    uv_close((uv_handle_t *)&adapter->poll, on_handle_closed);
    uv_close((uv_handle_t *)&adapter->flush, on_handle_closed);
}

int redis_adapter_attach(redisAsyncContext *context, uv_loop_t *loop)
{
    struct adapter *adapter = calloc(1, sizeof *adapter);
    if (!adapter)
        return UV_ENOMEM;
    adapter->arena = redis_arena_create();
    int error = adapter->arena ? uv_poll_init(loop, &adapter->poll, context->c.fd) : UV_ENOMEM;
    if (error) {
        redis_arena_destroy(&adapter->arena);
        free(adapter);
        return error;
    }
    redis_arena_serve(adapter->arena, context->c.reader);
    uv_idle_init(loop, &adapter->flush);
    adapter->poll.data = adapter->flush.data = adapter;
    adapter->open_handles = 2;
    adapter->context = context;
    context->ev.data = adapter;
    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    context->ev.cleanup = cleanup;
    // A connecting socket reports its end, good or bad, as writable.
    adapter->wanted = UV_WRITABLE;
    watch(adapter, UV_WRITABLE);
    return 0;
}
