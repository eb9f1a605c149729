// SPDX-License-Identifier: Apache-2.0
// What is done to a subscription by POST below its id, and the one place that shows its secrets.
#include "body.h"
#include "petrel/timestamp.h"
#include "routes.h"
#include "views.h"

enum { GRACE_TEXT_MAX = 64 };
static const int64_t grace_max_ms = INT64_C(30) * 24 * 3600 * 1000;

static void answer(struct exchange *exchange, enum store_result result,
                   struct subscription **subscription)
{
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", NULL);
        return;
    }
    subscription_format_public(*subscription, exchange_begin_json(exchange, 200));
    subscription_unref(subscription);
}

void route_subscriptions_show_secret(struct exchange *exchange)
{
    struct subscription *found = NULL;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "subscription"))
        return;
    enum store_result result = store_find_subscription(exchange->store, exchange->id, &found);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", NULL);
        return;
    }
    text_make_secret(&exchange->response->body);
    view_secret(found, exchange_begin_json(exchange, 200));
    subscription_unref(&found);
}

// ---- rotation

struct rotation {
    struct secret secret;
    bool has_secret;
    int64_t grace_ms;
};

static void read_secret(const struct body *body, struct rotation *rotation,
                        struct field_errors *errors)
{
    struct text text;
    const char *why = NULL;
    text_init_secret(&text, SECRET_TEXT_SIZE * 2);
    if (body_find(body, "secret") && body_read_string(body, "secret", &text, errors)) {
        rotation->has_secret = secret_parse(text_span(&text), &rotation->secret, &why);
        if (!rotation->has_secret)
            field_errors_add(errors, "secret", "%s", why);
    }
    text_fini(&text);
}

static void read_grace(const struct body *body, struct rotation *rotation,
                       struct field_errors *errors)
{
    struct text text;
    text_init(&text, GRACE_TEXT_MAX);
    if (body_find(body, "grace") && body_read_string(body, "grace", &text, errors) &&
        (!duration_parse(text_span(&text), &rotation->grace_ms) ||
         rotation->grace_ms > grace_max_ms))
        field_errors_add(errors, "grace",
                         "must be a length of time up to 30d, like \"24h\" or \"0\"");
    text_fini(&text);
}

static bool read_rotation(struct exchange *exchange, struct rotation *rotation)
{
    static const char *const allowed[] = {"secret", "grace", NULL};
    struct field_errors errors = {.count = 0};
    struct body body;
    struct span json;
    if (!exchange_take_optional_json(exchange, &json))
        return false;
    if (body_parse(json, allowed, &body, &errors)) {
        read_secret(&body, rotation, &errors);
        read_grace(&body, rotation, &errors);
    }
    return exchange_accept(exchange, &errors);
}

void route_subscriptions_rotate_secret(struct exchange *exchange)
{
    struct subscription *changed = NULL;
    struct rotation rotation = {.grace_ms = exchange->store->rotation_grace_ms};
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "subscription"))
        return;
    if (read_rotation(exchange, &rotation)) {
        enum store_result result = store_rotate_secret(exchange->store, exchange->id,
                                                       rotation.has_secret ? &rotation.secret : NULL,
                                                       rotation.grace_ms, &changed);
        answer(exchange, result, &changed);
    }
    secret_wipe(&rotation.secret);
}

// ---- state

static void set_state(struct exchange *exchange, enum subscription_state state, const char *reason)
{
    struct subscription *changed = NULL;
    enum store_result result =
        store_set_subscription_state(exchange->store, exchange->id, state, reason, &changed);
    answer(exchange, result, &changed);
}

void route_subscriptions_pause(struct exchange *exchange)
{
    if (exchange_accept_id(exchange, "subscription") && exchange_take_nothing(exchange))
        set_state(exchange, SUBSCRIPTION_PAUSED, "");
}

void route_subscriptions_resume(struct exchange *exchange)
{
    if (exchange_accept_id(exchange, "subscription") && exchange_take_nothing(exchange))
        set_state(exchange, SUBSCRIPTION_ACTIVE, "");
}

void route_subscriptions_disable(struct exchange *exchange)
{
    static const char *const allowed[] = {"reason", NULL};
    struct field_errors errors = {.count = 0};
    struct body body;
    struct span json;
    struct text reason;
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "subscription") ||
        !exchange_take_optional_json(exchange, &json))
        return;
    text_init(&reason, SUBSCRIPTION_REASON_SIZE - 1);
    if (body_parse(json, allowed, &body, &errors))
        body_read_string(&body, "reason", &reason, &errors);
    if (exchange_accept(exchange, &errors))
        set_state(exchange, SUBSCRIPTION_DISABLED,
                  reason.size > 0 ? text_string(&reason) : "disabled by request");
    text_fini(&reason);
}

void route_subscriptions_test(struct exchange *exchange)
{
    char event_id[EVENT_ID_SIZE];
    if (!exchange_accept_id(exchange, "subscription") || !exchange_take_nothing(exchange))
        return;
    enum store_result result = store_test_subscription(exchange->store, exchange->id, event_id);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "subscription", NULL);
        return;
    }
    http_response_add_header(exchange->response, "location", "/v1/events/%s", event_id);
    text_append_format(exchange_begin_json(exchange, 202), "{\"id\":\"%s\"}", event_id);
}
