// SPDX-License-Identifier: Apache-2.0
// The deliveries of one event. No index names them, so they are gathered:
//
//   1. the attempts log, from the event's own time on, tells which subscriptions were tried (bounded);
//   2. the note of a partly settled event tells which are done with;
//   3. if the event is pending, those that want it and have no record are pending; and if more parked or
//      dead deliveries refer to the event's copy than were found, all subscriptions are asked (bounded);
//   4. each candidate's queue and dead letter say what it is now.
// What the bounds cut off is said in attempts_truncated.
#include "store_deliveries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "petrel/parked_state.h"

enum {
    LOG_PAGE = 1000,
    LOG_PAGES = 20,
    SUBSCRIPTIONS_MAX = 20000, // asked one by one
    LOOK_BATCH = 256,
    LOOK_COMMANDS = 3
};

struct candidate {
    UT_hash_handle hh; // by delivery.subscription
    struct store_delivery delivery;
    bool is_logged;  // in the attempts log
    bool is_settled; // noted as done with
    bool is_wanted;  // by its event types; its event is pending
    bool is_looked_up;
    bool is_parked, is_dead;
    char outcome[16]; // the log's last
};

struct gathering {
    struct store *store;
    struct event_search *search;
    struct candidate *candidates; // in the order found
    size_t visited;
    bool has_failed; // memory
};

static struct candidate *find_or_add(struct gathering *gathering, struct span subscription)
{
    struct candidate *candidate = NULL;
    if (!event_is_id(subscription))
        return NULL;
    HASH_FIND(hh, gathering->candidates, subscription.data, subscription.size, candidate);
    if (candidate)
        return candidate;
    candidate = calloc(1, sizeof *candidate);
    if (!candidate) {
        gathering->has_failed = true;
        return NULL;
    }
    span_copy(subscription, candidate->delivery.subscription,
              sizeof candidate->delivery.subscription);
    HASH_ADD(hh, gathering->candidates, delivery.subscription, subscription.size, candidate);
    return candidate;
}

static void free_candidates(struct gathering *gathering)
{
    struct candidate *candidate = gathering->candidates;
    // The table goes first; the handles are then a plain list.
    HASH_CLEAR(hh, gathering->candidates);
    while (candidate) {
        struct candidate *next = candidate->hh.next;
        free(candidate);
        candidate = next;
    }
}

// ---- 1: the attempts log

static void read_attempt(struct gathering *gathering, redis_reply *fields)
{
    const struct event_search *search = gathering->search;
    // Of another tenant: an older event of the same id.
    if (!span_equals_text(redis_reply_span(redis_reply_field(fields, "event")), search->id) ||
        !span_equals_text(redis_reply_span(redis_reply_field(fields, "tenant")),
                          search->found->event->tenant))
        return;
    struct candidate *candidate =
        find_or_add(gathering, redis_reply_span(redis_reply_field(fields, "subscription")));
    if (!candidate)
        return;
    struct store_delivery *delivery = &candidate->delivery;
    candidate->is_logged = true;
    store_copy_field(fields, "outcome", candidate->outcome, sizeof candidate->outcome);
    store_copy_field(fields, "error", delivery->last_error, sizeof delivery->last_error);
    delivery->attempts = (uint32_t)store_field_int(fields, "attempt");
    delivery->last_status = (int32_t)store_field_int(fields, "status");
    delivery->last_attempt_at_ms = store_field_int(fields, "started_at");
}

// The log's oldest entry is younger than the event, and older ones are gone.
static enum store_result check_log_start(struct gathering *gathering, int64_t event_ms)
{
    struct store *store = gathering->store;
    struct redis_command *command = redis_command_create("XINFO");
    if (!command)
        return store_fail_memory(store);
    redis_command_add_text(command, "STREAM");
    store_add_key(store, command, gathering->search->shard, KEY_ATTEMPTS, (struct span){0});
    redis_reply *reply;
    enum store_result result = store_call_all(store, &command, &reply, 1);
    if (result != STORE_OK)
        return result;
    redis_reply *first = redis_reply_at(redis_reply_field(reply, "first-entry"), 0);
    int64_t first_ms = INT64_MAX;
    uint64_t sequence;
    if (first && !store_parse_entry_id(redis_reply_span(first), &first_ms, &sequence))
        first_ms = INT64_MAX;
    // Without a log (an error reply) both counts are 0.
    if (store_field_int(reply, "entries-added") > store_field_int(reply, "length") &&
        first_ms > event_ms)
        gathering->search->found->attempts_truncated = true;
    redis_client_free_reply(&reply);
    return STORE_OK;
}

