// SPDX-License-Identifier: Apache-2.0
// The table of all settings: flags, environment, file, `petrel config` and the documentation come from it.
// A new setting is a field of struct config and a row here.
#include "config_table.h"

#include <string.h>

#define FIELD(name) .offset = offsetof(struct config, name)

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, KIB = 1024, MIB = 1024 * KIB };
#define DAY (INT64_C(24) * HOUR)

const struct config_entry config_entries[] = {
    {
        .key = "redis_url",
        .flag = "--redis-url",
        .environment = "PETREL_REDIS_URL",
        .type = CONFIG_REDIS_URL,
        FIELD(redis_url),
        .default_text = "",
        .meaning =
            "Where Redis is: redis://[user:password@]host[:port][/db], rediss:// with TLS, "
            "unix:///path[?db=n], or redis+sentinel://[user:password@]host:port,host:port/master-name[/db]"
            "[?sentinel_user=u&sentinel_password=p], which follows failovers, with TLS "
            "rediss+sentinel://. Empty: 127.0.0.1:6379; `serve` starts a private one if there is "
            "none.",
    },
    {
        .key = "namespace",
        .flag = "--namespace",
        .environment = "PETREL_NAMESPACE",
        .type = CONFIG_NAMESPACE,
        FIELD(namespace_name),
        .default_text = "petrel",
        .meaning =
            "First part of every Redis key, so that several installations can share one Redis.",
    },
    {
        .key = "shards",
        .flag = "--shards",
        .environment = "PETREL_SHARDS",
        .type = CONFIG_NUMBER32,
        FIELD(shards),
        .minimum = 1,
        .maximum = SHARDS_MAX,
        .default_text = "1",
        .meaning = "Independent sets of Redis keys; the same for every instance and every producer.",
    },
    {
        .key = "listen",
        .flag = "--listen",
        .environment = "PETREL_LISTEN",
        .type = CONFIG_LISTEN,
        FIELD(listen),
        .default_text = "127.0.0.1:8080",
        .meaning = "Address and port of the admin API and the web page; port 0 takes a free one.",
    },
    {
        .key = "admin_key",
        .flag = "--admin-key",
        .environment = "PETREL_ADMIN_KEY",
        .type = CONFIG_KEY,
        FIELD(admin_key),
        .minimum = 16,
        .maximum = 256,
        .default_text = "",
        .is_secret = true,
        .meaning =
            "Key of the admin API. Empty: the one in data_dir, made at the first start. Prefer the "
            "environment: flags are visible to every user of the machine.",
    },
    {
        .key = "tls_cert",
        .flag = "--tls-cert",
        .environment = "PETREL_TLS_CERT",
        .type = CONFIG_TEXT,
        FIELD(tls_cert),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning =
            "PEM file with the certificate of the admin API, and those between it and its authority. "
            "With it and tls_key it speaks TLS (1.2 or newer) only.",
    },
    {
        .key = "tls_key",
        .flag = "--tls-key",
        .environment = "PETREL_TLS_KEY",
        .type = CONFIG_TEXT,
        FIELD(tls_key),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning = "PEM file with the private key of tls_cert.",
    },
    {
        .key = "data_dir",
        .flag = "--data-dir",
        .environment = "PETREL_DATA_DIR",
        .type = CONFIG_TEXT,
        FIELD(data_dir),
        .minimum = 1,
        .maximum = 4000,
        .default_text = "./petrel-data",
        .meaning = "Folder for the admin key and the private Redis's data.",
    },
    {
        .key = "workers",
        .flag = "--workers",
        .environment = "PETREL_WORKERS",
        .type = CONFIG_WORKERS,
        FIELD(workers),
        .minimum = 1,
        .maximum = 256,
        .default_text = "auto",
        .meaning = "Threads that deliver; auto is one per core.",
    },
    {
        .key = "retry_schedule",
        .flag = "--retry-schedule",
        .environment = "PETREL_RETRY_SCHEDULE",
        .type = CONFIG_SCHEDULE,
        FIELD(retry_schedule),
        .default_text = BACKOFF_DEFAULT,
        .meaning =
            "How long to wait after each failed attempt, each with a jitter of 20 %; after the last "
            "one the delivery is a dead letter. A subscription may have its own.",
    },
    {
        .key = "request_timeout",
        .flag = "--request-timeout",
        .environment = "PETREL_REQUEST_TIMEOUT",
        .type = CONFIG_DURATION,
        FIELD(request_timeout_ms),
        .minimum = 100,
        .maximum = 120 * SECOND,
        .default_text = "15s",
        .meaning =
            "Deadline of one attempt over everything: DNS, connect, TLS, request, whole response. "
            "A subscription may have its own.",
    },
    {
        .key = "connect_timeout",
        .flag = "--connect-timeout",
        .environment = "PETREL_CONNECT_TIMEOUT",
        .type = CONFIG_DURATION,
        FIELD(connect_timeout_ms),
        .minimum = 100,
        .maximum = 120 * SECOND,
        .default_text = "5s",
        .meaning = "Part of it for DNS, connect and TLS.",
    },
    {
        .key = "shutdown_timeout",
        .flag = "--shutdown-timeout",
        .environment = "PETREL_SHUTDOWN_TIMEOUT",
        .type = CONFIG_DURATION,
        FIELD(shutdown_timeout_ms),
        .minimum = 0,
        .maximum = 10 * MINUTE,
        .default_text = "30s",
        .meaning = "After SIGTERM, how long attempts in flight may go on before their deliveries are "
                   "parked.",
    },
    {
        .key = "max_in_flight",
        .flag = "--max-in-flight",
        .environment = "PETREL_MAX_IN_FLIGHT",
        .type = CONFIG_NUMBER32,
        FIELD(max_in_flight),
        .minimum = 1,
        .maximum = 100000,
        .default_text = "2048",
        .meaning = "Attempts at once, whole process.",
    },
    {
        .key = "max_concurrency",
        .flag = "--max-concurrency",
        .environment = "PETREL_MAX_CONCURRENCY",
        .type = CONFIG_NUMBER32,
        FIELD(max_concurrency),
        .minimum = 1,
        .maximum = 10000,
        .default_text = "64",
        .meaning = "Attempts at once per subscription, unless it has its own.",
    },
    {
        .key = "max_destination_concurrency",
        .flag = "--max-destination-concurrency",
        .environment = "PETREL_MAX_DESTINATION_CONCURRENCY",
        .type = CONFIG_NUMBER32,
        FIELD(max_destination_concurrency),
        .minimum = 1,
        .maximum = 100000,
        .default_text = "1024",
        .meaning = "Attempts at once per destination (host and port), over all its subscriptions.",
    },
    {
        .key = "max_age",
        .flag = "--max-age",
        .environment = "PETREL_MAX_AGE",
        .type = CONFIG_DURATION,
        FIELD(max_age_ms),
        .minimum = 0,
        .maximum = 365 * DAY,
        .default_text = "0s",
        .meaning =
            "A delivery older than this becomes a dead letter (expired), also while a breaker is "
            "open. 0s: as long as its retry schedule may take, jitter and timeouts included, at "
            "least 1h.",
    },
    {
        .key = "breaker_failures",
        .flag = "--breaker-failures",
        .environment = "PETREL_BREAKER_FAILURES",
        .type = CONFIG_NUMBER32,
        FIELD(breaker_failures),
        .minimum = 1,
        .maximum = 1000000,
        .default_text = "10",
        .meaning = "Failed attempts in a row that open a subscription's circuit breaker.",
    },
    {
        .key = "breaker_rate",
        .flag = "--breaker-rate",
        .environment = "PETREL_BREAKER_RATE",
        .type = CONFIG_NUMBER32,
        FIELD(breaker_rate),
        .minimum = 1,
        .maximum = 100,
        .default_text = "80",
        .meaning = "Share of failed attempts in a minute, in %, that opens it too, once there "
                   "are breaker_minimum of them.",
    },
    {
        .key = "breaker_minimum",
        .flag = "--breaker-minimum",
        .environment = "PETREL_BREAKER_MINIMUM",
        .type = CONFIG_NUMBER32,
        FIELD(breaker_minimum),
        .minimum = 1,
        .maximum = 1000000,
        .default_text = "20",
        .meaning = "Attempts in a minute before breaker_rate is looked at.",
    },
    {
        .key = "breaker_probe",
        .flag = "--breaker-probe",
        .environment = "PETREL_BREAKER_PROBE",
        .type = CONFIG_DURATION,
        FIELD(breaker_probe_ms),
        .minimum = 10,
        .maximum = DAY,
        .default_text = "5s",
        .meaning = "Time from opening to the first probe, a single attempt of the whole fleet; it "
                   "doubles after each failed one.",
    },
    {
        .key = "breaker_probe_max",
        .flag = "--breaker-probe-max",
        .environment = "PETREL_BREAKER_PROBE_MAX",
        .type = CONFIG_DURATION,
        FIELD(breaker_probe_max_ms),
        .minimum = 10,
        .maximum = DAY,
        .default_text = "5m",
        .meaning = "The longest time between probes.",
    },
    {
        .key = "disable_after",
        .flag = "--disable-after",
        .environment = "PETREL_DISABLE_AFTER",
        .type = CONFIG_DURATION,
        FIELD(disable_after_ms),
        .minimum = SECOND,
        .maximum = 365 * DAY,
        .default_text = "5d",
        .meaning = "A subscription that has failed for so long without a success is disabled.",
    },
    {
        .key = "allow_networks",
        .flag = "--allow-networks",
        .environment = "PETREL_ALLOW_NETWORKS",
        .type = CONFIG_NETWORKS,
        FIELD(allow_networks),
        .default_text = "",
        .meaning =
            "Private networks that subscribers may be in, as 10.0.0.0/8,127.0.0.1; all others than "
            "public addresses are refused. SIGHUP applies a change at once.",
    },
    {
        .key = "deny_networks",
        .flag = "--deny-networks",
        .environment = "PETREL_DENY_NETWORKS",
        .type = CONFIG_NETWORKS,
        FIELD(deny_networks),
        .default_text = "",
        .meaning = "Networks that are refused in any case, also public ones and those in "
                   "allow_networks. SIGHUP applies a change at once.",
    },
    {
        .key = "allow_ports",
        .flag = "--allow-ports",
        .environment = "PETREL_ALLOW_PORTS",
        .type = CONFIG_PORTS,
        FIELD(allow_ports),
        .default_text = "",
        .meaning = "The only ports that subscribers may be at, as 80,443,8000-8099; empty: all. "
                   "SIGHUP applies a change at once.",
    },
    {
        .key = "nat64",
        .flag = "--nat64",
        .environment = "PETREL_NAT64",
        .type = CONFIG_BOOL,
        FIELD(nat64),
        .default_text = "no",
        .meaning = "The network reaches IPv4 through NAT64: an address in 64:ff9b::/96 is judged by "
                   "the IPv4 address inside. Otherwise all of them are refused. SIGHUP applies a "
                   "change at once.",
    },
    {
        .key = "proxy",
        .flag = "--proxy",
        .environment = "PETREL_PROXY",
        .type = CONFIG_PROXY,
        FIELD(proxy),
        .default_text = "",
        .meaning =
            "A forward proxy, as http://proxy.internal:3128, through which every request is tunnelled "
            "(CONNECT). The proxy resolves the names, so it has to keep requests out of the own "
            "network: petrel sees no addresses any more. http_proxy and the like are never read.",
    },
    {
        .key = "proxy_user",
        .flag = "--proxy-user",
        .environment = "PETREL_PROXY_USER",
        .type = CONFIG_KEY,
        FIELD(proxy_user),
        .minimum = 1,
        .maximum = 512,
        .default_text = "",
        .is_secret = true,
        .meaning = "Name and password for the proxy, as name:password. Prefer the environment: flags "
                   "are visible to every user of the machine.",
    },
    {
        .key = "connection_max_age",
        .flag = "--connection-max-age",
        .environment = "PETREL_CONNECTION_MAX_AGE",
        .type = CONFIG_DURATION,
        FIELD(connection_max_age_ms),
        .minimum = SECOND,
        .maximum = HOUR,
        .default_text = "5m",
        .meaning = "A kept connection isn't used again when it is older, so that changes of DNS and "
                   "of certificates are noticed.",
    },
    {
        .key = "ca_file",
        .flag = "--ca-file",
        .environment = "PETREL_CA_FILE",
        .type = CONFIG_TEXT,
        FIELD(ca_file),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning = "PEM file of the authorities that vouch for subscribers' certificates. Empty: the "
                   "system's.",
    },
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
            "(100000,7d).",
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
    {
        .key = "encryption_keys_file",
        .flag = "--encryption-keys-file",
        .environment = "PETREL_ENCRYPTION_KEYS_FILE",
        .type = CONFIG_TEXT,
        FIELD(encryption_keys_file),
        .minimum = 0,
        .maximum = 4000,
        .default_text = "",
        .meaning =
            "Keys that encrypt subscriptions' secrets and header values in Redis: lines \"<key id> <base64 of "
            "32 bytes>\", the first one current. Read again on SIGHUP. Empty: they lie there unencrypted.",
    },
    {
        .key = "core_dumps",
        .flag = "--core-dumps",
        .environment = "PETREL_CORE_DUMPS",
        .type = CONFIG_BOOL,
        FIELD(core_dumps),
        .default_text = "no",
        .meaning =
            "A crash may leave a core dump, and debuggers of the same user may attach. Secrets "
            "and bodies can be read in it.",
    },
    {
        .key = "log_level",
        .flag = "--log-level",
        .environment = "PETREL_LOG_LEVEL",
        .type = CONFIG_LOG_LEVEL,
        FIELD(log_level),
        .default_text = "info",
        .meaning = "What is logged: debug, info, warn or error and what is above.",
    },
    {
        .key = "log_format",
        .flag = "--log-format",
        .environment = "PETREL_LOG_FORMAT",
        .type = CONFIG_LOG_FORMAT,
        FIELD(log_format),
        .default_text = "logfmt",
        .meaning = "Form of a log line: logfmt or json.",
    },
};

