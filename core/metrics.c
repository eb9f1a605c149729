// SPDX-License-Identifier: Apache-2.0
// Metrics: one set of relaxed counters per thread, summed when read; one table says how they are exposed.
//
// A thread adopts a set at its first count and gives it back when it ends; the next thread goes on counting
// in it. So sets only ever grow, sums of ended threads stay, and there are as many sets as there were
// threads at once. Invariant: a set is on the list for ever, and at most one living thread writes to it
// (but for `shared`, used without memory: additions are atomic, so it only is slower).
#include "petrel/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifndef PETREL_VERSION
#define PETREL_VERSION "unknown"
#endif

static const int64_t bounds_ms[] = {5,    10,   25,   50,    100,   250,   500,
                                    1000, 2500, 5000, 10000, 15000, 30000, 60000};
enum { BOUND_COUNT = sizeof(bounds_ms) / sizeof(bounds_ms[0]), CACHE_LINE = 64 };

struct histogram {
    atomic_int_fast64_t buckets[BOUND_COUNT + 1]; // the last one: beyond every bound
    atomic_int_fast64_t sum_ms;
};

struct metrics_set {
    _Alignas(CACHE_LINE) atomic_int_fast64_t values[METRIC_COUNT];
    struct histogram histograms[METRIC_HISTOGRAM_COUNT];
    atomic_bool is_taken;
    struct metrics_set *next; // set before it is published, then never changed
};

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE };

// Metrics of one family stand together in the enum: HELP and TYPE are written once, before the first.
struct exposition {
    const char *family; // without "petrel_"
    enum family_type type;
    const char *labels; // "" or "{name=\"value\"}"
    const char *help;
};

