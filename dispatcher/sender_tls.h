// SPDX-License-Identifier: Apache-2.0
// Bounds for what servers have OpenSSL do below libcurl: a part of the sender.
#ifndef PETREL_SENDER_TLS_H
#define PETREL_SENDER_TLS_H

#include <curl/curl.h>

// Once per handle, before its first request. Does nothing where libcurl's TLS isn't OpenSSL's.
void sender_tls_bound(CURL *easy);

#endif