const size_t config_entry_count = sizeof config_entries / sizeof config_entries[0];
_Static_assert(sizeof config_entries / sizeof config_entries[0] <= CONFIG_MAX_KEYS,
               "struct config has room for the origins of CONFIG_MAX_KEYS settings");

static bool is_same_key(struct span a, const char *b)
{
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i] == '-' ? '_' : a.data[i];
        if (c != b[i]) // the end of b included
            return false;
    }
    return b[a.size] == '\0';
}

const struct config_entry *config_find_entry(struct span key)
{
    for (size_t i = 0; i < config_entry_count; i++) {
        if (is_same_key(key, config_entries[i].key))
            return &config_entries[i];
    }
    return NULL;
}

// How many characters must be put in, taken out or changed to make one of the other (Levenshtein).
static size_t distance(struct span a, struct span b)
{
    enum { LONGEST = 40 };
    size_t row[LONGEST + 1];
    if (a.size > LONGEST || b.size > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char c = a.data[i - 1] == '-' ? '_' : a.data[i - 1];
            size_t changed = diagonal + (c != b.data[j - 1]);
            size_t moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < moved ? changed : moved;
        }
    }
    return row[b.size];
}

const struct config_entry *config_guess_entry(struct span key)
{
    const struct config_entry *best = NULL;
    size_t best_distance = key.size / 3 + 1; // a third of it wrong is no typing error any more
    for (size_t i = 0; i < config_entry_count; i++) {
        size_t found = distance(key, span_of(config_entries[i].key));
        if (found <= best_distance && (!best || found < best_distance)) {
            best = &config_entries[i];
            best_distance = found;
        }
    }
    return best;
}
