// SPDX-License-Identifier: Apache-2.0
// The judgements of `petrel check` and /readyz. FAIL: an accepted event can be lost, or petrel won't run. warn: the promise
// holds, but for less than one would think, or something wants a look. Pure: takes what was read.
#include "petrel/check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "petrel/redis_info.h"

enum {
    SKEW_WARN_MS = 2000,
    SKEW_FAIL_MS = 240 * 1000, // receivers refuse webhook-timestamp beyond 300 s
    MEMORY_WARN_PERCENT = 80,
    // Besides one per attempt: Redis links and wake-ups of each worker, admin clients, log, libraries.
    OPEN_FILES_RESERVE = 512
};

const char *check_level_text(enum check_level level)
{
    switch (level) {
    case CHECK_OK:
        return "ok";
    case CHECK_WARN:
        return "warn";
    case CHECK_FAIL:
        return "FAIL";
    }
    return "?";
}

void check_add(struct check_report *report, const struct check_finding *finding)
{
    assert(report->count < CHECK_MAX_FINDINGS);
    report->items[report->count++] = *finding;
    if (finding->level > report->worst)
        report->worst = finding->level;
    report->is_blocked = report->is_blocked || finding->is_blocking;
}

static void block(struct check_report *report)
{
    report->items[report->count - 1].is_blocking = true;
    report->is_blocked = true;
}

__attribute__((format(printf, 5, 6))) static void add(struct check_report *report, const char *name,
                                                      enum check_level level, const char *meaning,
                                                      const char *format, ...)
{
    struct check_finding finding = {.name = name, .level = level, .meaning = meaning};
    va_list list;
    va_start(list, format);
    vsnprintf(finding.value, sizeof finding.value, format, list);
    va_end(list);
    check_add(report, &finding);
}

static void check_version(struct check_report *report, const struct store_status *status)
{
    struct span rest = span_of(status->redis_version);
    struct span major;
    uint64_t number = 0;
    bool is_new = span_next(&rest, '.', &major) && span_to_uint64(major, &number) && number >= 7;
    add(report, "redis_version", is_new ? CHECK_OK : CHECK_FAIL,
        is_new ? "new enough" : "petrel needs Redis 7.0 or newer and refuses to start", "%s",
        status->redis_version);
    if (!is_new)
        block(report);
}

static void check_schema(struct check_report *report, const struct store_status *status)
{
    const struct keys keys = {.shards = status->shards};
    uint32_t shards;
    if (status->schema[0] == '\0') {
        add(report, "layout", CHECK_OK, "written at the first start", "none yet");
        return;
    }
    switch (keys_judge_layout(&keys, span_of(status->schema), &shards)) {
    case KEYS_LAYOUT_OURS:
        add(report, "layout", CHECK_OK, "this petrel's own", "version %s", KEYS_SCHEMA_VERSION);
        return;
    case KEYS_LAYOUT_OTHER_SHARDS:
        add(report, "layout", CHECK_FAIL,
            "shards is another number here: what waits in Redis would not be seen; this one refuses to "
            "start",
            "shards = %u", shards);
        break;
    case KEYS_LAYOUT_OTHER_VERSION:
        add(report, "layout", CHECK_FAIL,
            "another petrel's data: this one refuses to start; upgrade, or use another --namespace",
            "version %s", status->schema);
        break;
    }
    block(report);
}

static void check_role(struct check_report *report, const struct store_status *status)
{
    add(report, "role", status->is_replica ? CHECK_FAIL : CHECK_OK,
        status->is_replica ? "it refuses writes: give the master's address, or the sentinels' with "
                             "redis+sentinel://"
                           : "it takes writes",
        "%s", status->is_replica ? "replica" : "master");
    if (status->is_replica)
        block(report);
}

static void check_group(struct check_report *report, const struct store_status *status)
{
    if (status->has_group) {
        add(report, "consumer_group", CHECK_OK, "who reads what is kept track of", "%s",
            status->stream_length > 0 ? "present" : "present or not needed yet");
    } else {
        add(report, "consumer_group", CHECK_WARN,
            "events wait in the stream; a dispatcher makes the group and misses none of them",
            "missing");
        block(report);
    }
    add(report, "instances", status->instances > 0 ? CHECK_OK : CHECK_WARN,
        status->instances > 0 ? "events are being read"
                              : "no dispatcher runs: events wait in the stream",
        "%" PRId32, status->instances);
}

