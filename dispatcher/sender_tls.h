// SPDX-License-Identifier: Apache-2.0
// Bounds for what servers have OpenSSL do below libcurl: a part of the sender.
#ifndef PETREL_SENDER_TLS_H
#define PETREL_SENDER_TLS_H

#include <curl/curl.h>
#include <stdbool.h>

// Once per handle, before its first request. Does nothing where libcurl's TLS isn't OpenSSL's.
void sender_tls_bound(CURL *easy, bool http2);
// Before libcurl is told of a socket or a timer: connections of this thread may read again (with HTTP/2; others always may).
void sender_tls_begin_turn(void);

#endif
