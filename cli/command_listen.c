// SPDX-License-Identifier: Apache-2.0
// `petrel listen`: a local receiver that verifies each delivery, prints it, and fails on demand.
//
// Requests come on the server's threads; one lock guards the judgement and the printing, so lines never mix. The
// main thread only waits for a signal or for the last request of --exit-after.
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "command.h"
#include "listen.h"
#include "petrel/clock.h"
#include "petrel/http_server.h"
#include "petrel/timestamp.h"
#include "terminal.h"

enum {
    LINE_MAX_BYTES = 128 * 1024 * 1024,
    BODY_MAX_BYTES = 16 * 1024 * 1024,
    LINGER_MS = 200, // after the last request: its answer is still on its way
    MAX_DELAY_MS = 3600 * 1000
};

static const struct option options[] = {
    {.name = "--listen",
     .value = "ADDRESS:PORT",
     .meaning = "where to listen; port 0 takes a free one [127.0.0.1:9000]"},
    {.name = "--secret",
     .value = "SECRET",
     .meaning = "whsec_…, whsk_… or whpk_…; repeatable: any may have signed",
     .is_repeatable = true},
    {.name = "--secret-file",
     .value = "FILE",
     .meaning = "secrets from a file, one a line; repeatable",
     .is_repeatable = true},
    {.name = "--no-time-check",
     .meaning = "accept any webhook-timestamp (5 minutes either way otherwise)"},
    {.name = "--status", .value = "CODE", .meaning = "answer this instead of 200"},
    {.name = "--delay", .value = "DURATION", .meaning = "wait before each answer: 2s"},
    {.name = "--fail-first",
     .value = "N",
     .meaning = "answer 500 to the first N requests of each webhook-id"},
    {.name = "--retry-after",
     .value = "SECONDS",
     .meaning = "send this Retry-After header with each failure"},
    {.name = "--drop", .meaning = "close each connection without an answer"},
    {.name = "--exit-after", .value = "N", .meaning = "end after so many requests"},
    {.name = "--json", .meaning = "one line of JSON for each request"},
    {.name = NULL},
};

struct receiver {
    struct listen listen; // under lock
    pthread_mutex_t lock;
    bool as_json;
    uint64_t exit_after;  // 0: never
    uint64_t retry_after; // 0: no header
    char host[INPUT_HOST_SIZE];
    uint16_t port;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate;
    uv_async_t last_request;
    uv_timer_t linger;
};

static struct span header(const struct http_request *request, const char *name)
{
    return span_of(http_request_header(request, name));
}

// False when nobody reads any more: the pipe's other end is closed, the disk is full.
static bool print(struct receiver *receiver, const struct listen_request *request,
                  const struct listen_delivery *delivery)
{
    struct text out;
    text_init(&out, LINE_MAX_BYTES);
    if (receiver->as_json)
        listen_format_json(request, delivery, &out);
    else
        listen_format_text(request, delivery, &out);
    terminal_write(&out);
    text_fini(&out);
    return fflush(stdout) == 0 && !ferror(stdout);
}

static void wait_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&left, NULL);
}

static void answer(const struct receiver *receiver, const struct listen_delivery *delivery,
                   struct http_response *response)
{
    bool is_failure = delivery->status < 200 || delivery->status > 299;
    response->drop_connection = delivery->status == 0;
    response->status = delivery->status;
    response->content_type = "text/plain";
    if (delivery->status == 0)
        return;
    if (is_failure && receiver->retry_after > 0)
        http_response_add_header(response, "retry-after", "%" PRIu64, receiver->retry_after);
    text_append_string(&response->body, delivery->verdict == LISTEN_REFUSED ? delivery->why
                                        : is_failure                        ? "failing, as told"
                                                                            : "ok");
    text_append_char(&response->body, '\n');
}

static void on_request(void *arg, const struct http_request *http, struct http_response *response)
{
    struct receiver *receiver = arg;
    struct listen_delivery delivery;
    struct listen_request request = {
        .method = span_of(http->method),
        .target = span_of(http->path),
        .content_type = header(http, "content-type"),
        .headers = {.id = header(http, "webhook-id"),
                    .timestamp = header(http, "webhook-timestamp"),
                    .signature = header(http, "webhook-signature")},
        .attempt = header(http, "webhook-attempt"),
        .body = http->body,
        .received_wall_ms = clock_wall_ms(),
    };
    pthread_mutex_lock(&receiver->lock);
    listen_receive(&receiver->listen, &request, &delivery);
    bool is_printed = print(receiver, &request, &delivery);
    bool is_last = !is_printed || receiver->listen.counts.requests == receiver->exit_after;
    pthread_mutex_unlock(&receiver->lock);
    if (receiver->listen.faults.delay_ms > 0)
        wait_ms(receiver->listen.faults.delay_ms);
    answer(receiver, &delivery, response);
    if (is_last)
        uv_async_send(&receiver->last_request);
}

// ---- options

static bool parse_faults(struct receiver *receiver, const struct arguments *arguments)
{
    struct listen_faults *faults = &receiver->listen.faults;
    const char *delay = arguments_value(arguments, "--delay");
    uint64_t status = 200;
    uint64_t fail_first = 0;
    if (!input_take_number(arguments, "--status", 200, 599, &status) ||
        !input_take_number(arguments, "--fail-first", 0, UINT32_MAX, &fail_first) ||
        !input_take_number(arguments, "--retry-after", 1, UINT32_MAX, &receiver->retry_after) ||
        !input_take_number(arguments, "--exit-after", 1, UINT64_MAX, &receiver->exit_after))
        return false;
    if (delay &&
        (!duration_parse(span_of(delay), &faults->delay_ms) || faults->delay_ms > MAX_DELAY_MS)) {
        terminal_error("--delay: \"%.40s\" is no duration up to 1h, such as 500ms or 2s", delay);
        return false;
    }
    faults->status = (uint32_t)status;
    faults->fail_first = (uint32_t)fail_first;
    faults->drops = arguments_has(arguments, "--drop");
    return true;
}

