// SPDX-License-Identifier: Apache-2.0
// Configuration: one table (core/config_table*.c) drives flags, environment, file, `petrel config` and the
// documentation page. Flags beat environment (PETREL_*) beat file (petrel.conf) beat default.
#ifndef PETREL_CONFIG_H
#define PETREL_CONFIG_H

#include "petrel/backoff.h"
#include "petrel/guard.h"
#include "petrel/log.h"

enum { CONFIG_ERROR_SIZE = 512, CONFIG_MAX_KEYS = 96 };

enum config_origin {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG
};

struct config {
    char *redis_url; // "" = none configured: 127.0.0.1:6379, or the private server of `serve`
    char *namespace_name;
    uint32_t shards;
    char *listen;             // admin server "host:port"
    char *admin_key;          // "" = the key file in data_dir
    char *tls_cert, *tls_key; // PEM files of the admin server; "" = no TLS
    char *data_dir;
    uint32_t workers; // 0 in the file means one per core; resolved by config_load
    struct backoff retry_schedule;
    int64_t request_timeout_ms;
    int64_t connect_timeout_ms;
    int64_t shutdown_timeout_ms;
    uint32_t max_in_flight;               // attempts at once, whole process
    uint32_t max_concurrency;             // per subscription, default of the subscription's own
    uint32_t max_destination_concurrency; // attempts at once per host and port
    int64_t max_age_ms;                   // of a delivery; 0 = as long as its schedule may take
    uint32_t breaker_failures;            // in a row that open a breaker …
    uint32_t breaker_rate;                // … or this share in a minute, % …
    uint32_t breaker_minimum;             // … of at least so many attempts
    int64_t breaker_probe_ms, breaker_probe_max_ms; // first and longest time between probes
    int64_t disable_after_ms; // failing without success for so long disables a subscription
    struct network_list allow_networks, deny_networks;
    struct port_list allow_ports;  // empty: all
    bool nat64;                    // 64:ff9b::/96 is judged by the IPv4 address inside
    char *proxy;                   // "" = none
    char *proxy_user;              // "name:password"
    int64_t connection_max_age_ms; // a kept connection isn't used again after this
    bool http2;                    // offered to https receivers
    char *encryption_keys_file;    // "" = secrets lie in Redis unencrypted
    char *ca_file; // --ca-file: PEM bundle that verifies subscribers; "" = the system's
    uint64_t max_event_bytes;
    int64_t dedupe_window_ms;
    uint64_t retain_events;      // entries of the stream kept after they are settled; by count …
    int64_t retain_age_ms;       // … and by age; 0 = no bound by age ("100000" or "100000,7d")
    uint32_t memory_watermark;   // percent of Redis's maxmemory at which reading stops; 0 = never
    uint32_t publish_replicas;   // that must have an event before it is accepted by POST /v1/events
    bool require_durability;     // refuse to start on a Redis without AOF and noeviction
    int64_t instance_timeout_ms; // a silent instance is taken for dead after this
    int64_t rotation_grace_ms;   // how long a rotated secret keeps signing
    uint64_t attempts_log;       // entries kept in the attempts stream, per shard
    bool core_dumps;             // allowed; otherwise a crash leaves nothing to read
    enum log_level log_level;
    enum log_format log_format;
    enum config_origin origins[CONFIG_MAX_KEYS]; // by the table's index; read it with config_describe
};

// argv without the program's and command's names. Consumes the flags it knows ("--key value" and
// "--key=value") from argv (compacting it and *argc), leaves other words for the command. Reads the
// environment (an empty variable counts as unset) and the file (--config FILE, PETREL_CONFIG, or ./petrel.conf
// when it exists: lines "key = value", no sections). NULL on a bad value: error is one line with key, value,
// origin and fix. Unknown keys in the file are errors too.
struct config *config_load(int *argc, char **argv, char error[CONFIG_ERROR_SIZE]);
void config_destroy(struct config **config);

// The guard that its settings ask for; NULL without memory. Caller owns one reference.
struct guard *config_create_guard(const struct config *config);

// For `petrel config` and the generated documentation.
struct config_item {
    const char *key;         // "retry_schedule"
    const char *flag;        // "--retry-schedule"
    const char *environment; // "PETREL_RETRY_SCHEDULE"
    const char *type;        // "duration", "list of durations", "bytes" …
    const char *meaning;     // one sentence
    const char *default_text;
    bool is_secret; // value is never printed
    enum config_origin origin;
};
size_t config_count(void);
// config may be NULL (the table alone): then origin is CONFIG_FROM_DEFAULT.
void config_describe(const struct config *config, size_t index, struct config_item *item);
// The effective value as text (secret ones as "(set)" or ""), appended.
void config_format_value(const struct config *config, size_t index, struct text *out);
const char *config_origin_text(enum config_origin origin);

#endif
