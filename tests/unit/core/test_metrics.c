// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdlib.h>

#include "petrel/metrics.h"
#include "unit.h"

static const char *exposition(void)
{
    static struct text out;
    text_fini(&out);
    text_init(&out, 1 << 20);
    metrics_format(&out);
    return text_string(&out);
}

static bool has_line(const char *text, const char *line)
{
    const char *found = strstr(text, line);
    return found && (found == text || found[-1] == '\n') && found[strlen(line)] == '\n';
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        found++;
    return found;
}

TEST(counters_and_gauges_add_up)
{
    int64_t before = metrics_read(METRIC_EVENTS_READ);
    metrics_add(METRIC_EVENTS_READ, 2);
    metrics_add(METRIC_EVENTS_READ, 3);
    CHECK_INT(metrics_read(METRIC_EVENTS_READ), before + 5);
    metrics_add(METRIC_IN_FLIGHT, 2);
    metrics_add(METRIC_IN_FLIGHT, -2);
    CHECK_INT(metrics_read(METRIC_IN_FLIGHT), 0);
}

static void *count_some(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        metrics_add(METRIC_EVENTS_SETTLED, 1);
        metrics_observe_ms(METRIC_ATTEMPT_SECONDS, 20);
    }
    return arg;
}

TEST(what_ended_threads_counted_stays)
{
    int64_t before = metrics_read(METRIC_EVENTS_SETTLED);
    for (int round = 0; round < 4; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, count_some, NULL);
        metrics_read(METRIC_EVENTS_SETTLED); // while they count
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    CHECK_INT(metrics_read(METRIC_EVENTS_SETTLED), before + 16000);
}

TEST(help_and_type_come_once_per_family)
{
    const char *text = exposition();
    CHECK_INT(count(text, "# TYPE petrel_attempts_total counter\n"), 1);
    CHECK_INT(count(text, "# HELP petrel_attempts_total "), 1);
    CHECK_INT(count(text, "\npetrel_attempts_total{result="), 7);
    CHECK_INT(count(text, "# TYPE petrel_deliveries_total counter\n"), 1);
    CHECK_INT(count(text, "# TYPE petrel_in_flight gauge\n"), 1);
    CHECK_INT(count(text, "# TYPE petrel_attempt_duration_seconds histogram\n"), 1);
    CHECK(strstr(text, "# HELP petrel_build_info ") == text);
    CHECK(strstr(text, "petrel_build_info{version=\"") != NULL);
    CHECK(text[strlen(text) - 1] == '\n');
}

TEST(every_sample_belongs_to_the_family_announced_before_it)
{
    char family[100] = "";
    int samples = 0;
    char *copy = strdup(exposition());
    char *rest;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            sscanf(line + 7, "%99s", family);
            continue;
        }
        if (line[0] == '#') {
            CHECK_ROW(strlen(line) > strlen("# HELP petrel_x "), line);
            continue;
        }
        CHECK_ROW(strncmp(line, family, strlen(family)) == 0, line);
        samples++;
    }
    free(copy);
    CHECK(samples > METRIC_COUNT);
}

TEST(histogram_buckets_are_cumulative_and_in_seconds)
{
    static const int64_t observed_ms[] = {0, 5, 6, 60000, 60001, 1234567, -5};
    for (size_t i = 0; i < sizeof observed_ms / sizeof observed_ms[0]; i++)
        metrics_observe_ms(METRIC_DELIVERY_SECONDS, observed_ms[i]);
    const char *text = exposition();
    CHECK(has_line(text, "petrel_delivery_duration_seconds_bucket{le=\"0.005\"} 3"));
    CHECK(has_line(text, "petrel_delivery_duration_seconds_bucket{le=\"0.01\"} 4"));
    CHECK(has_line(text, "petrel_delivery_duration_seconds_bucket{le=\"2.5\"} 4"));
    CHECK(has_line(text, "petrel_delivery_duration_seconds_bucket{le=\"60\"} 5"));
    CHECK(has_line(text, "petrel_delivery_duration_seconds_bucket{le=\"+Inf\"} 7"));
    CHECK(has_line(text, "petrel_delivery_duration_seconds_count 7"));
    CHECK(has_line(text, "petrel_delivery_duration_seconds_sum 1354.579"));
}

UNIT_MAIN()