static const struct exposition expositions[METRIC_COUNT] = {
    [METRIC_EVENTS_READ] = {"events_read_total", FAMILY_COUNTER, "", "Events read from the stream."},
    [METRIC_EVENTS_DUPLICATE] = {"events_duplicate_total", FAMILY_COUNTER, "",
                                 "Events dropped because their id was seen within the dedupe window."},
    [METRIC_EVENTS_REJECTED] = {"events_rejected_total", FAMILY_COUNTER, "",
                                "Stream entries that are no valid event, kept aside with the reason."},
    [METRIC_EVENTS_UNMATCHED] = {"events_unmatched_total", FAMILY_COUNTER, "",
                                 "Events that no subscription wanted."},
    [METRIC_EVENTS_SETTLED] = {"events_settled_total", FAMILY_COUNTER, "",
                               "Events acknowledged: every delivery is delivered, parked or dead."},
    [METRIC_EVENTS_CLAIMED] = {"events_claimed_total", FAMILY_COUNTER, "",
                               "Events taken over from a dead instance."},
    [METRIC_DELIVERIES_DELIVERED] = {"deliveries_total", FAMILY_COUNTER, "{outcome=\"delivered\"}",
                                     "Deliveries that ended, by outcome."},
    [METRIC_DELIVERIES_DEAD] = {"deliveries_total", FAMILY_COUNTER, "{outcome=\"dead\"}", ""},
    [METRIC_DELIVERIES_EXPIRED] = {"deliveries_expired_total", FAMILY_COUNTER, "",
                                   "Deliveries that became dead letters because they were too old."},
    [METRIC_DELIVERIES_PARKED_RETRY] = {"deliveries_parked_total", FAMILY_COUNTER,
                                        "{reason=\"retry\"}",
                                        "Deliveries parked: after a failed attempt (retry), or without "
                                        "one (overflow)."},
    [METRIC_DELIVERIES_PARKED_OVERFLOW] = {"deliveries_parked_total", FAMILY_COUNTER,
                                           "{reason=\"overflow\"}", ""},
    [METRIC_ATTEMPTS_2XX] = {"attempts_total", FAMILY_COUNTER, "{result=\"2xx\"}",
                             "HTTP requests to subscribers, by result."},
    [METRIC_ATTEMPTS_3XX] = {"attempts_total", FAMILY_COUNTER, "{result=\"3xx\"}", ""},
    [METRIC_ATTEMPTS_4XX] = {"attempts_total", FAMILY_COUNTER, "{result=\"4xx\"}", ""},
    [METRIC_ATTEMPTS_5XX] = {"attempts_total", FAMILY_COUNTER, "{result=\"5xx\"}", ""},
    [METRIC_ATTEMPTS_TIMEOUT] = {"attempts_total", FAMILY_COUNTER, "{result=\"timeout\"}", ""},
    [METRIC_ATTEMPTS_NETWORK] = {"attempts_total", FAMILY_COUNTER, "{result=\"network\"}", ""},
    [METRIC_ATTEMPTS_BLOCKED] = {"attempts_total", FAMILY_COUNTER, "{result=\"blocked\"}", ""},
    [METRIC_CONNECTIONS_OPENED] = {"connections_opened_total", FAMILY_COUNTER, "",
                                   "Connections opened to subscribers."},
    [METRIC_BREAKERS_TO_OPEN] = {"breaker_transitions_total", FAMILY_COUNTER, "{to=\"open\"}",
                                 "Changes of subscriptions' circuit breakers that this process "
                                 "made, by new state."},
    [METRIC_BREAKERS_TO_HALF_OPEN] = {"breaker_transitions_total", FAMILY_COUNTER,
                                      "{to=\"half_open\"}", ""},
    [METRIC_BREAKERS_TO_CLOSED] = {"breaker_transitions_total", FAMILY_COUNTER, "{to=\"closed\"}",
                                   ""},
    [METRIC_RATE_LIMITED] = {"rate_limited_total", FAMILY_COUNTER, "",
                             "Times that a subscription had to wait for its rate limit."},
    [METRIC_LEASES_LOST] = {"leases_lost_total", FAMILY_COUNTER, "",
                            "Leased deliveries that another instance took over meanwhile."},
    [METRIC_DATA_LOSS] = {"data_loss_total", FAMILY_COUNTER, "",
                          "Entries or payloads that Redis no longer had."},
    [METRIC_GROUPS_CREATED] = {"groups_created_total", FAMILY_COUNTER, "",
                               "Consumer groups made: at the first start, and whenever one was lost."},
    [METRIC_REDIS_CONNECTS] = {"redis_connects_total", FAMILY_COUNTER, "",
                               "Tries to connect to Redis."},
    [METRIC_REDIS_RECONNECTS] = {"redis_reconnects_total", FAMILY_COUNTER, "",
                                 "Connections to Redis that were lost."},
    [METRIC_REDIS_ERRORS] = {"redis_errors_total", FAMILY_COUNTER, "", "Error replies of Redis."},
    [METRIC_ADMIN_REQUESTS] = {"admin_requests_total", FAMILY_COUNTER, "",
                               "Requests to the admin API."},
    [METRIC_ADMIN_UNAUTHORIZED] = {"admin_unauthorized_total", FAMILY_COUNTER, "",
                                   "Requests to the admin API without a valid key."},
    [METRIC_IN_FLIGHT] = {"in_flight", FAMILY_GAUGE, "", "Attempts running now."},
    [METRIC_WAITING] = {"waiting", FAMILY_GAUGE, "",
                        "Deliveries in memory that wait for a free slot."},
    [METRIC_REDIS_CONNECTED] = {"redis_connected", FAMILY_GAUGE, "",
                                "Connections to Redis that are up."},
    [METRIC_WORKERS] = {"workers", FAMILY_GAUGE, "",
                        "Workers that have Redis and a subscription table."},
    [METRIC_TABLE_SUBSCRIPTIONS] = {"table_subscriptions", FAMILY_GAUGE, "",
                                    "Subscriptions in the workers' tables, summed over workers."},
    [METRIC_SUBSCRIPTIONS_LOCKED] = {"subscriptions_locked", FAMILY_GAUGE, "",
                                     "Subscriptions whose secrets this instance can't open: their "
                                     "deliveries park."},
    [METRIC_REDIS_DISCONNECTED] = {"redis_disconnected", FAMILY_GAUGE, "",
                                   "Connections to Redis that are wanted and down."},
    [METRIC_REDIS_BACKLOG_BYTES] = {"redis_backlog_bytes", FAMILY_GAUGE, "",
                                    "Memory of commands that Redis hasn't answered yet."},
    [METRIC_INTAKE_PAUSED] = {"intake_paused", FAMILY_GAUGE, "",
                              "1 while no events are read because Redis is nearly full."},
};

static const struct {
    const char *family;
    const char *help;
} histogram_expositions[METRIC_HISTOGRAM_COUNT] = {
    [METRIC_ATTEMPT_SECONDS] = {"attempt_duration_seconds", "How long one HTTP request took."},
    [METRIC_DELIVERY_SECONDS] = {"delivery_duration_seconds",
                                 "From the stream entry to the 2xx of a first attempt."},
};

static struct metrics_set shared;
static _Atomic(struct metrics_set *) all = &shared;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local struct metrics_set *mine;

// Runs when a thread ends.
static void give_back(void *arg)
{
    struct metrics_set *set = arg;
    mine = NULL;
    // Release: the thread that takes it over sees what was counted.
    atomic_store_explicit(&set->is_taken, false, memory_order_release);
}

static void create_key(void)
{
    int result = pthread_key_create(&key, give_back);
    assert(result == 0);
    (void)result;
    atomic_store(&shared.is_taken, true); // never adopted
}

static struct metrics_set *find_free(void)
{
    for (struct metrics_set *set = atomic_load(&all); set; set = set->next) {
        bool expected = false;
        if (atomic_compare_exchange_strong(&set->is_taken, &expected, true))
            return set;
    }
    return NULL;
}

