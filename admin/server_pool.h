// SPDX-License-Identifier: Apache-2.0
// Threads that run jobs, first come first served.
#ifndef PETREL_ADMIN_SERVER_POOL_H
#define PETREL_ADMIN_SERVER_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct server_pool;

// Part of what it belongs to. Nobody touches it between server_pool_add and run.
struct server_job {
    struct server_job *next;
    int64_t added_mono_ms;
    void (*run)(struct server_job *job); // on one of the pool's threads
};

// NULL when the system has no thread or memory for it.
struct server_pool *server_pool_create(unsigned threads);
// From any thread. False once the pool is closed: the job won't run.
bool server_pool_add(struct server_pool *pool, struct server_job *job);
// Runs what was added, then ends the threads.
void server_pool_close(struct server_pool *pool);
void server_pool_destroy(struct server_pool **pool); // closed before

#endif
