// SPDX-License-Identifier: Apache-2.0
// By default one SSL_read goes on reading as long as what comes is no data: session tickets, key updates, requests to
// negotiate anew. A receiver that sends them faster than they are taken in would keep the worker inside that one call,
// past every deadline. Without SSL_MODE_AUTO_RETRY (on since OpenSSL 1.1.1) each call takes in one message and returns.
#include "sender_tls.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <string.h>

static CURLcode on_context(CURL *easy, void *ssl_context, void *arg)
{
    (void)easy;
    (void)arg;
    SSL_CTX_clear_mode(ssl_context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(ssl_context, SSL_OP_NO_RENEGOTIATION);
    return CURLE_OK;
}

// Another library's context would be another type. Of several in one libcurl those not in use are in parentheses.
static bool is_openssl(void)
{
    const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;
    return library && strncmp(library, "OpenSSL/", sizeof "OpenSSL/" - 1) == 0;
}

void sender_tls_bound(CURL *easy)
{
    if (is_openssl())
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}
