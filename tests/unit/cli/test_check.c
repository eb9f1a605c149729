// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "unit.h"

static const struct store_status good = {
    .has_group = true,
    .is_append_only = true,
    .redis_version = "7.0.15",
    .append_fsync = "everysec",
    .maxmemory_policy = "noeviction",
    .maxmemory_bytes = 1 << 30,
    .used_memory_bytes = 1 << 20,
    .replicas = 1,
    .instances = 2,
};

static const struct check_finding *find(const struct check_report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->items[i].name, name) == 0)
            return &report->items[i];
    }
    return NULL;
}

static int level_of(const struct store_status *status, const char *name)
{
    struct check_report report = {.count = 0};
    check_redis_status(&report, status);
    const struct check_finding *finding = find(&report, name);
    return finding ? (int)finding->level : -1;
}

TEST(a_good_redis_is_all_ok)
{
    struct check_report report = {.count = 0};
    check_redis_status(&report, &good);
    CHECK_INT(report.worst, CHECK_OK);
    for (size_t i = 0; i < report.count; i++)
        CHECK_ROW(report.items[i].level == CHECK_OK && report.items[i].meaning[0] != '\0',
                  report.items[i].name);
}

TEST(what_can_lose_an_event_fails)
{
    struct store_status status = good;
    status.is_append_only = false;
    CHECK_INT(level_of(&status, "append_only_file"), CHECK_FAIL);
    CHECK_INT(level_of(&status, "append_fsync"), -1); // says nothing then

    status = good;
    status.is_evicting = true;
    snprintf(status.maxmemory_policy, sizeof status.maxmemory_policy, "allkeys-lru");
    CHECK_INT(level_of(&status, "maxmemory_policy"), CHECK_FAIL);

    status = good;
    snprintf(status.redis_version, sizeof status.redis_version, "6.2.14");
    CHECK_INT(level_of(&status, "redis_version"), CHECK_FAIL);
    snprintf(status.redis_version, sizeof status.redis_version, "10.0.0");
    CHECK_INT(level_of(&status, "redis_version"), CHECK_OK);

    status = good;
    status.clock_skew_ms = -600000;
    CHECK_INT(level_of(&status, "clock"), CHECK_FAIL);
    status.clock_skew_ms = 5000;
    CHECK_INT(level_of(&status, "clock"), CHECK_WARN);
}

TEST(what_is_weaker_than_one_thinks_warns)
{
    struct store_status status = good;
    snprintf(status.append_fsync, sizeof status.append_fsync, "no");
    CHECK_INT(level_of(&status, "append_fsync"), CHECK_WARN);

    status = good;
    status.maxmemory_bytes = 0;
    CHECK_INT(level_of(&status, "maxmemory"), CHECK_WARN);
    status.maxmemory_bytes = 1 << 30;
    status.used_memory_bytes = 900 << 20;
    CHECK_INT(level_of(&status, "maxmemory"), CHECK_WARN);

    status = good;
    status.replicas = 0;
    CHECK_INT(level_of(&status, "replicas"), CHECK_WARN);
    status.instances = 0;
    CHECK_INT(level_of(&status, "instances"), CHECK_WARN);
    status.has_group = false;
    CHECK_INT(level_of(&status, "consumer_group"), CHECK_WARN);
    status.dead = 1;
    CHECK_INT(level_of(&status, "dead_letters"), CHECK_WARN);
    status.rejected = 1;
    CHECK_INT(level_of(&status, "rejected_events"), CHECK_WARN);
}

TEST(the_layout_has_to_be_ours)
{
    struct check_report report = {.count = 0};
    check_schema(&report, SPAN(""));
    check_schema(&report, SPAN(KEYS_SCHEMA_VERSION));
    CHECK_INT(report.worst, CHECK_OK);
    check_schema(&report, SPAN("999"));
    CHECK_INT(report.items[2].level, CHECK_FAIL);
    CHECK_STR(report.items[2].value, "version 999");
}

TEST(open_files_are_counted_against_attempts)
{
    struct check_report report = {.count = 0};
    check_open_files(&report, 65536, 2048);
    CHECK_INT(report.worst, CHECK_OK);
    check_open_files(&report, 1024, 2048);
    CHECK_INT(report.items[1].level, CHECK_WARN);
}

UNIT_MAIN()
