// SPDX-License-Identifier: Apache-2.0
// Lists that are spread over shards, read newest first as if they were one, page by page.
//
// Each shard is read in batches, from the cursor's position down; the newest of the shards' heads is offered
// next. A cursor is the position of the last row taken, so that what comes in meanwhile (newer) or goes
// away doesn't shift the pages. One call looks at some SCAN_MAX rows at most: with a filter that matches little
// the page is short, but its cursor leads on.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

enum { SCAN_MAX = 5000 };

// ---- positions and cursors

bool store_is_older(const struct store_position *a, const struct store_position *b)
{
    if (a->ms != b->ms)
        return a->ms < b->ms;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence;
    int order = strcmp(a->member, b->member);
    return order ? order < 0 : a->shard < b->shard;
}

// Hex, so that it is one word anywhere and nobody is tempted to build one.
void store_format_cursor(char out[STORE_CURSOR_SIZE], const char *format, ...)
{
    char plain[STORE_CURSOR_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plain, sizeof plain, format, arguments);
    va_end(arguments);
    hex_encode((const unsigned char *)plain, strlen(plain), out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool store_decode_cursor(const char *cursor, char *out, size_t out_size)
{
    size_t size = strlen(cursor);
    if (size == 0 || size % 2 || size / 2 >= out_size)
        return false;
    for (size_t i = 0; i < size / 2; i++) {
        int high = hex_digit(cursor[2 * i]);
        int low = hex_digit(cursor[2 * i + 1]);
        int c = high * 16 + low;
        if (high < 0 || low < 0 || c <= ' ' || c > '~')
            return false;
        out[i] = (char)c;
    }
    out[size / 2] = '\0';
    return true;
}

enum store_result store_refuse_cursor(struct field_errors *errors)
{
    field_errors_add(errors, "cursor", "is no cursor of this list: take next_cursor as it came");
    return STORE_INVALID;
}

static bool parse_position(const struct store *store, const char *cursor,
                           struct store_position *position)
{
    char plain[STORE_CURSOR_SIZE / 2];
    struct span ms;
    struct span sequence;
    struct span shard;
    uint64_t number;
    if (!store_decode_cursor(cursor, plain, sizeof plain))
        return false;
    struct span rest = span_of(plain);
    if (!span_next(&rest, '/', &ms) || !span_next(&rest, '/', &sequence) ||
        !span_next(&rest, '/', &shard) || !span_to_int64(ms, &position->ms) ||
        !span_to_uint64(sequence, &position->sequence) || !span_to_uint64(shard, &number) ||
        number >= store->keys.shards)
        return false;
    position->shard = (uint32_t)number;
    return span_copy(rest, position->member, sizeof position->member);
}

static void format_position(const struct store_position *position, char out[STORE_CURSOR_SIZE])
{
    store_format_cursor(out, "%lld/%llu/%u/%s", (long long)position->ms,
                        (unsigned long long)position->sequence, position->shard, position->member);
}

// ---- walking

struct shard_head {
    struct store_batch batch;
    size_t next;                // of batch.rows
    struct store_position last; // fetched so far
    bool has_last;
};

static void clear_batch(struct store_batch *batch)
{
    redis_client_free_reply(&batch->reply);
    for (size_t i = 0; i < STORE_BATCH_ROWS; i++)
        redis_client_free_reply(&batch->details[i]);
    batch->count = 0;
}

// Makes sure that the shard's next row is there, unless there is none.
static enum store_result refill(struct store_walk *walk, uint32_t shard, struct shard_head *head)
{
    while (head->next == head->batch.count && !head->batch.is_last) {
        clear_batch(&head->batch);
        head->next = 0;
        enum store_result result =
            walk->fetch(walk, shard, head->has_last ? &head->last : NULL, &head->batch);
        if (result != STORE_OK)
            return result;
        if (head->batch.count > 0) {
            head->last = head->batch.rows[head->batch.count - 1].position;
            head->has_last = true;
        }
    }
    return STORE_OK;
}

// The newest row of all shards; NULL at the end.
static enum store_result find_newest(struct store_walk *walk, struct shard_head *heads,
                                     struct shard_head **newest)
{
    *newest = NULL;
    for (uint32_t shard = 0; shard < walk->store->keys.shards; shard++) {
        struct shard_head *head = &heads[shard];
        enum store_result result = refill(walk, shard, head);
        if (result != STORE_OK)
            return result;
        if (head->next == head->batch.count)
            continue;
        if (!*newest || store_is_older(&(*newest)->batch.rows[(*newest)->next].position,
                                       &head->batch.rows[head->next].position))
            *newest = head;
    }
    return STORE_OK;
}

static enum store_result walk_heads(struct store_walk *walk, struct shard_head *heads,
                                    char next_cursor[STORE_CURSOR_SIZE])
{
    size_t taken = 0;
    struct store_position last;
    for (size_t scanned = 0;; scanned++) {
        struct shard_head *newest;
        enum store_result result = find_newest(walk, heads, &newest);
        if (result != STORE_OK)
            return result;
        if (!newest)
            return STORE_OK;
        if (scanned > 0 && taken == walk->limit) {
            format_position(&last, next_cursor);
            return STORE_OK;
        }
        const struct store_row *row = &newest->batch.rows[newest->next];
        // What was looked at last may be another tenant's: the cursor names no row, but a millisecond that is done with.
        if (scanned >= SCAN_MAX && row->position.ms != last.ms) {
            format_position(&(struct store_position){.ms = last.ms}, next_cursor);
            return STORE_OK;
        }
        newest->next++;
        last = row->position;
        if (walk->offer(walk, row))
            taken++;
        if (walk->is_spent)
            return store_fail_memory(walk->store);
    }
}

enum store_result store_walk_run(struct store_walk *walk, char next_cursor[STORE_CURSOR_SIZE],
                                 struct field_errors *errors)
{
    struct store_position start;
    bool has_start = walk->cursor && walk->cursor[0];
    uint32_t shards = walk->store->keys.shards;
    next_cursor[0] = '\0';
    if (walk->limit < 1)
        walk->limit = 1;
    if (walk->limit > STORE_LIST_MAX)
        walk->limit = STORE_LIST_MAX;
    if (has_start && !parse_position(walk->store, walk->cursor, &start))
        return store_refuse_cursor(errors);
    struct shard_head *heads = calloc(shards, sizeof *heads);
    if (!heads)
        return store_fail_memory(walk->store);
    for (uint32_t shard = 0; has_start && shard < shards; shard++) {
        heads[shard].last = start;
        heads[shard].has_last = true;
    }
    enum store_result result = walk_heads(walk, heads, next_cursor);
    for (uint32_t shard = 0; shard < shards; shard++)
        clear_batch(&heads[shard].batch);
    free(heads);
    return result;
}

// ---- streams

// The newest id to read, as XREVRANGE wants it. Of equal ids in two shards the higher shard's comes first.
static void format_bound(const struct store_position *after, uint32_t shard, int64_t until_ms,
                         char *out, size_t size)
{
    if (after)
        snprintf(out, size, "%s%lld-%llu", shard < after->shard ? "" : "(", (long long)after->ms,
                 (unsigned long long)after->sequence);
    else if (until_ms > 0)
        snprintf(out, size, "%lld", (long long)until_ms);
    else
        snprintf(out, size, "+");
}

enum store_result store_fetch_stream(struct store_walk *walk, uint32_t shard,
                                     const struct store_position *after, struct store_batch *batch)
{
    struct store *store = walk->store;
    char newest[64];
    char oldest[32] = "-";
    format_bound(after, shard, walk->until_ms, newest, sizeof newest);
    if (walk->since_ms > 0)
        snprintf(oldest, sizeof oldest, "%lld", (long long)walk->since_ms);
    struct redis_command *command = redis_command_create("XREVRANGE");
    if (!command)
        return store_fail_memory(store);
    store_add_key(store, command, shard, walk->stream, (struct span){0});
    redis_command_add_text(command, newest);
    redis_command_add_text(command, oldest);
    redis_command_add_text(command, "COUNT");
    redis_command_add_int(command, STORE_BATCH_ROWS);
    enum store_result result = store_call(store, &command, &batch->reply);
    if (result != STORE_OK)
        return result;
    size_t count = redis_reply_count(batch->reply);
    batch->is_last = count < STORE_BATCH_ROWS;
    for (size_t i = 0; i < count && i < STORE_BATCH_ROWS; i++) {
        redis_reply *entry = redis_reply_at(batch->reply, i);
        struct store_row row = {.position = {.shard = shard}, .fields = redis_reply_at(entry, 1)};
        if (store_parse_entry_id(redis_reply_span(redis_reply_at(entry, 0)), &row.position.ms,
                                 &row.position.sequence))
            batch->rows[batch->count++] = row;
    }
    return STORE_OK;
}
