// SPDX-License-Identifier: Apache-2.0
// Cursors of lists. Two parts: a cursor as a client sends it, and the same as plain text in hexadecimal, which is what
// mutations should play with.
#include <stdlib.h>
#include <string.h>

#include "core/store_internal.h"
#include "fuzz.h"

struct seen {
    struct store_position after;
    bool has_after;
};

// Every shard has one row: the one right behind the cursor.
static enum store_result fetch(struct store_walk *walk, uint32_t shard,
                               const struct store_position *after, struct store_batch *batch)
{
    struct seen *seen = walk->arg;
    batch->is_last = true;
    seen->has_after = after != NULL;
    if (after)
        seen->after = *after;
    if (shard != 1)
        return STORE_OK;
    struct store_row *row = &batch->rows[batch->count++];
    *row = (struct store_row){.position = {.shard = shard, .ms = 5, .member = "m"}};
    if (after) {
        row->position = *after;
        row->position.shard = shard;
    }
    return STORE_OK;
}

static bool offer(struct store_walk *walk, const struct store_row *row)
{
    (void)walk;
    FUZZ_CHECK(strnlen(row->position.member, sizeof row->position.member) <
               sizeof row->position.member);
    return true;
}

static void walk_from(const char *cursor)
{
    struct store store = {.keys = {.shards = 3}};
    struct seen seen = {.has_after = false};
    struct field_errors errors = {0};
    char next[STORE_CURSOR_SIZE];
    char plain[STORE_CURSOR_SIZE / 2];
    struct store_walk walk = {
        .store = &store, .cursor = cursor, .limit = 10, .fetch = fetch, .offer = offer, .arg = &seen};
    enum store_result result = store_walk_run(&walk, next, &errors);
    if (cursor[0] == '\0') {
        FUZZ_CHECK(result == STORE_OK && !seen.has_after);
        return;
    }
    bool is_decoded = store_decode_cursor(cursor, plain, sizeof plain);
    if (result == STORE_INVALID) {
        FUZZ_CHECK(errors.count == 1 && strcmp(errors.items[0].field, "cursor") == 0);
        return;
    }
    FUZZ_CHECK(result == STORE_OK && is_decoded && seen.has_after);
    FUZZ_CHECK(fuzz_is_printable(plain) && !strchr(plain, ' '));
    FUZZ_CHECK(seen.after.shard < store.keys.shards);
    // Written again it leads to the same place.
    char again[STORE_CURSOR_SIZE];
    struct store_position first = seen.after;
    store_format_cursor(again, "%lld/%llu/%u/%s", (long long)first.ms,
                        (unsigned long long)first.sequence, first.shard, first.member);
    walk.cursor = again;
    FUZZ_CHECK(store_walk_run(&walk, next, &errors) == STORE_OK);
    FUZZ_CHECK(first.ms == seen.after.ms && first.sequence == seen.after.sequence &&
               first.shard == seen.after.shard && strcmp(first.member, seen.after.member) == 0);
}

static void list_subscriptions(const char *cursor)
{
    // Without a client: a cursor that is refused is refused before Redis is asked.
    char plain[STORE_CURSOR_SIZE / 2];
    if (store_decode_cursor(cursor, plain, sizeof plain) || cursor[0] == '\0')
        return;
    struct store store = {.keys = {.shards = 1}};
    struct store_subscription_filter filter = {.tenant = NULL};
    struct store_subscriptions list;
    struct field_errors errors = {0};
    FUZZ_CHECK(store_list_subscriptions(&store, &filter, cursor, 10, &list, &errors) ==
               STORE_INVALID);
    FUZZ_CHECK(errors.count == 1);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    char *cursor = span_duplicate(fuzz_part(&parts, 0));
    struct span plain = fuzz_part(&parts, 1);
    walk_from(cursor);
    list_subscriptions(cursor);
    if (plain.size > 0 && plain.size < 2000) {
        char hex[4001];
        hex_encode((const unsigned char *)plain.data, plain.size, hex);
        walk_from(hex);
    }
    free(cursor);
    fuzz_free(&parts);
}
