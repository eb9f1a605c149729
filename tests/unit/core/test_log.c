// SPDX-License-Identifier: Apache-2.0
// The log's lines, read back from a file in place of stderr.
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "petrel/log.h"
#include "unit.h"

static char output[1 << 20];
static int saved_stderr;
static FILE *file;

static void capture(void)
{
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    file = tmpfile();
    dup2(fileno(file), STDERR_FILENO);
}

static const char *release(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    fclose(file);
    return output;
}

// Without the time: "level=…".
static const char *after_time(const char *line)
{
    const char *space = strchr(line, ' ');
    return space ? space + 1 : line;
}

TEST(logfmt)
{
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    capture();
    log_info("dispatcher started", LOG_STR("name", "w0"), LOG_INT("count", -3),
             LOG_STR("empty", ""), LOG_STR("spaced", "a b"), LOG_STR("quoted", "say \"hi\""),
             LOG_STR("equals", "a=b"), LOG_STR("none", NULL), LOG_STR("lines", "a\nb"));
    const char *line = release();
    CHECK(strncmp(line, "time=20", 7) == 0);
    CHECK_STR(after_time(line),
              "level=info event=\"dispatcher started\" name=w0 count=-3 empty=\"\" spaced=\"a b\" "
              "quoted=\"say \\\"hi\\\"\" equals=\"a=b\" none=\"\" lines=\"a\\nb\"\n");
}

TEST(json)
{
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    capture();
    log_warn("it's odd", LOG_STR("text", "a\"b\\c\x01\xff\xc3\xa4"), LOG_INT("count", 7));
    const char *line = release();
    cJSON *tree = cJSON_Parse(line);
    CHECK(tree != NULL);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "level")), "warn");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "event")), "it's odd");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "text")),
              "a\"b\\c\x01\xef\xbf\xbd\xc3\xa4");
    CHECK_INT(cJSON_GetNumberValue(cJSON_GetObjectItem(tree, "count")), 7);
    CHECK_INT(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "time"))), 24);
    CHECK(strchr(line, '\n') == line + strlen(line) - 1);
    cJSON_Delete(tree);
}

TEST(levels)
{
    static const struct {
        enum log_level configured;
        const char *expected;
    } rows[] = {{LOG_LEVEL_DEBUG, "diwe"},
                {LOG_LEVEL_INFO, "iwe"},
                {LOG_LEVEL_WARN, "we"},
                {LOG_LEVEL_ERROR, "e"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        log_configure(rows[i].configured, LOG_FORMAT_LOGFMT);
        capture();
        log_debug("d");
        log_info("i");
        log_warn("w");
        log_error("e");
        const char *at = release();
        char found[8] = "";
        for (size_t size = 0; size < 7 && (at = strstr(at, "event=")); size++) {
            at += strlen("event=");
            found[size] = *at;
        }
        CHECK_STR(found, rows[i].expected);
    }
    CHECK(log_is_on(LOG_LEVEL_ERROR) && !log_is_on(LOG_LEVEL_WARN));
}

TEST(long_values_are_cut_between_characters)
{
    static char value[5000];
    for (size_t i = 0; i + 2 < sizeof value; i += 2)
        memcpy(value + i, "\xc3\xa4", 2);
    value[0] = 'x'; // so that the cut would fall inside a character
    value[1] = 'y';
    value[2] = 'z';
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    capture();
    log_info("long", LOG_STR("value", value), LOG_STR("next", "here"));
    cJSON *tree = cJSON_Parse(release());
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(tree, "value"));
    CHECK(text && strlen(text) > 1000 && strlen(text) < 1100);
    CHECK(text && strcmp(text + strlen(text) - 5, "\xc3\xa4...") == 0);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "next")), "here");
    cJSON_Delete(tree);
}

TEST(a_field_that_no_longer_fits_is_left_out_whole)
{
    static char value[1001];
    struct log_field fields[80];
    memset(value, '\x01', sizeof value - 1); // six bytes each when escaped
    for (size_t i = 0; i < 78; i++)
        fields[i] = LOG_STR("value", value);
    fields[78] = LOG_INT("last", 1);
    fields[79] = (struct log_field){.key = NULL};
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    capture();
    log_write(LOG_LEVEL_INFO, "big", fields);
    const char *line = release();
    cJSON *tree = cJSON_Parse(line);
    CHECK(tree != NULL);
    CHECK(strlen(line) <= 32 * 1024);
    CHECK_INT(cJSON_GetNumberValue(cJSON_GetObjectItem(tree, "last")), 1);
    cJSON_Delete(tree);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("from a thread", LOG_STR("who", arg), LOG_INT("i", i));
    return NULL;
}

TEST(lines_of_threads_do_not_mix)
{
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    capture();
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, write_lines, (char[]){"a"});
    pthread_create(&threads[1], NULL, write_lines, (char[]){"b"});
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    int lines = 0;
    char *rest;
    release();
    for (char *line = strtok_r(output, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *tree = cJSON_Parse(line);
        CHECK(tree != NULL);
        cJSON_Delete(tree);
        lines++;
    }
    CHECK_INT(lines, 1000);
}

UNIT_MAIN()
