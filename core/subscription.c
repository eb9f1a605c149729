// SPDX-License-Identifier: Apache-2.0
// A subscription's life: made, copied with a change, shared by reference count, freed with its secrets wiped.
//
// Invariant: once it has left this module a subscription never changes; every change is a new copy. Left to
// others: reading fields from JSON (subscription_fields.c, subscription_parse.c), writing (subscription_format.c).
#include "petrel/subscription.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "petrel/pattern.h"
#include "subscription_internal.h"

void field_errors_add(struct field_errors *errors, const char *field, const char *format, ...)
{
    if (errors->count == FIELD_ERRORS_MAX)
        return;
    struct field_error *error = &errors->items[errors->count++];
    snprintf(error->field, sizeof error->field, "%s", field);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
}

void field_errors_add_memory(struct field_errors *errors)
{
    field_errors_add(errors, "", "petrel is out of memory; try again");
}

// ---- made and freed

static char no_text[] = "", no_members[] = "{}";

char *subscription_keep_text(struct span text)
{
    if (text.size == 0)
        return no_text;
    return span_equals_text(text, no_members) ? no_members : span_duplicate(text);
}

void subscription_drop_text(char **text)
{
    if (*text != no_text && *text != no_members)
        free(*text);
    *text = NULL;
}

struct subscription *subscription_allocate(size_t secret_max)
{
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (!subscription)
        return NULL;
    assert(secret_max >= 1 && secret_max <= SUBSCRIPTION_MAX_SECRETS);
    atomic_init(&subscription->references, 1);
    subscription->description = subscription->disabled_reason = no_text;
    subscription->metadata_json = no_members;
    subscription->secret_max = (uint8_t)secret_max;
    subscription->secrets = calloc(secret_max, sizeof *subscription->secrets);
    if (!subscription->secrets)
        subscription_unref(&subscription);
    return subscription;
}

void subscription_free_event_types(struct subscription *subscription)
{
    for (size_t i = 0; i < subscription->event_type_count; i++)
        free(subscription->event_types[i]);
    free(subscription->event_types);
    subscription->event_types = NULL;
    subscription->event_type_count = 0;
}

void subscription_free_header(struct subscription_header *header)
{
    if (header->value)
        explicit_bzero(header->value, strlen(header->value)); // often a credential
    free(header->name);
    free(header->value);
    *header = (struct subscription_header){.name = NULL};
}

void subscription_free_headers(struct subscription *subscription)
{
    for (size_t i = 0; i < subscription->header_count; i++)
        subscription_free_header(&subscription->headers[i]);
    free(subscription->headers);
    subscription->headers = NULL;
    subscription->header_count = 0;
}

struct subscription *subscription_ref(struct subscription *subscription)
{
    // Who takes a reference holds one, so nothing has to be ordered here.
    atomic_fetch_add_explicit(&subscription->references, 1, memory_order_relaxed);
    return subscription;
}

void subscription_unref(struct subscription **subscription)
{
    struct subscription *s = *subscription;
    *subscription = NULL;
    // Acquire and release: what others did with it is over before the last one frees it.
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
        return;
    subscription_free_event_types(s);
    subscription_free_headers(s);
    subscription_drop_text(&s->description);
    subscription_drop_text(&s->metadata_json);
    subscription_drop_text(&s->disabled_reason);
    if (s->secrets)
        explicit_bzero(s->secrets, s->secret_max * sizeof *s->secrets);
    free(s->secrets);
    free(s->retry_schedule);
    free(s->url);
    free(s);
}

// ---- copied

static bool copy_event_types(struct subscription *to, const struct subscription *from)
{
    to->event_types = calloc(from->event_type_count + 1, sizeof *to->event_types);
    if (!to->event_types)
        return false;
    for (size_t i = 0; i < from->event_type_count; i++) {
        to->event_types[i] = span_duplicate(span_of(from->event_types[i]));
        if (!to->event_types[i])
            return false;
        to->event_type_count++;
    }
    return true;
}

static bool copy_headers(struct subscription *to, const struct subscription *from)
{
    to->headers = calloc(from->header_count + 1, sizeof *to->headers);
    if (!to->headers)
        return false;
    for (size_t i = 0; i < from->header_count; i++) {
        struct subscription_header *header = &to->headers[to->header_count++];
        header->name = span_duplicate(span_of(from->headers[i].name));
        header->value = span_duplicate(span_of(from->headers[i].value));
        if (!header->name || !header->value)
            return false;
    }
    return true;
}

static bool copy_texts(struct subscription *to, const struct subscription *from)
{
    to->description = subscription_keep_text(span_of(from->description));
    to->metadata_json = subscription_keep_text(span_of(from->metadata_json));
    to->disabled_reason = subscription_keep_text(span_of(from->disabled_reason));
    return to->description && to->metadata_json && to->disabled_reason;
}

// With room for as many as there may be: they are rotated in copies.
static bool copy_secrets(struct subscription *to, const struct subscription *from)
{
    to->secrets = calloc(SUBSCRIPTION_MAX_SECRETS, sizeof *to->secrets);
    to->secret_max = SUBSCRIPTION_MAX_SECRETS;
    if (to->secrets && from->secret_count)
        memcpy(to->secrets, from->secrets, from->secret_count * sizeof *to->secrets);
    return to->secrets;
}

