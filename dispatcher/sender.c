// SPDX-License-Identifier: Apache-2.0
// libcurl's multi handles on the loop. A transfer is either in `free` or in `running`; a running one is in
// exactly one multi handle, chosen by destination so that its connections are found again.
// Left to others: how many may run (curl itself is never made to queue), and what an outcome means.
#include "sender.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "petrel/clock.h"
#include "sender_transfer.h"

// One multi handle slows down with thousands of transfers (its timer tree and connection table are walked);
// spread over several, each stays small.
enum { MULTI_COUNT = 4 };

struct multi {
    CURLM *handle;
    uv_timer_t timer;
    struct sender *sender;
};

// A socket's poll handle. When curl lets go of a socket it is mostly for the blink between two requests on a
// kept connection, so the loop's registration stays until the socket closes or speaks unasked.
struct watch {
    uv_poll_t poll;
    struct multi *multi;
    curl_socket_t fd;
    int wanted; // by curl
    int polled; // by the loop
};

struct transfer_list {
    struct transfer *first;
};

struct sender {
    struct sender_options options;
    struct multi multis[MULTI_COUNT];
    struct watch **watches; // by file descriptor
    size_t watch_capacity;
    struct transfer_list free, running;
    unsigned open_timers;
    bool is_closing;
};

bool sender_global_init(void)
{
    return curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
}

void sender_global_cleanup(void)
{
    curl_global_cleanup();
}

static void list_add(struct transfer_list *list, struct transfer *transfer)
{
    transfer->previous = NULL;
    transfer->next = list->first;
    if (list->first)
        list->first->previous = transfer;
    list->first = transfer;
}

static void list_remove(struct transfer_list *list, struct transfer *transfer)
{
    if (transfer->previous)
        transfer->previous->next = transfer->next;
    else
        list->first = transfer->next;
    if (transfer->next)
        transfer->next->previous = transfer->previous;
}

// ---- ends of transfers

static void finish(struct sender *sender, struct transfer *transfer)
{
    curl_multi_remove_handle(transfer->multi, transfer->easy);
    transfer->multi = NULL;
    list_remove(&sender->running, transfer);
    transfer->done(transfer->arg, &transfer->result);
    list_add(&sender->free, transfer);
}

// Always after curl has been called, also when it says that nothing is left running.
static void drain(struct multi *multi)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi->handle, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct transfer *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer_conclude(transfer, message->data.result);
        finish(multi->sender, transfer);
    }
}

