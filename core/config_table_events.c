// SPDX-License-Identifier: Apache-2.0
// Events: what is accepted, for how long it is kept, and how safely.
#include "config_table.h"

static const struct config_entry entries[] = {
    {
        .key = "max_event_bytes",
        .flag = "--max-event-bytes",
        .environment = "PETREL_MAX_EVENT_BYTES",
        .type = CONFIG_BYTES,
        FIELD(max_event_bytes),
        .minimum = KIB,
        .maximum = 16 * MIB,
        .default_text = "256KiB",
        .meaning = "Largest event, all fields together; larger ones are rejected.",
    },
    {
        .key = "dedupe_window",
        .flag = "--dedupe-window",
        .environment = "PETREL_DEDUPE_WINDOW",
        .type = CONFIG_DURATION,
        FIELD(dedupe_window_ms),
        .minimum = SECOND,
        .maximum = 30 * DAY,
        .default_text = "24h",
        .meaning = "How long the same event id again is taken for a repeat and dropped.",
    },
    {
        .key = "retain_events",
        .flag = "--retain-events",
        .environment = "PETREL_RETAIN_EVENTS",
        .type = CONFIG_RETENTION,
        FIELD(retain_events),
        .minimum = 0,
        .maximum = INT64_C(1000000000),
        .default_text = "100000",
        .meaning =
            "Settled events kept in the stream of a shard, by count and, after a comma, by age "
            "(100000,7d); fewer when Redis gets short of memory.",
    },
    {
        .key = "memory_watermark",
        .flag = "--memory-watermark",
        .environment = "PETREL_MEMORY_WATERMARK",
        .type = CONFIG_NUMBER32,
        FIELD(memory_watermark),
        .minimum = 0,
        .maximum = 100,
        .default_text = "90",
        .meaning =
            "Percent of Redis's maxmemory above which no new events are read, since parking them "
            "would fill it; deliveries go on. 0: read on.",
    },
    {
        .key = "require_durability",
        .flag = "--require-durability",
        .environment = "PETREL_REQUIRE_DURABILITY",
        .type = CONFIG_BOOL,
        FIELD(require_durability),
        .default_text = "no",
        .meaning =
            "Refuse to start, and be unready, on a Redis that may lose accepted events: without "
            "appendonly, or with another maxmemory-policy than noeviction.",
    },
    {
        .key = "publish_replicas",
        .flag = "--publish-replicas",
        .environment = "PETREL_PUBLISH_REPLICAS",
        .type = CONFIG_NUMBER32,
        FIELD(publish_replicas),
        .minimum = 0,
        .maximum = 64,
        .default_text = "0",
        .meaning =
            "Replicas of Redis that must have an event before POST /v1/events and `petrel publish` "
            "call it accepted.",
    },
    {
        .key = "instance_timeout",
        .flag = "--instance-timeout",
        .environment = "PETREL_INSTANCE_TIMEOUT",
        .type = CONFIG_DURATION,
        FIELD(instance_timeout_ms),
        .minimum = SECOND,
        .maximum = 10 * MINUTE,
        .default_text = "6s",
        .meaning = "A silent instance is taken for dead after this; its work is taken over.",
    },
    {
        .key = "rotation_grace",
        .flag = "--rotation-grace",
        .environment = "PETREL_ROTATION_GRACE",
        .type = CONFIG_DURATION,
        FIELD(rotation_grace_ms),
        .minimum = 0,
        .maximum = 90 * DAY,
        .default_text = "24h",
        .meaning = "How long a rotated secret keeps signing beside the new one.",
    },
    {
        .key = "attempts_log",
        .flag = "--attempts-log",
        .environment = "PETREL_ATTEMPTS_LOG",
        .type = CONFIG_NUMBER64,
        FIELD(attempts_log),
        .minimum = 0,
        .maximum = INT64_C(100000000),
        .default_text = "100000",
        .meaning = "Entries kept in the log of attempts, per shard.",
    },
};

const struct config_table config_table_events = CONFIG_TABLE(entries);
