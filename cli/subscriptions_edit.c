// SPDX-License-Identifier: Apache-2.0
// `petrel subscriptions add` and `update`: options become the JSON body of the API's POST and PATCH, so both
// faces validate alike and name the same fields in errors.
#include <stdio.h>
#include <string.h>

#include "input.h"
#include "petrel/json.h"
#include "petrel/timestamp.h"
#include "subscriptions.h"
#include "terminal.h"

enum { SECRET_FILE_MAX_BYTES = 4096, BODY_MAX_BYTES = 1024 * 1024 };

#define EDIT_OPTIONS                                                                               \
    {.name = "--event-types",                                                                      \
     .value = "LIST",                                                                              \
     .meaning = "types or prefixes with *, separated by commas: 'invoice.*,user.created'",         \
     .is_repeatable = true},                                                                       \
        {.name = "--tenant", .value = "TENANT", .meaning = "only events of this tenant"},          \
        {.name = "--description", .value = "TEXT", .meaning = "for people"},                       \
        {.name = "--metadata", .value = "JSON", .meaning = "an object kept with it"},              \
        {.name = "--header",                                                                       \
         .value = "'NAME: VALUE'",                                                                 \
         .meaning = "sent with every request; repeatable; 'NAME:' takes it away",                  \
         .is_repeatable = true},                                                                   \
        {.name = "--timeout",                                                                      \
         .value = "DURATION",                                                                      \
         .meaning = "of one attempt, or default [request_timeout]"},                               \
        {.name = "--max-concurrency",                                                              \
         .value = "N",                                                                             \
         .meaning = "attempts at once, or default [max_concurrency]"},                             \
        {.name = "--retry-schedule",                                                               \
         .value = "LIST",                                                                          \
         .meaning = "'5s,5m,2h', none, or default [retry_schedule]"},                              \
        {.name = "--rate-limit",                                                                   \
         .value = "N[/BURST]",                                                                     \
         .meaning = "sends a second, and how many at once [a second's worth]; or none"},           \
    {                                                                                              \
        .name = "--json", .meaning = "print the subscription as the API gives it"                  \
    }

static const struct option add_options[] = {
    EDIT_OPTIONS,
    {.name = "--signature",
     .value = "KIND",
     .meaning = "of a new secret: v1 (HMAC) or v1a (ed25519) [v1]"},
    {.name = "--secret", .value = "SECRET", .meaning = "whsec_… or whsk_… [a new one]"},
    {.name = "--secret-file",
     .value = "FILE",
     .meaning = "the same from a file; - is standard input"},
    {.name = "--ordered", .meaning = "one delivery at a time, in the order of the events"},
    {.name = "--ordered-failure",
     .value = "WHAT",
     .meaning = "when the schedule of an ordered one ends: skip it, or block the others [skip]"},
    {.name = "--paused", .meaning = "park its events until it is resumed"},
    {.name = NULL},
};

static const struct option update_options[] = {
    EDIT_OPTIONS,
    {.name = "--url", .value = "URL", .meaning = "where to send"},
    {.name = NULL},
};

static bool refuse(const char *option, const char *given, const char *expected)
{
    terminal_error("%s: \"%.80s\" is no %s", option, given, expected);
    return false;
}

// Begins a member of the object under construction.
static void begin_member(struct text *body, const char *member)
{
    text_append_string(body, body->size == 0 ? "{" : ",");
    json_append_string(body, span_of(member));
    text_append_char(body, ':');
}

static void add_span(struct text *body, const char *member, struct span value)
{
    begin_member(body, member);
    json_append_string(body, value);
}

static void add_string(struct text *body, const char *member, const char *value)
{
    if (value)
        add_span(body, member, span_of(value));
}

static void add_event_types(struct text *body, const struct arguments *arguments)
{
    size_t position = 0;
    size_t count = 0;
    const char *given;
    while ((given = arguments_next(arguments, "--event-types", &position))) {
        struct span rest = span_of(given);
        struct span part;
        while (span_next(&rest, ',', &part)) {
            if (count == 0)
                begin_member(body, "event_types");
            text_append_char(body, count++ == 0 ? '[' : ',');
            json_append_string(body, span_trim(part));
        }
    }
    if (count > 0)
        text_append_char(body, ']');
}

