// SPDX-License-Identifier: Apache-2.0
// hiredis's asynchronous context on a libuv loop. Ours, because the one that comes with hiredis 0.14 ignores
// poll errors (a refused connection then hangs for ever) and polls for writability at every command.
#ifndef PETREL_REDIS_ADAPTER_H
#define PETREL_REDIS_ADAPTER_H

#include <hiredis/async.h>
#include <uv.h>

// Attaches a context that is connecting. What it writes goes out once per loop turn, right before the loop
// sleeps, so commands sent in one turn share a packet. 0, or a libuv error code.
// Everything is released by hiredis's cleanup hook, before it closes the socket.
int redis_adapter_attach(redisAsyncContext *context, uv_loop_t *loop);

#endif
