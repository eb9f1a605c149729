// SPDX-License-Identifier: Apache-2.0
// The HTTP server over libmicrohttpd; no other files than server*.c see that library.
//
// A few epoll threads read and write; handlers run on threads of their own (server_request.c, server_pool.c); how long
// a client may take is in server_connections.c.
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/log.h"
#include "server_internal.h"
#include "server_socket.h"

enum {
    // MHD's pool for one connection: bounds the head of a request.
    CONNECTION_MEMORY_BYTES = 64 * 1024
};
// GnuTLS's words. Its "NORMAL" still offers TLS 1.0 on old systems.
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

const char *http_server_library_version(void)
{
    return MHD_get_version();
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    const struct http_server *server = arg;
    struct server_connection *tracked = *socket_context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        server_connections_remove(server->connections, &tracked);
    } else {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        tracked = info ? server_connections_add(server->connections, info->connect_fd) : NULL;
    }
    *socket_context = tracked;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Percent-decoding in place. %00 stays as it is written: decoded, it would cut the text short, and
// "/v1/events%00x" would be taken for "/v1/events".
static size_t unescape(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    size_t size = 0;
    for (size_t i = 0; text[i]; i++, size++) {
        int high = text[i] == '%' ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0 && high * 16 + low != 0) {
            text[size] = (char)(high * 16 + low);
            i += 2;
        } else {
            text[size] = text[i];
        }
    }
    text[size] = '\0';
    return size;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *format,
                                                         va_list arguments)
{
    struct http_server *server = arg;
    char line[SERVER_COMPLAINT_SIZE];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\r\n")] = '\0';
    // The library's threads have something to say, too, while it starts.
    if (pthread_equal(pthread_self(), server->starter) && !server->has_started)
        memcpy(server->complaint, line, sizeof line);
    log_debug("http server", LOG_STR("detail", line));
}

// ---- start and stop

static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
    const struct http_server_options *options = &server->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    unsigned connections = options->max_connections > options->threads ? options->max_connections
                                                                       : options->threads + 1;
    struct MHD_OptionItem pool[] = {
        {.option = options->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
         .value = (intptr_t)options->threads},
        {.option = MHD_OPTION_END},
    };
    struct MHD_OptionItem tls[] = {
        {.option = MHD_OPTION_HTTPS_MEM_CERT,
         .ptr_value = (void *)(uintptr_t)options->tls_certificate},
        {.option = MHD_OPTION_HTTPS_MEM_KEY, .ptr_value = (void *)(uintptr_t)options->tls_key},
        {.option = MHD_OPTION_HTTPS_PRIORITIES, .ptr_value = (void *)(uintptr_t)TLS_PRIORITIES},
        {.option = MHD_OPTION_END},
    };
    if (options->tls_certificate)
        flags |= MHD_USE_TLS;
    else
        tls[0].option = MHD_OPTION_END;
    // The logger comes first: MHD writes to stderr until it knows it. Strict: no HTTP/1.1 without a Host.
    return MHD_start_daemon(flags | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            server_on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
                            server_on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
                            on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT,
                            connections, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
                            MHD_OPTION_ARRAY, tls, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
}

static bool start_threads(struct http_server *server)
{
    const struct http_server_options *options = &server->options;
    server->connections =
        server_connections_create(options->max_connections, options->idle_timeout_s);
    if (options->handlers > 0)
        server->handlers = server_pool_create(options->handlers);
    if (options->urgent_handlers > 0)
        server->urgent = server_pool_create(options->urgent_handlers);
    return server->connections && (server->handlers || options->handlers == 0) &&
           (server->urgent || options->urgent_handlers == 0);
}

static void stop_threads(struct http_server *server)
{
    struct server_pool **pools[] = {&server->handlers, &server->urgent};
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        if (*pools[i])
            server_pool_close(*pools[i]);
    }
    // By now every suspended connection was resumed: the library takes none to its end.
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
        server_pool_destroy(pools[i]);
    server_connections_destroy(&server->connections);
}

struct http_server *http_server_start(const struct http_server_options *options, char *error,
                                      size_t error_size)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        snprintf(error, error_size, "not enough memory for the HTTP server");
        return NULL;
    }
    server->options = *options;
    server->starter = pthread_self();
    int fd = server_socket_open(options, error, error_size);
    if (fd < 0)
        goto fail;
    server->port = server_socket_port(fd);
    if (start_threads(server))
        server->daemon = start_daemon(server, fd);
    if (!server->daemon) {
        // The library may have closed fd already, so it is left alone: a leak once, in a program that ends.
        snprintf(error, error_size, "can't start the HTTP server: %s",
                 server->complaint[0] ? server->complaint : "not enough threads, files or memory");
        goto fail;
    }
    server->has_started = true;
    server->options.tls_certificate = server->options.tls_key = NULL;
    return server;
fail:
    stop_threads(server);
    free(server);
    return NULL;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_stop(struct http_server **server)
{
    if (!*server)
        return;
    stop_threads(*server);
    free(*server);
    *server = NULL;
}
