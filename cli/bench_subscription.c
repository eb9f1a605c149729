// SPDX-License-Identifier: Apache-2.0
// Who gets the events of `petrel bench`. By default the bench's own subscription: its tenant is a random one, so no other
// subscription matches these events, and they match no other. Existing subscriptions only when they were named, and
// whoever asked has seen who they are.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "command.h"
#include "petrel/clock.h"
#include "petrel/json.h"
#include "petrel/random.h"
#include "terminal.h"

enum { PAGE = 100, NAMED_MAX = 3, LIST_MAX_BYTES = 4096, PROBE_MS = 10000, PROBE_NAP_US = 1000 };

// ---- existing ones

struct subscribers {
    uint64_t count;
    struct text names; // of the first ones
};

static void add_subscriber(struct subscribers *found, const struct subscription *subscription)
{
    if (found->count < NAMED_MAX) {
        text_append_string(&found->names, found->count > 0 ? ", " : "");
        terminal_append_safe(&found->names, span_of(subscription->url->text), TERMINAL_ONE_LINE);
    }
    found->count++;
}

static enum store_result find_subscribers(struct bench *bench, struct subscribers *found)
{
    struct store_subscription_filter filter = {.tenant = NULL};
    struct span tenant = span_of(bench->plan.tenant);
    struct span type = span_of(bench->plan.type);
    char cursor[STORE_CURSOR_SIZE] = "";
    do {
        struct store_subscriptions page = {.count = 0};
        struct field_errors errors = {.count = 0};
        enum store_result result =
            store_list_subscriptions(&bench->session.store, &filter, cursor, PAGE, &page, &errors);
        if (result != STORE_OK)
            return result;
        for (size_t i = 0; i < page.count; i++) {
            if (page.items[i]->state != SUBSCRIPTION_DISABLED &&
                subscription_wants(page.items[i], tenant, type))
                add_subscriber(found, page.items[i]);
        }
        span_copy(span_of(page.next_cursor), cursor, sizeof cursor);
        store_subscriptions_fini(&page);
    } while (cursor[0] != '\0');
    return STORE_OK;
}

bool bench_find_subscribers(struct bench *bench, bool is_agreed, int *code)
{
    struct subscribers found = {.count = 0};
    text_init(&found.names, LIST_MAX_BYTES);
    *code = session_report(&bench->session, find_subscribers(bench, &found), "subscriptions", NULL);
    if (*code == EXIT_OK && found.count == 0) {
        terminal_error("no subscription wants %s%s%s", bench->plan.type,
                       bench->plan.tenant ? " of tenant " : "",
                       bench->plan.tenant ? bench->plan.tenant : "");
        *code = EXIT_FAILED;
    } else if (*code == EXIT_OK && !is_agreed) {
        terminal_error("up to %" PRIu64 " events would go to %" PRIu64 " subscription%s (%s%s): "
                       "add --yes if that is meant",
                       bench->plan.events, found.count, found.count == 1 ? "" : "s",
                       text_string(&found.names), found.count > NAMED_MAX ? ", …" : "");
        *code = EXIT_USAGE;
    }
    bench->result.receivers = found.count;
    text_fini(&found.names);
    return *code == EXIT_OK;
}

// ---- the own one

static enum store_result create(struct bench *bench, struct field_errors *errors)
{
    struct subscription *created = NULL;
    struct text body;
    random_id("bench-", bench->tenant, sizeof bench->tenant);
    text_init(&body, SUBSCRIPTION_JSON_MAX_BYTES);
    text_append_string(&body, "{\"url\":");
    json_append_string(&body, span_of(bench->url));
    text_append_format(&body,
                       ",\"event_types\":[\"" BENCH_TYPE "\"],\"tenant\":\"%s\","
                       "\"description\":\"petrel bench: removes it at its end\","
                       "\"max_concurrency\":%" PRIu64 "}",
                       bench->tenant, bench->plan.concurrency);
    enum store_result result =
        store_create_subscription(&bench->session.store, text_span(&body), &created, errors);
    text_fini(&body);
    if (result == STORE_OK)
        span_copy(span_of(created->id), bench->subscription, sizeof bench->subscription);
    subscription_unref(&created);
    return result;
}

