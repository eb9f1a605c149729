// SPDX-License-Identifier: Apache-2.0
// Attempts under way. A transfer is in exactly one list:
//
//   free ──start──> running (in one multi handle of a pool) ──done──> free
//             ├───> waiting (for a name's lookup) ──ready──> running
//             │          └──out of patience──> free
//             └───> refused (its URL tells already) ──next turn──> free
//
// A pool is the connections made under one guard. When the guard changes, a new pool takes over, and the old one
// goes when its last transfer has ended. Left to others: how many transfers may run (curl itself is never made to
// queue), and what an outcome means.
#include "sender.h"

#include <assert.h>
#include <stdlib.h>

#include "petrel/clock.h"
#include "sender_transfer.h"

enum {
    // One multi handle slows down with its transfers: whenever one has ended, curl 7.88 walks all of the handle's
    // connections to where its own is. Spread over several, each stays small.
    TRANSFERS_PER_MULTI = 64,
    MULTIS_MIN = 8,
    MULTIS_MAX = 64, // two descriptors each
    KEPT_MORE = 16,
    // How exactly the patience of those who wait is kept.
    WAITING_SWEEP_MS = 100,
};

struct pool {
    struct pool *next;                // retired ones
    struct multi *multis[MULTIS_MAX]; // made when they are first used
    size_t running;
};

struct transfer_list {
    struct transfer *first;
};