static enum store_result read_log(struct gathering *gathering)
{
    struct store *store = gathering->store;
    char from[64] = "0";
    int64_t event_ms = 0;
    uint64_t sequence;
    if (store_parse_entry_id(span_of(gathering->search->entry_id), &event_ms, &sequence))
        snprintf(from, sizeof from, "%lld", (long long)event_ms);
    enum store_result result = check_log_start(gathering, event_ms);
    for (int page = 0; result == STORE_OK; page++) {
        if (page == LOG_PAGES) {
            gathering->search->found->attempts_truncated = true;
            return STORE_OK;
        }
        struct redis_command *command = redis_command_create("XRANGE");
        if (!command)
            return store_fail_memory(store);
        store_add_key(store, command, gathering->search->shard, KEY_ATTEMPTS, (struct span){0});
        redis_command_add_text(command, from);
        redis_command_add_text(command, "+");
        redis_command_add_text(command, "COUNT");
        redis_command_add_int(command, LOG_PAGE);
        redis_reply *reply = NULL;
        result = store_call(store, &command, &reply);
        size_t count = redis_reply_count(reply);
        for (size_t i = 0; i < count; i++)
            read_attempt(gathering, redis_reply_at(redis_reply_at(reply, i), 1));
        from[0] = '(';
        if (count > 0)
            store_copy_text(redis_reply_at(redis_reply_at(reply, count - 1), 0), from + 1,
                            sizeof from - 1);
        redis_client_free_reply(&reply);
        if (count < LOG_PAGE)
            break;
    }
    return result;
}

// ---- 2: the note of what is settled

static enum store_result read_settled(struct gathering *gathering)
{
    struct store *store = gathering->store;
    if (!gathering->search->entry_id[0])
        return STORE_OK;
    struct redis_command *command = redis_command_create("SMEMBERS");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, gathering->search->shard, KEY_SETTLED,
                  span_of(gathering->search->entry_id));
    redis_reply *reply = NULL;
    enum store_result result = store_call(store, &command, &reply);
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        struct candidate *candidate =
            find_or_add(gathering, redis_reply_span(redis_reply_at(reply, i)));
        if (candidate)
            candidate->is_settled = true;
    }
    redis_client_free_reply(&reply);
    return result;
}

// ---- 4: what each candidate is now

static void add_look(struct gathering *gathering, const struct candidate *candidate,
                     struct redis_command **commands)
{
    const struct event_search *search = gathering->search;
    const char *subscription = candidate->delivery.subscription;
    char letter[DEAD_LETTER_ID_SIZE];
    snprintf(letter, sizeof letter, "%s.%s", search->id, subscription);
    commands[0] = redis_command_create("HGET");
    commands[1] = redis_command_create("ZSCORE");
    commands[2] = redis_command_create("HGETALL");
    store_add_key(gathering->store, commands[0], search->shard, KEY_PARKED, span_of(subscription));
    store_add_key(gathering->store, commands[1], search->shard, KEY_QUEUE, span_of(subscription));
    store_add_key(gathering->store, commands[2], search->shard, KEY_DEAD_LETTER, span_of(letter));
    if (commands[0])
        redis_command_add_text(commands[0], search->id);
    if (commands[1])
        redis_command_add_text(commands[1], search->id);
}

static void read_parked(struct store_delivery *delivery, struct span text)
{
    struct parked_state state;
    if (!parked_state_parse(text, &state))
        return;
    delivery->attempts = state.attempts;
    delivery->last_attempt_at_ms = state.last_attempt_ms;
    delivery->last_status = state.last_status;
    bool has_error = strcmp(state.last_error, "-") != 0;
    snprintf(delivery->last_error, sizeof delivery->last_error, "%s",
             has_error ? state.last_error : "");
}

static void read_dead(struct store_delivery *delivery, redis_reply *fields)
{
    delivery->attempts = (uint32_t)store_field_int(fields, "attempts");
    delivery->last_attempt_at_ms = store_field_int(fields, "last_attempt_at");
    delivery->last_status = (int32_t)store_field_int(fields, "last_status");
    store_copy_field(fields, "last_error", delivery->last_error, sizeof delivery->last_error);
}

static void read_look(struct candidate *candidate, redis_reply *const *replies)
{
    candidate->is_looked_up = true;
    candidate->is_dead = redis_reply_count(replies[2]) > 0;
    candidate->is_parked = redis_reply_kind_of(replies[0]) == REDIS_REPLY_IS_TEXT;
    if (candidate->is_parked) {
        char score[40];
        store_copy_text(replies[1], score, sizeof score);
        read_parked(&candidate->delivery, redis_reply_span(replies[0]));
        candidate->delivery.next_attempt_at_ms = (int64_t)strtod(score, NULL);
    } else if (candidate->is_dead) {
        read_dead(&candidate->delivery, replies[2]);
    }
}

static enum store_result look_up_batch(struct gathering *gathering, struct candidate *const *batch,
                                       size_t count)
{
    struct redis_command *commands[LOOK_BATCH * LOOK_COMMANDS];
    redis_reply *replies[LOOK_BATCH * LOOK_COMMANDS];
    for (size_t i = 0; i < count; i++)
        add_look(gathering, batch[i], &commands[i * LOOK_COMMANDS]);
    enum store_result result =
        store_call_all(gathering->store, commands, replies, count * LOOK_COMMANDS);
    if (result != STORE_OK)
        return result;
    for (size_t i = 0; i < count; i++)
        read_look(batch[i], &replies[i * LOOK_COMMANDS]);
    for (size_t i = 0; i < count * LOOK_COMMANDS; i++)
        redis_client_free_reply(&replies[i]);
    return STORE_OK;
}

