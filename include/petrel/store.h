// SPDX-License-Identifier: Apache-2.0
// What the admin API and the command line do with Redis: typed operations over a blocking client. The rules
// (validation, compare-and-set, which script) live here, so that both faces behave alike.
// Every function: one caller at a time per store. Texts in results are owned by the result.
#ifndef PETREL_STORE_H
#define PETREL_STORE_H

#include "petrel/api_key.h"
#include "petrel/breaker.h"
#include "petrel/event.h"
#include "petrel/guard.h"
#include "petrel/keys.h"
#include "petrel/redis_client.h"
#include "petrel/subscription.h"
#include "petrel/vault.h"

enum store_result {
    STORE_OK,
    STORE_NOT_FOUND,
    STORE_INVALID,     // field errors are filled
    STORE_CONFLICT,    // another writer kept winning; or the payload is gone
    STORE_FULL,        // Redis refuses writes (OOM …)
    STORE_UNAVAILABLE, // Redis can't be reached, or isn't ready
    STORE_UNCONFIRMED, // written, but fewer replicas than asked for have it
};

// ---- lists. limit is 1…STORE_LIST_MAX; cursor is NULL or "" at the beginning, then the last next_cursor. A
// cursor that is none is STORE_INVALID with an error on the field "cursor". A page may be shorter than the
// limit, even empty, and yet have a next_cursor: filters look at a bounded number of entries per call.
enum { STORE_LIST_MAX = 1000, STORE_CURSOR_SIZE = 384 };

struct store {
    struct redis_client *client; // borrowed
    struct vault *vault;         // borrowed: opens and closes the secret values of subscriptions
    struct keys keys;
    uint64_t max_event_bytes;
    uint32_t max_concurrency; // configured default, for views
    int64_t rotation_grace_ms;
    uint32_t publish_replicas; // that must have a published event
    const struct guard *guard; // borrowed; refuses URLs that name a forbidden address; NULL: all pass
    // For whom this is done; NULL: for all. Otherwise nothing of another tenant exists: it isn't found, listed or
    // changed, and what is made belongs to this tenant. Borrowed.
    const char *tenant;
    char error[REDIS_CLIENT_ERROR_SIZE]; // what went wrong, for FULL, CONFLICT and UNAVAILABLE
};

// ---- events (store_events.c)
struct store_publish {
    const struct span *fields; // names and values as for XADD
    size_t field_count;
};
// Validates as the dispatcher will (event_parse), then XADD; shard by id when one is given, so that dedupe
// works. errors: field "type", "data", … id gets the event's id (the given or the generated one).
// STORE_UNCONFIRMED when not as many replicas as publish_replicas say that they have it in time: the event is in
// Redis and will be delivered, unless a failover loses it.
enum store_result store_publish_event(struct store *store, const struct store_publish *publish,
                                      char id[EVENT_ID_SIZE], struct field_errors *errors);

enum store_delivery_state {
    STORE_DELIVERY_PENDING, // read by a dispatcher, not settled
    STORE_DELIVERY_PARKED,
    STORE_DELIVERY_DELIVERED,
    STORE_DELIVERY_DEAD,
};
struct store_delivery {
    char subscription[EVENT_SUBSCRIPTION_SIZE];
    enum store_delivery_state state;
    uint32_t attempts;
    int64_t next_attempt_at_ms; // parked; 0 otherwise
    int64_t last_attempt_at_ms; // 0: none known
    int32_t last_status;        // 0: none
    char last_error[64];
};
enum store_event_state {
    STORE_EVENT_QUEUED,  // in the stream, not read yet
    STORE_EVENT_PENDING, // read, not settled
    STORE_EVENT_SETTLED  // every delivery delivered, parked or dead
};
struct store_event {
    struct event *event; // owned; NULL when only parked or dead copies' ids are known
    enum store_event_state state;
    struct store_delivery *deliveries; // owned
    size_t delivery_count;
    bool attempts_truncated; // the attempts log was too long to be read whole: deliveries may be missing
};
// By webhook-id: generated ones name their entry; a producer's own is found by its seen:<id>, or by the copy
// of a parked or dead delivery.
enum store_result store_find_event(struct store *store, const char *id, struct store_event *found);
void store_event_fini(struct store_event *found);

