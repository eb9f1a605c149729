// SPDX-License-Identifier: Apache-2.0
// Opens the listening socket, and explains in one sentence why it can't: the library would only say that it failed.
#include "server_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ERROR_TEXT_SIZE = 128, BACKLOG = 512 };

static const char *error_text(int error, char out[ERROR_TEXT_SIZE])
{
    return strerror_r(error, out, ERROR_TEXT_SIZE);
}

static int open_address(const struct addrinfo *address)
{
    int yes = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static void explain(const struct http_server_options *options, int error_number, char *error,
                    size_t error_size)
{
    char detail[ERROR_TEXT_SIZE];
    bool is_ipv6 = strchr(options->host, ':') != NULL;
    const char *hint = "choose another with --listen ADDRESS:PORT";
    if (error_number == EACCES)
        hint = "ports under 1024 need CAP_NET_BIND_SERVICE; choose another with --listen";
    else if (error_number == EADDRNOTAVAIL)
        hint = "this machine has no such address; choose one of its own with --listen";
    else if (error_number == EADDRINUSE)
        hint = "stop the program that has it, or choose another with --listen ADDRESS:PORT";
    snprintf(error, error_size, "%s%s%s:%u %s: %s", is_ipv6 ? "[" : "", options->host,
             is_ipv6 ? "]" : "", (unsigned)options->port,
             error_number == EADDRINUSE ? "is in use" : error_text(error_number, detail), hint);
}

int server_socket_open(const struct http_server_options *options, char *error, size_t error_size)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)options->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(options->host, port, &hints, &found);
    if (status != 0) {
        snprintf(error, error_size,
                 "can't listen on \"%s\": %s; give an address of this machine with --listen",
                 options->host, gai_strerror(status));
        return -1;
    }
    int fd = open_address(found);
    freeaddrinfo(found);
    if (fd < 0) {
        explain(options, -fd, error, error_size);
        return -1;
    }
    return fd;
}

uint16_t server_socket_port(int fd)
{
    union {
        struct sockaddr_in6 v6;
        struct sockaddr_in v4;
        struct sockaddr any;
    } address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}