static enum store_result look_up(struct gathering *gathering)
{
    struct candidate *batch[LOOK_BATCH];
    struct candidate *candidate = gathering->candidates;
    while (candidate) {
        size_t count = 0;
        for (; candidate && count < LOOK_BATCH; candidate = candidate->hh.next) {
            if (!candidate->is_looked_up)
                batch[count++] = candidate;
        }
        if (count == 0)
            return STORE_OK;
        enum store_result result = look_up_batch(gathering, batch, count);
        if (result != STORE_OK)
            return result;
    }
    return STORE_OK;
}

// ---- 3: the subscriptions themselves

static bool wants(struct vault *vault, const struct event *event, struct span json)
{
    struct text why;
    text_init(&why, STORE_WHY_MAX_BYTES);
    struct subscription *subscription = subscription_parse_stored(json, vault, &why);
    text_fini(&why);
    if (!subscription)
        return false;
    bool is_wanted = subscription->state != SUBSCRIPTION_DISABLED;
    if (event->subscription[0])
        is_wanted = is_wanted && strcmp(event->subscription, subscription->id) == 0 &&
                    strcmp(event->tenant, subscription->tenant) == 0;
    else
        is_wanted = is_wanted &&
                    subscription_wants(subscription, span_of(event->tenant), span_of(event->type));
    subscription_unref(&subscription);
    return is_wanted;
}

// Candidates that turn out to be neither parked, dead nor wanted are left out at the end.
static bool on_subscription(void *arg, struct span id, struct span json)
{
    struct gathering *gathering = arg;
    struct store_event *found = gathering->search->found;
    if (++gathering->visited > SUBSCRIPTIONS_MAX) {
        found->attempts_truncated = true;
        return false;
    }
    bool is_wanted =
        found->state == STORE_EVENT_PENDING && wants(gathering->store->vault, found->event, json);
    bool is_sought = gathering->search->references > 0;
    if (!is_wanted && !is_sought)
        return true;
    struct candidate *candidate = find_or_add(gathering, id);
    if (candidate)
        candidate->is_wanted = is_wanted;
    return candidate != NULL;
}

static int64_t count_references(const struct gathering *gathering)
{
    int64_t count = 0;
    for (const struct candidate *at = gathering->candidates; at; at = at->hh.next)
        count += at->is_parked + at->is_dead;
    return count;
}

static enum store_result ask_all(struct gathering *gathering)
{
    bool is_pending = gathering->search->found->state == STORE_EVENT_PENDING;
    gathering->search->references -= count_references(gathering); // what is still to be found
    if (!is_pending && gathering->search->references <= 0)
        return STORE_OK;
    enum store_result result =
        store_visit_subscriptions(gathering->store, on_subscription, gathering);
    return result == STORE_OK ? look_up(gathering) : result;
}

// ---- the verdict

// Whether it is a delivery at all, and its state.
static bool judge(const struct gathering *gathering, const struct candidate *candidate,
                  enum store_delivery_state *state)
{
    bool is_pending = gathering->search->found->state == STORE_EVENT_PENDING;
    bool is_known = candidate->is_logged || candidate->is_settled;
    if (candidate->is_parked)
        *state = STORE_DELIVERY_PARKED;
    else if (candidate->is_dead || strcmp(candidate->outcome, "dead") == 0)
        *state = STORE_DELIVERY_DEAD;
    else if (candidate->is_settled || strcmp(candidate->outcome, "delivered") == 0)
        *state = STORE_DELIVERY_DELIVERED;
    else // tried, and its end isn't written yet; or not tried yet
        *state = STORE_DELIVERY_PENDING;
    return is_known || candidate->is_parked || candidate->is_dead ||
           (is_pending && candidate->is_wanted);
}

static enum store_result conclude(struct gathering *gathering)
{
    struct store_event *found = gathering->search->found;
    size_t count = HASH_COUNT(gathering->candidates);
    found->deliveries = calloc(count + 1, sizeof *found->deliveries);
    if (!found->deliveries || gathering->has_failed)
        return store_fail_memory(gathering->store);
    for (struct candidate *at = gathering->candidates; at; at = at->hh.next) {
        if (judge(gathering, at, &at->delivery.state))
            found->deliveries[found->delivery_count++] = at->delivery;
    }
    return STORE_OK;
}

enum store_result store_find_deliveries(struct store *store, struct event_search *search)
{
    struct gathering gathering = {.store = store, .search = search};
    enum store_result result = read_log(&gathering);
    if (result == STORE_OK)
        result = read_settled(&gathering);
    if (result == STORE_OK)
        result = look_up(&gathering);
    if (result == STORE_OK)
        result = ask_all(&gathering);
    if (result == STORE_OK)
        result = conclude(&gathering);
    free_candidates(&gathering);
    return result;
}