// Why the probe didn't arrive: by its dead letter, or its last attempt.
static void explain(struct bench *bench)
{
    struct store_dead_letter_filter dead = {.subscription = bench->subscription};
    struct store_attempt_filter attempted = {.subscription = bench->subscription};
    struct store_dead_letters letters = {.count = 0};
    struct store_attempts attempts = {.count = 0};
    struct field_errors errors = {.count = 0};
    struct store *store = &bench->session.store;
    if (store_list_dead_letters(store, &dead, "", 1, &letters, &errors) == STORE_OK &&
        letters.count > 0 && strcmp(letters.items[0].reason, "blocked_address") == 0)
        terminal_error("the dispatcher doesn't deliver to %s (blocked_address): start it with "
                       "--allow-networks 127.0.0.0/8, or whichever network this is in",
                       bench->url);
    else if (store_list_attempts(store, &attempted, "", 1, &attempts, &errors) == STORE_OK &&
             attempts.count > 0)
        terminal_error("the dispatcher can't reach %s: %s; --listen and --url say where it can",
                       bench->url, attempts.items[0].error);
    else
        terminal_error("an event for %s didn't arrive within %d s, and no attempt is known: does a "
                       "dispatcher run on this Redis and namespace?",
                       bench->url, PROBE_MS / 1000);
    store_dead_letters_fini(&letters);
    store_attempts_fini(&attempts);
}

static bool has_failed(struct bench *bench)
{
    struct store_dead_letter_filter filter = {.subscription = bench->subscription};
    struct store_dead_letters letters = {.count = 0};
    struct field_errors errors = {.count = 0};
    bool is_dead = store_list_dead_letters(&bench->session.store, &filter, "", 1, &letters,
                                           &errors) == STORE_OK &&
                   letters.count > 0;
    store_dead_letters_fini(&letters);
    return is_dead;
}

static bool probe(struct bench *bench)
{
    enum { LOOK_EVERY = 100 };
    int64_t deadline_ms = clock_mono_ms() + PROBE_MS;
    if (!bench_publish(bench, 0, 1))
        return false;
    for (int turn = 1; bench_receiver_count(bench->receiver) == 0; turn++) {
        if (bench_is_interrupted())
            return false;
        if (clock_mono_ms() > deadline_ms || (turn % LOOK_EVERY == 0 && has_failed(bench))) {
            explain(bench);
            return false;
        }
        bench_sleep_us(PROBE_NAP_US);
    }
    return true;
}

bool bench_subscribe(struct bench *bench)
{
    struct field_errors errors = {.count = 0};
    enum store_result result = create(bench, &errors);
    return session_report(&bench->session, result, "the bench's subscription", &errors) == EXIT_OK &&
           probe(bench);
}

// The bench's own dead letters go with it.
static void delete_dead_letters(struct bench *bench)
{
    struct store_dead_letter_filter filter = {.subscription = bench->subscription};
    struct store_dead_letters page;
    struct field_errors errors = {.count = 0};
    size_t deleted;
    do {
        page = (struct store_dead_letters){.count = 0};
        deleted = 0;
        if (store_list_dead_letters(&bench->session.store, &filter, "", PAGE, &page, &errors) !=
            STORE_OK)
            return;
        for (size_t i = 0; i < page.count; i++)
            deleted += store_delete_dead_letter(&bench->session.store, page.items[i].id) == STORE_OK;
        store_dead_letters_fini(&page);
    } while (deleted > 0);
}

void bench_unsubscribe(struct bench *bench)
{
    if (bench->subscription[0] == '\0')
        return;
    enum store_result result = store_delete_subscription(&bench->session.store, bench->subscription);
    if (result != STORE_OK) {
        terminal_error("%s is still there (%s): `petrel subscriptions rm %s` removes it",
                       bench->subscription, bench->session.store.error, bench->subscription);
        return;
    }
    delete_dead_letters(bench);
    if (!bench->result.is_complete && bench->result.published > 0)
        terminal_error("what wasn't delivered becomes dead letters of %s (subscription_deleted): "
                       "`petrel dead-letters rm --all --subscription %s` removes them",
                       bench->subscription, bench->subscription);
}
