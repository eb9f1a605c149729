// SPDX-License-Identifier: Apache-2.0
// Loading from all four sources, in a folder of its own.
#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "petrel/config.h"
#include "unit.h"

static char error[CONFIG_ERROR_SIZE];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

enum { ARGS_MAX = 16 };
static int args_left;
static char *args[ARGS_MAX];

// Flags separated by '|'.
static struct config *load(const char *flags)
{
    static char copy[4000];
    char *rest;
    snprintf(copy, sizeof copy, "%s", flags);
    args_left = 0;
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        args[args_left++] = word;
    return config_load(&args_left, args, error);
}

static struct config *load_file(const char *text)
{
    write_file("petrel.conf", text);
    struct config *config = load("");
    unlink("petrel.conf");
    return config;
}

static size_t index_of(const char *key)
{
    struct config_item item;
    for (size_t i = 0; i < config_count(); i++) {
        config_describe(NULL, i, &item);
        if (strcmp(item.key, key) == 0)
            return i;
    }
    return 0;
}

static const char *value_of(const struct config *config, const char *key)
{
    static struct text out;
    text_fini(&out);
    text_init(&out, 10000);
    config_format_value(config, index_of(key), &out);
    return text_string(&out);
}

static enum config_origin origin_of(const struct config *config, const char *key)
{
    struct config_item item;
    config_describe(config, index_of(key), &item);
    return item.origin;
}

TEST(defaults)
{
    struct config *config = load("");
    CHECK_STR(error, "");
    cpu_set_t cores;
    sched_getaffinity(0, sizeof cores, &cores);
    CHECK_STR(config->redis_url, "");
    CHECK_STR(config->namespace_name, "petrel");
    CHECK_INT(config->shards, 1);
    CHECK_STR(config->listen, "127.0.0.1:8080");
    CHECK_STR(config->admin_key, "");
    CHECK_STR(config->data_dir, "./petrel-data");
    CHECK_INT(config->workers, CPU_COUNT(&cores));
    CHECK_INT(config->retry_schedule.steps, 9);
    CHECK_INT(config->request_timeout_ms, 15000);
    CHECK_INT(config->connect_timeout_ms, 5000);
    CHECK_INT(config->shutdown_timeout_ms, 30000);
    CHECK_INT(config->max_in_flight, 2048);
    CHECK_INT(config->max_concurrency, 64);
    CHECK_INT(config->allow_networks.count, 0);
    CHECK_INT(config->deny_networks.count, 0);
    CHECK_INT(config->allow_ports.count, 0);
    CHECK_INT(config->nat64, false);
    CHECK_STR(config->proxy, "");
    CHECK_STR(config->proxy_user, "");
    CHECK_INT(config->connection_max_age_ms, 300000);
    CHECK_STR(config->ca_file, "");
    CHECK_INT(config->max_event_bytes, 256 * 1024);
    CHECK_INT(config->dedupe_window_ms, 86400000);
    CHECK_INT(config->retain_events, 100000);
    CHECK_INT(config->retain_age_ms, 0);
    CHECK_INT(config->instance_timeout_ms, 6000);
    CHECK_INT(config->rotation_grace_ms, 86400000);
    CHECK_INT(config->attempts_log, 100000);
    CHECK_INT(config->log_level, LOG_LEVEL_INFO);
    CHECK_INT(config->log_format, LOG_FORMAT_LOGFMT);
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        config_describe(config, i, &item);
        CHECK_ROW(item.origin == CONFIG_FROM_DEFAULT, item.key);
    }
    config_destroy(&config);
    CHECK(config == NULL);
}

TEST(the_table_is_consistent)
{
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        char flag[60] = "--";
        char environment[60] = "PETREL_";
        config_describe(NULL, i, &item);
        for (size_t j = 0; item.key[j]; j++) {
            flag[j + 2] = item.key[j] == '_' ? '-' : item.key[j];
            environment[j + 7] = (char)toupper((unsigned char)item.key[j]);
        }
        CHECK_STR(item.flag, flag);
        CHECK_STR(item.environment, environment);
        CHECK_ROW(strlen(item.meaning) > 20 && item.meaning[strlen(item.meaning) - 1] == '.',
                  item.key);
        CHECK_ROW(item.type[0] != '\0', item.key);
        bool is_secret = strcmp(item.key, "admin_key") == 0 || strcmp(item.key, "proxy_user") == 0;
        CHECK_ROW(item.is_secret == is_secret, item.key);
    }
}

