// SPDX-License-Identifier: Apache-2.0
// One TLS context for the process, made on first use: hiredis's contexts may be shared between connections.
#include "redis_tls.h"

#include <stdio.h>

#ifdef PETREL_HAVE_HIREDIS_SSL

#include <hiredis/hiredis_ssl.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static redisSSLContext *shared;
static redisSSLContextError shared_error;

static void create_shared(void)
{
    redisInitOpenSSL();
    redisSSLOptions options = {.capath = "/etc/ssl/certs", .verify_mode = REDIS_SSL_VERIFY_PEER};
    shared = redisCreateSSLContextWithOptions(&options, &shared_error);
}

bool redis_tls_start(redisContext *context, const struct redis_url *url, char *why, size_t why_size)
{
    (void)url;
    pthread_once(&once, create_shared);
    if (!shared) {
        snprintf(why, why_size, "TLS setup failed: %s", redisSSLContextGetError(shared_error));
        return false;
    }
    if (redisInitiateSSLWithContext(context, shared) != REDIS_OK) {
        snprintf(why, why_size, "TLS to Redis failed: %s", context->errstr);
        return false;
    }
    return true;
}

bool redis_tls_is_built_in(void)
{
    return true;
}

#else

bool redis_tls_start(redisContext *context, const struct redis_url *url, char *why, size_t why_size)
{
    (void)context;
    (void)url;
    snprintf(why, why_size,
             "this build has no TLS to Redis: rebuild with hiredis >= 1.0 and its SSL library");
    return false;
}

bool redis_tls_is_built_in(void)
{
    return false;
}

#endif
