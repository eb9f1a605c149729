// SPDX-License-Identifier: Apache-2.0
// Source of the header names and the signed content: Standard Webhooks 1.0.
#include "attempt.h"

#include "lanes.h"
#include "petrel/clock.h"
#include "petrel/header.h"
#include "petrel/signature.h"

enum {
    OWN_HEADERS = 9,
    OWN_HEADER_BYTES = 1024,
    SIGNATURES_MAX_BYTES = 1024,
    USUAL_BYTES = 512, // own headers with one signature, and a few of the subscription's
};

// "name: value" lines, each ended by NUL, in one buffer.
struct header_lines {
    struct text text;
    size_t starts[OWN_HEADERS + HEADER_MAX_COUNT];
    size_t count;
};

static void begin_line(struct header_lines *lines, const char *name)
{
    lines->starts[lines->count++] = lines->text.size;
    text_append_string(&lines->text, name);
}

static void end_line(struct header_lines *lines)
{
    text_append_char(&lines->text, '\0');
}

static void add_line(struct header_lines *lines, const char *name, const char *value)
{
    begin_line(lines, name);
    // libcurl's form for "send this header with an empty value" is a semicolon.
    text_append_string(&lines->text, value[0] ? ": " : ";");
    text_append_string(&lines->text, value);
    end_line(lines);
}

static void add_number(struct header_lines *lines, const char *name_and_colon, int64_t value)
{
    begin_line(lines, name_and_colon);
    text_append_int(&lines->text, value);
    end_line(lines);
}

static bool sign(const struct delivery *delivery, int64_t now_ms, struct text *out)
{
    const struct event *event = delivery->event;
    const struct subscription *subscription = delivery->subscription;
    struct signed_content content = {
        .id = event->id,
        .timestamp_s = now_ms / 1000,
        .body = {event->body, event->body_size},
    };
    for (size_t i = 0; i < subscription->secret_count; i++) {
        const struct subscription_secret *secret = &subscription->secrets[i];
        if (secret->expires_at_ms && secret->expires_at_ms <= now_ms)
            continue;
        if (!signature_append(&secret->secret, &content, out))
            return false;
    }
    return !out->failed;
}

static bool add_own_headers(const struct delivery *delivery, struct header_lines *lines)
{
    const struct event *event = delivery->event;
    int64_t now_ms = clock_wall_ms();
    add_line(lines, "webhook-id", event->id);
    add_number(lines, "webhook-timestamp: ", now_ms / 1000);
    begin_line(lines, "webhook-signature: ");
    bool is_signed = sign(delivery, now_ms, &lines->text);
    end_line(lines);
    add_number(lines, "webhook-attempt: ", (int64_t)delivery->attempts + 1);
    add_line(lines, "content-type", event->content_type);
    add_line(lines, "user-agent", "petrel/" PETREL_VERSION);
    if (event->traceparent[0])
        add_line(lines, "traceparent", event->traceparent);
    return is_signed;
}

// libcurl's own habits switched off: a line "name:" removes the header.
static const char *const removed[] = {"Expect:", "Accept:"};

// As long as the subscription stays the same object its URL does.
static struct sender_target *target_of(struct lane *lane, struct subscription *subscription)
{
    if (lane->target_of != subscription) {
        sender_target_unref(&lane->target);
        subscription_unref(&lane->target_of);
        lane->target = sender_target_create(subscription->url);
        lane->target_of = subscription_ref(subscription);
    }
    return lane->target; // without memory the sender reads the text
}

bool attempt_start(struct sender *sender, const struct delivery *delivery, int64_t timeout_ms,
                   sender_done *done, void *arg)
{
    const struct subscription *subscription = delivery->subscription;
    struct header_lines lines = {0};
    text_init(&lines.text,
              OWN_HEADER_BYTES + SIGNATURES_MAX_BYTES +
                  HEADER_MAX_COUNT * (HEADER_NAME_MAX_BYTES + HEADER_VALUE_MAX_BYTES + 4));
    if (subscription->header_count > 0)
        text_make_secret(&lines.text); // their values are often credentials
    (void)text_reserve(&lines.text, USUAL_BYTES);
    bool is_ready = add_own_headers(delivery, &lines);
    for (size_t i = 0; i < subscription->header_count && i < HEADER_MAX_COUNT; i++)
        add_line(&lines, subscription->headers[i].name, subscription->headers[i].value);

    const char *pointers[OWN_HEADERS + HEADER_MAX_COUNT + 2];
    _Static_assert(sizeof pointers / sizeof *pointers <= SENDER_HEADERS_MAX, "the sender's room");
    size_t count = 0;
    for (size_t i = 0; i < lines.count && !lines.text.failed; i++)
        pointers[count++] = lines.text.data + lines.starts[i];
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        pointers[count++] = removed[i];

    struct sender_request request = {
        .url = subscription->url,
        .target = target_of(delivery->lane, delivery->subscription),
        .destination = subscription->destination,
        .body = {delivery->event->body, delivery->event->body_size},
        .headers = pointers,
        .header_count = count,
        .timeout_ms = timeout_ms,
    };
    is_ready = is_ready && !lines.text.failed && sender_start(sender, &request, done, arg);
    text_fini(&lines.text);
    return is_ready;
}