TEST(values_come_back_as_they_are_written)
{
    static const struct {
        const char *key, *value, *expected; // NULL: as given
    } rows[] = {
        {"redis_url", "redis://u:secret@h:7000/1", "redis://h:7000/1"},
        {"redis_url", "unix:///run/s?db=2", NULL},
        {"namespace", "hooks-1", NULL},
        {"shards", "64", NULL},
        {"listen", "[::1]:0", NULL},
        {"listen", "localhost:80", NULL},
        {"admin_key", "0123456789abcdef", "(set)"},
        {"data_dir", "/var/lib/petrel data", NULL},
        {"workers", "3", NULL},
        {"retry_schedule", "1s, 2m", "1s,2m"},
        {"retry_schedule", "none", NULL},
        {"request_timeout", "500ms", NULL},
        {"request_timeout", " 2m ", "2m"},
        {"shutdown_timeout", "0", NULL},
        {"allow_networks", "127.0.0.0/8, ::1", "127.0.0.0/8,::1/128"},
        {"deny_networks", "8.8.8.0/24", NULL},
        {"allow_ports", "80, 443,8000-8099", "80,443,8000-8099"},
        {"nat64", "yes", NULL},
        {"nat64", "true", "yes"},
        {"nat64", "off", "no"},
        {"proxy", "http://proxy.internal:3128", NULL},
        {"proxy_user", "me:secret", "(set)"},
        {"connection_max_age", "90s", NULL},
        {"max_event_bytes", "1MiB", NULL},
        {"max_event_bytes", "4096", "4KiB"},
        {"max_event_bytes", "5000B", "5000"},
        {"max_event_bytes", "512 KiB", "512KiB"},
        {"retain_events", "5", NULL},
        {"retain_events", "5,7d", NULL},
        {"retain_events", "5 , 36h", "5,36h"},
        {"attempts_log", "0", NULL},
        {"log_level", "debug", NULL},
        {"log_format", "json", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "%s = %s\n", rows[i].key, rows[i].value);
        struct config *config = load_file(text);
        CHECK_STR(error, "");
        if (!config)
            continue;
        CHECK_STR(value_of(config, rows[i].key),
                  rows[i].expected ? rows[i].expected : rows[i].value);
        CHECK_INT(origin_of(config, rows[i].key), CONFIG_FROM_FILE);
        config_destroy(&config);
    }
}

