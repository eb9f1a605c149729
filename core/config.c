// SPDX-License-Identifier: Apache-2.0
// Loading: defaults, then file, environment, flags, each over the one before; every value given is checked,
// also one that another source beats. Left to others: the table, values by type, the file's syntax.
#include "petrel/config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_table.h"

#define DEFAULT_FILE "petrel.conf"
#define ENVIRONMENT_PREFIX "PETREL_"

enum { SHOWN_BYTES = 60 };

struct loader {
    struct config *config;
    const char *path;
    char *error; // CONFIG_ERROR_SIZE
};

struct source {
    enum config_origin origin;
    const char *name; // "--workers", "PETREL_WORKERS", a path
    int line;         // of a file; 0 otherwise
};

// A value in an error line: cut, printable, and hidden if it may be or hold a secret.
static void show(const struct config_entry *entry, struct span value, char out[SHOWN_BYTES + 4])
{
    if (entry->is_secret || entry->type == CONFIG_REDIS_URL || entry->type == CONFIG_PROXY) {
        memcpy(out, "(hidden)", sizeof "(hidden)");
        return;
    }
    size_t size = value.size < SHOWN_BYTES ? value.size : SHOWN_BYTES;
    for (size_t i = 0; i < size; i++) {
        char c = value.data[i];
        out[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    memcpy(out + size, value.size > size ? "..." : "", value.size > size ? 4 : 1);
}

static bool apply(struct loader *loader, const struct config_entry *entry, struct span value,
                  const struct source *source)
{
    char rule[CONFIG_RULE_SIZE];
    if (config_parse_value(entry, value, loader->config, rule)) {
        loader->config->origins[config_entry_index(entry)] = source->origin;
        return true;
    }
    char shown[SHOWN_BYTES + 4];
    char line[16] = "";
    show(entry, value, shown);
    if (source->line)
        snprintf(line, sizeof line, ":%d", source->line);
    snprintf(loader->error, CONFIG_ERROR_SIZE, "%s = \"%s\" (%s %.80s%s): %s", entry->key, shown,
             config_origin_text(source->origin), source->name, line, rule);
    return false;
}

static bool apply_defaults(struct loader *loader)
{
    const struct source source = {.origin = CONFIG_FROM_DEFAULT, .name = "of the program"};
    for (size_t i = 0; i < config_entry_count(); i++) {
        if (!apply(loader, config_entry_at(i), span_of(config_entry_at(i)->default_text), &source))
            return false;
    }
    return true;
}

// ---- file

static bool on_setting(void *arg, const struct config_entry *entry, struct span value, int line)
{
    struct loader *loader = arg;
    const struct source source = {.origin = CONFIG_FROM_FILE, .name = loader->path, .line = line};
    return apply(loader, entry, value, &source);
}

static bool apply_file(struct loader *loader, const char *flag_path)
{
    const char *path = flag_path ? flag_path : getenv("PETREL_CONFIG");
    if (!path || !path[0]) {
        if (access(DEFAULT_FILE, F_OK) != 0)
            return true;
        path = DEFAULT_FILE;
    }
    loader->path = path;
    return config_read_file(path, on_setting, loader, loader->error);
}

// ---- environment

static bool apply_environment(struct loader *loader)
{
    for (size_t i = 0; i < config_entry_count(); i++) {
        const char *value = getenv(config_entry_at(i)->environment);
        const struct source source = {.origin = CONFIG_FROM_ENVIRONMENT,
                                      .name = config_entry_at(i)->environment};
        if (value && value[0] && !apply(loader, config_entry_at(i), span_of(value), &source))
            return false;
    }
    return true;
}

// A variable that is nearly one of ours is a typing error worth a warning. Others are not: a Kubernetes
// service called "petrel" puts PETREL_PORT and the like into every container.
static void warn_of_typing_errors(void)
{
    struct span prefix = SPAN(ENVIRONMENT_PREFIX);
    for (char **variable = environ; variable && *variable; variable++) {
        struct span rest = span_of(*variable);
        struct span name;
        if (!span_next(&rest, '=', &name) || !span_starts_with(name, prefix))
            continue;
        char key[64];
        struct span without_prefix = {name.data + prefix.size, name.size - prefix.size};
        if (!span_copy(without_prefix, key, sizeof key) || strcmp(key, "CONFIG") == 0)
            continue;
        for (char *c = key; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        const struct config_entry *guess = config_guess_entry(span_of(key));
        if (guess && !config_find_entry(span_of(key)))
            log_warn("unknown environment variable is ignored", LOG_SPAN("variable", name),
                     LOG_STR("did_you_mean", guess->environment));
    }
}

// ---- flags

// Which setting's flag a word is: "--key" or "--key=value" (then *value is set).
static const struct config_entry *find_flag(const char *word, const char **value)
{
    const char *equals = strchr(word, '=');
    size_t size = equals ? (size_t)(equals - word) : strlen(word);
    *value = equals ? equals + 1 : NULL;
    for (size_t i = 0; i < config_entry_count(); i++) {
        if (span_equals_text((struct span){.data = word, .size = size}, config_entry_at(i)->flag))
            return config_entry_at(i);
    }
    return NULL;
}

static bool is_config_flag(const char *word, const char **value)
{
    *value = strncmp(word, "--config=", 9) == 0 ? word + 9 : NULL;
    return *value || strcmp(word, "--config") == 0;
}

struct flags {
    const char *values[CONFIG_MAX_KEYS]; // NULL: not given
    const char *path;                    // of --config; NULL: not given
};

// Takes our flags out of argv, up to a word "--".
static bool take_flags(int *argc, char **argv, struct flags *flags, char error[CONFIG_ERROR_SIZE])
{
    int kept = 0;
    int i = 0;
    for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];
        const char *value;
        const struct config_entry *entry = NULL;
        if (!is_config_flag(word, &value) && !(entry = find_flag(word, &value))) {
            argv[kept++] = argv[i];
            continue;
        }
        bool ignored;
        bool is_switch = entry && entry->type == CONFIG_BOOL;
        if (!value && is_switch &&
            !config_read_bool(span_of(i + 1 < *argc ? argv[i + 1] : ""), &ignored))
            value = "yes"; // alone, it is switched on
        else if (!value && i + 1 < *argc)
            value = argv[++i];
        if (!value) {
            snprintf(error, CONFIG_ERROR_SIZE, "flag %.60s needs a value", word);
            return false;
        }
        if (entry)
            flags->values[config_entry_index(entry)] = value;
        else
            flags->path = value;
    }
    for (; i < *argc; i++)
        argv[kept++] = argv[i];
    *argc = kept;
    return true;
}

static bool apply_flags(struct loader *loader, const struct flags *flags)
{
    for (size_t i = 0; i < config_entry_count(); i++) {
        const struct source source = {.origin = CONFIG_FROM_FLAG, .name = config_entry_at(i)->flag};
        if (flags->values[i] &&
            !apply(loader, config_entry_at(i), span_of(flags->values[i]), &source))
            return false;
    }
    return true;
}

struct config *config_load(int *argc, char **argv, char error[CONFIG_ERROR_SIZE])
{
    struct flags flags = {0};
    error[0] = '\0';
    if (!take_flags(argc, argv, &flags, error))
        return NULL;
    struct config *config = calloc(1, sizeof *config);
    if (!config) {
        snprintf(error, CONFIG_ERROR_SIZE, "not enough memory");
        return NULL;
    }
    struct loader loader = {.config = config, .error = error};
    if (!apply_defaults(&loader) || !apply_file(&loader, flags.path) ||
        !apply_environment(&loader) || !apply_flags(&loader, &flags))
        config_destroy(&config);
    else
        warn_of_typing_errors();
    return config;
}

void config_destroy(struct config **config)
{
    if (!*config)
        return;
    for (size_t i = 0; i < config_entry_count(); i++)
        config_free_value(config_entry_at(i), *config);
    free(*config);
    *config = NULL;
}

struct guard *config_create_guard(const struct config *config)
{
    struct guard_rules rules = {
        .deny_networks = &config->deny_networks,
        .allow_networks = &config->allow_networks,
        .allow_ports = &config->allow_ports,
        .is_nat64 = config->nat64,
    };
    return guard_create(&rules);
}

// ---- for those who print it

size_t config_count(void)
{
    return config_entry_count();
}

void config_describe(const struct config *config, size_t index, struct config_item *item)
{
    assert(index < config_entry_count());
    const struct config_entry *entry = config_entry_at(index);
    *item = (struct config_item){
        .key = entry->key,
        .flag = entry->flag,
        .environment = entry->environment,
        .type = config_type_text(entry->type),
        .meaning = entry->meaning,
        .default_text = entry->default_text,
        .is_secret = entry->is_secret,
        .origin = config ? config->origins[index] : CONFIG_FROM_DEFAULT,
    };
}

void config_format_value(const struct config *config, size_t index, struct text *out)
{
    assert(index < config_entry_count());
    config_format_entry(config_entry_at(index), config, out);
}

const char *config_origin_text(enum config_origin origin)
{
    switch (origin) {
    case CONFIG_FROM_DEFAULT:
        return "default";
    case CONFIG_FROM_FILE:
        return "file";
    case CONFIG_FROM_ENVIRONMENT:
        return "environment";
    case CONFIG_FROM_FLAG:
        return "flag";
    }
    return "";
}
