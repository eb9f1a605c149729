// SPDX-License-Identifier: Apache-2.0
// `petrel bench`: a load through the user's own Redis and dispatchers, and what came of it. Whatever it makes (a receiver,
// a subscription for it) it removes at the end, also when it is interrupted or fails.
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "command.h"
#include "petrel/clock.h"
#include "petrel/random.h"
#include "petrel/timestamp.h"
#include "terminal.h"

enum {
    DEFAULT_EVENTS = 10000,
    DEFAULT_BYTES = 1000,
    DEFAULT_BACKLOG = 500,
    DEFAULT_WARM_UP = 1000,
    DEFAULT_CONCURRENCY = 256,
    DEFAULT_TIMEOUT_MS = 30000,
    BYTES_MIN = 64,
    RATE_MAX = 1000000,
    CONCURRENCY_MAX = 1024,
    DURATION_MAX_MS = 24 * 3600 * 1000,
};

static const struct option options[] = {
    {.name = "--events",
     .value = "N",
     .meaning = "publish so many [10000; no limit with --duration]"},
    {.name = "--duration", .value = "DURATION", .meaning = "stop publishing after this: 30s"},
    {.name = "--rate",
     .value = "N",
     .meaning = "so many a second, whatever becomes of them [as fast as they are delivered]"},
    {.name = "--backlog",
     .value = "N",
     .meaning = "without --rate: published and not yet delivered, at most [500]"},
    {.name = "--bytes", .value = "N", .meaning = "of each event's data [1000]"},
    {.name = "--concurrency",
     .value = "N",
     .meaning = "attempts at once of the own subscription [256]"},
    {.name = "--warm-up",
     .value = "N",
     .meaning = "events before it counts, so that connections are open [1000]"},
    {.name = "--timeout",
     .value = "DURATION",
     .meaning = "wait so long for what isn't delivered when all is published [30s]"},
    {.name = "--receive",
     .value = "ADDRESS:PORT",
     .meaning = "where the own receiver listens; port 0 takes a free one [127.0.0.1:0]"},
    {.name = "--url",
     .value = "URL",
     .meaning = "how dispatchers elsewhere reach that: http://bench.internal:9000"},
    {.name = "--type",
     .value = "TYPE",
     .meaning = "no own receiver: real events of this type, to all subscriptions that want it"},
    {.name = "--tenant", .value = "TENANT", .meaning = "of these events"},
    {.name = "--yes", .meaning = "with --type: that is meant"},
    {.name = "--json", .meaning = "the result as one JSON object"},
    {.name = NULL},
};

// ---- options

static bool parse_duration(const struct arguments *arguments, const char *name, int64_t *ms)
{
    const char *given = arguments_value(arguments, name);
    if (!given || (duration_parse(span_of(given), ms) && *ms > 0 && *ms <= DURATION_MAX_MS))
        return true;
    terminal_error("%s: \"%.40s\" is no duration up to 24h, such as 30s", name, given);
    return false;
}

static bool parse_load(struct bench_plan *plan, const struct command_input *input)
{
    const struct arguments *arguments = input->arguments;
    uint64_t bytes_max = input->config->max_event_bytes > 2 * BENCH_ENVELOPE_BYTES
                             ? input->config->max_event_bytes - BENCH_ENVELOPE_BYTES
                             : BENCH_ENVELOPE_BYTES;
    plan->events =
        arguments_has(arguments, "--duration") ? (uint64_t)BENCH_EVENTS_MAX : DEFAULT_EVENTS;
    return input_take_number(arguments, "--events", 1, BENCH_EVENTS_MAX, &plan->events) &&
           input_take_number(arguments, "--rate", 1, RATE_MAX, &plan->rate) &&
           input_take_number(arguments, "--backlog", 1, BENCH_EVENTS_MAX, &plan->backlog) &&
           input_take_number(arguments, "--bytes", BYTES_MIN, bytes_max, &plan->bytes) &&
           input_take_number(arguments, "--warm-up", 0, BENCH_EVENTS_MAX, &plan->warm_up) &&
           input_take_number(arguments, "--concurrency", 1, CONCURRENCY_MAX, &plan->concurrency) &&
           parse_duration(arguments, "--duration", &plan->duration_ms) &&
           parse_duration(arguments, "--timeout", &plan->timeout_ms);
}

// Either the own receiver or existing subscriptions: no option of the one goes with the other.
static bool check_target(const struct arguments *arguments, bool is_own)
{
    static const char *const own[] = {"--receive", "--url", "--warm-up", "--concurrency"};
    static const char *const existing[] = {"--tenant", "--yes"};
    for (size_t i = 0; !is_own && i < sizeof own / sizeof *own; i++) {
        if (arguments_has(arguments, own[i])) {
            terminal_error("%s is about the own receiver, and with --type there is none", own[i]);
            return false;
        }
    }
    for (size_t i = 0; is_own && i < sizeof existing / sizeof *existing; i++) {
        if (arguments_has(arguments, existing[i])) {
            terminal_error("%s goes with --type", existing[i]);
            return false;
        }
    }
    return true;
}

static bool parse_target(struct bench_plan *plan, const struct arguments *arguments)
{
    const char *address = arguments_value(arguments, "--receive");
    plan->type = arguments_value(arguments, "--type");
    plan->tenant = arguments_value(arguments, "--tenant");
    plan->url = arguments_value(arguments, "--url");
    if (!check_target(arguments, plan->type == NULL))
        return false;
    if (!input_parse_address(address ? address : "0", plan->host, &plan->port)) {
        terminal_error("--receive: \"%.80s\" is no address:port such as 127.0.0.1:9000", address);
        return false;
    }
    if (plan->type && (!event_is_type(span_of(plan->type)) || event_is_own(plan->type))) {
        terminal_error("--type: \"%.80s\" is no type that events can have", plan->type);
        return false;
    }
    if (plan->tenant && !event_is_tenant(span_of(plan->tenant))) {
        terminal_error("--tenant: \"%.80s\" is no tenant", plan->tenant);
        return false;
    }
    return true;
}