TEST(bad_values_say_key_value_origin_and_what_is_right)
{
    static const struct {
        const char *key, *value, *part;
    } rows[] = {
        {"redis-url", "localhost:6379", "must begin with redis://"},
        {"namespace", "a b", "1 to 64 characters"},
        {"shards", "0", "whole number from 1 to 64"},
        {"shards", "65", "whole number from 1 to 64"},
        {"shards", "1.5", "whole number"},
        {"listen", "8080", "address:port"},
        {"listen", ":8080", "address:port"},
        {"listen", "::1:8080", "[::1]:8080"},
        {"listen", "h:65536", "address:port"},
        {"admin-key", "short", "16 to 256 printable"},
        {"data-dir", "", "1 to 4000"},
        {"workers", "many", "1 to 256, or auto"},
        {"workers", "-1", "1 to 256, or auto"},
        {"retry-schedule", "5s,later", "later"},
        {"retry-schedule", "", "empty"},
        {"request-timeout", "15", "from 100ms to 2m"},
        {"request-timeout", "1h", "from 100ms to 2m"},
        {"request-timeout", "99ms", "from 100ms to 2m"},
        {"max-in-flight", "0", "1 to 100000"},
        {"max-concurrency", "99999999999999999999", "1 to 10000"},
        {"allow-networks", "10.0.0.1/8", "10.0.0.1/8"},
        {"deny-networks", "everything", "everything"},
        {"allow-ports", "443,70000", "70000"},
        {"nat64", "maybe", "yes or no"},
        {"proxy", "proxy.internal:3128", "https:// or http://"},
        {"proxy", "http://user:secret@proxy.internal", "they go into proxy_user"},
        {"proxy", "http://proxy.internal/path", "without a path"},
        {"connection-max-age", "0s", "1s to 1h"},
        {"max-event-bytes", "1KB", "1KiB to 16MiB"},
        {"max-event-bytes", "17MiB", "1KiB to 16MiB"},
        {"max-event-bytes", "KiB", "1KiB to 16MiB"},
        {"max-event-bytes", "99999999999999GiB", "1KiB to 16MiB"},
        {"dedupe-window", "0", "from 1s to 30d"},
        {"retain-events", "7d", "100000,7d"},
        {"retain-events", "100,7", "100000,7d"},
        {"retain-events", "", "100000,7d"},
        {"log-level", "verbose", "debug, info, warn or error"},
        {"log-format", "xml", "logfmt or json"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char flag[200];
        char where[100];
        snprintf(flag, sizeof flag, "--%s=%s", rows[i].key, rows[i].value);
        snprintf(where, sizeof where, "(flag --%s)", rows[i].key);
        CHECK_ROW(load(flag) == NULL, flag);
        CHECK_ROW(strstr(error, rows[i].part) != NULL, error);
        CHECK_ROW(strstr(error, where) != NULL, error);
        CHECK_ROW(strchr(error, '\n') == NULL, error);
        bool is_hidden = strcmp(rows[i].key, "admin-key") == 0 ||
                         strcmp(rows[i].key, "redis-url") == 0 || strcmp(rows[i].key, "proxy") == 0;
        CHECK_ROW(strstr(error, is_hidden ? "\"(hidden)\"" : rows[i].value) != NULL, error);
    }
    CHECK(load("--redis-url|redis://:hunter2@h:x") == NULL);
    CHECK_ROW(strstr(error, "hunter2") == NULL, error);
}

TEST(an_error_line_in_full)
{
    CHECK(load("--shards|no") == NULL);
    CHECK_STR(error, "shards = \"no\" (flag --shards): expected a whole number from 1 to 64");
    setenv("PETREL_SHARDS", "no", 1);
    CHECK(load("") == NULL);
    CHECK_STR(error,
              "shards = \"no\" (environment PETREL_SHARDS): expected a whole number from 1 to 64");
    unsetenv("PETREL_SHARDS");
    CHECK(load_file("# first\n\nshards = no\n") == NULL);
    CHECK_STR(error, "shards = \"no\" (file petrel.conf:3): expected a whole number from 1 to 64");
}

TEST(flags_beat_environment_beats_file_beats_default)
{
    write_file("petrel.conf", "shards = 2\nworkers = 2\nmax_in_flight = 2\n");
    setenv("PETREL_SHARDS", "3", 1);
    setenv("PETREL_WORKERS", "3", 1);
    setenv("PETREL_NAMESPACE", "", 1); // empty is unset
    struct config *config = load("--shards|4");
    CHECK_STR(error, "");
    CHECK_INT(config->shards, 4);
    CHECK_INT(config->workers, 3);
    CHECK_INT(config->max_in_flight, 2);
    CHECK_STR(config->namespace_name, "petrel");
    CHECK_STR(config_origin_text(origin_of(config, "shards")), "flag");
    CHECK_STR(config_origin_text(origin_of(config, "workers")), "environment");
    CHECK_STR(config_origin_text(origin_of(config, "max_in_flight")), "file");
    CHECK_STR(config_origin_text(origin_of(config, "namespace")), "default");
    config_destroy(&config);
    // A wrong value is told even where a better source beats it.
    write_file("petrel.conf", "shards = x\n");
    CHECK(load("--shards=4") == NULL);
    unsetenv("PETREL_SHARDS");
    unsetenv("PETREL_WORKERS");
    unsetenv("PETREL_NAMESPACE");
    unlink("petrel.conf");
}

TEST(known_flags_are_taken_and_other_words_stay)
{
    struct config *config = load("add|--shards|2|--url|http://x|--workers=1|-v|--|--shards|9");
    CHECK_INT(config->shards, 2);
    CHECK_INT(config->workers, 1);
    CHECK_INT(args_left, 7);
    static const char *const expected[] = {"add", "--url", "http://x", "-v", "--", "--shards", "9"};
    for (int i = 0; i < args_left; i++)
        CHECK_STR(args[i], expected[i]);
    config_destroy(&config);
    config = load("--shards|2|--shards|3"); // the last one counts
    CHECK_INT(config->shards, 3);
    config_destroy(&config);
    CHECK(load("--shards") == NULL);
    CHECK_STR(error, "flag --shards needs a value");
    CHECK(load("--config") == NULL);
}

TEST(the_file_is_found_where_it_is_said_to_be)
{
    write_file("a.conf", "shards = 2\n");
    write_file("b.conf", "shards = 3\n");
    struct config *config = load("--config|a.conf");
    CHECK_INT(config->shards, 2);
    config_destroy(&config);
    setenv("PETREL_CONFIG", "b.conf", 1);
    config = load("");
    CHECK_INT(config->shards, 3);
    config_destroy(&config);
    config = load("--config=a.conf");
    CHECK_INT(config->shards, 2);
    config_destroy(&config);
    unsetenv("PETREL_CONFIG");
    CHECK(load("--config=missing.conf") == NULL);
    CHECK_STR(error, "cannot read missing.conf: No such file or directory");
    unlink("a.conf");
    unlink("b.conf");
}

TEST(the_file_s_syntax)
{
    struct config *config = load_file("; comment\n# comment\n\nshards=2\nlog-level: warn ; why not\n"
                                      "allow_networks = 127.0.0.0/8,\n    10.0.0.0/8,\n\t::1\n");
    CHECK_STR(error, "");
    CHECK_INT(config->shards, 2);
    CHECK_INT(config->log_level, LOG_LEVEL_WARN);
    CHECK_STR(value_of(config, "allow_networks"), "127.0.0.0/8,10.0.0.0/8,::1/128");
    config_destroy(&config);
}

TEST(faults_of_the_file_are_told_with_their_line)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"shards = 2\nworker = 3\n",
         "petrel.conf:2: there is no key \"worker\"; did you mean workers?"},
        {"retry-shedule = 5s\n",
         "petrel.conf:1: there is no key \"retry-shedule\"; did you mean retry_schedule?"},
        {"frobnicate = 1\n", "petrel.conf:1: there is no key \"frobnicate\""},
        {"shards = 2\n\nshards = 3\n", "petrel.conf:3: shards was given before, in line 1"},
        {"[petrel]\nshards = 2\n",
         "petrel.conf:2: sections are not used; write shards without a line [petrel] above"},
        {"shards = 2\nnonsense\n", "petrel.conf:2: expected key = value"},
        {"\x1b[2Jr\xae"
         "d = 1\n",
         "petrel.conf:1: there is no key \"?[2Jr?d\""},
        {"[\x1b[2J]\nr\xae"
         "d = 1\n",
         "write r?d without a line [?[2J] above"},
        {"allow_networks = 10.0.0.0/8,\n  nonsense\n", "petrel.conf:1)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_ROW(load_file(rows[i].text) == NULL, rows[i].text);
        CHECK_ROW(strstr(error, rows[i].expected) != NULL, error);
    }
}

