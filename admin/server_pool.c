// SPDX-License-Identifier: Apache-2.0
// A queue behind one lock. How long it may get is the caller's to bound: a connection has one job at a time.
#include "server_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "petrel/clock.h"

struct server_pool {
    pthread_mutex_t lock; // guards first, last, is_closed
    pthread_cond_t changed;
    struct server_job *first, *last;
    bool is_closed;
    unsigned count;
    pthread_t threads[];
};

// Waits. NULL: the pool is closed and empty.
static struct server_job *take(struct server_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->is_closed)
        pthread_cond_wait(&pool->changed, &pool->lock);
    struct server_job *job = pool->first;
    if (job)
        pool->first = job->next;
    if (!pool->first)
        pool->last = NULL;
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *run(void *arg)
{
    struct server_pool *pool = arg;
    struct server_job *job;
    while ((job = take(pool)) != NULL)
        job->run(job);
    return NULL;
}

struct server_pool *server_pool_create(unsigned threads)
{
    struct server_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    for (; pool->count < threads; pool->count++) {
        if (pthread_create(&pool->threads[pool->count], NULL, run, pool) != 0) {
            server_pool_close(pool);
            server_pool_destroy(&pool);
            return NULL;
        }
    }
    return pool;
}

bool server_pool_add(struct server_pool *pool, struct server_job *job)
{
    job->next = NULL;
    job->added_mono_ms = clock_mono_ms();
    pthread_mutex_lock(&pool->lock);
    bool is_open = !pool->is_closed;
    if (is_open) {
        if (pool->last)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_open;
}

void server_pool_close(struct server_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_closed = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (; pool->count > 0; pool->count--)
        pthread_join(pool->threads[pool->count - 1], NULL);
}

void server_pool_destroy(struct server_pool **pool)
{
    if (!*pool)
        return;
    pthread_cond_destroy(&(*pool)->changed);
    pthread_mutex_destroy(&(*pool)->lock);
    free(*pool);
    *pool = NULL;
}
