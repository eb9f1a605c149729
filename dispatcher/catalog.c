// SPDX-License-Identifier: Apache-2.0
// Loading and watching. Order that matters: the position in `changes` is read before the table, so that a change
// made meanwhile is read twice rather than missed.
//
//   up ──> position ──> HSCAN … ──> snapshot ──> watch changes ──> HMGET the changed ──> snapshot ──┐
//                                                      ^────────────────────────────────────────────┘
#include "catalog.h"

#include <assert.h>
#include <stdlib.h>

#include "catalog_internal.h"
#include "petrel/log.h"

enum {
    SCAN_COUNT = 1000,
    WATCH_COUNT = 1000,
};

void catalog_add_key(const struct catalog *catalog, struct redis_command *command,
                     enum key_name name)
{
    struct key key = keys_format(&catalog->options.engine->keys, 0, name, SPAN(""));
    redis_command_add_key(command, &key);
}

// ---- loading all

static void watch(struct catalog *catalog);
static void load(struct catalog *catalog);

static void on_loaded(struct catalog *catalog)
{
    struct entry *entry, *next;
    HASH_ITER (hh, catalog->by_id, entry, next)
        if (!entry->is_marked)
            catalog_remove(catalog, entry);
    catalog->is_loading = false;
    if (catalog->is_examining)
        catalog_report_missing_keys(catalog);
    catalog->is_examining = false;
    if (!catalog->is_loaded)
        log_info("subscriptions loaded", LOG_INT("count", HASH_COUNT(catalog->by_id)));
    catalog->is_loaded = true;
    span_copy(span_of(catalog->loading), catalog->applied, sizeof catalog->applied);
    catalog_publish(catalog);
    if (catalog->must_reload)
        load(catalog);
    else
        watch(catalog);
}

// Begins anew when the link is up, or at the next heartbeat.
static void end_load(struct catalog *catalog)
{
    catalog->is_loading = false;
    catalog->must_examine = catalog->must_examine || catalog->is_examining;
    catalog->is_examining = false;
}

static void scan(struct catalog *catalog, const char *cursor);

static void on_scanned(void *arg, redis_reply *reply)
{
    struct catalog *catalog = arg;
    if (!redis_reply_is_ok(reply)) {
        end_load(catalog);
        if (reply)
            log_error("cannot read the subscriptions", LOG_SPAN("why", redis_reply_span(reply)));
        return;
    }
    redis_reply *items = redis_reply_at(reply, 1);
    for (size_t i = 0; i + 1 < redis_reply_count(items); i += 2)
        catalog_put(catalog, redis_reply_span(redis_reply_at(items, i)),
                    redis_reply_span(redis_reply_at(items, i + 1)));
    char cursor[CATALOG_STREAM_ID_SIZE];
    span_copy(redis_reply_span(redis_reply_at(reply, 0)), cursor, sizeof cursor);
    if (span_equals_text(SPAN("0"), cursor))
        on_loaded(catalog);
    else
        scan(catalog, cursor);
}

static void scan(struct catalog *catalog, const char *cursor)
{
    struct redis_command *command = redis_command_create("HSCAN");
    catalog_add_key(catalog, command, KEY_SUBSCRIPTIONS);
    redis_command_add_text(command, cursor);
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, SCAN_COUNT);
    redis_link_send(catalog->options.commands, &command, 0, on_scanned, catalog);
}

static void on_position(void *arg, redis_reply *reply)
{
    struct catalog *catalog = arg;
    if (!redis_reply_is_ok(reply)) {
        end_load(catalog);
        return;
    }
    struct span id = redis_reply_span(redis_reply_at(redis_reply_at(reply, 0), 0));
    if (!id.size || !span_copy(id, catalog->position, sizeof catalog->position))
        span_copy(SPAN("0-0"), catalog->position, sizeof catalog->position);
    span_copy(span_of(catalog->position), catalog->loading, sizeof catalog->loading);
    struct entry *entry, *next;
    HASH_ITER (hh, catalog->by_id, entry, next)
        entry->is_marked = false;
    scan(catalog, "0");
}

static void load(struct catalog *catalog)
{
    if (catalog->is_closed)
        return;
    if (catalog->is_loading) {
        catalog->must_reload = true;
        return;
    }
    catalog->is_loading = true;
    catalog->must_reload = false;
    catalog->is_examining = catalog->must_examine;
    catalog->must_examine = false;
    catalog->missing = (struct missing_keys){.count = 0};
    struct redis_command *command = redis_command_create("XREVRANGE");
    catalog_add_key(catalog, command, KEY_CHANGES);
    redis_command_add_text(command, "+");
    redis_command_add_text(command, "-");
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, 1);
    redis_link_send(catalog->options.commands, &command, 0, on_position, catalog);
}

void catalog_on_redis_up(struct catalog *catalog)
{
    load(catalog);
}

// ---- watching changes

struct refetch {
    struct catalog *catalog;
    size_t count;
    char position[CATALOG_STREAM_ID_SIZE]; // of the last of them in `changes`
    char ids[][EVENT_SUBSCRIPTION_SIZE];
};

