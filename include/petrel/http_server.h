// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server over libmicrohttpd: whole requests in, whole responses out. Used by the admin API and
// by `petrel listen`. Handlers run on threads of the server, several at once; one may block its thread.
#ifndef PETREL_HTTP_SERVER_H
#define PETREL_HTTP_SERVER_H

#include "petrel/text.h"

struct http_server;

// Borrowed until the handler returns.
struct http_request {
    const char *method; // "GET"
    const char *path;   // decoded, without the query
    struct span body;
    char peer[64];     // address of the client, without its port
    void *connection;  // for http_request_header and http_request_query
    bool is_too_large; // the body was over max_body_bytes, or not wanted, and isn't here
    bool is_late; // it has waited so long for a thread that it should be refused rather than handled
};
// Header (any case) or query parameter; NULL if absent.
const char *http_request_header(const struct http_request *request, const char *name);
const char *http_request_query(const struct http_request *request, const char *name);
// Calls visit for every query parameter (value may be NULL) until it returns false.
void http_request_each_query(const struct http_request *request,
                             bool (*visit)(void *arg, const char *name, const char *value),
                             void *arg);
void http_request_each_header(const struct http_request *request,
                              bool (*visit)(void *arg, const char *name, const char *value),
                              void *arg);

enum { HTTP_RESPONSE_HEADERS_MAX = 12 };

struct http_response {
    unsigned status;
    struct text body;         // initialised by the server, freed by it
    const char *content_type; // static, or NULL
    struct {
        const char *name; // static
        char value[256];
    } headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t header_count;
    bool drop_connection; // close without an answer
};
void http_response_add_header(struct http_response *response, const char *name, const char *format,
                              ...) __attribute__((format(printf, 3, 4)));

typedef void http_handler(void *arg, const struct http_request *request,
                          struct http_response *response);

struct http_server_options {
    const char *host; // address to bind; "127.0.0.1", "::1", "0.0.0.0"
    uint16_t port;    // 0 picks a free one
    unsigned threads; // that read and write
    unsigned handlers; // threads that run the handler; 0: it runs on those that read, and must not block long
    unsigned urgent_handlers; // threads for urgent requests alone; 0: there are none
    size_t max_body_bytes;
    size_t max_response_bytes;
    unsigned max_connections;
    const char *tls_certificate, *tls_key; // PEM texts, not used after the start; NULL: no TLS
    unsigned idle_timeout_s; // a connection that brings no whole head of a request for so long is closed
    http_handler *handler;
    // Optional. Asked on a handler thread when a large body is about to come; request has no body and no peer yet.
    // False: the body is thrown away as it comes, so that those who have no business here can't fill memory.
    bool (*wants_body)(void *arg, const struct http_request *request);
    // Optional. Urgent requests don't wait for the others: what tells whether the process is well.
    bool (*is_urgent)(void *arg, const struct http_request *request);
    void *arg;
};

// NULL: error says why and what to do ("127.0.0.1:8080 is in use: …").
struct http_server *http_server_start(const struct http_server_options *options, char *error,
                                      size_t error_size);
uint16_t http_server_port(const struct http_server *server);
void http_server_stop(struct http_server **server); // waits for handlers that run
const char *http_server_library_version(void);

#endif
