// SPDX-License-Identifier: Apache-2.0
// What the tests of subscriptions share: making one at a fixed time, showing it, the errors of a refusal.
#ifndef PETREL_UNIT_SUBSCRIPTION_FIXTURE_H
#define PETREL_UNIT_SUBSCRIPTION_FIXTURE_H

#include <string.h>

#include "petrel/subscription.h"
#include "petrel/vault.h"

#define WHSEC "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define WHSK                                                                                       \
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="

static const int64_t now_ms = 1769860800123; // 2026-01-31T12:00:00.123Z
static struct field_errors errors;

static inline struct subscription *create(const char *body)
{
    errors.count = 0;
    return subscription_create(span_of(body), now_ms, &errors);
}

static inline struct subscription *patch(const struct subscription *from, const char *body)
{
    errors.count = 0;
    return subscription_patch(from, span_of(body), now_ms + 1000, &errors);
}

static inline struct subscription *simple(void)
{
    return create("{\"url\":\"https://example.com/hook\",\"event_types\":[\"a.b\"]}");
}

// What the API shows; valid until the next call.
static inline const char *public_form(const struct subscription *subscription)
{
    static struct text out;
    text_fini(&out);
    text_init(&out, 1 << 20);
    subscription_format_public(subscription, &out);
    return text_string(&out);
}

// Without a key ring until a test sets one.
static inline struct vault *fixture_vault(void)
{
    static struct vault *vault;
    if (!vault)
        vault = vault_create("petrel");
    return vault;
}

static inline const char *stored_form(const struct subscription *subscription)
{
    static struct text out;
    text_fini(&out);
    text_init(&out, 1 << 20);
    subscription_format_stored(subscription, fixture_vault(), &out);
    return text_string(&out);
}

// "field: message" of the first error on the field; "" if there is none.
static inline const char *error_of(const char *field)
{
    for (size_t i = 0; i < errors.count; i++) {
        if (strcmp(errors.items[i].field, field) == 0)
            return errors.items[i].message;
    }
    return "";
}

// Every field that can be set.
#define EVERYTHING                                                                                                    \
    "{\"url\":\"https://Example.com/hook\",\"tenant\":\"acme\",\"event_types\":[\"a.*\",\"b\"],"                      \
    "\"description\":\"Sch\\u00f6n \\\"so\\\"\",\"metadata\":{ \"n\" : 12345678901234567890.10, \"s\":\"\\u00e4\" }," \
    "\"signature\":\"v1a\",\"secret\":\"" WHSK                                                                        \
    "\",\"headers\":{\"X-Key\":\"v\\\"1\"},\"timeout_ms\":100,"                                                       \
    "\"max_concurrency\":10000,\"retry_schedule\":[\"250ms\",5,\"2h\"]}"

#endif
