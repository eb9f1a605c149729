// SPDX-License-Identifier: Apache-2.0
// Values of settings by type: text → field, within its limits. The way back is config_format.c.
// Every refusal says what is right, so that the error line needs no manual.
#include <assert.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_table.h"
#include "petrel/redis_url.h"
#include "petrel/timestamp.h"

static void *field_of(const struct config_entry *entry, struct config *config)
{
    return (char *)config + entry->offset;
}

__attribute__((format(printf, 2, 3))) static bool refuse(char rule[CONFIG_RULE_SIZE],
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rule, CONFIG_RULE_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

// ---- texts

static void free_text(const struct config_entry *entry, char **field)
{
    bool is_secret = entry->type == CONFIG_REDIS_URL || entry->type == CONFIG_KEY;
    if (*field && is_secret)
        explicit_bzero(*field, strlen(*field));
    free(*field);
    *field = NULL;
}

static bool set_text(const struct config_entry *entry, struct span text, char **field,
                     char rule[CONFIG_RULE_SIZE])
{
    char *copy = span_duplicate(text);
    if (!copy)
        return refuse(rule, "expected enough memory");
    free_text(entry, field);
    *field = copy;
    return true;
}

static bool is_printable(struct span text, bool is_space_allowed)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f || (!is_space_allowed && (c == ' ' || c >= 0x80)))
            return false;
    }
    return true;
}

static bool check_length(const struct config_entry *entry, struct span text,
                         char rule[CONFIG_RULE_SIZE])
{
    bool is_key = entry->type == CONFIG_KEY;
    if (is_key && text.size == 0)
        return true;
    if ((int64_t)text.size >= entry->minimum && (int64_t)text.size <= entry->maximum &&
        is_printable(text, !is_key))
        return true;
    return refuse(rule, "expected %lld to %lld printable characters%s", (long long)entry->minimum,
                  (long long)entry->maximum, is_key ? " of ASCII without spaces" : "");
}

static bool check_redis_url(struct span text, char rule[CONFIG_RULE_SIZE])
{
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    if (text.size == 0)
        return true;
    bool is_good = redis_url_parse(text, &url, error);
    if (is_good)
        explicit_bzero(&url, sizeof url);
    return is_good || refuse(rule, "%.190s", error);
}

static bool check_listen(struct span text, char rule[CONFIG_RULE_SIZE])
{
    const char *colon = span_find_last(text, ':');
    size_t host_size = colon ? (size_t)(colon - text.data) : 0;
    struct span port = {.data = colon ? colon + 1 : NULL,
                        .size = colon ? text.size - host_size - 1 : 0};
    uint64_t number;
    bool is_bracketed = host_size > 2 && text.data[0] == '[' && text.data[host_size - 1] == ']';
    bool has_inner_colon = span_find((struct span){text.data, host_size}, ':');
    if (host_size == 0 || host_size > 255 || !is_printable(text, false) ||
        (has_inner_colon && !is_bracketed) || !span_to_uint64(port, &number) || number > UINT16_MAX)
        return refuse(rule, "expected address:port, as 127.0.0.1:8080 or [::1]:8080");
    return true;
}

static bool check_proxy(struct span text, char rule[CONFIG_RULE_SIZE])
{
    char error[URL_ERROR_SIZE];
    struct url url;
    if (text.size == 0)
        return true;
    if (span_find(text, '@'))
        return refuse(rule,
                      "the URL must not have a user name or password; they go into proxy_user");
    if (!url_parse(text, &url, error))
        return refuse(rule, "%s", error);
    const char *path = strchr(url.text + strlen("https://"), '/');
    return (path && path[1] == '\0') ||
           refuse(rule, "expected http://host:port or https://host:port, without a path");
}

static bool parse_text(const struct config_entry *entry, struct span text, char **field,
                       char rule[CONFIG_RULE_SIZE])
{
    bool is_good = true;
    if (entry->type == CONFIG_REDIS_URL)
        is_good = check_redis_url(text, rule);
    else if (entry->type == CONFIG_PROXY)
        is_good = check_proxy(text, rule);
    else if (entry->type == CONFIG_LISTEN)
        is_good = check_listen(text, rule);
    else if (entry->type == CONFIG_NAMESPACE)
        is_good = keys_is_namespace(text) ||
                  refuse(rule, "expected 1 to 64 characters of A-Z a-z 0-9 _ . -");
    else
        is_good = check_length(entry, text, rule);
    return is_good && set_text(entry, text, field, rule);
}

