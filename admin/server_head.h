// SPDX-License-Identifier: Apache-2.0
// Whether a request's head says in one way only where its body ends, whom it is for and who asks (RFC 9112 §3.2, §5.1,
// §6.3). What a server in front may have read otherwise would let a client hide a request in another's body.
#ifndef PETREL_ADMIN_SERVER_HEAD_H
#define PETREL_ADMIN_SERVER_HEAD_H

#include "petrel/http_server.h"

// NULL, or what is wrong with it: a static sentence. Any thread; request is borrowed.
const char *server_head_refuse(const struct http_request *request);

#endif
