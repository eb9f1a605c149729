// SPDX-License-Identifier: Apache-2.0
// A subscription: a subscriber's URL with its event types, secrets and policy. Immutable once published in
// a snapshot; shared by reference count between threads.
// Pure but for random ids and secrets of new ones.
#ifndef PETREL_SUBSCRIPTION_H
#define PETREL_SUBSCRIPTION_H

#include <stdatomic.h>

#include "petrel/backoff.h"
#include "petrel/event.h"
#include "petrel/keyring.h"
#include "petrel/secret.h"
#include "petrel/text.h"
#include "petrel/url.h"

enum {
    SUBSCRIPTION_MAX_TYPES = 256,
    SUBSCRIPTION_MAX_SECRETS = 5,
    SUBSCRIPTION_DESCRIPTION_MAX_BYTES = 1024,
    SUBSCRIPTION_METADATA_MAX_BYTES = 16 * 1024,
    SUBSCRIPTION_JSON_MAX_BYTES = 256 * 1024,
    SUBSCRIPTION_REASON_SIZE = 128
};

enum subscription_state { SUBSCRIPTION_ACTIVE, SUBSCRIPTION_PAUSED, SUBSCRIPTION_DISABLED };

struct subscription_secret {
    struct secret secret;
    int64_t expires_at_ms; // wall; 0 = never. The first one never expires: it is the current one.
};

// Whether its secret values could be opened. A locked one has neither secrets nor headers: it is matched, its deliveries
// park, and it can't be changed.
enum subscription_lock {
    SUBSCRIPTION_NOT_LOCKED,
    SUBSCRIPTION_KEY_MISSING, // encrypted with a key that isn't in the ring
    SUBSCRIPTION_DAMAGED      // changed in Redis, or another key bears the id
};

struct subscription_header {
    char *name;
    char *value;
};

// What becomes of an ordered subscription's delivery whose schedule is exhausted.
enum ordered_failure {
    ORDERED_SKIP,  // a dead letter, and the next one's turn
    ORDERED_BLOCK, // goes on being retried; the others wait
};

enum { RATE_LIMIT_MAX = 100000 };

// There are many: what most have not takes a pointer's room, and lies beside it when there.
struct subscription {
    atomic_uint references;
    char id[EVENT_SUBSCRIPTION_SIZE]; // "sub_…"
    struct url *url;
    char tenant[EVENT_TENANT_SIZE];
    char **event_types;
    size_t event_type_count;
    char *description;   // "" when none
    char *metadata_json; // raw JSON object; "{}" when none
    enum subscription_state state;
    char *disabled_reason;               // "" unless disabled
    struct subscription_secret *secrets; // room for secret_max of them
    uint8_t secret_max;
    size_t secret_count; // ≥ 1 unless locked
    enum subscription_lock lock;
    struct subscription_header *headers;
    size_t header_count;
    uint32_t timeout_ms;            // 0 = the configured request_timeout
    uint32_t max_concurrency;       // 0 = the configured max_concurrency
    struct backoff *retry_schedule; // NULL = the configured one
    bool is_ordered;                // one at a time, in the order of the stream
    enum ordered_failure ordered_failure;
    double rate_per_second; // 0 = no limit; at most RATE_LIMIT_MAX
    uint32_t rate_burst;    // sends at once after a pause; ≥ 1 when there is a limit
    int64_t created_at_ms, updated_at_ms;
    uint64_t destination; // url_destination(url)
};

// One error per field, in the order found; the fields of the API's 422 answer.
enum { FIELD_ERRORS_MAX = 16, FIELD_NAME_SIZE = 64, FIELD_MESSAGE_SIZE = 240 };
struct field_error {
    char field[FIELD_NAME_SIZE]; // "url", "event_types[2]", "headers.X-Foo"
    char message[FIELD_MESSAGE_SIZE];
};
struct field_errors {
    size_t count;
    struct field_error items[FIELD_ERRORS_MAX];
};
void field_errors_add(struct field_errors *errors, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A new subscription from the API's POST body (JSON text, any bytes; url and event_types required), with a
// new id, and a new secret unless given. NULL with errors filled. Caller owns one reference.
// The text and not a parsed tree, so that numbers in metadata stay as they were written.
struct subscription *subscription_create(struct span body, int64_t now_ms,
                                         struct field_errors *errors);
// A changed copy from a PATCH body (JSON merge patch, RFC 7396: null restores the default; members of
// headers and metadata are merged). NULL with errors.
struct subscription *subscription_patch(const struct subscription *from, struct span body,
                                        int64_t now_ms, struct field_errors *errors);
// Changed copies. with_state clears the reason unless disabled. rotate puts `secret` (or a new one of the
// same kind when NULL) first; the former current one expires after grace_ms.
struct subscription *subscription_with_state(const struct subscription *from,
                                             enum subscription_state state, const char *reason,
                                             int64_t now_ms);
struct subscription *subscription_with_rotated_secret(const struct subscription *from,
                                                      const struct secret *secret, int64_t grace_ms,
                                                      int64_t now_ms);

// The stored form (JSON with secret values, closed by the vault) and back. Formatting fails the text without memory.
// Parsing gives NULL when the JSON doesn't parse: *why says which field; one that is locked has its reason in *why too.
struct vault;
struct subscription *subscription_parse_stored(struct span json, struct vault *vault,
                                               struct text *why);
void subscription_format_stored(const struct subscription *subscription, struct vault *vault,
                                struct text *out); // a secret text; not for a locked one
// How the secret values of a stored subscription lie in Redis, without opening them.
struct subscription_sealing {
    uint32_t plain, current, old, unknown; // values: unencrypted, or by their key
    char key_id[SEAL_KEY_ID_SIZE]; // of an unknown one, else of an old one, else of a current one; or ""
};
bool subscription_examine_stored(struct span json, const struct keyring *ring,
                                 struct subscription_sealing *sealing); // ring may be NULL
// Same in every member. Not for locked ones.
bool subscription_equals(const struct subscription *a, const struct subscription *b);
// The API's form: no secrets, headers with their values hidden; a JSON object.
void subscription_format_public(const struct subscription *subscription, struct text *out);
// The headers with their values, a JSON object; *out should be a secret text.
void subscription_format_headers(const struct subscription *subscription, struct text *out);

struct subscription *subscription_ref(struct subscription *subscription);
void subscription_unref(struct subscription **subscription); // frees the last one, secrets wiped

const char *subscription_state_text(enum subscription_state state); // "active" …
// Active, and not locked: its deliveries may be attempted.
bool subscription_is_ready(const struct subscription *subscription);
bool subscription_parse_state(struct span text, enum subscription_state *state);
bool subscription_wants(const struct subscription *subscription, struct span tenant,
                        struct span type);

#endif