TEST(a_line_that_the_parser_would_cut_is_refused)
{
    char text[400];
    memset(text, '5', sizeof text);
    memcpy(text, "shards = ", strlen("shards = "));
    memcpy(text + 300, "\n", 2);
    CHECK(load_file(text) == NULL);
    CHECK(strstr(error, "petrel.conf:1: a line may have at most ") != NULL);
}

TEST(only_nearly_right_variables_are_warned_of)
{
    static const struct {
        const char *name;
        const char *part; // NULL: no warning
    } rows[] = {
        {"PETREL_WORKER", "did_you_mean=PETREL_WORKERS"},
        {"PETREL_REDIS_URI", "did_you_mean=PETREL_REDIS_URL"},
        {"PETREL_SERVICE_HOST", NULL},
        {"PETREL_PORT_8080_TCP_ADDR", NULL},
        {"PETREL_CONFIG", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char output[2000];
        int saved = dup(STDERR_FILENO);
        FILE *file = tmpfile();
        write_file("c.conf", "");
        setenv(rows[i].name, "c.conf", 1);
        dup2(fileno(file), STDERR_FILENO);
        struct config *config = load("");
        dup2(saved, STDERR_FILENO);
        close(saved);
        rewind(file);
        output[fread(output, 1, sizeof output - 1, file)] = '\0';
        fclose(file);
        unsetenv(rows[i].name);
        CHECK(config != NULL);
        config_destroy(&config);
        if (rows[i].part)
            CHECK_ROW(strstr(output, rows[i].part) != NULL, rows[i].name);
        else
            CHECK_ROW(output[0] == '\0', rows[i].name);
    }
    unlink("c.conf");
}

int main(void)
{
    char folder[] = "/tmp/petrel-config-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    int result = unit_run();
    rmdir(folder);
    return result;
}