static bool parse_plan(struct bench_plan *plan, const struct command_input *input)
{
    *plan = (struct bench_plan){
        .bytes = DEFAULT_BYTES,
        .backlog = DEFAULT_BACKLOG,
        .warm_up = DEFAULT_WARM_UP,
        .concurrency = DEFAULT_CONCURRENCY,
        .timeout_ms = DEFAULT_TIMEOUT_MS,
        .as_json = arguments_has(input->arguments, "--json"),
    };
    return parse_load(plan, input) && parse_target(plan, input->arguments);
}

// ---- running

// Those that have beaten lately. Without one the events would only pile up.
static bool find_dispatchers(struct bench *bench, const struct config *config)
{
    struct store_instances list = {.count = 0};
    struct store_status status;
    struct store *store = &bench->session.store;
    enum store_result result = store_read_status(store, &status);
    if (result == STORE_OK)
        result = store_list_instances(store, &list);
    if (session_report(&bench->session, result, "dispatchers", NULL) != EXIT_OK)
        return false;
    int64_t alive_since_ms = clock_wall_ms() + status.clock_skew_ms - config->instance_timeout_ms;
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].last_heartbeat_at_ms < alive_since_ms)
            continue;
        bench->result.dispatchers++;
        bench->result.workers += list.items[i].workers;
    }
    store_instances_fini(&list);
    if (bench->result.dispatchers > 0)
        return true;
    terminal_error("no dispatcher runs on this Redis and namespace: start `petrel serve`");
    return false;
}

static bool start_receiver(struct bench *bench)
{
    static char path[32];
    char error[256];
    const struct bench_plan *plan = &bench->plan;
    random_id("/", path, sizeof path);
    bench->receiver = bench_receiver_start(plan, path, error, sizeof error);
    if (!bench->receiver) {
        terminal_error("%s", error);
        return false;
    }
    bool is_ipv6 = strchr(plan->host, ':') != NULL;
    size_t url_size = plan->url ? strlen(plan->url) : 0;
    while (url_size > 0 && plan->url[url_size - 1] == '/')
        url_size--;
    int size = url_size > 0 ? snprintf(bench->url, sizeof bench->url, "%.*s%s", (int)url_size,
                                       plan->url, path)
                            : snprintf(bench->url, sizeof bench->url, "http://%s%s%s:%u%s",
                                       is_ipv6 ? "[" : "", plan->host, is_ipv6 ? "]" : "",
                                       (unsigned)bench_receiver_port(bench->receiver), path);
    if (size > 0 && (size_t)size < sizeof bench->url)
        return true;
    terminal_error("--url: too long");
    return false;
}

static int measure(struct bench *bench)
{
    if (!bench_run_load(bench))
        return EXIT_FAILED;
    bench_print_result(bench);
    if (!bench->result.is_complete && !bench->result.is_interrupted)
        terminal_error("not everything was delivered within --timeout");
    return bench->result.is_complete && !bench->result.is_interrupted ? EXIT_OK : EXIT_FAILED;
}

static int run_own(struct bench *bench)
{
    int code = EXIT_FAILED;
    bench->result.receivers = 1;
    if (start_receiver(bench) && bench_subscribe(bench)) {
        bench_print_start(bench);
        if (bench_warm_up(bench))
            code = measure(bench);
    }
    // Nothing may come any more before there is nobody to take it.
    bench_unsubscribe(bench);
    bench_receiver_stop(&bench->receiver);
    return code;
}

static int run_existing(struct bench *bench, bool is_agreed)
{
    int code = EXIT_FAILED;
    if (!bench_find_subscribers(bench, is_agreed, &code))
        return code;
    bench_print_start(bench);
    return measure(bench);
}

static int run_bench(const struct command_input *input)
{
    struct bench bench = {.receiver = NULL};
    if (!parse_plan(&bench.plan, input))
        return EXIT_USAGE;
    if (!session_open(&bench.session, input->config))
        return EXIT_FAILED;
    bench_catch_signals();
    int code = EXIT_FAILED;
    if (find_dispatchers(&bench, input->config) && bench_measure_round_trip(&bench))
        code = bench.plan.type ? run_existing(&bench, arguments_has(input->arguments, "--yes"))
                               : run_own(&bench);
    session_close(&bench.session);
    return code;
}

const struct command command_bench = {
    .name = "bench",
    .words = "",
    .summary = "load through your Redis and dispatchers: events a second, latency, what is left",
    .description =
        "Subscribes a receiver of its own, with a tenant that nobody else has: no other subscription gets\n"
        "these events. At the end it removes the subscription. Dispatchers must be allowed to reach it:\n"
        "--allow-networks 127.0.0.0/8 for one on this machine.\n"
        "\n"
        "The events pass through the same stream as all others: they take their place in the retained past\n"
        "and in the attempts log, and what others publish meanwhile shares the dispatchers with them.\n"
        "\n"
        "Exit status 0 when everything was delivered.",
    .examples = "  petrel bench\n"
                "  petrel bench --rate 500 --duration 30s --json\n"
                "  petrel bench --type invoice.paid --events 100 --yes",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .run = run_bench,
};