static void on_refetched(void *arg, redis_reply *reply)
{
    struct refetch *refetch = arg;
    struct catalog *catalog = refetch->catalog;
    if (!redis_reply_is_ok(reply)) {
        free(refetch);
        catalog->must_reload = true; // when the link is up again
        return;
    }
    for (size_t i = 0; i < refetch->count; i++) {
        redis_reply *stored = redis_reply_at(reply, i);
        struct span id = span_of(refetch->ids[i]);
        if (redis_reply_kind_of(stored) == REDIS_REPLY_IS_TEXT) {
            catalog_put(catalog, id, redis_reply_span(stored));
            continue;
        }
        struct entry *entry = NULL;
        HASH_FIND(hh, catalog->by_id, id.data, id.size, entry);
        if (entry)
            catalog_remove(catalog, entry);
    }
    span_copy(span_of(refetch->position), catalog->applied, sizeof catalog->applied);
    span_copy(span_of(refetch->position), catalog->loading, sizeof catalog->loading);
    free(refetch);
    catalog_publish_soon(catalog);
}

static void refetch_changed(struct catalog *catalog, redis_reply *changes)
{
    size_t count = redis_reply_count(changes);
    struct refetch *refetch = calloc(1, sizeof *refetch + count * EVENT_SUBSCRIPTION_SIZE);
    assert(refetch);
    refetch->catalog = catalog;
    struct redis_command *command = redis_command_create("HMGET");
    catalog_add_key(catalog, command, KEY_SUBSCRIPTIONS);
    for (size_t i = 0; i < count; i++) {
        redis_reply *change = redis_reply_at(changes, i);
        redis_reply *id = redis_reply_field(redis_reply_at(change, 1), "id");
        span_copy(redis_reply_span(redis_reply_at(change, 0)), catalog->position,
                  sizeof catalog->position);
        if (!id ||
            !span_copy(redis_reply_span(id), refetch->ids[refetch->count], sizeof refetch->ids[0]))
            continue;
        redis_command_add_text(command, refetch->ids[refetch->count++]);
    }
    span_copy(span_of(catalog->position), refetch->position, sizeof refetch->position);
    if (refetch->count) {
        redis_link_send(catalog->options.commands, &command, 0, on_refetched, refetch);
    } else {
        redis_command_destroy(&command);
        free(refetch);
    }
}

static void on_changes(void *arg, redis_reply *reply)
{
    struct catalog *catalog = arg;
    catalog->is_watching = false;
    if (!reply || redis_reply_is_error(reply))
        return; // a new connection starts over
    redis_reply *changes = redis_reply_at(redis_reply_at(reply, 0), 1);
    if (redis_reply_count(changes))
        refetch_changed(catalog, changes);
    watch(catalog);
}

static void watch(struct catalog *catalog)
{
    if (catalog->is_closed || catalog->is_watching || !catalog->is_loaded ||
        !redis_link_is_up(catalog->watcher))
        return;
    catalog->is_watching = true;
    struct redis_command *command = redis_command_create("XREAD");
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, WATCH_COUNT);
    redis_command_add_text(command, "BLOCK");
    redis_command_add_int(command, REDIS_BLOCK_FOR_CHANGES_MS);
    redis_command_add_text(command, "STREAMS");
    catalog_add_key(catalog, command, KEY_CHANGES);
    redis_command_add_text(command, catalog->position);
    redis_link_send(catalog->watcher, &command, REDIS_BLOCK_FOR_CHANGES_MS, on_changes, catalog);
}

static void on_watcher_up(void *arg)
{
    struct catalog *catalog = arg;
    // Changes may have been missed, and trimmed away, or Redis may hold other data now: all anew.
    if (catalog->is_loaded)
        load(catalog);
}

void catalog_tick(struct catalog *catalog)
{
    if (catalog->is_loading || !redis_link_is_up(catalog->options.commands))
        return;
    if (!catalog->is_loaded || catalog->must_reload)
        load(catalog);
    else
        watch(catalog);
}

void catalog_on_new_keys(struct catalog *catalog)
{
    catalog->must_examine = catalog->must_reload = true;
    catalog_tick(catalog);
}

// ---- life

struct catalog *catalog_create(const struct catalog_options *options)
{
    struct catalog *catalog = calloc(1, sizeof *catalog);
    assert(catalog);
    catalog->options = *options;
    uv_timer_init(options->loop, &catalog->gather);
    catalog->gather.data = catalog;
    struct redis_link_options link = {
        .url = options->engine->redis,
        .name = "petrel-changes",
        .command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS,
        .on_up = on_watcher_up,
        .arg = catalog,
    };
    catalog->watcher = redis_link_create(options->loop, &link);
    assert(catalog->watcher);
    return catalog;
}

static void on_watcher_closed(void *arg)
{
    struct catalog *catalog = arg;
    catalog->on_closed(catalog->closed_arg);
}

static void on_gather_closed(uv_handle_t *handle)
{
    struct catalog *catalog = handle->data;
    redis_link_close(catalog->watcher, on_watcher_closed, catalog);
}

void catalog_close(struct catalog *catalog, void (*on_closed)(void *arg), void *arg)
{
    catalog->is_closed = true;
    catalog->on_closed = on_closed;
    catalog->closed_arg = arg;
    uv_close((uv_handle_t *)&catalog->gather, on_gather_closed);
}

void catalog_destroy(struct catalog **catalog)
{
    if (!*catalog)
        return;
    struct entry *entry, *next;
    HASH_ITER (hh, (*catalog)->by_id, entry, next)
        catalog_remove(*catalog, entry);
    snapshot_unref(&(*catalog)->published);
    free(*catalog);
    *catalog = NULL;
}