static void check_append_only(struct check_report *report, const struct store_status *status)
{
    if (!status->is_append_only) {
        add(report, "append_only_file", CHECK_FAIL,
            "when Redis stops, what it accepted since its last snapshot is lost: set appendonly yes",
            "off");
        return;
    }
    if (status->is_append_failing) {
        add(report, "append_only_file", CHECK_FAIL,
            "Redis can't write it (a full disk?) and refuses events until it can", "on, failing");
        block(report);
    } else {
        add(report, "append_only_file", CHECK_OK, "what Redis accepted survives its restart", "on");
    }
    if (strcmp(status->append_fsync, "always") == 0)
        add(report, "append_fsync", CHECK_OK, "a power cut loses nothing", "always");
    else if (strcmp(status->append_fsync, "everysec") == 0)
        add(report, "append_fsync", CHECK_OK,
            "a crash of Redis loses nothing unless the disk lags, a power cut a second or two: always "
            "closes that gap",
            "everysec");
    else
        add(report, "append_fsync", CHECK_WARN,
            "a power cut loses what the kernel hadn't written, maybe 30 seconds: set everysec",
            "%s", status->append_fsync[0] != '\0' ? status->append_fsync : "unknown");
}

static void check_memory(struct check_report *report, const struct store_status *status)
{
    bool keeps_all = strcmp(status->maxmemory_policy, "noeviction") == 0;
    if (status->is_evicting)
        add(report, "maxmemory_policy", CHECK_FAIL,
            "a full Redis deletes events instead of refusing new ones: set noeviction", "%s",
            status->maxmemory_policy);
    else
        add(report, "maxmemory_policy", keeps_all ? CHECK_OK : CHECK_WARN,
            keeps_all ? "a full Redis refuses new events and keeps the accepted ones"
                      : "harmless only while maxmemory isn't set: set noeviction",
            "%s", status->maxmemory_policy);
    if (status->maxmemory_bytes <= 0) {
        add(report, "maxmemory", CHECK_WARN,
            "no limit: a long backlog ends with the kernel killing Redis; set maxmemory",
            "not set, %" PRId64 " MiB used", status->used_memory_bytes >> 20);
        return;
    }
    const struct redis_memory memory = {.used_bytes = status->used_memory_bytes,
                                        .limit_bytes = status->maxmemory_bytes};
    int64_t percent = redis_memory_percent(&memory);
    bool is_full = percent >= 100;
    bool is_nearly_full = percent >= MEMORY_WARN_PERCENT;
    add(report, "maxmemory",
        is_full          ? CHECK_FAIL
        : is_nearly_full ? CHECK_WARN
                         : CHECK_OK,
        is_full ? "full: producers get errors, nothing accepted is lost; deliver, delete dead "
                  "letters, or raise maxmemory"
        : is_nearly_full ? "nearly full: dispatchers stop reading at memory_watermark, at 100 % "
                           "producers get errors"
                         : "room for a backlog",
        "%" PRId64 " MiB, %" PRId64 " %% used", status->maxmemory_bytes >> 20, percent);
    if (is_full)
        block(report);
}

static void check_clock(struct check_report *report, const struct store_status *status)
{
    int64_t skew_ms = status->clock_skew_ms < 0 ? -status->clock_skew_ms : status->clock_skew_ms;
    if (skew_ms > SKEW_FAIL_MS)
        add(report, "clock", CHECK_FAIL,
            "subscribers refuse signatures that far off, so attempts burn: synchronise the clocks",
            "Redis %+" PRId64 " ms", status->clock_skew_ms);
    else
        add(report, "clock", skew_ms > SKEW_WARN_MS ? CHECK_WARN : CHECK_OK,
            skew_ms > SKEW_WARN_MS ? "retries come early or late: synchronise the clocks"
                                   : "this machine and Redis agree",
            "Redis %+" PRId64 " ms", status->clock_skew_ms);
}

