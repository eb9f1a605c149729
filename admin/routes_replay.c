// SPDX-License-Identifier: Apache-2.0
// POST /v1/events/{id}/redeliver and /v1/subscriptions/{id}/replay: deliveries made again by request.
#include "body_values.h"
#include "petrel/clock.h"
#include "petrel/json.h"
#include "routes.h"

enum { STRING_MAX_BYTES = STORE_CURSOR_SIZE };

static void read_string(const struct body *body, const char *name, struct text *text,
                        const char **value, struct field_errors *errors)
{
    *value = NULL;
    if (body_find(body, name) && body_read_string(body, name, text, errors))
        *value = text_string(text);
}

// ---- one event

static bool read_target(struct exchange *exchange, struct text *text, const char **subscription)
{
    static const char *const allowed[] = {"subscription", NULL};
    struct field_errors errors = {.count = 0};
    struct body body;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "event") ||
        !exchange_take_optional_json(exchange, &json))
        return false;
    *subscription = NULL;
    if (body_parse(json, allowed, &body, &errors))
        read_string(&body, "subscription", text, subscription, &errors);
    return exchange_accept(exchange, &errors);
}

void route_events_redeliver(struct exchange *exchange)
{
    struct text text;
    const char *subscription = NULL;
    size_t queued = 0;
    text_init(&text, STRING_MAX_BYTES);
    if (read_target(exchange, &text, &subscription)) {
        enum store_result result =
            store_redeliver_event(exchange->store, exchange->id, subscription, &queued);
        if (result != STORE_OK)
            exchange_fail(exchange, result, "event", NULL);
        else
            text_append_format(exchange_begin_json(exchange, 202), "{\"queued\":%zu}", queued);
    }
    text_fini(&text);
}

// ---- the past

enum { SINCE, UNTIL, TYPE, CURSOR, STRING_COUNT };
static const char *const allowed[] = {"since", "until", "type", "cursor", "limit", NULL};

static bool read_request(struct exchange *exchange, struct text *strings,
                         struct store_replay_request *request)
{
    struct field_errors errors = {.count = 0};
    const char *values[STRING_COUNT] = {NULL};
    int64_t now_ms = clock_wall_ms();
    struct body body;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "subscription") ||
        !exchange_take_json(exchange, &json))
        return false;
    if (body_parse(json, allowed, &body, &errors)) {
        for (size_t i = 0; i < STRING_COUNT; i++)
            read_string(&body, allowed[i], &strings[i], &values[i], &errors);
        if (!body_find(&body, "since"))
            field_errors_add(&errors, "since", "is required: from when on, like \"24h\"");
        *request = (struct store_replay_request){
            .type = values[TYPE],
            .since_ms = body_instant(values[SINCE], "since", now_ms, &errors),
            .until_ms = body_instant(values[UNTIL], "until", now_ms, &errors),
            .cursor = values[CURSOR],
            .limit = body_limit(&body, &errors),
        };
    }
    return exchange_accept(exchange, &errors);
}

static void replay(struct exchange *exchange, const struct store_replay_request *request)
{
    struct field_errors errors = {.count = 0};
    char next_cursor[STORE_CURSOR_SIZE];
    size_t queued;
    enum store_result result = store_replay_subscription(exchange->store, exchange->id, request,
                                                         &queued, next_cursor, &errors);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", &errors);
        return;
    }
    struct text *out = exchange_begin_json(exchange, 202);
    text_append_format(out, "{\"queued\":%zu,\"next_cursor\":", queued);
    if (next_cursor[0])
        json_append_string(out, span_of(next_cursor));
    else
        text_append_string(out, "null");
    text_append_char(out, '}');
}

void route_subscriptions_replay(struct exchange *exchange)
{
    struct text strings[STRING_COUNT];
    struct store_replay_request request = {.limit = 0};
    for (size_t i = 0; i < STRING_COUNT; i++)
        text_init(&strings[i], STRING_MAX_BYTES);
    if (read_request(exchange, strings, &request))
        replay(exchange, &request);
    for (size_t i = 0; i < STRING_COUNT; i++)
        text_fini(&strings[i]);
}
