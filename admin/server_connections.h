// SPDX-License-Identifier: Apache-2.0
// The open connections of the HTTP server, each with the instant by which it has to get on. The library only knows
// how long a connection was silent: one byte every few seconds would hold it for ever.
#ifndef PETREL_ADMIN_SERVER_CONNECTIONS_H
#define PETREL_ADMIN_SERVER_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct server_connections;
struct server_connection;

enum server_phase {
    SERVER_PHASE_HEAD,    // a request's head is awaited, the first or the next
    SERVER_PHASE_BODY,    // its body
    SERVER_PHASE_HANDLER, // its answer is being made: no limit here
    SERVER_PHASE_ANSWER,  // its answer is being read by the client
};

// idle_timeout_s: how long a connection may be without a whole head. NULL without memory or thread.
struct server_connections *server_connections_create(unsigned max_connections,
                                                     unsigned idle_timeout_s);
void server_connections_destroy(struct server_connections **connections); // all are removed before

// fd stays the library's, which closes it after remove. When most places are taken, the one that has waited longest
// for a head is cut off. NULL without memory: the connection then only has the library's limits.
struct server_connection *server_connections_add(struct server_connections *connections, int fd);
void server_connections_remove(struct server_connections *connections,
                               struct server_connection **connection);
// connection may be NULL.
void server_connections_enter(struct server_connections *connections,
                              struct server_connection *connection, enum server_phase phase);

#endif