// ---- sockets

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void forget_socket(struct sender *sender, curl_socket_t fd)
{
    if ((size_t)fd >= sender->watch_capacity || !sender->watches[fd])
        return;
    struct watch *watch = sender->watches[fd];
    sender->watches[fd] = NULL;
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

// The number of a closed socket is given out again at once: the loop forgets it before.
static int on_close_socket(void *arg, curl_socket_t fd)
{
    forget_socket(arg, fd);
    return close(fd);
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
    curl_multi_socket_action(multi->handle, watch->fd, action, &running);
    drain(multi); // watch may be gone by now
}

static struct watch *find_or_make_watch(struct multi *multi, curl_socket_t fd)
{
    struct sender *sender = multi->sender;
    if ((size_t)fd >= sender->watch_capacity) {
        size_t capacity = (size_t)fd + 256;
        struct watch **longer = realloc(sender->watches, capacity * sizeof(struct watch *));
        if (!longer)
            return NULL;
        for (size_t i = sender->watch_capacity; i < capacity; i++)
            longer[i] = NULL;
        sender->watches = longer;
        sender->watch_capacity = capacity;
    }
    if (sender->watches[fd])
        return sender->watches[fd];
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    if (uv_poll_init_socket(sender->options.loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->multi = multi;
    watch->fd = fd;
    sender->watches[fd] = watch;
    return watch;
}

// May be called from inside any curl call, removal of a handle included.
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    (void)socket_arg;
    struct multi *multi = arg;
    if (what == CURL_POLL_REMOVE) {
        if ((size_t)fd < multi->sender->watch_capacity && multi->sender->watches[fd])
            multi->sender->watches[fd]->wanted = 0;
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

// ---- time

static void on_timeout(uv_timer_t *timer)
{
    struct multi *multi = timer->data;
    int running;
    curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
    drain(multi);
}

static int on_timer(CURLM *handle, long timeout_ms, void *arg)
{
    (void)handle;
    struct multi *multi = arg;
    if (multi->sender->is_closing)
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&multi->timer);
    else
        uv_timer_start(&multi->timer, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

// ---- the sender

static bool open_multi(struct sender *sender, struct multi *multi)
{
    multi->sender = sender;
    multi->handle = curl_multi_init();
    if (!multi->handle)
        return false;
    uv_timer_init(sender->options.loop, &multi->timer);
    multi->timer.data = multi;
    sender->open_timers++;
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
    // At least the number in flight: keeping fewer than are used costs a connection per request.
    curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, (long)sender->options.max_transfers + 16);
    return true;
}

struct sender *sender_create(const struct sender_options *options)
{
    struct sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return NULL;
    sender->options = *options;
    for (size_t i = 0; i < MULTI_COUNT; i++) {
        if (!open_multi(sender, &sender->multis[i])) {
            sender_destroy(&sender);
            return NULL;
        }
    }
    return sender;
}

bool sender_start(struct sender *sender, const struct sender_request *request, sender_done *done,
                  void *arg)
{
    struct transfer *transfer = sender->free.first;
    if (transfer)
        list_remove(&sender->free, transfer);
    else
        transfer = transfer_create(&sender->options, on_close_socket, sender);
    if (!transfer)
        return false;
    // The low bits chose the worker.
    struct multi *multi = &sender->multis[(request->destination >> 32) % MULTI_COUNT];
    transfer->done = done;
    transfer->arg = arg;
    transfer->multi = multi->handle;
    if (!transfer_prepare(transfer, request) ||
        curl_multi_add_handle(multi->handle, transfer->easy) != CURLM_OK) {
        list_add(&sender->free, transfer);
        return false;
    }
    list_add(&sender->running, transfer);
    return true;
}

void sender_abort_all(struct sender *sender)
{
    while (sender->running.first) {
        struct transfer *transfer = sender->running.first;
        transfer->result.error = ATTEMPT_ABORTED;
        transfer->result.status = 0;
        transfer->result.duration_ms = clock_mono_ms() - transfer->started_mono_ms;
        finish(sender, transfer);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct multi *multi = handle->data;
    struct sender *sender = multi->sender;
    if (--sender->open_timers > 0)
        return;
    free(sender->watches);
    free(sender);
}

void sender_destroy(struct sender **sender_pointer)
{
    struct sender *sender = *sender_pointer;
    if (!sender)
        return;
    *sender_pointer = NULL;
    assert(!sender->running.first);
    sender->is_closing = true;
    while (sender->free.first) {
        struct transfer *transfer = sender->free.first;
        list_remove(&sender->free, transfer);
        transfer_destroy(&transfer);
    }
    for (size_t i = 0; i < MULTI_COUNT; i++)
        curl_multi_cleanup(sender->multis[i].handle);
    // curl reports no closing of its internal sockets (wake-up pairs): forget what is left.
    for (size_t fd = 0; fd < sender->watch_capacity; fd++)
        forget_socket(sender, (curl_socket_t)fd);
    bool has_timer = sender->open_timers > 0;
    for (size_t i = 0; i < MULTI_COUNT; i++)
        if (sender->multis[i].timer.data)
            uv_close((uv_handle_t *)&sender->multis[i].timer, on_timer_closed);
    if (!has_timer) {
        free(sender->watches);
        free(sender);
    }
}