static bool parse_options(struct receiver *receiver, const struct arguments *arguments)
{
    char error[INPUT_ERROR_SIZE];
    const char *address = arguments_value(arguments, "--listen");
    receiver->as_json = arguments_has(arguments, "--json");
    receiver->listen.verifier.tolerance_s =
        arguments_has(arguments, "--no-time-check") ? -1 : SIGNATURE_TOLERANCE_S;
    if (!input_parse_address(address ? address : "9000", receiver->host, &receiver->port)) {
        terminal_error("--listen: \"%.80s\" is no address:port such as 127.0.0.1:9000", address);
        return false;
    }
    if (!verifier_add_arguments(&receiver->listen.verifier, arguments, error)) {
        terminal_error("%s", error);
        return false;
    }
    return parse_faults(receiver, arguments);
}

// ---- running

static void on_end(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

static void on_last_request(uv_async_t *async)
{
    struct receiver *receiver = async->data;
    uv_timer_start(&receiver->linger, on_end, LINGER_MS, 0);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void open_loop(struct receiver *receiver)
{
    uv_loop_init(&receiver->loop);
    uv_signal_init(&receiver->loop, &receiver->interrupt);
    uv_signal_init(&receiver->loop, &receiver->terminate);
    uv_timer_init(&receiver->loop, &receiver->linger);
    uv_async_init(&receiver->loop, &receiver->last_request, on_last_request);
    receiver->last_request.data = receiver;
    uv_signal_start(&receiver->interrupt, on_signal, SIGINT);
    uv_signal_start(&receiver->terminate, on_signal, SIGTERM);
}

static void close_loop(struct receiver *receiver)
{
    uv_walk(&receiver->loop, close_handle, NULL);
    uv_run(&receiver->loop, UV_RUN_DEFAULT);
    uv_loop_close(&receiver->loop);
}

// To stderr: stdout holds the deliveries.
static void print_start(const struct receiver *receiver, const struct http_server *server)
{
    bool is_ipv6 = strchr(receiver->host, ':') != NULL;
    fprintf(stderr, "listening on http://%s%s%s:%u\n", is_ipv6 ? "[" : "", receiver->host,
            is_ipv6 ? "]" : "", (unsigned)http_server_port(server));
    if (receiver->listen.verifier.count == 0)
        fprintf(stderr,
                "%sunverified%s: no secret given, so nothing is checked; give --secret whsec_…\n",
                terminal_color(stderr, TERMINAL_YELLOW), terminal_color(stderr, TERMINAL_PLAIN));
    else
        fprintf(stderr, "verifying with %zu secret%s\n", receiver->listen.verifier.count,
                receiver->listen.verifier.count == 1 ? "" : "s");
}

static void print_counts(struct receiver *receiver)
{
    struct text out;
    text_init(&out, LINE_MAX_BYTES);
    listen_format_counts(&receiver->listen.counts, &out);
    fprintf(stderr, "\n%s", text_string(&out));
    text_fini(&out);
}

static int receive(struct receiver *receiver)
{
    char error[512];
    bool may_block = receiver->listen.faults.delay_ms > 0;
    struct http_server_options server_options = {
        .host = receiver->host,
        .port = receiver->port,
        .threads = may_block ? 2 : 4,
        .handlers = may_block ? 64 : 0,
        .max_body_bytes = BODY_MAX_BYTES,
        .max_response_bytes = 64 * 1024,
        .max_connections = 1024,
        .idle_timeout_s = 75,
        .handler = on_request,
        .arg = receiver,
    };
    open_loop(receiver);
    int code = EXIT_OK;
    struct http_server *server = http_server_start(&server_options, error, sizeof error);
    if (server) {
        print_start(receiver, server);
        uv_run(&receiver->loop, UV_RUN_DEFAULT);
        http_server_stop(&server);
        print_counts(receiver);
    } else {
        terminal_error("%s", error);
        code = EXIT_FAILED;
    }
    close_loop(receiver);
    return code;
}

static int run_listen(const struct command_input *input)
{
    struct receiver receiver = {.as_json = false};
    int code = EXIT_USAGE;
    listen_init(&receiver.listen);
    pthread_mutex_init(&receiver.lock, NULL);
    if (parse_options(&receiver, input->arguments))
        code = receive(&receiver);
    pthread_mutex_destroy(&receiver.lock);
    listen_fini(&receiver.listen);
    return code;
}

const struct command command_listen = {
    .name = "listen",
    .words = "",
    .summary = "a local receiver: verifies and prints each delivery, fails on demand",
    .description =
        "For trying things out. Deliveries to it need --allow-networks 127.0.0.0/8 on the dispatcher.\n"
        "A request that isn't signed by one of the secrets gets 401.",
    .examples = "  petrel listen --secret whsec_…\n"
                "  petrel listen --secret-file secret.txt --fail-first 3 --delay 200ms\n"
                "  petrel listen --status 503 --retry-after 60",
    .options = options,
    .config = COMMAND_WITHOUT_CONFIG,
    .run = run_listen,
};