struct sender {
    struct transfer_context context; // first: transfers know no more of us
    struct sender_options options;
    struct guard *guard; // owned
    struct sockets *sockets;
    struct lookups *lookups;
    size_t multi_count, next_victim;
    struct pool *pool, *retired;
    struct transfer_list free, running, waiting, refused;
    uv_timer_t turn;  // what can't be done from inside a curl call is done on the loop's next turn
    uv_timer_t sweep; // while somebody waits
    unsigned open_timers;
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

static void on_turn(uv_timer_t *timer);

static void turn_soon(struct sender *sender)
{
    if (!uv_is_active((uv_handle_t *)&sender->turn))
        uv_timer_start(&sender->turn, on_turn, 0, 0);
}

// It is in no list any more, and curl doesn't have it. Its owner may start others at once.
static void hand_over(struct sender *sender, struct transfer *transfer)
{
    transfer_release(transfer);
    transfer->done(transfer->arg, &transfer->result);
    list_add(&sender->free, transfer);
}

static void fail(struct sender *sender, struct transfer_list *list, struct transfer *transfer,
                 enum attempt_error error, const char *detail)
{
    list_remove(list, transfer);
    lookups_leave(sender->lookups, &transfer->lookup);
    transfer_fail(transfer, error, detail);
    hand_over(sender, transfer);
}

static void end_lookup(struct sender *sender, struct transfer *transfer, enum lookup_end end)
{
    if (!transfer->lookup.lookup)
        return;
    lookups_end(sender->lookups, &transfer->lookup, end, clock_mono_ms());
    turn_soon(sender);
}

static void on_lookup_end(struct transfer_context *context, struct transfer *transfer,
                          enum lookup_end end)
{
    end_lookup((struct sender *)context, transfer, end);
}

static void take_from_pool(struct sender *sender, struct transfer *transfer)
{
    multi_remove(transfer->multi, transfer->easy);
    if (--transfer->pool->running == 0 && transfer->pool != sender->pool)
        turn_soon(sender); // a retired one
    transfer->multi = NULL;
    transfer->pool = NULL;
    list_remove(&sender->running, transfer);
}

static void on_done(void *arg, CURL *easy, CURLcode code)
{
    struct sender *sender = arg;
    struct transfer *transfer = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    transfer_conclude(transfer, code);
    // Who got as far as a socket has told already.
    end_lookup(sender, transfer,
               transfer->result.error == ATTEMPT_DNS ? LOOKUP_FAILED : LOOKUP_GIVEN_UP);
    take_from_pool(sender, transfer);
    hand_over(sender, transfer);
}

// ---- pools

static void destroy_pool(struct pool **pool)
{
    if (!*pool)
        return;
    for (size_t i = 0; i < MULTIS_MAX; i++)
        multi_destroy(&(*pool)->multis[i]);
    free(*pool);
    *pool = NULL;
}

static struct multi *find_or_make_multi(struct sender *sender, size_t index)
{
    struct multi_options options = {
        .sockets = sender->sockets,
        .done = on_done,
        .arg = sender,
    };
    struct multi **multi = &sender->pool->multis[index];
    if (!*multi)
        *multi = multi_create(&options);
    return *multi;
}

static size_t count_multis(const struct sender_options *options)
{
    size_t count = options->max_transfers / TRANSFERS_PER_MULTI;
    if (count < MULTIS_MIN)
        return MULTIS_MIN;
    return count < MULTIS_MAX ? count : MULTIS_MAX;
}

// Sockets run short. Those of connections that rest would be kept for ever, while nobody else gets one.
static bool is_crowded(const struct sender *sender)
{
    uint32_t most = sender->options.max_connections;
    return most > 0 && sockets_count(sender->sockets) >= most - most / 4;
}

// A multi handle in which nothing runs has only connections that rest. The others give theirs up one by one, see run().
static void destroy_resting_multis(struct sender *sender)
{
    for (size_t i = 0; i < sender->multi_count && is_crowded(sender); i++) {
        size_t index = sender->next_victim++ % sender->multi_count;
        struct multi **multi = &sender->pool->multis[index];
        if (!*multi || multi_running(*multi) > 0)
            continue;
        multi_destroy(multi);
        lookups_forget(sender->lookups); // what it knew of names is gone
    }
}

static void destroy_idle_pools(struct sender *sender)
{
    struct pool **link = &sender->retired;
    while (*link) {
        struct pool *pool = *link;
        if (pool->running > 0) {
            link = &pool->next;
            continue;
        }
        *link = pool->next;
        destroy_pool(&pool);
    }
}

void sender_set_guard(struct sender *sender, struct guard *guard)
{
    guard_unref(&sender->guard);
    sender->guard = guard_ref(guard);
    sender->context.guard = guard;
    // Without memory for a new pool the old one stays: each request on its connections is judged anyway.
    struct pool *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return;
    sender->pool->next = sender->retired;
    sender->retired = sender->pool;
    sender->pool = fresh;
    lookups_forget(sender->lookups);
    turn_soon(sender);
}

// ---- beginnings

static size_t multi_index(const struct sender *sender, const struct transfer *transfer)
{
    return (transfer->destination >> 32) % sender->multi_count; // the low bits chose the worker
}

static bool run(struct sender *sender, struct transfer *transfer)
{
    struct pool *pool = sender->pool;
    struct multi *multi = find_or_make_multi(sender, multi_index(sender, transfer));
    transfer_set_deadlines(transfer);
    if (!multi || !multi_add(multi, transfer->easy)) {
        end_lookup(sender, transfer, LOOKUP_UNNEEDED);
        return false;
    }
    bool is_short = is_crowded(sender);
    multi_keep_connections(multi, is_short ? multi_running(multi)
                                           : sender->options.max_transfers + KEPT_MORE);
    if (is_short)
        turn_soon(sender);
    transfer->pool = pool;
    transfer->multi = multi;
    pool->running++;
    list_add(&sender->running, transfer);
    return true;
}

static void on_sweep(uv_timer_t *timer)
{
    struct sender *sender = timer->data;
    int64_t now_ms = clock_mono_ms();
    struct transfer *next;
    for (struct transfer *transfer = sender->waiting.first; transfer; transfer = next) {
        next = transfer->next;
        if (transfer_connect_patience(transfer, now_ms) <= 0)
            fail(sender, &sender->waiting, transfer, ATTEMPT_TIMEOUT,
                 "waited for an earlier lookup of this name, or for a free slot to look it up");
    }
    on_turn(&sender->turn); // lookups given up may have freed their slots
    if (!sender->waiting.first)
        uv_timer_stop(timer);
}

static void wait_for_lookup(struct sender *sender, struct transfer *transfer)
{
    list_add(&sender->waiting, transfer);
    if (!uv_is_active((uv_handle_t *)&sender->sweep))
        uv_timer_start(&sender->sweep, on_sweep, WAITING_SWEEP_MS, WAITING_SWEEP_MS);
}

static void on_turn(uv_timer_t *timer)
{
    struct sender *sender = timer->data;
    struct lookup_waiter *ready;
    while (sender->refused.first)
        fail(sender, &sender->refused, sender->refused.first, ATTEMPT_BLOCKED_ADDRESS,
             sender->refused.first->refusal);
    while ((ready = lookups_take_ready(sender->lookups, clock_mono_ms()))) {
        struct transfer *transfer =
            (struct transfer *)((char *)ready - offsetof(struct transfer, lookup));
        list_remove(&sender->waiting, transfer);
        if (run(sender, transfer))
            continue;
        transfer_fail(transfer, ATTEMPT_INTERNAL, "not enough memory");
        hand_over(sender, transfer);
    }
    destroy_idle_pools(sender);
    destroy_resting_multis(sender);
}

// libcurl keeps its cache of names per multi handle.
static bool may_go_on(struct sender *sender, const struct sender_request *request,
                      struct transfer *transfer)
{
    const struct url *looked_up = sender->options.proxy ? sender->options.proxy : request->url;
    uint64_t key = sender->options.proxy ? multi_index(sender, transfer) : request->destination;
    transfer->lookup = (struct lookup_waiter){0};
    return looked_up->is_address ||
           lookups_enter(sender->lookups, key, &transfer->lookup, clock_mono_ms());
}

static void give_back(struct sender *sender, struct transfer *transfer)
{
    transfer_release(transfer);
    list_add(&sender->free, transfer);
}

bool sender_start(struct sender *sender, const struct sender_request *request, sender_done *done,
                  void *arg)
{
    struct transfer *transfer = sender->free.first;
    if (transfer)
        list_remove(&sender->free, transfer);
    else
        transfer = transfer_create(&sender->context);
    if (!transfer)
        return false;
    transfer->done = done;
    transfer->arg = arg;
    if (!transfer_prepare(transfer, request)) {
        give_back(sender, transfer);
        return false;
    }
    // What counts is the address connected to; but what the URL tells by itself needs no name lookup, and behind a
    // proxy it is all that is to be seen.
    transfer->refusal = guard_refuse_url(sender->guard, request->url);
    if (transfer->refusal) {
        list_add(&sender->refused, transfer);
        turn_soon(sender);
    } else if (!may_go_on(sender, request, transfer)) {
        wait_for_lookup(sender, transfer);
    } else if (!run(sender, transfer)) {
        give_back(sender, transfer);
        return false;
    }
    return true;
}

// ---- the sender

static void on_timer_closed(uv_handle_t *handle)
{
    struct sender *sender = handle->data;
    if (--sender->open_timers == 0)
        free(sender);
}

static void open_timer(struct sender *sender, uv_timer_t *timer)
{
    uv_timer_init(sender->options.loop, timer);
    timer->data = sender;
    sender->open_timers++;
}

struct sender *sender_create(const struct sender_options *options)
{
    struct sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return NULL;
    sender->options = *options;
    sender->options.guard = NULL;
    sender->guard = guard_ref(options->guard);
    open_timer(sender, &sender->turn);
    open_timer(sender, &sender->sweep);
    sender->sockets = sockets_create(options->loop);
    sender->lookups = lookups_create(options->max_lookups);
    sender->multi_count = count_multis(options);
    sender->context = (struct transfer_context){
        .options = &sender->options,
        .guard = sender->guard,
        .sockets = sender->sockets,
        .on_lookup_end = on_lookup_end,
    };
    if (sender->sockets && sender->lookups)
        sender->pool = calloc(1, sizeof *sender->pool);
    if (!sender->pool)
        sender_destroy(&sender);
    return sender;
}

void sender_abort_all(struct sender *sender)
{
    static const char why[] = "petrel is stopping";
    while (sender->waiting.first)
        fail(sender, &sender->waiting, sender->waiting.first, ATTEMPT_ABORTED, why);
    while (sender->refused.first)
        fail(sender, &sender->refused, sender->refused.first, ATTEMPT_ABORTED, why);
    while (sender->running.first) {
        struct transfer *transfer = sender->running.first;
        end_lookup(sender, transfer, LOOKUP_GIVEN_UP);
        take_from_pool(sender, transfer);
        transfer_fail(transfer, ATTEMPT_ABORTED, why);
        hand_over(sender, transfer);
    }
}

void sender_destroy(struct sender **sender_pointer)
{
    struct sender *sender = *sender_pointer;
    if (!sender)
        return;
    *sender_pointer = NULL;
    assert(!sender->running.first && !sender->waiting.first && !sender->refused.first);
    while (sender->free.first) {
        struct transfer *transfer = sender->free.first;
        list_remove(&sender->free, transfer);
        transfer_destroy(&transfer);
    }
    destroy_idle_pools(sender);
    destroy_pool(&sender->pool);
    sockets_destroy(&sender->sockets);
    lookups_destroy(&sender->lookups);
    guard_unref(&sender->guard);
    uv_close((uv_handle_t *)&sender->turn, on_timer_closed);
    uv_close((uv_handle_t *)&sender->sweep, on_timer_closed);
}
