// SPDX-License-Identifier: Apache-2.0
// The inside of the configuration: the table's rows, values by type, and the file's reader.
#ifndef PETREL_CONFIG_TABLE_H
#define PETREL_CONFIG_TABLE_H

#include <stddef.h>

#include "petrel/config.h"
#include "petrel/keys.h"

enum { CONFIG_RULE_SIZE = 200 };

enum config_type {
    CONFIG_TEXT,
    CONFIG_REDIS_URL,
    CONFIG_NAMESPACE,
    CONFIG_LISTEN,
    CONFIG_KEY,
    CONFIG_NUMBER32,
    CONFIG_NUMBER64,
    CONFIG_WORKERS,
    CONFIG_BYTES,
    CONFIG_DURATION,
    CONFIG_SCHEDULE,
    CONFIG_NETWORKS,
    CONFIG_PORTS,
    CONFIG_PROXY,
    CONFIG_BOOL,
    CONFIG_RETENTION, // two fields: retain_events and retain_age_ms
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
};

struct config_entry {
    const char *key;
    const char *flag;
    const char *environment;
    enum config_type type;
    size_t offset;   // of the field in struct config
    int64_t minimum; // of a number, bytes, ms; of a text's length
    int64_t maximum;
    const char *default_text;
    const char *meaning;
    bool is_secret;
};

// The settings of one subject.
struct config_table {
    const struct config_entry *entries;
    size_t count;
};
extern const struct config_table config_table_redis, config_table_admin, config_table_deliveries,
    config_table_network, config_table_events, config_table_process;
#define CONFIG_TABLE(rows)                                                                         \
    {                                                                                              \
        .entries = (rows), .count = sizeof(rows) / sizeof(rows)[0]                                 \
    }

// For the rows: a field, and units of their limits (ms, bytes).
#define FIELD(name) .offset = offsetof(struct config, name)
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, KIB = 1024, MIB = 1024 * KIB };
#define DAY (INT64_C(24) * HOUR)

// All settings, one subject after the other.
size_t config_entry_count(void);
const struct config_entry *config_entry_at(size_t index);
size_t config_entry_index(const struct config_entry *entry);

// NULL if there is none. '-' counts as '_'.
const struct config_entry *config_find_entry(struct span key);
// The known key that `key` looks most like; NULL if it looks like none.
const struct config_entry *config_guess_entry(struct span key);

// ---- values by type (config_value.c)
// Parses into the entry's field, freeing what was there. False: rule says what is right, as "expected …".
bool config_parse_value(const struct config_entry *entry, struct span text, struct config *config,
                        char rule[CONFIG_RULE_SIZE]);
// "yes", "no", and what else people write for them.
bool config_read_bool(struct span text, bool *value);
void config_free_value(const struct config_entry *entry, struct config *config);

// ---- and back (config_format.c)
enum { CONFIG_LEVEL_COUNT = LOG_LEVEL_ERROR + 1, CONFIG_FORMAT_COUNT = LOG_FORMAT_JSON + 1 };
extern const char *const config_level_names[CONFIG_LEVEL_COUNT];
extern const char *const config_format_names[CONFIG_FORMAT_COUNT];
void config_format_entry(const struct config_entry *entry, const struct config *config,
                         struct text *out);
void config_format_bytes(int64_t bytes, struct text *out); // "256KiB"
const char *config_type_text(enum config_type type);

// ---- the file (config_file.c)
// Called per key, in the file's order; false stops.
typedef bool config_on_setting(void *arg, const struct config_entry *entry, struct span value,
                               int line);
// False when the file can't be read, is malformed, or the callback stopped it without filling error itself.
bool config_read_file(const char *path, config_on_setting *on_setting, void *arg,
                      char error[CONFIG_ERROR_SIZE]);

#endif