static struct metrics_set *create_set(void)
{
    struct metrics_set *set = aligned_alloc(CACHE_LINE, sizeof *set);
    if (!set)
        return NULL;
    memset(set, 0, sizeof *set);
    atomic_store(&set->is_taken, true);
    set->next = atomic_load(&all);
    while (!atomic_compare_exchange_weak(&all, &set->next, set)) {
    }
    return set;
}

static struct metrics_set *adopt(void)
{
    pthread_once(&once, create_key);
    struct metrics_set *set = find_free();
    if (!set)
        set = create_set();
    if (!set)
        return &shared;
    if (pthread_setspecific(key, set) != 0) {
        atomic_store(&set->is_taken, false);
        return &shared;
    }
    mine = set;
    return set;
}

static void add(atomic_int_fast64_t *value, int64_t delta)
{
    atomic_fetch_add_explicit(value, delta, memory_order_relaxed);
}

static int64_t read_value(const atomic_int_fast64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

void metrics_add(enum metric metric, int64_t delta)
{
    assert(metric < METRIC_COUNT);
    struct metrics_set *set = mine ? mine : adopt();
    add(&set->values[metric], delta);
}

void metrics_observe_ms(enum metric_histogram histogram, int64_t ms)
{
    assert(histogram < METRIC_HISTOGRAM_COUNT);
    struct metrics_set *set = mine ? mine : adopt();
    if (ms < 0)
        ms = 0; // clocks of two machines
    size_t bucket = 0;
    while (bucket < BOUND_COUNT && ms > bounds_ms[bucket])
        bucket++;
    add(&set->histograms[histogram].buckets[bucket], 1);
    add(&set->histograms[histogram].sum_ms, ms);
}

int64_t metrics_read(enum metric metric)
{
    assert(metric < METRIC_COUNT);
    int64_t sum = 0;
    for (struct metrics_set *set = atomic_load(&all); set; set = set->next)
        sum += read_value(&set->values[metric]);
    return sum;
}

static void format_head(struct text *out, const char *family, const char *type, const char *help)
{
    text_append_format(out, "# HELP petrel_%s %s\n# TYPE petrel_%s %s\n", family, help, family,
                       type);
}

static void format_seconds(struct text *out, int64_t ms)
{
    text_append_int(out, ms / 1000);
    if (ms % 1000 == 0)
        return;
    char fraction[] = {(char)('0' + ms % 1000 / 100), (char)('0' + ms % 100 / 10),
                       (char)('0' + ms % 10)};
    size_t size = sizeof fraction;
    while (fraction[size - 1] == '0')
        size--;
    text_append_char(out, '.');
    text_append(out, fraction, size);
}

static void format_histogram(struct text *out, enum metric_histogram histogram)
{
    const char *family = histogram_expositions[histogram].family;
    int64_t buckets[BOUND_COUNT + 1] = {0};
    int64_t sum_ms = 0;
    for (struct metrics_set *set = atomic_load(&all); set; set = set->next) {
        for (size_t i = 0; i <= BOUND_COUNT; i++)
            buckets[i] += read_value(&set->histograms[histogram].buckets[i]);
        sum_ms += read_value(&set->histograms[histogram].sum_ms);
    }
    format_head(out, family, "histogram", histogram_expositions[histogram].help);
    int64_t count = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += buckets[i];
        text_append_format(out, "petrel_%s_bucket{le=\"", family);
        if (i < BOUND_COUNT)
            format_seconds(out, bounds_ms[i]);
        else
            text_append_string(out, "+Inf");
        text_append_string(out, "\"} ");
        text_append_int(out, count);
        text_append_char(out, '\n');
    }
    text_append_format(out, "petrel_%s_sum ", family);
    format_seconds(out, sum_ms);
    text_append_format(out, "\npetrel_%s_count ", family);
    text_append_int(out, count);
    text_append_char(out, '\n');
}

void metrics_format(struct text *out)
{
    format_head(out, "build_info", "gauge", "The version that runs; always 1.");
    text_append_string(out, "petrel_build_info{version=\"" PETREL_VERSION "\"} 1\n");
    const char *family = "";
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct exposition *exposition = &expositions[i];
        if (strcmp(exposition->family, family) != 0)
            format_head(out, exposition->family,
                        exposition->type == FAMILY_GAUGE ? "gauge" : "counter", exposition->help);
        family = exposition->family;
        text_append_format(out, "petrel_%s%s ", family, exposition->labels);
        text_append_int(out, metrics_read((enum metric)i));
        text_append_char(out, '\n');
    }
    for (size_t i = 0; i < METRIC_HISTOGRAM_COUNT; i++)
        format_histogram(out, (enum metric_histogram)i);
}