static bool copy_retry_schedule(struct subscription *to, const struct subscription *from)
{
    if (!from->retry_schedule)
        return true;
    to->retry_schedule = malloc(sizeof *to->retry_schedule);
    if (to->retry_schedule)
        *to->retry_schedule = *from->retry_schedule;
    return to->retry_schedule;
}

static bool copy_url(struct subscription *to, const struct subscription *from)
{
    to->url = from->url ? url_duplicate(from->url) : NULL;
    return to->url || !from->url;
}

struct subscription *subscription_copy(const struct subscription *from)
{
    struct subscription *to = calloc(1, sizeof *to);
    if (!to)
        return NULL;
    // The plain members come over at once, but for the count that other threads may be changing; the owned
    // ones are replaced before anything can free them.
    const size_t skipped = offsetof(struct subscription, id);
    memcpy((char *)to + skipped, (const char *)from + skipped, sizeof *to - skipped);
    atomic_init(&to->references, 1);
    to->url = NULL;
    to->event_types = NULL;
    to->event_type_count = 0;
    to->headers = NULL;
    to->header_count = 0;
    to->description = to->metadata_json = to->disabled_reason = NULL;
    to->secrets = NULL;
    to->retry_schedule = NULL;
    if (!copy_texts(to, from) || !copy_secrets(to, from) || !copy_retry_schedule(to, from) ||
        !copy_url(to, from) || !copy_event_types(to, from) || !copy_headers(to, from))
        subscription_unref(&to);
    return to;
}

bool subscription_set_reason(struct subscription *subscription, const char *reason)
{
    struct span text = span_of(reason);
    if (text.size >= SUBSCRIPTION_REASON_SIZE)
        text.size = SUBSCRIPTION_REASON_SIZE - 1;
    char *kept = subscription_keep_text(text);
    if (!kept)
        return false;
    subscription_drop_text(&subscription->disabled_reason);
    subscription->disabled_reason = kept;
    return true;
}

struct subscription *subscription_with_state(const struct subscription *from,
                                             enum subscription_state state, const char *reason,
                                             int64_t now_ms)
{
    struct subscription *to = subscription_copy(from);
    if (!to)
        return NULL;
    to->state = state;
    to->updated_at_ms = now_ms;
    if (!subscription_set_reason(to, state == SUBSCRIPTION_DISABLED ? reason : NULL))
        subscription_unref(&to);
    return to;
}

// Makes the first place free: older ones move back, expired ones and one too many go.
static void shift_secrets(struct subscription *subscription, int64_t now_ms)
{
    struct subscription_secret kept[SUBSCRIPTION_MAX_SECRETS];
    size_t count = 1;
    assert(subscription->secret_max == SUBSCRIPTION_MAX_SECRETS); // it is a copy
    for (size_t i = 0; i < subscription->secret_count && count < SUBSCRIPTION_MAX_SECRETS; i++) {
        const struct subscription_secret *secret = &subscription->secrets[i];
        if (secret->expires_at_ms > now_ms)
            kept[count++] = *secret;
    }
    explicit_bzero(subscription->secrets, subscription->secret_max * sizeof *subscription->secrets);
    memcpy(subscription->secrets + 1, kept + 1, (count - 1) * sizeof kept[0]);
    explicit_bzero(kept, sizeof kept);
    subscription->secret_count = count;
}

struct subscription *subscription_with_rotated_secret(const struct subscription *from,
                                                      const struct secret *secret, int64_t grace_ms,
                                                      int64_t now_ms)
{
    struct subscription *to = subscription_copy(from);
    if (!to)
        return NULL;
    assert(to->secret_count >= 1);
    enum secret_kind kind = to->secrets[0].secret.kind;
    to->secrets[0].expires_at_ms = now_ms + grace_ms; // without grace it is gone at once
    shift_secrets(to, now_ms);
    if (secret)
        to->secrets[0].secret = *secret;
    else
        secret_generate(kind, &to->secrets[0].secret);
    to->updated_at_ms = now_ms;
    return to;
}

// ---- looked at

const char *subscription_state_text(enum subscription_state state)
{
    switch (state) {
    case SUBSCRIPTION_ACTIVE:
        return "active";
    case SUBSCRIPTION_PAUSED:
        return "paused";
    case SUBSCRIPTION_DISABLED:
        return "disabled";
    }
    return "";
}

bool subscription_is_ready(const struct subscription *subscription)
{
    return subscription->state == SUBSCRIPTION_ACTIVE &&
           subscription->lock == SUBSCRIPTION_NOT_LOCKED;
}

bool subscription_parse_state(struct span text, enum subscription_state *state)
{
    static const enum subscription_state states[] = {SUBSCRIPTION_ACTIVE, SUBSCRIPTION_PAUSED,
                                                     SUBSCRIPTION_DISABLED};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (span_equals_text(text, subscription_state_text(states[i]))) {
            *state = states[i];
            return true;
        }
    }
    return false;
}

bool subscription_wants(const struct subscription *subscription, struct span tenant,
                        struct span type)
{
    if (!span_equals_text(tenant, subscription->tenant))
        return false;
    for (size_t i = 0; i < subscription->event_type_count; i++) {
        if (pattern_matches(span_of(subscription->event_types[i]), type))
            return true;
    }
    return false;
}