// ---- numbers

static bool is_within(const struct config_entry *entry, int64_t value)
{
    return value >= entry->minimum && value <= entry->maximum;
}

static bool parse_number(const struct config_entry *entry, struct span text, int64_t *value,
                         char rule[CONFIG_RULE_SIZE])
{
    if (span_to_int64(text, value) && is_within(entry, *value))
        return true;
    return refuse(rule, "expected a whole number from %lld to %lld%s", (long long)entry->minimum,
                  (long long)entry->maximum, entry->type == CONFIG_WORKERS ? ", or auto" : "");
}

static uint32_t count_cores(void)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) < 1)
        return 1;
    return (uint32_t)CPU_COUNT(&cores);
}

static bool parse_number32(const struct config_entry *entry, struct span text, uint32_t *field,
                           char rule[CONFIG_RULE_SIZE])
{
    int64_t value;
    bool is_auto = span_equals_text(text, "auto") || span_equals_text(text, "0");
    if (entry->type == CONFIG_WORKERS && is_auto) {
        uint32_t cores = count_cores();
        *field = cores < entry->maximum ? cores : (uint32_t)entry->maximum;
        return true;
    }
    if (!parse_number(entry, text, &value, rule))
        return false;
    *field = (uint32_t)value;
    return true;
}

static bool parse_bytes(const struct config_entry *entry, struct span text, uint64_t *field,
                        char rule[CONFIG_RULE_SIZE])
{
    static const struct {
        const char *suffix;
        int shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"B", 0}, {"", 0}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct span suffix = span_of(units[i].suffix);
        struct span digits = {.data = text.data, .size = text.size - suffix.size};
        int64_t value;
        if (text.size <= suffix.size ||
            memcmp(text.data + digits.size, suffix.data, suffix.size) != 0)
            continue;
        digits = span_trim(digits);
        if (!span_to_int64(digits, &value) || value < 0 || value > (INT64_MAX >> units[i].shift) ||
            !is_within(entry, value << units[i].shift))
            break;
        *field = (uint64_t)value << units[i].shift;
        return true;
    }
    struct text limits;
    text_init(&limits, 64);
    config_format_bytes(entry->minimum, &limits);
    text_append_string(&limits, " to ");
    config_format_bytes(entry->maximum, &limits);
    refuse(rule, "expected a size from %s, as 262144, 256KiB or 1MiB", text_string(&limits));
    text_fini(&limits);
    return false;
}

static bool parse_duration(const struct config_entry *entry, struct span text, int64_t *field,
                           char rule[CONFIG_RULE_SIZE])
{
    int64_t value;
    if (duration_parse(text, &value) && is_within(entry, value)) {
        *field = value;
        return true;
    }
    char minimum[DURATION_SIZE];
    char maximum[DURATION_SIZE];
    duration_format(entry->minimum, minimum);
    duration_format(entry->maximum, maximum);
    return refuse(rule, "expected a length of time from %s to %s, as 250ms, 5s, 30m, 2h or 1d",
                  minimum, maximum);
}

// ---- the others

static bool parse_schedule(struct span text, struct backoff *field, char rule[CONFIG_RULE_SIZE])
{
    char error[BACKOFF_ERROR_SIZE];
    return backoff_parse(text, field, error) || refuse(rule, "%s", error);
}

static bool parse_networks(struct span text, struct network_list *field, char rule[CONFIG_RULE_SIZE])
{
    char error[NETWORK_ERROR_SIZE];
    struct network_list list = {0};
    if (!network_list_parse(text, &list, error))
        return refuse(rule, "%s", error);
    network_list_fini(field);
    *field = list;
    return true;
}

static bool parse_ports(struct span text, struct port_list *field, char rule[CONFIG_RULE_SIZE])
{
    char error[PORTS_ERROR_SIZE];
    struct port_list list;
    if (!port_list_parse(text, &list, error))
        return refuse(rule, "%s", error);
    *field = list;
    return true;
}

