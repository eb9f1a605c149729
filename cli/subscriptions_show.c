// SPDX-License-Identifier: Apache-2.0
// `petrel subscriptions show`: a subscription and the health of its subscriber.
#include <inttypes.h>
#include <stdio.h>

#include "petrel/header.h"
#include "petrel/timestamp.h"
#include "subscriptions.h"
#include "terminal.h"

enum { OUTPUT_MAX_BYTES = 64 * 1024 * 1024 };

static const struct option show_options[] = {
    {.name = "--json", .meaning = "the subscription as the API gives it, with \"health\""},
    {.name = NULL},
};

static void print_field(const char *name, struct span value)
{
    struct text safe;
    text_init(&safe, OUTPUT_MAX_BYTES);
    terminal_append_safe(&safe, value, TERMINAL_ONE_LINE);
    printf("%-16s %s\n", name, text_string(&safe));
    text_fini(&safe);
}

static void print_int(const char *name, int64_t value, const char *unit)
{
    printf("%-16s %" PRId64 "%s\n", name, value, unit);
}

static void print_policy(const struct subscription *subscription)
{
    if (subscription->timeout_ms > 0)
        print_int("timeout", subscription->timeout_ms, " ms");
    if (subscription->max_concurrency > 0)
        print_int("max_concurrency", subscription->max_concurrency, "");
    if (subscription->retry_schedule) {
        char schedule[BACKOFF_TEXT_SIZE];
        backoff_format(subscription->retry_schedule, schedule);
        print_field("retry_schedule", span_of(schedule));
    }
    if (subscription->rate_per_second > 0)
        printf("%-16s %.9g a second, %u at once\n", "rate_limit", subscription->rate_per_second,
               subscription->rate_burst);
    if (subscription->is_ordered)
        print_field("ordered", subscription->ordered_failure == ORDERED_BLOCK
                                   ? SPAN("yes; an undeliverable one blocks the others")
                                   : SPAN("yes; an undeliverable one is skipped"));
    for (size_t i = 0; i < subscription->header_count; i++) {
        struct text header;
        text_init(&header, OUTPUT_MAX_BYTES);
        text_append_format(&header, "%s: " HEADER_HIDDEN, subscription->headers[i].name);
        print_field("header", text_span(&header));
        text_fini(&header);
    }
}

// ---- health

static void print_instant(const char *name, int64_t wall_ms)
{
    char instant[TIMESTAMP_SIZE];
    if (wall_ms <= 0)
        return;
    timestamp_format(wall_ms, instant);
    print_field(name, span_of(instant));
}

static void print_breaker(const struct store_health *health)
{
    const char *text = breaker_state_text(health->breaker);
    enum terminal_color color = health->breaker == BREAKER_CLOSED ? TERMINAL_GREEN
                                : health->breaker == BREAKER_OPEN ? TERMINAL_RED
                                                                  : TERMINAL_YELLOW;
    char since[TIMESTAMP_SIZE] = "";
    if (health->since_ms > 0)
        timestamp_format(health->since_ms, since);
    printf("%-16s %s%s%s%s%s\n", "breaker", terminal_color(stdout, color), text,
           terminal_color(stdout, TERMINAL_PLAIN), since[0] ? " since " : "", since);
}

static void print_health(const struct store_health *health)
{
    print_breaker(health);
    if (health->consecutive_failures > 0)
        printf("%-16s %" PRId64 " in a row\n", "failures", health->consecutive_failures);
    print_instant("failing_since", health->failing_since_ms);
    print_instant("next_probe_at", health->next_probe_at_ms);
    print_instant("held_until", health->held_until_ms);
    print_instant("last_success_at", health->last_success_at_ms);
    print_instant("last_failure_at", health->last_failure_at_ms);
    print_int("parked", health->parked, "");
    print_instant("oldest_parked_at", health->oldest_parked_at_ms);
    if (health->limit > 0)
        printf("%-16s %" PRId64 " of at most %" PRId64 " now\n", "in_flight", health->in_flight,
               health->limit);
    else
        print_int("in_flight", health->in_flight, "");
    if (health->waiting > 0)
        print_int("waiting", health->waiting, "");
}

static void print_subscription(const struct subscription *subscription,
                               const struct store_health *health)
{
    struct text types;
    char instant[TIMESTAMP_SIZE];
    text_init(&types, SUBSCRIPTION_JSON_MAX_BYTES);
    subscriptions_append_types(&types, subscription);
    print_field("id", span_of(subscription->id));
    print_field("url", span_of(subscription->url->text));
    print_field("state", span_of(subscription_state_text(subscription->state)));
    if (subscription->state == SUBSCRIPTION_DISABLED)
        print_field("disabled_reason", span_of(subscription->disabled_reason));
    print_field("event_types", text_span(&types));
    if (subscription->tenant[0] != '\0')
        print_field("tenant", span_of(subscription->tenant));
    if (subscription->description[0] != '\0')
        print_field("description", span_of(subscription->description));
    if (!span_equals_text(span_of(subscription->metadata_json), "{}"))
        print_field("metadata", span_of(subscription->metadata_json));
    print_policy(subscription);
    timestamp_format(subscription->created_at_ms, instant);
    print_field("created_at", span_of(instant));
    timestamp_format(subscription->updated_at_ms, instant);
    print_field("updated_at", span_of(instant));
    print_health(health);
    text_fini(&types);
}

static void print_json(const struct subscription *subscription, const struct store_health *health)
{
    struct text out;
    text_init(&out, OUTPUT_MAX_BYTES);
    store_format_subscription(subscription, health, &out);
    text_append_char(&out, '\n');
    terminal_write(&out);
    text_fini(&out);
}

static int run_show(const struct command_input *input)
{
    struct session session;
    struct subscription *found = NULL;
    struct store_health health = {.breaker = BREAKER_CLOSED};
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result = store_find_subscription(&session.store, id, &found);
    if (result == STORE_OK)
        result = store_read_health(&session.store, id, &health);
    int code = session_report(&session, result, subscriptions_name(id, name), NULL);
    if (code == EXIT_OK && arguments_has(input->arguments, "--json"))
        print_json(found, &health);
    else if (code == EXIT_OK)
        print_subscription(found, &health);
    subscription_unref(&found);
    session_close(&session);
    return code;
}

const struct command subscriptions_show = {
    .name = "show",
    .alias = "get",
    .words = "ID",
    .summary = "show one subscription, and how its subscriber is doing",
    .options = show_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_show,
};
