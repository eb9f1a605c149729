// SPDX-License-Identifier: Apache-2.0
// Between the files of the subscription module: copies, and fields read from JSON into a subscription.
#ifndef PETREL_SUBSCRIPTION_INTERNAL_H
#define PETREL_SUBSCRIPTION_INTERNAL_H

#include "petrel/header.h"
#include "petrel/subscription.h"

struct cJSON;

// ---- places of secret values in the stored form: what the vault binds them to
enum { SUBSCRIPTION_FIELD_SIZE = HEADER_NAME_MAX_BYTES + 16 };
void subscription_name_secret(size_t index, char field[SUBSCRIPTION_FIELD_SIZE]); // "secrets[0]"
void subscription_name_header(const char *name,
                              char field[SUBSCRIPTION_FIELD_SIZE]); // "headers.X-Key"

// Deletes a tree and wipes every string in it first. Accepts NULL.
void subscription_destroy_tree(struct cJSON **tree);

// A deep copy with one reference; NULL without memory.
struct subscription *subscription_copy(const struct subscription *from);
// With defaults, one reference, room for so many secrets, and nothing else; NULL without memory.
struct subscription *subscription_allocate(size_t secret_max);
// A text of a subscription; of "" and "{}", which most are, there is one for all. NULL without memory.
char *subscription_keep_text(struct span text);
void subscription_drop_text(char **text);
void subscription_free_event_types(struct subscription *subscription);
void subscription_free_header(struct subscription_header *header);
void subscription_free_headers(struct subscription *subscription);
// NULL: none. False without memory.
bool subscription_set_reason(struct subscription *subscription, const char *reason);

// A subscription being filled from a JSON object.
struct subscription_draft {
    struct subscription *subscription;
    struct span text; // the object's text, for what must stay as it was written
    struct field_errors *errors;
    bool is_patch;
    bool is_stored; // read from Redis: what the API reserves was checked when it was written
    // What was given, right or wrong.
    bool has_url, has_event_types, has_signature, has_secret;
    enum secret_kind signature; // valid when has_signature and no error
    struct secret secret;       // valid when has_secret and no error
};

// Reads one field's value into the subscription, or adds errors. A JSON null stands for the default.
typedef void subscription_set_field(struct subscription_draft *draft, const struct cJSON *value);
subscription_set_field subscription_set_url, subscription_set_tenant, subscription_set_event_types,
    subscription_set_description, subscription_set_metadata, subscription_set_headers,
    subscription_set_timeout, subscription_set_max_concurrency, subscription_set_retry_schedule,
    subscription_set_rate_limit, subscription_set_ordered, subscription_set_ordered_failure,
    subscription_set_signature, subscription_set_secret, subscription_set_state;

// JSON merge patch (RFC 7396) of two valid JSON texts, target an object. Unchanged values keep their bytes.
void subscription_merge_json(struct span target, struct span patch, struct text *out);

void field_errors_add_memory(struct field_errors *errors);

#endif
