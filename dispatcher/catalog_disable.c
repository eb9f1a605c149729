// SPDX-License-Identifier: Apache-2.0
// Disabling a subscription because of what its subscriber said: compare-and-set, like every change.
//
//   read ──the same, but for its encryption──> send ──1──> done
//    ^ └──another──> theirs stands              └──0, others changed it meanwhile──┐
//    └─────────────────────────────────────────────────────────────────────────────┘
#include <assert.h>
#include <stdlib.h>

#include "catalog_internal.h"
#include "own_events.h"
#include "petrel/clock.h"
#include "petrel/log.h"

enum { TRIES_MAX = 5 };

static bool does_any_ask(struct catalog *catalog, const char *tenant)
{
    struct entry *entry, *next;
    HASH_ITER (hh, catalog->by_id, entry, next)
        if (subscription_wants(entry->subscription, span_of(tenant),
                               SPAN(OWN_EVENT_SUBSCRIPTION_DISABLED)))
            return true;
    return false;
}

// A subscription on its way to being disabled: what it was, what it becomes.
struct disabling {
    struct catalog *catalog;
    struct subscription *from, *to; // references
    int tries;
};

static struct entry *find_entry(struct catalog *catalog, const char *id)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(catalog->by_id, id, entry);
    return entry;
}

static void disabling_destroy(struct disabling **disabling)
{
    struct entry *entry = find_entry((*disabling)->catalog, (*disabling)->from->id);
    if (entry)
        entry->is_disabling = false;
    subscription_unref(&(*disabling)->from);
    subscription_unref(&(*disabling)->to);
    free(*disabling);
    *disabling = NULL;
}

static void send_disabled(struct disabling *disabling, struct span expected);

// Others may have changed it meanwhile. What they only encrypted anew is disabled all the same; what they changed may be the
// repair, so theirs stands, and the next such outcome disables that.
static void on_disabled_fetched(void *arg, redis_reply *reply)
{
    struct disabling *disabling = arg;
    struct catalog *catalog = disabling->catalog;
    struct subscription *present = NULL;
    struct span stored = redis_reply_span(reply);
    if (redis_reply_kind_of(reply) == REDIS_REPLY_IS_TEXT)
        present = catalog_parse(catalog, span_of(disabling->from->id), stored);
    bool is_same = present && catalog_is_same(present, disabling->from);
    if (is_same && ++disabling->tries < TRIES_MAX) {
        send_disabled(disabling, stored);
    } else {
        if (present)
            catalog_put(catalog, span_of(disabling->from->id), stored);
        catalog_publish_soon(catalog);
        disabling_destroy(&disabling);
    }
    subscription_unref(&present);
}

static void fetch(struct disabling *disabling)
{
    struct catalog *catalog = disabling->catalog;
    struct redis_command *command = redis_command_create("HGET");
    catalog_add_key(catalog, command, KEY_SUBSCRIPTIONS);
    redis_command_add_text(command, disabling->from->id);
    redis_link_send_reliably(catalog->options.commands, &command, on_disabled_fetched, disabling);
}

static void on_disabled(void *arg, redis_reply *reply)
{
    struct disabling *disabling = arg;
    struct catalog *catalog = disabling->catalog;
    bool was_changed = redis_reply_is_ok(reply) && redis_reply_int(reply) == 0;
    if (reply && redis_reply_is_error(reply))
        log_error("Redis refuses to have a subscription disabled",
                  LOG_STR("subscription", disabling->to->id),
                  LOG_SPAN("why", redis_reply_span(reply)));
    if (!was_changed || catalog->is_closed) {
        disabling_destroy(&disabling);
        return;
    }
    fetch(disabling);
}

// `expected` is what was read, byte for byte: encrypted again it would be other bytes. Takes `disabling` over.
static void send_disabled(struct disabling *disabling, struct span expected)
{
    struct catalog *catalog = disabling->catalog;
    const char *id = disabling->to->id;
    struct text stored;
    text_init_secret(&stored, SUBSCRIPTION_JSON_MAX_BYTES);
    subscription_format_stored(disabling->to, catalog->options.vault, &stored);
    if (stored.failed) {
        log_error("out of memory: a subscription is not disabled", LOG_STR("subscription", id));
        disabling_destroy(&disabling);
    } else {
        struct redis_command *command = redis_command_create_script(SCRIPT_SUBSCRIPTION_PUT);
        catalog_add_key(catalog, command, KEY_SUBSCRIPTIONS);
        catalog_add_key(catalog, command, KEY_CHANGES);
        catalog_add_key(catalog, command, KEY_EVENTS);
        redis_command_add_text(command, id);
        redis_command_add_span(command, text_span(&stored));
        redis_command_add_span(command, expected);
        own_events_add_disabling(command, disabling->to,
                                 does_any_ask(catalog, disabling->to->tenant));
        redis_link_send_reliably(catalog->options.commands, &command, on_disabled, disabling);
        // Ours at once; the answer comes back as a change too.
        catalog_put(catalog, span_of(id), text_span(&stored));
        catalog_publish_soon(catalog);
    }
    text_fini(&stored);
}

void catalog_disable(struct catalog *catalog, const char *id, const char *reason)
{
    struct entry *entry = find_entry(catalog, id);
    if (!entry || entry->is_disabling || entry->subscription->state == SUBSCRIPTION_DISABLED ||
        entry->subscription->lock != SUBSCRIPTION_NOT_LOCKED)
        return;
    struct disabling *disabling = calloc(1, sizeof *disabling);
    assert(disabling);
    entry->is_disabling = true; // several deliveries may hear of it at once
    disabling->catalog = catalog;
    disabling->from = subscription_ref(entry->subscription);
    disabling->to = subscription_with_state(entry->subscription, SUBSCRIPTION_DISABLED, reason,
                                            clock_wall_ms());
    if (!disabling->to) {
        log_error("out of memory: a subscription is not disabled", LOG_STR("subscription", id));
        disabling_destroy(&disabling);
        return;
    }
    log_warn("subscription disabled", LOG_STR("subscription", id), LOG_STR("reason", reason));
    fetch(disabling);
}
