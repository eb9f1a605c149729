// SPDX-License-Identifier: Apache-2.0
// The listening socket of the HTTP server.
#ifndef PETREL_ADMIN_SERVER_SOCKET_H
#define PETREL_ADMIN_SERVER_SOCKET_H

#include "petrel/http_server.h"

// Bound and listening, not blocking; the caller closes it. -1: error says why and what to do.
int server_socket_open(const struct http_server_options *options, char *error, size_t error_size);
uint16_t server_socket_port(int fd);

#endif
