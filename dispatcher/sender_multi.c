// SPDX-License-Identifier: Apache-2.0
// libcurl's sockets and timeouts on libuv.
//
// A connection's socket stays registered with the loop between two requests: curl lets go of it mostly for that
// blink, and registering anew costs as much as the request. So a registration lives until the socket closes or speaks
// unasked. The sockets curl makes for itself (a name lookup's wake-up) are closed behind our back, right after it has
// let go of them: those are forgotten at once.
#include "sender_multi.h"

#include <stdlib.h>
#include <unistd.h>

#include "sender_tls.h"

struct watch {
    uv_poll_t poll;
    struct multi *multi;
    curl_socket_t fd;
    int wanted; // by curl
    int polled; // by the loop
};

struct socket_slot {
    struct watch *watch;
    bool is_connection;
};

struct sockets {
    uv_loop_t *loop;
    struct socket_slot *slots; // by file descriptor
    size_t capacity;
    size_t connections; // slots that are
};

struct multi {
    CURLM *handle;
    uv_timer_t timer;
    struct multi_options options;
    size_t running, kept;
    bool is_closing;
};

// ---- poll handles

static struct socket_slot *slot_of(struct sockets *sockets, curl_socket_t fd)
{
    enum { STEP = 256 };
    if ((size_t)fd < sockets->capacity)
        return &sockets->slots[fd];
    size_t capacity = (size_t)fd + STEP;
    struct socket_slot *longer = reallocarray(sockets->slots, capacity, sizeof *longer);
    if (!longer)
        return NULL;
    for (size_t i = sockets->capacity; i < capacity; i++)
        longer[i] = (struct socket_slot){0};
    sockets->slots = longer;
    sockets->capacity = capacity;
    return &sockets->slots[fd];
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void forget(struct sockets *sockets, curl_socket_t fd)
{
    if ((size_t)fd >= sockets->capacity)
        return;
    struct watch *watch = sockets->slots[fd].watch;
    sockets->connections -= sockets->slots[fd].is_connection;
    sockets->slots[fd] = (struct socket_slot){0};
    if (!watch)
        return;
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

struct sockets *sockets_create(uv_loop_t *loop)
{
    struct sockets *sockets = calloc(1, sizeof *sockets);
    if (sockets)
        sockets->loop = loop;
    return sockets;
}

void sockets_destroy(struct sockets **sockets)
{
    if (!*sockets)
        return;
    for (size_t fd = 0; fd < (*sockets)->capacity; fd++)
        forget(*sockets, (curl_socket_t)fd);
    free((*sockets)->slots);
    free(*sockets);
    *sockets = NULL;
}

void sockets_adopt(struct sockets *sockets, curl_socket_t fd)
{
    struct socket_slot *slot = slot_of(sockets, fd);
    if (!slot || slot->is_connection)
        return;
    slot->is_connection = true;
    sockets->connections++;
}

size_t sockets_count(const struct sockets *sockets)
{
    return sockets->connections;
}

int sockets_close(struct sockets *sockets, curl_socket_t fd)
{
    forget(sockets, fd);
    return close(fd);
}

// ---- what curl and the loop tell each other

// Always after curl has been called, also when it says that nothing is left running.
static void drain(struct multi *multi)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi->handle, &left))) {
        if (message->msg == CURLMSG_DONE)
            multi->options.done(multi->options.arg, message->easy_handle, message->data.result);
    }
}

static void on_socket_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct multi *multi = watch->multi;
    if (!watch->wanted) {
        // An idle connection speaks or closes; curl finds out when it wants to use it.
        uv_poll_stop(poll);
        watch->polled = 0;
        return;
    }
    int action = 0;
    if (status < 0)
        action = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        action |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        action |= CURL_CSELECT_OUT;
    int running;
    sender_tls_begin_turn();
    curl_multi_socket_action(multi->handle, watch->fd, action, &running);
    drain(multi); // watch may be gone by now
}

static struct watch *find_or_make_watch(struct multi *multi, curl_socket_t fd)
{
    struct sockets *sockets = multi->options.sockets;
    struct socket_slot *slot = slot_of(sockets, fd);
    if (!slot)
        return NULL;
    if (slot->watch)
        return slot->watch;
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    if (uv_poll_init_socket(sockets->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->multi = multi;
    watch->fd = fd;
    slot->watch = watch;
    return watch;
}

static void let_go(struct sockets *sockets, curl_socket_t fd)
{
    if ((size_t)fd >= sockets->capacity || !sockets->slots[fd].watch)
        return;
    if (sockets->slots[fd].is_connection)
        sockets->slots[fd].watch->wanted = 0;
    else
        forget(sockets, fd);
}

// May be called from inside any curl call, removal of a handle included.
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    (void)socket_arg;
    struct multi *multi = arg;
    if (what == CURL_POLL_REMOVE) {
        let_go(multi->options.sockets, fd);
        return 0;
    }
    struct watch *watch = find_or_make_watch(multi, fd);
    if (!watch)
        return -1;
    watch->wanted = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        watch->wanted |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        watch->wanted |= UV_WRITABLE;
    if (watch->wanted != watch->polled) {
        watch->polled = watch->wanted;
        uv_poll_start(&watch->poll, watch->wanted, on_socket_ready);
    }
    return 0;
}

static void on_timeout(uv_timer_t *timer)
{
    struct multi *multi = timer->data;
    int running;
    sender_tls_begin_turn();
    curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
    drain(multi);
}

static int on_timer(CURLM *handle, long timeout_ms, void *arg)
{
    (void)handle;
    struct multi *multi = arg;
    if (multi->is_closing)
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&multi->timer);
    else
        uv_timer_start(&multi->timer, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

// ---- life

struct multi *multi_create(const struct multi_options *options)
{
    struct multi *multi = calloc(1, sizeof *multi);
    if (!multi)
        return NULL;
    multi->options = *options;
    multi->handle = curl_multi_init();
    if (!multi->handle) {
        free(multi);
        return NULL;
    }
    uv_timer_init(options->sockets->loop, &multi->timer);
    multi->timer.data = multi;
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
    return multi;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void multi_destroy(struct multi **multi_pointer)
{
    struct multi *multi = *multi_pointer;
    if (!multi)
        return;
    *multi_pointer = NULL;
    multi->is_closing = true;
    curl_multi_cleanup(multi->handle);
    // Nothing may point here any more.
    struct sockets *sockets = multi->options.sockets;
    for (size_t fd = 0; fd < sockets->capacity; fd++) {
        if (sockets->slots[fd].watch && sockets->slots[fd].watch->multi == multi)
            forget(sockets, (curl_socket_t)fd);
    }
    uv_close((uv_handle_t *)&multi->timer, on_timer_closed);
}

bool multi_add(struct multi *multi, CURL *easy)
{
    if (curl_multi_add_handle(multi->handle, easy) != CURLM_OK)
        return false;
    multi->running++;
    return true;
}

void multi_remove(struct multi *multi, CURL *easy)
{
    curl_multi_remove_handle(multi->handle, easy);
    multi->running--;
}

size_t multi_running(const struct multi *multi)
{
    return multi->running;
}

void multi_keep_connections(struct multi *multi, size_t count)
{
    if (count == multi->kept)
        return;
    multi->kept = count;
    curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, (long)count);
}
