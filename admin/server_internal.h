// SPDX-License-Identifier: Apache-2.0
// The HTTP server as its files share it: server.c (start, stop, connections) and server_request.c (a request's life).
#ifndef PETREL_ADMIN_SERVER_INTERNAL_H
#define PETREL_ADMIN_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>

#include "petrel/http_server.h"
#include "server_connections.h"
#include "server_pool.h"

enum { SERVER_COMPLAINT_SIZE = 256 };

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_server_options options; // host isn't used after the start
    uint16_t port;
    pthread_t starter;
    // The starter's alone: the library's last line to it before it had started.
    bool has_started;
    char complaint[SERVER_COMPLAINT_SIZE];
    struct server_connections *connections;
    struct server_pool *handlers, *urgent; // NULL: there are none
};

// server_request.c: the library's callbacks; arg is the server.
// NOLINTNEXTLINE(readability-function-size): libmicrohttpd's parameters
enum MHD_Result server_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **request_state);
void server_on_completed(void *arg, struct MHD_Connection *connection, void **request_state,
                         enum MHD_RequestTerminationCode why);

#endif