struct store_event_summary {
    char id[EVENT_ID_SIZE];
    char type[EVENT_TYPE_SIZE];
    char tenant[EVENT_TENANT_SIZE];
    char subscription[EVENT_SUBSCRIPTION_SIZE]; // "" when for all
    int64_t timestamp_ms, published_at_ms;
    size_t body_bytes;
};
struct store_event_filter {
    const char *type;           // a type or a prefix with *; NULL: any
    const char *tenant;         // NULL: any
    int64_t since_ms, until_ms; // when it was published; 0: no bound
};
struct store_events { // newest first
    struct store_event_summary *items;
    size_t count;
    char next_cursor[STORE_CURSOR_SIZE];
};
// What the stream still has (store_events_list.c).
enum store_result store_list_events(struct store *store, const struct store_event_filter *filter,
                                    const char *cursor, size_t limit, struct store_events *list,
                                    struct field_errors *errors);
void store_events_fini(struct store_events *list);

// ---- deliveries made again (store_replay.c). *queued: how many went to a queue; those in one already, or still in
// hand, are left alone. A dead letter is redriven. CONFLICT: disabled, unsettled, another tenant.
// subscription: NULL for all that the event was delivered to, but those deleted or disabled meanwhile.
enum store_result store_redeliver_event(struct store *store, const char *id,
                                        const char *subscription, size_t *queued);
struct store_replay_request {
    const char *type;           // a type or a prefix with *; NULL: any that it wants
    int64_t since_ms, until_ms; // when it was published; 0: no bound
    const char *cursor;
    size_t limit;
};
// Events that the stream still has and the subscription wants, newest first.
enum store_result store_replay_subscription(struct store *store, const char *id,
                                            const struct store_replay_request *request,
                                            size_t *queued, char next_cursor[STORE_CURSOR_SIZE],
                                            struct field_errors *errors);

// ---- subscriptions (store_subscriptions.c)
// body: the JSON text of the request, any bytes.
enum store_result store_create_subscription(struct store *store, struct span body,
                                            struct subscription **created,
                                            struct field_errors *errors);
enum store_result store_find_subscription(struct store *store, const char *id,
                                          struct subscription **found);
struct store_subscription_filter {
    const char *tenant; // NULL: any
    const char *state;  // NULL: any
    const char *query;  // NULL: any; part of url or description, case-insensitive
};
struct store_subscriptions { // sorted by created_at, id
    struct subscription **items;
    size_t count;
    char next_cursor[STORE_CURSOR_SIZE]; // "" at the end
};
enum store_result store_list_subscriptions(struct store *store,
                                           const struct store_subscription_filter *filter,
                                           const char *cursor, size_t limit,
                                           struct store_subscriptions *list,
                                           struct field_errors *errors);
void store_subscriptions_fini(struct store_subscriptions *list);
enum store_result store_patch_subscription(struct store *store, const char *id, struct span body,
                                           struct subscription **changed,
                                           struct field_errors *errors);
enum store_result store_delete_subscription(struct store *store, const char *id);
// Resuming also wakes its queue in every shard.
enum store_result store_set_subscription_state(struct store *store, const char *id,
                                               enum subscription_state state, const char *reason,
                                               struct subscription **changed);
enum store_result store_rotate_secret(struct store *store, const char *id,
                                      const struct secret *secret, int64_t grace_ms,
                                      struct subscription **changed);
// Publishes a `petrel.test` event for this subscription only.
enum store_result store_test_subscription(struct store *store, const char *id,
                                          char event_id[EVENT_ID_SIZE]);

// ---- health of subscriptions (store_health.c, store_health_format.c)
// Over all shards and instances. Instants are 0 when there is none.
struct store_health {
    enum breaker_state breaker;   // the worst of the shards'
    int64_t since_ms;             // when it came into that state; 0: it never was in another
    int64_t consecutive_failures; // in the shard with most
    int64_t next_probe_at_ms; // while open: the earliest; in the past while one is under way, or due
    int64_t held_until_ms;    // the subscriber asked to be left alone (Retry-After)
    int64_t last_success_at_ms; // to the minute or so
    int64_t last_failure_at_ms;
    int64_t failing_since_ms; // no success since
    int64_t parked;
    // Only when it is_whole: not in lists.
    bool is_whole;
    // Since when the oldest parked delivery's event is in the stream. Of more than 1,000 deliveries per shard, the oldest
    // of the 500 that are due first and the 500 that are due last.
    int64_t oldest_parked_at_ms;
    // What the instances say, at most 2 s old: attempts running, deliveries waiting in memory, attempts that may run at
    // once (0: no instance has sent to it lately).
    int64_t in_flight, waiting, limit;
};
enum store_result store_read_health(struct store *store, const char *id,
                                    struct store_health *health); // of one that was found
// What is cheap to read for many: a round trip for some hundred of them. healths has list->count places.
enum store_result store_read_health_of_list(struct store *store,
                                            const struct store_subscriptions *list,
                                            struct store_health *healths);
