// SPDX-License-Identifier: Apache-2.0
// What the files of the store share: calls with their failures judged, and lists over several shards.
#ifndef PETREL_STORE_INTERNAL_H
#define PETREL_STORE_INTERNAL_H

#include "petrel/store.h"

// ---- calls (store.c)
void store_set_error(struct store *store, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum { STORE_WHY_MAX_BYTES = 512 }; // of why a subscription can't be read
// Sets the error; always STORE_UNAVAILABLE.
enum store_result store_fail_memory(struct store *store);

// Sends (destroys) the command. On STORE_OK *reply is no error reply and the caller frees it; otherwise it is
// NULL and store->error says what went wrong.
enum store_result store_call(struct store *store, struct redis_command **command,
                             redis_reply **reply);
// One round trip; destroys the commands. On STORE_OK every reply is an answer (maybe an error reply, see
// store_judge) and the caller frees them; otherwise all are NULL.
enum store_result store_call_all(struct store *store, struct redis_command **commands,
                                 redis_reply **replies, size_t count);
// What an answer means: STORE_OK unless it is an error reply (sets store->error).
enum store_result store_judge(struct store *store, redis_reply *reply);

void store_add_key(struct store *store, struct redis_command *command, uint32_t shard,
                   enum key_name name, struct span suffix);

// ---- the tenant a store is bound to (store.c)
bool store_is_visible(const struct store *store, const char *tenant);
// The tenant that a list is to be filtered by: the caller's filter, or the one the store is bound to. False (with
// an error on "tenant") when they contradict.
bool store_choose_tenant(const struct store *store, const char **tenant,
                         struct field_errors *errors);
// An error on the field "tenant": the store is bound to another.
void store_refuse_tenant(const struct store *store, struct field_errors *errors);

// Reads texts of replies into fixed arrays; cut when too long.
void store_copy_text(redis_reply *reply, char *out, size_t out_size);
void store_copy_field(redis_reply *fields, const char *name, char *out, size_t out_size);
int64_t store_field_int(redis_reply *fields, const char *name);
// Whether a row passes a list's filter: the field is what is wanted, or nothing is (NULL).
bool store_field_passes(redis_reply *fields, const char *name, const char *wanted);

// "<ms>-<sequence>"; false on anything else.
bool store_parse_entry_id(struct span text, int64_t *ms, uint64_t *sequence);

// ---- positions in lists (store_page.c)
// Order: newest first, that is by ms, then sequence, then member, then shard, all descending.
struct store_position {
    int64_t ms;
    uint64_t sequence; // of a stream's entry; 0 in a sorted set
    uint32_t shard;
    char member[DEAD_LETTER_ID_SIZE]; // of a sorted set; "" in a stream
};
bool store_is_older(const struct store_position *a, const struct store_position *b);
// What an opaque cursor holds, up to 3 numbers and a word.
void store_format_cursor(char out[STORE_CURSOR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool store_decode_cursor(const char *cursor, char *out, size_t out_size);
enum store_result store_refuse_cursor(struct field_errors *errors);

// A row of one shard's list, newest first.
struct store_row {
    struct store_position position;
    redis_reply *fields; // names and values; borrowed from the batch
};
enum { STORE_BATCH_ROWS = 128 };
struct store_batch {
    struct store_row rows[STORE_BATCH_ROWS];
    size_t count;
    redis_reply *reply;                     // owned; rows may point into it
    redis_reply *details[STORE_BATCH_ROWS]; // owned; likewise
    bool is_last;                           // nothing older is left in the shard
};

// Walks the lists of all shards merged, newest first, and offers each row once.
struct store_walk {
    struct store *store;
    const char *cursor; // of the caller; NULL or "" at the beginning
    size_t limit;       // rows to take
    // Fills the batch with rows older than `after` (NULL: from the newest on).
    enum store_result (*fetch)(struct store_walk *walk, uint32_t shard,
                               const struct store_position *after, struct store_batch *batch);
    bool (*offer)(struct store_walk *walk, const struct store_row *row); // true: taken
    bool is_spent; // set by offer: memory is short, stop
    void *arg;

    enum key_name stream; // for store_fetch_stream
    int64_t since_ms;     // 0: no bound
    int64_t until_ms;     // 0: no bound
};
enum store_result store_walk_run(struct store_walk *walk, char next_cursor[STORE_CURSOR_SIZE],
                                 struct field_errors *errors);
// A fetch for streams: fields of entries, XREVRANGE.
enum store_result store_fetch_stream(struct store_walk *walk, uint32_t shard,
                                     const struct store_position *after, struct store_batch *batch);

// A row of the stream as an event; NULL when it is none. Whatever its size: what is in the stream is shown.
// (store_events_list.c)
struct event *store_parse_row(const struct store_row *row);

// ---- subscriptions (store_subscriptions.c)
// Calls `visit` with each subscription's id and stored JSON, in no order, maybe one twice, until it returns
// false.
typedef bool store_visit_subscription(void *arg, struct span id, struct span json);
enum store_result store_visit_subscriptions(struct store *store, store_visit_subscription *visit,
                                            void *arg);
// What Redis holds; the caller frees the reply.
enum store_result store_fetch_subscription(struct store *store, const char *id,
                                           redis_reply **stored);
// Puts it where `expected`, the bytes that were read, still is. *is_put is false when it no longer was.
enum store_result store_put_subscription(struct store *store,
                                         const struct subscription *subscription,
                                         struct span expected, bool *is_put);

#endif