static bool add_headers(struct text *body, const struct arguments *arguments)
{
    size_t position = 0;
    size_t count = 0;
    const char *given;
    while ((given = arguments_next(arguments, "--header", &position))) {
        struct span rest = span_of(given);
        struct span name;
        if (!strchr(given, ':') || !span_next(&rest, ':', &name)) {
            // Not what was given: it may be the value alone, a credential.
            terminal_error("--header: expected a header such as 'X-Key: value'");
            return false;
        }
        if (count == 0)
            begin_member(body, "headers");
        text_append_char(body, count++ == 0 ? '{' : ',');
        json_append_string(body, span_trim(name));
        text_append_char(body, ':');
        // "X-Key:" takes the header away; one with an empty value would be of no use.
        if (span_trim(rest).size > 0)
            json_append_string(body, span_trim(rest));
        else
            text_append_string(body, "null");
    }
    if (count > 0)
        text_append_char(body, '}');
    return true;
}

// "default" leaves it to the configuration again.
static bool add_default(struct text *body, const char *member, const char *given)
{
    if (strcmp(given, "default") != 0)
        return false;
    begin_member(body, member);
    text_append_string(body, "null");
    return true;
}

static bool add_limits(struct text *body, const struct arguments *arguments)
{
    const char *timeout = arguments_value(arguments, "--timeout");
    const char *concurrency = arguments_value(arguments, "--max-concurrency");
    int64_t timeout_ms;
    uint64_t number;
    if (timeout && !add_default(body, "timeout_ms", timeout)) {
        if (!duration_parse(span_of(timeout), &timeout_ms))
            return refuse("--timeout", timeout, "duration such as 10s");
        begin_member(body, "timeout_ms");
        text_append_int(body, timeout_ms);
    }
    if (concurrency && !add_default(body, "max_concurrency", concurrency)) {
        if (!input_parse_number(concurrency, 1, UINT32_MAX, &number))
            return refuse("--max-concurrency", concurrency, "number of at least 1");
        begin_member(body, "max_concurrency");
        text_append_int(body, (int64_t)number);
    }
    return true;
}

// "10" or "10/20": the API says what is wrong with a number, here only that it is one.
static bool add_rate_limit(struct text *body, const char *given)
{
    struct span rest = span_of(given);
    struct span rate = {0};
    struct json_error error;
    uint64_t burst;
    begin_member(body, "rate_limit");
    if (strcmp(given, "none") == 0) {
        text_append_string(body, "null");
        return true;
    }
    span_next(&rest, '/', &rate);
    bool has_burst = strchr(given, '/') != NULL;
    bool is_number =
        rate.size > 0 && rate.data[0] >= '0' && rate.data[0] <= '9' && json_validate(rate, &error);
    if (!is_number || (has_burst && !span_to_uint64(rest, &burst)))
        return refuse("--rate-limit", given, "number a second such as 10, 0.5 or 10/20, or none");
    text_append_string(body, "{\"per_second\":");
    text_append_span(body, rate);
    if (has_burst) {
        text_append_string(body, ",\"burst\":");
        text_append_span(body, rest);
    }
    text_append_char(body, '}');
    return true;
}

static void add_retry_schedule(struct text *body, const char *given)
{
    struct span rest = span_of(given);
    struct span step;
    size_t count = 0;
    if (add_default(body, "retry_schedule", given))
        return;
    begin_member(body, "retry_schedule");
    text_append_char(body, '[');
    while (strcmp(given, "none") != 0 && span_next(&rest, ',', &step)) {
        text_append_string(body, count++ == 0 ? "" : ",");
        json_append_string(body, span_trim(step));
    }
    text_append_char(body, ']');
}

static bool add_policy(struct text *body, const struct arguments *arguments)
{
    const char *schedule = arguments_value(arguments, "--retry-schedule");
    const char *metadata = arguments_value(arguments, "--metadata");
    const char *rate_limit = arguments_value(arguments, "--rate-limit");
    struct json_error error;
    if (metadata && !json_validate(span_of(metadata), &error))
        return refuse("--metadata", metadata, "JSON");
    if (metadata) {
        begin_member(body, "metadata");
        text_append_string(body, metadata);
    }
    if (schedule)
        add_retry_schedule(body, schedule);
    if (rate_limit && !add_rate_limit(body, rate_limit))
        return false;
    return add_limits(body, arguments);
}