// As JSON; the second one is the subscription as the API gives it, with the member "health".
void store_format_health(const struct store_health *health, struct text *out);
void store_format_subscription(const struct subscription *subscription,
                               const struct store_health *health, struct text *out);

// ---- secrets at rest (store_encryption.c)
struct store_encryption { // how the secret values of all subscriptions lie in Redis
    int64_t subscriptions;
    int64_t plain, old,
        unknown; // with a value that is unencrypted, under an old key, under one not in the ring
    int64_t damaged; // that can't be read, or don't open though the key is there
    // The first of those that don't open, and why; "" if all do.
    char locked[EVENT_SUBSCRIPTION_SIZE];
    char why[REDIS_CLIENT_ERROR_SIZE];
};
enum store_result store_read_encryption(struct store *store, struct store_encryption *encryption);
// CONFLICT, with an error that names subscription, key and fix, when a key that is in use isn't in the ring.
enum store_result store_check_encryption(struct store *store);

struct store_reencryption {
    int64_t seen;    // subscriptions, of this pass
    int64_t changed; // encrypted with the current key now, and not before; of all passes
    int64_t failed;  // of this pass: they don't open, or others kept changing them
    char first_failed[EVENT_SUBSCRIPTION_SIZE];
    char why[REDIS_CLIENT_ERROR_SIZE];
    void (*report)(void *arg, const struct store_reencryption *so_far); // now and then; may be NULL
    void *arg;
};
// Encrypts whatever isn't under the ring's current key, until a pass finds nothing left. Safe beside running instances
// and to do again. The caller has filled report and arg; the store's vault has a ring.
enum store_result store_reencrypt(struct store *store, struct store_reencryption *reencryption);

// ---- dead letters (store_dead_letters.c)
enum { DEAD_LETTER_ID_SIZE = EVENT_ID_SIZE + EVENT_SUBSCRIPTION_SIZE };
struct store_dead_letter {
    char id[DEAD_LETTER_ID_SIZE]; // "<event id>.<subscription id>"
    char event[EVENT_ID_SIZE];
    char subscription[EVENT_SUBSCRIPTION_SIZE];
    char type[EVENT_TYPE_SIZE];
    char tenant[EVENT_TENANT_SIZE];
    char reason[SUBSCRIPTION_REASON_SIZE]; // exhausted, gone, aborted, blocked_address, …
    uint32_t attempts;
    int64_t first_attempt_at_ms, last_attempt_at_ms, died_at_ms;
    int32_t last_status; // 0: none
    char last_error[64];
    char *last_response; // first 1 KiB of the last response's body; owned; may hold any bytes
    size_t last_response_size;
    struct event *message; // owned; only from store_find_dead_letter; NULL if the copy is gone
};
struct store_dead_letter_filter {
    const char *subscription, *type, *reason, *tenant; // NULL: any
    int64_t since_ms, until_ms;                        // 0: no bound
};
struct store_dead_letters { // newest first
    struct store_dead_letter *items;
    size_t count;
    char next_cursor[STORE_CURSOR_SIZE];
};
enum store_result store_list_dead_letters(struct store *store,
                                          const struct store_dead_letter_filter *filter,
                                          const char *cursor, size_t limit,
                                          struct store_dead_letters *list,
                                          struct field_errors *errors);
void store_dead_letters_fini(struct store_dead_letters *list);
enum store_result store_find_dead_letter(struct store *store, const char *id,
                                         struct store_dead_letter *found);
void store_dead_letter_fini(struct store_dead_letter *found);
enum store_result store_redrive_dead_letter(struct store *store, const char *id);
enum store_result store_delete_dead_letter(struct store *store, const char *id);

// ---- attempts (store_attempts.c)
struct store_attempt {
    char id[64]; // "<shard>-<entry id>"
    char event[EVENT_ID_SIZE];
    char subscription[EVENT_SUBSCRIPTION_SIZE];
    char type[EVENT_TYPE_SIZE];
    uint32_t number;
    char outcome[16]; // delivered, retry, dead
    int32_t status;   // 0: none
    char error[64];   // "" or timeout, dns, connect_refused, tls_certificate, http_status …
    int64_t started_at_ms, duration_ms;
};
struct store_attempt_filter {
    const char *subscription, *event, *outcome; // NULL: any
    int64_t since_ms;                           // 0: no bound
};
struct store_attempts { // newest first
    struct store_attempt *items;
    size_t count;
    char next_cursor[STORE_CURSOR_SIZE];
};
enum store_result store_list_attempts(struct store *store, const struct store_attempt_filter *filter,
                                      const char *cursor, size_t limit, struct store_attempts *list,
                                      struct field_errors *errors);
