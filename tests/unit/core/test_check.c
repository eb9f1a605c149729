// SPDX-License-Identifier: Apache-2.0
#include "petrel/check.h"

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
    .shards = 1,
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
    check_contents(&report, status);
    const struct check_finding *finding = find(&report, name);
    return finding ? (int)finding->level : -1;
}

TEST(a_good_redis_is_all_ok)
{
    struct check_report report = {.count = 0};
    check_redis_status(&report, &good);
    check_contents(&report, &good);
    CHECK(!report.is_blocked);
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
    struct store_status status = good;
    CHECK_INT(level_of(&status, "layout"), CHECK_OK); // none yet
    snprintf(status.schema, sizeof status.schema, "%s", KEYS_SCHEMA_VERSION);
    CHECK_INT(level_of(&status, "layout"), CHECK_OK);
    snprintf(status.schema, sizeof status.schema, "999");
    struct check_report report = {.count = 0};
    check_redis_status(&report, &status);
    const struct check_finding *layout = find(&report, "layout");
    CHECK(layout && layout->level == CHECK_FAIL && strcmp(layout->value, "version 999") == 0);
    CHECK(report.is_blocked);
    snprintf(status.schema, sizeof status.schema, "1/4");
    CHECK_INT(level_of(&status, "layout"), CHECK_FAIL);
    status.shards = 4;
    CHECK_INT(level_of(&status, "layout"), CHECK_OK);
}

static bool is_blocked(const struct store_status *status)
{
    struct check_report report = {.count = 0};
    check_redis_status(&report, status);
    return report.is_blocked;
}

TEST(what_refuses_writes_blocks)
{
    struct store_status status = good;
    status.is_replica = true;
    CHECK(is_blocked(&status));
    status = good;
    status.is_append_failing = true;
    CHECK(is_blocked(&status));
    status = good;
    status.used_memory_bytes = status.maxmemory_bytes;
    CHECK(is_blocked(&status));
    status.used_memory_bytes = status.maxmemory_bytes / 100 * 99;
    CHECK(!is_blocked(&status));
    status = good;
    status.has_group = false;
    CHECK(is_blocked(&status));
    struct check_report report = {.count = 0};
    check_links(&report, 0);
    CHECK(!report.is_blocked);
    check_links(&report, 2);
    CHECK(report.is_blocked);
}

TEST(durability_blocks_only_when_it_is_required)
{
    struct check_report report = {.count = 0};
    check_redis_status(&report, &good);
    CHECK(!check_require_durability(&report));
    CHECK(!report.is_blocked);

    struct store_status status = good;
    status.is_append_only = false;
    CHECK(!is_blocked(&status));
    report = (struct check_report){.count = 0};
    check_redis_status(&report, &status);
    const struct check_finding *failed = check_require_durability(&report);
    CHECK(failed && strcmp(failed->name, "append_only_file") == 0);
    CHECK(report.is_blocked);

    status = good;
    status.maxmemory_bytes = 0; // an evicting policy counts even while there is no limit
    snprintf(status.maxmemory_policy, sizeof status.maxmemory_policy, "volatile-ttl");
    report = (struct check_report){.count = 0};
    check_redis_status(&report, &status);
    failed = check_require_durability(&report);
    CHECK(failed && strcmp(failed->name, "maxmemory_policy") == 0);
}

TEST(open_files_are_counted_against_attempts)
{
    struct check_report report = {.count = 0};
    check_open_files(&report, 65536, 2048);
    CHECK_INT(report.worst, CHECK_OK);
    check_open_files(&report, 1024, 2048);
    CHECK_INT(report.items[1].level, CHECK_WARN);
}

TEST(how_secrets_lie)
{
    static const struct {
        const char *name, *key;
        struct store_encryption encryption;
        enum check_level level;
        const char *part;
    } rows[] = {
        {"no ring", NULL, {.subscriptions = 3, .plain = 3}, CHECK_WARN, "off"},
        {"no ring, nothing yet", NULL, {.subscriptions = 0}, CHECK_WARN, "off"},
        {"all current", "k1", {.subscriptions = 3}, CHECK_OK, "key k1; of 3 subscriptions 0"},
        {"some plain", "k1", {.subscriptions = 3, .plain = 1}, CHECK_WARN, "1 unencrypted"},
        {"some old", "k1", {.subscriptions = 3, .old = 2}, CHECK_WARN, "2 under old keys"},
        {"a key is missing",
         "k1",
         {.subscriptions = 3, .unknown = 1, .locked = "sub_1", .why = "because"},
         CHECK_FAIL,
         "1 of 3 subscriptions don't open; sub_1: because"},
        {"damaged, and no ring",
         NULL,
         {.subscriptions = 3, .damaged = 2, .locked = "sub_2", .why = "because"},
         CHECK_FAIL,
         "2 of 3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct check_report report = {.count = 0};
        check_encryption(&report, &rows[i].encryption, rows[i].key);
        const struct check_finding *finding = find(&report, "encryption");
        CHECK_ROW(finding && finding->level == rows[i].level, rows[i].name);
        CHECK_ROW(finding && strstr(finding->value, rows[i].part) != NULL, rows[i].name);
    }
}

UNIT_MAIN()
