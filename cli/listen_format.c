// SPDX-License-Identifier: Apache-2.0
// How `petrel listen` prints a delivery: for people (a line, then the body) and for programs (one JSON line).
// The JSON's members are stable. Bytes of the request are made harmless before they reach a terminal.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "listen.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"
#include "terminal.h"

// An age beyond a day says that the clocks differ, or that an old request is replayed, not how fast petrel is.
enum { SHOWN_BODY_BYTES = 2000, SECONDS_WORTH_SAYING = 2, SECONDS_OF_A_DAY = 24 * 3600 };

static const char *verdict_text(enum listen_verdict verdict)
{
    switch (verdict) {
    case LISTEN_VERIFIED:
        return "verified";
    case LISTEN_REFUSED:
        return "NOT VERIFIED";
    case LISTEN_UNVERIFIED:
        return "unverified";
    }
    return "?";
}

static enum terminal_color verdict_color(enum listen_verdict verdict)
{
    switch (verdict) {
    case LISTEN_VERIFIED:
        return TERMINAL_GREEN;
    case LISTEN_REFUSED:
        return TERMINAL_RED;
    case LISTEN_UNVERIFIED:
        return TERMINAL_YELLOW;
    }
    return TERMINAL_PLAIN;
}

static void append_safe_or_dash(struct text *out, struct span value)
{
    terminal_append_safe(out, value.size > 0 ? value : SPAN("-"), TERMINAL_ONE_LINE);
}

// Hours to milliseconds of "2026-01-31T12:00:00.000Z".
static void append_time_of_day(struct text *out, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    timestamp_format(wall_ms, instant);
    text_append(out, instant + strlen("2026-01-31T"), strlen("12:00:00.000Z"));
}

static void append_body(struct text *out, struct span body)
{
    struct span shown = body;
    if (shown.size > SHOWN_BODY_BYTES)
        shown.size = SHOWN_BODY_BYTES;
    text_append_format(out, "    %s", terminal_color(stdout, TERMINAL_DIM));
    terminal_append_safe(out, body.size > 0 ? shown : SPAN("(no body)"), TERMINAL_ONE_LINE);
    text_append_string(out, terminal_color(stdout, TERMINAL_PLAIN));
    if (body.size > shown.size)
        text_append_format(out, " … (%zu bytes in all)", body.size);
    text_append_char(out, '\n');
}

static void append_ages(struct text *out, const struct listen_delivery *delivery)
{
    int64_t age_s = delivery->event_age_ms / 1000;
    if (delivery->event_age_ms >= 0 && age_s < SECONDS_WORTH_SAYING)
        text_append_format(out, "  %" PRId64 " ms after the event", delivery->event_age_ms);
    else if (delivery->event_age_ms >= 0 && age_s < SECONDS_OF_A_DAY)
        text_append_format(out, "  %" PRId64 " s after the event", age_s);
    if (delivery->sent_s_ago >= SECONDS_WORTH_SAYING && delivery->sent_s_ago < SECONDS_OF_A_DAY)
        text_append_format(out, "  sent %" PRId64 " s ago", delivery->sent_s_ago);
}

void listen_format_text(const struct listen_request *request,
                        const struct listen_delivery *delivery, struct text *out)
{
    append_time_of_day(out, request->received_wall_ms);
    text_append_format(out, "  %s%s%s  ", terminal_color(stdout, verdict_color(delivery->verdict)),
                       verdict_text(delivery->verdict), terminal_color(stdout, TERMINAL_PLAIN));
    append_safe_or_dash(out, span_of(delivery->type));
    text_append_string(out, "  ");
    append_safe_or_dash(out, span_of(delivery->id));
    text_append_string(out, "  attempt ");
    append_safe_or_dash(out, request->attempt);
    append_ages(out, delivery);
    if (delivery->status == 0)
        text_append_string(out, "  dropped");
    else
        text_append_format(out, "  answered %" PRIu32, delivery->status);
    text_append_char(out, '\n');
    if (delivery->why[0] != '\0')
        text_append_format(out, "    why: %s\n", delivery->why);
    append_body(out, request->body);
}

static void append_member(struct text *out, const char *name, struct span value)
{
    text_append_format(out, ",\"%s\":", name);
    json_append_string(out, value);
}

static void append_number_or_null(struct text *out, const char *name, int64_t value, bool is_known)
{
    if (is_known)
        text_append_format(out, ",\"%s\":%" PRId64, name, value);
    else
        text_append_format(out, ",\"%s\":null", name);
}

void listen_format_json(const struct listen_request *request,
                        const struct listen_delivery *delivery, struct text *out)
{
    static const char *const verified[] = {
        [LISTEN_VERIFIED] = "true", [LISTEN_REFUSED] = "false", [LISTEN_UNVERIFIED] = "null"};
    char instant[TIMESTAMP_SIZE];
    uint64_t attempt = 0;
    bool has_attempt = span_to_uint64(request->attempt, &attempt) && attempt <= UINT32_MAX;
    timestamp_format(request->received_wall_ms, instant);
    text_append_format(out, "{\"received_at\":\"%s\",\"verified\":%s", instant,
                       verified[delivery->verdict]);
    append_member(out, "why", span_of(delivery->why));
    append_member(out, "id", span_of(delivery->id));
    append_member(out, "type", span_of(delivery->type));
    append_number_or_null(out, "attempt", (int64_t)attempt, has_attempt);
    append_number_or_null(out, "seen", delivery->seen, delivery->seen > 0);
    append_number_or_null(out, "status", delivery->status, delivery->status > 0);
    append_number_or_null(out, "sent_s_ago", delivery->sent_s_ago, delivery->sent_s_ago >= 0);
    append_number_or_null(out, "event_age_ms", delivery->event_age_ms, delivery->event_age_ms >= 0);
    append_member(out, "method", request->method);
    append_member(out, "target", request->target);
    append_member(out, "content_type", request->content_type);
    append_member(out, "body", request->body);
    text_append_string(out, "}\n");
}

static void append_count(struct text *out, uint64_t count, const char *noun)
{
    text_append_format(out, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
}

void listen_format_counts(const struct listen_counts *counts, struct text *out)
{
    append_count(out, counts->requests, "request");
    text_append_format(out, ": %" PRIu64 " verified", counts->verified);
    if (counts->refused > 0)
        text_append_format(out, ", %" PRIu64 " NOT VERIFIED", counts->refused);
    if (counts->unverified > 0)
        text_append_format(out, ", %" PRIu64 " unverified (no secret given)", counts->unverified);
    text_append_string(out, "; ");
    append_count(out, counts->ids, "webhook-id");
    text_append_string(out, ", ");
    append_count(out, counts->repeats, "repeat");
    if (counts->failed > 0)
        text_append_format(out, "; %" PRIu64 " answered with a failure", counts->failed);
    if (counts->dropped > 0)
        text_append_format(out, "; %" PRIu64 " dropped", counts->dropped);
    text_append_char(out, '\n');
}