void store_attempts_fini(struct store_attempts *list);

// ---- rejected events (store_rejected.c)
struct store_rejected {
    char id[64]; // "<shard>-<entry id in rejected>"
    char entry_id[EVENT_ENTRY_ID_SIZE];
    char reason[EVENT_REASON_SIZE];
    char type[EVENT_TYPE_SIZE]; // as far as it is printable; "" if absent
};
struct store_rejected_list { // newest first
    struct store_rejected *items;
    size_t count;
    char next_cursor[STORE_CURSOR_SIZE];
};
enum store_result store_list_rejected(struct store *store, const char *cursor, size_t limit,
                                      struct store_rejected_list *list, struct field_errors *errors);
void store_rejected_fini(struct store_rejected_list *list);
struct store_rejected_entry {
    struct store_rejected summary;
    size_t field_count;  // of what the producer wrote …
    struct span *fields; // … twice as many: names and values; owned, their bytes are the reply's
    redis_reply *reply;  // owned
};
enum store_result store_find_rejected(struct store *store, const char *id,
                                      struct store_rejected_entry *found);
void store_rejected_entry_fini(struct store_rejected_entry *found);
// Back to the stream, as it was written. entry_id gets the new entry's id.
enum store_result store_requeue_rejected(struct store *store, const char *id,
                                         char entry_id[EVENT_ENTRY_ID_SIZE]);
enum store_result store_delete_rejected(struct store *store, const char *id);

// ---- keys of the admin API (store_api_keys.c)
enum { STORE_API_KEYS_MAX = 10000 };
struct store_api_key_request {
    const char *name, *scope;
    const char *tenant;  // NULL: for all tenants (of a bound store: for its own)
    const char *expires; // RFC 3339, or a length of time from now; NULL: never
};
// text gets the key, which nobody can read again; the caller wipes it.
enum store_result store_create_api_key(struct store *store,
                                       const struct store_api_key_request *request,
                                       struct api_key *created, char text[API_KEY_TEXT_SIZE],
                                       struct field_errors *errors);
enum store_result store_find_api_key(struct store *store, const char *id, struct api_key *found);
struct store_api_keys { // oldest first
    struct api_key *items;
    size_t count;
    char next_cursor[STORE_CURSOR_SIZE];
};
enum store_result store_list_api_keys(struct store *store, const char *cursor, size_t limit,
                                      struct store_api_keys *list, struct field_errors *errors);
void store_api_keys_fini(struct store_api_keys *list);
enum store_result store_revoke_api_key(struct store *store, const char *id);
// Once a minute at most; best effort.
void store_note_api_key_used(struct store *store, const struct api_key *key);

// ---- dispatchers (store_instances.c)
struct store_instance {
    char id[128];
    char version[32];
    uint32_t pid, workers;
    int64_t last_heartbeat_at_ms; // by Redis's clock
};
struct store_instances { // by id
    struct store_instance *items;
    size_t count;
};
enum store_result store_list_instances(struct store *store, struct store_instances *list);
void store_instances_fini(struct store_instances *list);

// ---- state of the whole (store_status.c)
struct store_status { // over all shards
    int64_t stream_length, stream_lag, stream_pending;
    int64_t parked, dead, rejected;
    int64_t delivered;                         // ever
    int64_t breakers_open, breakers_half_open; // subscriptions', one per shard
    bool has_group;                            // in every shard that has a stream
    bool is_append_only;                       // AOF on
    bool is_append_failing;                    // its last write failed
    bool is_replica;
    bool is_evicting; // a maxmemory policy other than noeviction, with maxmemory set
    char redis_version[32];
    char append_fsync[16];
    char maxmemory_policy[32];
    int64_t maxmemory_bytes, used_memory_bytes; // used: what counts against it
    char schema[32];                            // the layout; "" when there is none
    uint32_t shards;                            // those of the store
    int32_t replicas;
    int64_t clock_skew_ms; // Redis's TIME minus ours
    int32_t instances;
};
enum store_result store_read_status(struct store *store, struct store_status *status);
// Writes the layout if there is none; CONFLICT (with error) when Redis holds another one (its version, or the number of
// shards) or its own version is too old (Redis ≥ 7.0 is needed).
enum store_result store_check_schema(struct store *store);
// The same, but writes nothing, and any Redis will do.
enum store_result store_look_at_schema(struct store *store);

const char *store_result_text(enum store_result result);

#endif
