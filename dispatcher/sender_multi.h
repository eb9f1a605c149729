// SPDX-License-Identifier: Apache-2.0
// One libcurl multi handle on the loop, and the poll handles that a sender's multi handles share. One thread.
#ifndef PETREL_SENDER_MULTI_H
#define PETREL_SENDER_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

// Poll handles by file descriptor.
struct sockets;

struct sockets *sockets_create(uv_loop_t *loop); // NULL without memory
// After all multi handles. Releases on the loop's next turn.
void sockets_destroy(struct sockets **sockets);
// A socket that was opened for a connection: it will be closed through sockets_close.
void sockets_adopt(struct sockets *sockets, curl_socket_t fd);
// The number of a closed socket is given out again at once: the loop forgets it before.
int sockets_close(struct sockets *sockets, curl_socket_t fd);
// Connections open now, kept ones included.
size_t sockets_count(const struct sockets *sockets);

struct multi;

// A transfer has ended by itself: removes it. Called from the loop, never from inside a curl call.
typedef void multi_done(void *arg, CURL *easy, CURLcode code);

struct multi_options {
    struct sockets *sockets;
    multi_done *done;
    void *arg;
};

struct multi *multi_create(const struct multi_options *options); // NULL without memory
// With no transfer in it, and not from inside its `done`. Closes connections; releases on the loop's next turn.
void multi_destroy(struct multi **multi);
bool multi_add(struct multi *multi, CURL *easy);
void multi_remove(struct multi *multi, CURL *easy);
// Transfers in it.
size_t multi_running(const struct multi *multi);
// At how many connections curl closes the one that rested longest, whenever a transfer has ended. At least as many
// as transfers: keeping fewer costs a connection per request.
void multi_keep_connections(struct multi *multi, size_t count);

#endif