bool config_read_bool(struct span text, bool *value)
{
    bool is_yes = span_equals_text(text, "yes") || span_equals_text(text, "true") ||
                  span_equals_text(text, "on") || span_equals_text(text, "1");
    bool is_no = span_equals_text(text, "no") || span_equals_text(text, "false") ||
                 span_equals_text(text, "off") || span_equals_text(text, "0");
    *value = is_yes;
    return is_yes || is_no;
}

static bool parse_retention(const struct config_entry *entry, struct span text,
                            struct config *config, char rule[CONFIG_RULE_SIZE])
{
    struct span count_text = {0};
    int64_t count;
    int64_t age_ms = 0;
    bool has_count = span_next(&text, ',', &count_text);
    struct span age = span_trim(text);
    if (!has_count || !span_to_int64(span_trim(count_text), &count) || !is_within(entry, count) ||
        (age.size > 0 && !duration_parse(age, &age_ms)))
        return refuse(rule, "expected a count from %lld to %lld, or a count and an age as 100000,7d",
                      (long long)entry->minimum, (long long)entry->maximum);
    config->retain_events = (uint64_t)count;
    config->retain_age_ms = age_ms;
    return true;
}

static bool find_name(struct span text, const char *const *names, size_t count, size_t *index)
{
    for (*index = 0; *index < count; ++*index) {
        if (span_equals_text(text, names[*index]))
            return true;
    }
    return false;
}

bool config_parse_value(const struct config_entry *entry, struct span text, struct config *config,
                        char rule[CONFIG_RULE_SIZE])
{
    void *field = field_of(entry, config);
    int64_t number;
    size_t index;
    text = span_trim(text);
    switch (entry->type) {
    case CONFIG_TEXT:
    case CONFIG_REDIS_URL:
    case CONFIG_NAMESPACE:
    case CONFIG_LISTEN:
    case CONFIG_PROXY:
    case CONFIG_KEY:
        return parse_text(entry, text, field, rule);
    case CONFIG_NUMBER32:
    case CONFIG_WORKERS:
        return parse_number32(entry, text, field, rule);
    case CONFIG_NUMBER64:
        if (!parse_number(entry, text, &number, rule))
            return false;
        *(uint64_t *)field = (uint64_t)number;
        return true;
    case CONFIG_BYTES:
        return parse_bytes(entry, text, field, rule);
    case CONFIG_DURATION:
        return parse_duration(entry, text, field, rule);
    case CONFIG_SCHEDULE:
        return parse_schedule(text, field, rule);
    case CONFIG_NETWORKS:
        return parse_networks(text, field, rule);
    case CONFIG_PORTS:
        return parse_ports(text, field, rule);
    case CONFIG_BOOL:
        return config_read_bool(text, field) || refuse(rule, "expected yes or no");
    case CONFIG_RETENTION:
        return parse_retention(entry, text, config, rule);
    case CONFIG_LOG_LEVEL:
        if (!find_name(text, config_level_names, CONFIG_LEVEL_COUNT, &index))
            return refuse(rule, "expected debug, info, warn or error");
        *(enum log_level *)field = (enum log_level)index;
        return true;
    case CONFIG_LOG_FORMAT:
        if (!find_name(text, config_format_names, CONFIG_FORMAT_COUNT, &index))
            return refuse(rule, "expected logfmt or json");
        *(enum log_format *)field = (enum log_format)index;
        return true;
    }
    assert(!"no such type");
    return false;
}

void config_free_value(const struct config_entry *entry, struct config *config)
{
    void *field = field_of(entry, config);
    switch (entry->type) {
    case CONFIG_TEXT:
    case CONFIG_REDIS_URL:
    case CONFIG_NAMESPACE:
    case CONFIG_LISTEN:
    case CONFIG_PROXY:
    case CONFIG_KEY:
        free_text(entry, field);
        return;
    case CONFIG_NETWORKS:
        network_list_fini(field);
        return;
    case CONFIG_NUMBER32:
    case CONFIG_NUMBER64:
    case CONFIG_WORKERS:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
    case CONFIG_SCHEDULE:
    case CONFIG_PORTS:
    case CONFIG_BOOL:
    case CONFIG_RETENTION:
    case CONFIG_LOG_LEVEL:
    case CONFIG_LOG_FORMAT:
        return;
    }
}
