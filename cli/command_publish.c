// SPDX-License-Identifier: Apache-2.0
// `petrel publish`: puts one event into Redis as XADD would, after judging it as the dispatcher will.
// Prints the event's id: what the subscriber gets as webhook-id.
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "input.h"
#include "session.h"
#include "terminal.h"

static const struct option options[] = {
    {.name = "--data",
     .value = "JSON",
     .meaning = "the event's data; sent inside {type, timestamp, data}"},
    {.name = "--data-file", .value = "FILE", .meaning = "the same from a file; - is standard input"},
    {.name = "--payload",
     .value = "BYTES",
     .meaning = "the request's whole body instead of data, sent as it is"},
    {.name = "--payload-file",
     .value = "FILE",
     .meaning = "the same from a file; - is standard input"},
    {.name = "--content-type", .value = "TYPE", .meaning = "of a payload [application/json]"},
    {.name = "--id",
     .value = "ID",
     .meaning = "the event's own id; a repeat within the dedupe window is dropped"},
    {.name = "--tenant", .value = "TENANT", .meaning = "only subscriptions of this tenant get it"},
    {.name = "--timestamp", .value = "TIME", .meaning = "when it happened, RFC 3339 [now]"},
    {.name = "--subscription", .value = "ID", .meaning = "deliver to this subscription only"},
    {.name = "--traceparent",
     .value = "VALUE",
     .meaning = "W3C trace context, handed on to the subscriber"},
    {.name = "--json", .meaning = "print {\"id\": …}"},
    {.name = NULL},
};

enum { PUBLISH_MAX_FIELDS = 16 };

struct publish {
    struct span fields[PUBLISH_MAX_FIELDS];
    size_t field_count;
    struct text content; // of a file or standard input
};

static void add_field(struct publish *publish, const char *name, struct span value)
{
    publish->fields[publish->field_count++] = span_of(name);
    publish->fields[publish->field_count++] = value;
}

static bool add_file(struct publish *publish, const char *field, const char *path,
                     const struct config *config)
{
    char error[INPUT_ERROR_SIZE];
    text_fini(&publish->content);
    if (!input_read_file(path, config->max_event_bytes, &publish->content, error)) {
        terminal_error("%s", error);
        return false;
    }
    add_field(publish, field, text_span(&publish->content));
    return true;
}

// Exactly one of --data, --data-file, --payload, --payload-file, or the word "-".
static bool add_body(struct publish *publish, const struct command_input *input)
{
    const struct arguments *arguments = input->arguments;
    const char *data = arguments_value(arguments, "--data");
    const char *data_file = arguments_value(arguments, "--data-file");
    const char *payload = arguments_value(arguments, "--payload");
    const char *payload_file = arguments_value(arguments, "--payload-file");
    if (arguments->word_count > 1 && strcmp(arguments->words[1], "-") != 0) {
        terminal_error("unexpected \"%.80s\"; data goes with --data, or - reads standard input",
                       arguments->words[1]);
        return false;
    }
    bool is_stdin = arguments->word_count > 1;
    if (!!data + !!data_file + !!payload + !!payload_file + is_stdin != 1) {
        terminal_error("give one of --data JSON, --data-file FILE, --payload BYTES, "
                       "--payload-file FILE, or - for data from standard input");
        return false;
    }
    if (data)
        add_field(publish, "data", span_of(data));
    if (payload)
        add_field(publish, "payload", span_of(payload));
    if (data_file || is_stdin)
        return add_file(publish, "data", data_file ? data_file : "-", input->config);
    if (payload_file)
        return add_file(publish, "payload", payload_file, input->config);
    return true;
}

static bool add_fields(struct publish *publish, const struct command_input *input)
{
    static const char *const named[][2] = {
        {"--content-type", "content_type"},
        {"--id", "id"},
        {"--tenant", "tenant"},
        {"--timestamp", "timestamp"},
        {"--subscription", "subscription"},
        {"--traceparent", "traceparent"},
    };
    add_field(publish, "type", span_of(input->arguments->words[0]));
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        const char *value = arguments_value(input->arguments, named[i][0]);
        if (value)
            add_field(publish, named[i][1], span_of(value));
    }
    return add_body(publish, input);
}

static int send_event(const struct publish *publish, const struct command_input *input)
{
    struct session session;
    struct field_errors errors = {.count = 0};
    struct store_publish event = {.fields = publish->fields, .field_count = publish->field_count};
    char id[EVENT_ID_SIZE];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    // A stream that nobody reads would take it. Where the layout may not be read, this isn't known.
    enum store_result result = store_look_at_schema(&session.store);
    if (result != STORE_CONFLICT)
        result = store_publish_event(&session.store, &event, id, &errors);
    int code = session_report(&session, result, "event", &errors);
    if (code == EXIT_OK && arguments_has(input->arguments, "--json"))
        printf("{\"id\":\"%s\"}\n", id);
    else if (code == EXIT_OK)
        printf("%s\n", id);
    session_close(&session);
    return code;
}

static int run_publish(const struct command_input *input)
{
    struct publish publish = {.field_count = 0};
    int code = EXIT_USAGE;
    text_init(&publish.content, 0);
    if (add_fields(&publish, input))
        code = send_event(&publish, input);
    text_fini(&publish.content);
    return code;
}

const struct command command_publish = {
    .name = "publish",
    .words = "TYPE [-]",
    .summary = "put an event into Redis and print its id",
    .description =
        "The same as `redis-cli XADD petrel:events '*' type TYPE data JSON`, but a malformed event is\n"
        "refused here instead of being set aside as a rejected one. Needs Redis, no API key.",
    .examples = "  petrel publish invoice.paid --data '{\"id\": \"in_1\"}'\n"
                "  petrel publish invoice.paid --id in_1-paid - < invoice.json\n"
                "  petrel publish report.ready --payload-file report.csv --content-type text/csv",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 2,
    .run = run_publish,
};