void check_contents(struct check_report *report, const struct store_status *status)
{
    add(report, "stream", CHECK_OK, "events not yet read, and read but not settled",
        "lag %" PRId64 ", pending %" PRId64, status->stream_lag, status->stream_pending);
    add(report, "parked", CHECK_OK, "deliveries waiting for their next attempt", "%" PRId64,
        status->parked);
    add(report, "dead_letters", status->dead > 0 ? CHECK_WARN : CHECK_OK,
        status->dead > 0 ? "kept until redriven or deleted: petrel dead-letters list"
                         : "none given up",
        "%" PRId64, status->dead);
    add(report, "rejected_events", status->rejected > 0 ? CHECK_WARN : CHECK_OK,
        status->rejected > 0 ? "a producer writes events that are none; kept, with the reason"
                             : "every event was well-formed",
        "%" PRId64, status->rejected);
}

void check_redis_status(struct check_report *report, const struct store_status *status)
{
    check_version(report, status);
    check_schema(report, status);
    check_role(report, status);
    check_append_only(report, status);
    check_memory(report, status);
    add(report, "replicas", status->replicas > 0 ? CHECK_OK : CHECK_WARN,
        status->replicas > 0
            ? "a copy on another machine (asynchronous: a failover may lose a moment)"
            : "what is in Redis is lost with this one machine's disk",
        "%" PRId32, status->replicas);
    check_clock(report, status);
    check_group(report, status);
}

void check_links(struct check_report *report, int64_t disconnected)
{
    add(report, "links", disconnected > 0 ? CHECK_FAIL : CHECK_OK,
        disconnected > 0
            ? "a part of this process has no connection to Redis; it tries again by itself"
            : "every part of this process is connected to Redis",
        "%" PRId64 " down", disconnected);
    if (disconnected > 0)
        block(report);
}

void check_workers(struct check_report *report, int64_t at_work, uint32_t workers)
{
    bool is_complete = at_work >= (int64_t)workers;
    add(report, "workers", is_complete ? CHECK_OK : CHECK_FAIL,
        is_complete ? "events are delivered"
                    : "the dispatcher isn't at work: it is starting, or draining",
        "%" PRId64 " of %" PRIu32 " at work", at_work, workers);
    if (!is_complete)
        block(report);
}

const struct check_finding *check_require_durability(struct check_report *report)
{
    static const char *const required[] = {"append_only_file", "maxmemory_policy"};
    const struct check_finding *first = NULL;
    for (size_t i = 0; i < report->count; i++) {
        struct check_finding *finding = &report->items[i];
        for (size_t j = 0; j < sizeof required / sizeof required[0]; j++) {
            if (finding->level == CHECK_OK || strcmp(finding->name, required[j]) != 0)
                continue;
            finding->is_blocking = report->is_blocked = true;
            if (!first)
                first = finding;
        }
    }
    return first;
}

void check_encryption(struct check_report *report, const struct store_encryption *encryption,
                      const char *current_key)
{
    int64_t locked = encryption->unknown + encryption->damaged;
    int64_t stale = encryption->plain + encryption->old;
    if (locked > 0)
        add(report, "encryption", CHECK_FAIL,
            "petrel refuses to start, or parks their deliveries: give encryption_keys_file every key "
            "that is in use",
            "%" PRId64 " of %" PRId64 " subscriptions don't open; %s: %s", locked,
            encryption->subscriptions, encryption->locked, encryption->why);
    else if (!current_key)
        add(report, "encryption", CHECK_WARN,
            "subscriptions' secrets and header values lie unencrypted in Redis, its file and its "
            "backups: set encryption_keys_file",
            "off");
    else
        add(report, "encryption", stale > 0 ? CHECK_WARN : CHECK_OK,
            stale > 0 ? "not all is encrypted with the current key: petrel keys rotate-encryption"
                      : "secrets and header values are encrypted in Redis",
            "key %s; of %" PRId64 " subscriptions %" PRId64 " unencrypted, %" PRId64
            " under old keys",
            current_key, encryption->subscriptions, encryption->plain, encryption->old);
}

void check_open_files(struct check_report *report, uint64_t open_files, uint32_t max_in_flight)
{
    uint64_t needed = (uint64_t)max_in_flight + OPEN_FILES_RESERVE;
    bool is_enough = open_files >= needed;
    add(report, "open_files", is_enough ? CHECK_OK : CHECK_WARN,
        is_enough ? "enough for max_in_flight attempts at once"
                  : "attempts will fail for want of sockets and be retried: raise ulimit -n "
                    "(LimitNOFILE), or lower max_in_flight",
        "%" PRIu64 " for max_in_flight %" PRIu32, open_files, max_in_flight);
}
