// SPDX-License-Identifier: Apache-2.0
// A list behind one lock and a thread that goes through it once a second. A connection is ended by shutting its
// socket down; the library notices, and calls remove. Invariant: what is in the list has an open descriptor, since
// remove comes before the close, under the same lock as the shutdown.
#include "server_connections.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <utlist.h>

#include "petrel/clock.h"

enum {
    BODY_MS = 60 * 1000,
    ANSWER_MS = 120 * 1000, // the largest answers are tens of MiB
    SWEEP_MS = 1000
};

struct server_connection {
    struct server_connection *prev, *next;
    int fd;
    enum server_phase phase;
    int64_t since_mono_ms; // in this phase
    bool is_ended;
};

struct server_connections {
    pthread_mutex_t lock; // guards everything below, and the connections
    pthread_cond_t stopped;
    struct server_connection *first;
    unsigned count, crowded; // from `crowded` on newcomers push others out
    int64_t head_ms;
    bool is_stopping;
    pthread_t sweeper;
};

static void end(struct server_connection *connection)
{
    if (!connection->is_ended)
        shutdown(connection->fd, SHUT_RDWR);
    connection->is_ended = true;
}

static int64_t limit_ms(const struct server_connections *connections, enum server_phase phase)
{
    switch (phase) {
    case SERVER_PHASE_HEAD:
        return connections->head_ms;
    case SERVER_PHASE_BODY:
        return BODY_MS;
    case SERVER_PHASE_HANDLER:
        return INT64_MAX;
    case SERVER_PHASE_ANSWER:
        return ANSWER_MS;
    }
    return INT64_MAX;
}

static void sweep(struct server_connections *connections)
{
    struct server_connection *at;
    int64_t now_ms = clock_mono_ms();
    DL_FOREACH(connections->first, at)
    {
        if (now_ms - at->since_mono_ms > limit_ms(connections, at->phase))
            end(at);
    }
}

static void *run(void *arg)
{
    struct server_connections *connections = arg;
    pthread_mutex_lock(&connections->lock);
    while (!connections->is_stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += SWEEP_MS / 1000;
        pthread_cond_timedwait(&connections->stopped, &connections->lock, &until);
        sweep(connections);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

struct server_connections *server_connections_create(unsigned max_connections,
                                                     unsigned idle_timeout_s)
{
    struct server_connections *connections = calloc(1, sizeof *connections);
    pthread_condattr_t attributes;
    if (!connections)
        return NULL;
    connections->crowded = max_connections - max_connections / 4;
    connections->head_ms = (int64_t)idle_timeout_s * 1000;
    pthread_mutex_init(&connections->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&connections->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&connections->sweeper, NULL, run, connections) != 0) {
        pthread_cond_destroy(&connections->stopped);
        pthread_mutex_destroy(&connections->lock);
        free(connections);
        return NULL;
    }
    return connections;
}

void server_connections_destroy(struct server_connections **connections)
{
    struct server_connections *all = *connections;
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->is_stopping = true;
    pthread_cond_signal(&all->stopped);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->sweeper, NULL);
    pthread_cond_destroy(&all->stopped);
    pthread_mutex_destroy(&all->lock);
    free(all);
    *connections = NULL;
}

// Entering a phase moves to the list's end, so the first one waiting has waited longest.
static void make_room(struct server_connections *connections)
{
    struct server_connection *at;
    if (connections->count < connections->crowded)
        return;
    DL_FOREACH(connections->first, at)
    {
        if (at->phase == SERVER_PHASE_HEAD && !at->is_ended) {
            end(at);
            return;
        }
    }
}

struct server_connection *server_connections_add(struct server_connections *connections, int fd)
{
    struct server_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->fd = fd;
    connection->since_mono_ms = clock_mono_ms();
    pthread_mutex_lock(&connections->lock);
    make_room(connections);
    DL_APPEND(connections->first, connection);
    connections->count++;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void server_connections_remove(struct server_connections *connections,
                               struct server_connection **connection)
{
    if (!*connection)
        return;
    pthread_mutex_lock(&connections->lock);
    DL_DELETE(connections->first, *connection);
    connections->count--;
    pthread_mutex_unlock(&connections->lock);
    free(*connection);
    *connection = NULL;
}

void server_connections_enter(struct server_connections *connections,
                              struct server_connection *connection, enum server_phase phase)
{
    if (!connection)
        return;
    pthread_mutex_lock(&connections->lock);
    connection->phase = phase;
    connection->since_mono_ms = clock_mono_ms();
    DL_DELETE(connections->first, connection);
    DL_APPEND(connections->first, connection);
    pthread_mutex_unlock(&connections->lock);
}
