// SPDX-License-Identifier: Apache-2.0
// A subscription: a subscriber's URL with its event types, secrets and policy. Immutable once published in
// a snapshot; shared by reference count between threads.
// Pure but for random ids and secrets of new ones.
#ifndef PETREL_SUBSCRIPTION_H
#define PETREL_SUBSCRIPTION_H

#include <stdatomic.h>

#include "petrel/backoff.h"
#include "petrel/event.h"
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

struct subscription_header {
    char *name;
    char *value;
};

struct subscription {
    atomic_uint references;
    char id[EVENT_SUBSCRIPTION_SIZE]; // "sub_…"
    struct url url;
    char tenant[EVENT_TENANT_SIZE];
    char **event_types;
    size_t event_type_count;
    char *description;   // "" when none
    char *metadata_json; // raw JSON object; "{}" when none
    enum subscription_state state;
    char disabled_reason[SUBSCRIPTION_REASON_SIZE]; // "" unless disabled
    struct subscription_secret secrets[SUBSCRIPTION_MAX_SECRETS];
    size_t secret_count; // ≥ 1
    struct subscription_header *headers;
    size_t header_count;
    uint32_t timeout_ms;      // 0 = the configured request_timeout
    uint32_t max_concurrency; // 0 = the configured max_concurrency
    bool has_retry_schedule;
    struct backoff retry_schedule; // valid when has_retry_schedule
    int64_t created_at_ms, updated_at_ms;
    uint64_t destination; // url_destination(&url)
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

// The stored form (JSON with secrets) and back. NULL when it doesn't parse: *why says which field.
struct subscription *subscription_parse_stored(struct span json, struct text *why);
void subscription_format_stored(const struct subscription *subscription, struct text *out);
// The API's form: no secrets, header values included; a JSON object.
void subscription_format_public(const struct subscription *subscription, struct text *out);

struct subscription *subscription_ref(struct subscription *subscription);
void subscription_unref(struct subscription **subscription); // frees the last one, secrets wiped

const char *subscription_state_text(enum subscription_state state); // "active" …
bool subscription_parse_state(struct span text, enum subscription_state *state);
bool subscription_wants(const struct subscription *subscription, struct span tenant,
                        struct span type);

#endif