static bool add_secret(struct text *body, const struct arguments *arguments)
{
    const char *path = arguments_value(arguments, "--secret-file");
    char error[INPUT_ERROR_SIZE];
    struct text content;
    add_string(body, "secret", arguments_value(arguments, "--secret"));
    if (!path)
        return true;
    if (arguments_has(arguments, "--secret")) {
        terminal_error("give --secret or --secret-file, not both");
        return false;
    }
    bool is_read = input_read_file(path, SECRET_FILE_MAX_BYTES, &content, error);
    if (is_read)
        add_span(body, "secret",
                 (struct span){content.data, strcspn(text_string(&content), "\r\n \t")});
    else
        terminal_error("--secret-file: %s", error);
    text_fini(&content);
    return is_read;
}

static bool add_common(struct text *body, const struct arguments *arguments)
{
    add_string(body, "tenant", arguments_value(arguments, "--tenant"));
    add_string(body, "description", arguments_value(arguments, "--description"));
    add_event_types(body, arguments);
    return add_headers(body, arguments) && add_policy(body, arguments);
}

static void print_changed(const struct subscription *subscription, const struct arguments *arguments)
{
    if (arguments_has(arguments, "--json"))
        subscriptions_print_json(subscription);
    else
        printf("%s\n", subscription->id);
}

static int create(const struct command_input *input, struct text *body)
{
    struct session session;
    struct subscription *created = NULL;
    struct field_errors errors = {.count = 0};
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    text_append_char(body, '}');
    enum store_result result =
        store_create_subscription(&session.store, text_span(body), &created, &errors);
    int code = session_report(&session, result, "subscription", &errors);
    if (code == EXIT_OK) {
        print_changed(created, input->arguments);
        fprintf(stderr, "its signing secret: petrel subscriptions secret %s\n", created->id);
    }
    subscription_unref(&created);
    session_close(&session);
    return code;
}

static int run_add(const struct command_input *input)
{
    const struct arguments *arguments = input->arguments;
    struct text body;
    int code = EXIT_USAGE;
    text_init_secret(&body, BODY_MAX_BYTES); // secrets and header values
    add_string(&body, "url", arguments->words[0]);
    add_string(&body, "signature", arguments_value(arguments, "--signature"));
    if (arguments_has(arguments, "--paused"))
        add_string(&body, "state", "paused");
    if (arguments_has(arguments, "--ordered")) {
        begin_member(&body, "ordered");
        text_append_string(&body, "true");
    }
    add_string(&body, "ordered_failure", arguments_value(arguments, "--ordered-failure"));
    if (!arguments_has(arguments, "--event-types"))
        terminal_error("--event-types is missing: which events it wants ('*' for all)");
    else if (add_common(&body, arguments) && add_secret(&body, arguments))
        code = create(input, &body);
    text_fini(&body);
    return code;
}

const struct command subscriptions_add = {
    .name = "add",
    .alias = "create",
    .words = "URL",
    .summary = "add a subscriber's URL and print the new subscription's id",
    .examples =
        "  petrel subscriptions add https://example.com/hooks --event-types 'invoice.*,user.created'\n"
        "  petrel subscriptions add https://example.com/hooks --event-types '*' --tenant acme \\\n"
        "      --header 'X-Env: prod' --retry-schedule 10s,1m,10m",
    .options = add_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_add,
};

static int patch(const struct command_input *input, struct text *body)
{
    struct session session;
    struct subscription *changed = NULL;
    struct field_errors errors = {.count = 0};
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    text_append_char(body, '}');
    enum store_result result =
        store_patch_subscription(&session.store, id, text_span(body), &changed, &errors);
    int code = session_report(&session, result, subscriptions_name(id, name), &errors);
    if (code == EXIT_OK)
        print_changed(changed, input->arguments);
    subscription_unref(&changed);
    session_close(&session);
    return code;
}

static int run_update(const struct command_input *input)
{
    struct text body;
    int code = EXIT_USAGE;
    text_init_secret(&body, BODY_MAX_BYTES); // secrets and header values
    add_string(&body, "url", arguments_value(input->arguments, "--url"));
    if (add_common(&body, input->arguments)) {
        if (body.size == 0)
            terminal_error("nothing to change: see `petrel subscriptions update --help`");
        else
            code = patch(input, &body);
    }
    text_fini(&body);
    return code;
}

const struct command subscriptions_update = {
    .name = "update",
    .alias = "set",
    .words = "ID",
    .summary = "change what is given, leave the rest",
    .examples = "  petrel subscriptions update sub_… --url https://example.com/hooks2 --timeout 20s",
    .options = update_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_update,
};
