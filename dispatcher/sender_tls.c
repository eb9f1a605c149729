// SPDX-License-Identifier: Apache-2.0
// What a server may choose mustn't hold up the worker. Two loops of OpenSSL go on for as long as bytes come, past every
// deadline: SSL_read takes in session tickets and key updates until there is data, and a handshake passes over requests to
// negotiate anew, which want no certificate. So messages are counted; after too many there is nothing more to read.
// (Without SSL_MODE_AUTO_RETRY SSL_read would return after each, but then what an https proxy has sent along with it waits
// in OpenSSL, where no socket tells of it.)
//
// And one computation takes as long as the server likes: Diffie-Hellman over a modulus of its own, at OpenSSL's limit of
// 10,000 bits most of a second. Nobody who wants to be reached goes beyond 4096; elliptic curves are bounded anyway.
//
// With HTTP/2 libcurl itself reads on while frames come. There a connection gives so many bytes on each turn of the loop, then
// says that there is nothing for now; the socket, which still has some, brings the loop back to it.
#include "sender_tls.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    MESSAGES_MAX = 128, // of a connection; a handshake has ten at most, and a few tickets follow it
    DH_BITS_MAX = 4096,
    TURN_BYTES = 64 * 1024, // a few milliseconds of the smallest frames
};

// NOLINTNEXTLINE(readability-function-size): OpenSSL's parameters
typedef int judge_security(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int nid,
                           void *other, void *arg);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int count_index; // of a connection's count of messages, which stands in the pointer itself
static judge_security *judge_by_level; // OpenSSL's own; NULL without memory

static void prepare(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    count_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    assert(count_index >= 0);
    if (context)
        judge_by_level = SSL_CTX_get_security_callback(context);
    SSL_CTX_free(context);
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL's parameters
static int on_judgement(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int nid,
                        void *other, void *arg)
{
    if (operation == SSL_SECOP_TMP_DH && other && EVP_PKEY_get_bits(other) > DH_BITS_MAX)
        return 0;
    return judge_by_level(ssl, context, operation, bits, nid, other, arg);
}

// ---- so much on each turn

static _Thread_local size_t turn_left = TURN_BYTES;

void sender_tls_begin_turn(void)
{
    turn_left = TURN_BYTES;
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL's parameters
static long on_io(BIO *bio, int operation, const char *bytes, size_t size, int argi, long argl,
                  int result, size_t *done)
{
    (void)bytes;
    (void)size;
    (void)argi;
    (void)argl;
    if (operation == BIO_CB_READ && turn_left == 0) {
        BIO_clear_retry_flags(bio);
        BIO_set_retry_read(bio);
        return -1;
    }
    if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result > 0 && done)
        turn_left -= *done < turn_left ? *done : turn_left;
    return result;
}

static void on_progress(const SSL *ssl, int where, int result)
{
    (void)result;
    if (where & SSL_CB_HANDSHAKE_START)
        BIO_set_callback_ex(SSL_get_rbio(ssl), on_io);
}

// ---- messages

// To what comes the connection is at its end from now on. Not closed from here: the socket is libcurl's.
static void stop_reading(SSL *ssl)
{
    BIO *nothing = BIO_new(BIO_s_mem());
    if (!nothing)
        return; // the next one tries again
    BIO_set_mem_eof_return(nothing, 0);
    SSL_set0_rbio(ssl, nothing);
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL's parameters
static void on_message(int is_written, int version, int content_type, const void *bytes,
                       size_t size, SSL *ssl, void *arg)
{
    (void)version;
    (void)bytes;
    (void)size;
    (void)arg;
    if (is_written || content_type != SSL3_RT_HANDSHAKE)
        return;
    uintptr_t count = (uintptr_t)SSL_get_ex_data(ssl, count_index) + 1;
    SSL_set_ex_data(ssl, count_index, (void *)count);
    if (count > MESSAGES_MAX)
        stop_reading(ssl);
}

// ---- each connection's context

// arg: not NULL when HTTP/2 may be spoken.
static CURLcode on_context(CURL *easy, void *ssl_context, void *arg)
{
    (void)easy;
    if (arg)
        SSL_CTX_set_info_callback(ssl_context, on_progress);
    SSL_CTX_set_options(ssl_context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_msg_callback(ssl_context, on_message);
    if (judge_by_level)
        SSL_CTX_set_security_callback(ssl_context, on_judgement);
    return CURLE_OK;
}

// Another library's context would be another type. Of several in one libcurl those not in use are in parentheses.
static bool is_openssl(void)
{
    const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;
    return library && strncmp(library, "OpenSSL/", sizeof "OpenSSL/" - 1) == 0;
}

void sender_tls_bound(CURL *easy, bool http2)
{
    static char is_http2;
    if (!is_openssl())
        return;
    pthread_once(&once, prepare);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, http2 ? &is_http2 : NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}
