// SPDX-License-Identifier: Apache-2.0
// Values of settings by type: field → text, as `petrel config` shows it. What may be a secret isn't shown.
#include <string.h>

#include "config_table.h"
#include "petrel/redis_url.h"
#include "petrel/timestamp.h"

const char *const config_level_names[CONFIG_LEVEL_COUNT] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};
const char *const config_format_names[CONFIG_FORMAT_COUNT] = {
    [LOG_FORMAT_LOGFMT] = "logfmt",
    [LOG_FORMAT_JSON] = "json",
};

void config_format_bytes(int64_t bytes, struct text *out)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    while (bytes >= 1024 && bytes % 1024 == 0 && unit < 3) {
        bytes /= 1024;
        unit++;
    }
    text_append_int(out, bytes);
    text_append_string(out, units[unit]);
}

const char *config_type_text(enum config_type type)
{
    switch (type) {
    case CONFIG_TEXT:
        return "text";
    case CONFIG_REDIS_URL:
        return "Redis URL";
    case CONFIG_NAMESPACE:
        return "name";
    case CONFIG_LISTEN:
        return "address:port";
    case CONFIG_KEY:
        return "secret";
    case CONFIG_NUMBER32:
    case CONFIG_NUMBER64:
        return "number";
    case CONFIG_WORKERS:
        return "number or auto";
    case CONFIG_BYTES:
        return "bytes";
    case CONFIG_DURATION:
        return "duration";
    case CONFIG_SCHEDULE:
        return "list of durations";
    case CONFIG_NETWORKS:
        return "list of networks";
    case CONFIG_PROXY:
        return "URL";
    case CONFIG_PORTS:
        return "list of ports";
    case CONFIG_BOOL:
        return "yes or no";
    case CONFIG_RETENTION:
        return "count[,duration]";
    case CONFIG_LOG_LEVEL:
        return "debug|info|warn|error";
    case CONFIG_LOG_FORMAT:
        return "logfmt|json";
    }
    return "";
}

static void format_duration(int64_t ms, struct text *out)
{
    char duration[DURATION_SIZE];
    duration_format(ms, duration);
    text_append_string(out, duration);
}

static void format_redis_url(const char *value, struct text *out)
{
    struct redis_url url;
    char error[REDIS_URL_ERROR_SIZE];
    if (!redis_url_parse(span_of(value), &url, error))
        return; // empty
    redis_url_format_safe(&url, out);
    explicit_bzero(&url, sizeof url);
}

void config_format_entry(const struct config_entry *entry, const struct config *config,
                         struct text *out)
{
    const void *field = (const char *)config + entry->offset;
    char schedule[BACKOFF_TEXT_SIZE];
    switch (entry->type) {
    case CONFIG_TEXT:
    case CONFIG_NAMESPACE:
    case CONFIG_LISTEN:
    case CONFIG_PROXY:
        text_append_string(out, *(char *const *)field);
        return;
    case CONFIG_KEY:
        text_append_string(out, **(char *const *)field ? "(set)" : "");
        return;
    case CONFIG_REDIS_URL:
        format_redis_url(*(char *const *)field, out);
        return;
    case CONFIG_NUMBER32:
    case CONFIG_WORKERS:
        text_append_int(out, *(const uint32_t *)field);
        return;
    case CONFIG_NUMBER64:
        text_append_int(out, *(const int64_t *)field);
        return;
    case CONFIG_BYTES:
        config_format_bytes(*(const int64_t *)field, out);
        return;
    case CONFIG_DURATION:
        format_duration(*(const int64_t *)field, out);
        return;
    case CONFIG_SCHEDULE:
        backoff_format(field, schedule);
        text_append_string(out, schedule);
        return;
    case CONFIG_NETWORKS:
        network_list_format(field, out);
        return;
    case CONFIG_PORTS:
        port_list_format(field, out);
        return;
    case CONFIG_BOOL:
        text_append_string(out, *(const bool *)field ? "yes" : "no");
        return;
    case CONFIG_RETENTION:
        text_append_int(out, (int64_t)config->retain_events);
        if (config->retain_age_ms) {
            text_append_char(out, ',');
            format_duration(config->retain_age_ms, out);
        }
        return;
    case CONFIG_LOG_LEVEL:
        text_append_string(out, config_level_names[config->log_level]);
        return;
    case CONFIG_LOG_FORMAT:
        text_append_string(out, config_format_names[config->log_format]);
        return;
    }
}
