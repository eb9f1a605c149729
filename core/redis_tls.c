// SPDX-License-Identifier: Apache-2.0
// One OpenSSL context for the process, made on first use, with the system's authorities (SSL_CERT_FILE and
// SSL_CERT_DIR are obeyed). The connection's own SSL object is made here rather than by hiredis, whose
// redisInitiateSSLWithContext (as of 1.5) checks the certificate but not whether it is this host's.
#include "redis_tls.h"

#include <stdio.h>

#ifdef PETREL_HAVE_HIREDIS_SSL

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static SSL_CTX *shared;

static void create_shared(void)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    if (!made)
        return;
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_default_verify_paths(made) == 1)
        shared = made;
    else
        SSL_CTX_free(made);
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

// The name to ask for (SNI, never an address: RFC 6066, section 3) and to find in the certificate.
static bool set_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

bool redis_tls_start(redisContext *context, const char *host, char *why, size_t why_size)
{
    pthread_once(&once, create_shared);
    SSL *ssl = shared ? SSL_new(shared) : NULL;
    if (!ssl || !set_host(ssl, host)) {
        snprintf(why, why_size, "TLS to Redis can't be set up");
        SSL_free(ssl);
        return false;
    }
    if (redisInitiateSSL(context, ssl) == REDIS_OK)
        return true; // the context owns it now
    long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK)
        snprintf(why, why_size, "TLS to Redis: its certificate isn't trusted: %s",
                 X509_verify_cert_error_string(verified));
    else
        snprintf(why, why_size, "TLS to Redis failed: %s", context->errstr);
    SSL_free(ssl);
    return false;
}

bool redis_tls_is_built_in(void)
{
    return true;
}

#else

bool redis_tls_start(redisContext *context, const char *host, char *why, size_t why_size)
{
    (void)context;
    (void)host;
    snprintf(why, why_size,
             "this build has no TLS to Redis: rebuild with hiredis >= 1.0 and its SSL library");
    return false;
}

bool redis_tls_is_built_in(void)
{
    return false;
}

#endif
