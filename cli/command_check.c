// SPDX-License-Identifier: Apache-2.0
// `petrel check`: does this Redis, on this machine, keep the promise that nothing accepted is lost? Reads only.
#include <stdio.h>
#include <sys/resource.h>

#include "command.h"
#include "petrel/check.h"
#include "petrel/json.h"
#include "session.h"
#include "terminal.h"

enum { CHECK_OUTPUT_MAX_BYTES = 256 * 1024 };

static const struct option options[] = {
    {.name = "--json", .meaning = "{\"ok\": …, \"checks\": [{name, level, value, meaning}]}"},
    {.name = NULL},
};

static void add_redis(struct check_report *report, const struct session *session,
                      enum store_result result)
{
    struct check_finding finding = {.name = "redis", .level = CHECK_OK, .meaning = "reachable"};
    struct text where;
    text_init(&where, 1024);
    redis_url_format_safe(&session->redis, &where);
    if (result != STORE_OK) {
        finding.level = CHECK_FAIL;
        finding.meaning = "nothing can be accepted or delivered: start it, or set --redis-url";
    }
    snprintf(finding.value, sizeof finding.value, "%s%s%s", text_string(&where),
             result == STORE_OK ? "" : ": ", result == STORE_OK ? "" : session->store.error);
    check_add(report, &finding);
    text_fini(&where);
}

static void add_encryption(struct check_report *report, struct session *session)
{
    struct store_encryption encryption;
    if (store_read_encryption(&session->store, &encryption) != STORE_OK)
        return; // Redis went away meanwhile; the other lines are from before
    struct keyring *ring = vault_ring(session->vault);
    check_encryption(report, &encryption, ring ? keyring_current(ring)->id : NULL);
    keyring_unref(&ring);
}

static void collect(struct check_report *report, struct session *session,
                    const struct config *config)
{
    struct store_status status = {.redis_version = ""};
    struct rlimit limit = {.rlim_max = 0};
    enum store_result result = store_read_status(&session->store, &status);
    add_redis(report, session, result);
    if (result == STORE_OK) {
        check_redis_status(report, &status);
        add_encryption(report, session);
        check_contents(report, &status);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        check_open_files(report, limit.rlim_max, config->max_in_flight);
}

static void print_json(const struct check_report *report)
{
    struct text out;
    text_init(&out, CHECK_OUTPUT_MAX_BYTES);
    text_append_format(&out, "{\"ok\":%s,\"checks\":[",
                       report->worst == CHECK_FAIL ? "false" : "true");
    for (size_t i = 0; i < report->count; i++) {
        const struct check_finding *finding = &report->items[i];
        text_append_format(
            &out, "%s\n{\"name\":\"%s\",\"level\":\"%s\",\"value\":", i > 0 ? "," : "",
            finding->name, finding->level == CHECK_FAIL ? "fail" : check_level_text(finding->level));
        json_append_string(&out, span_of(finding->value));
        text_append_string(&out, ",\"meaning\":");
        json_append_string(&out, span_of(finding->meaning));
        text_append_char(&out, '}');
    }
    text_append_string(&out, "\n]}\n");
    terminal_write(&out);
    text_fini(&out);
}

static enum terminal_color color_of(enum check_level level)
{
    switch (level) {
    case CHECK_OK:
        return TERMINAL_GREEN;
    case CHECK_WARN:
        return TERMINAL_YELLOW;
    case CHECK_FAIL:
        return TERMINAL_RED;
    }
    return TERMINAL_PLAIN;
}

static void print_lines(const struct check_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct check_finding *finding = &report->items[i];
        struct text value;
        text_init(&value, CHECK_OUTPUT_MAX_BYTES);
        terminal_append_safe(&value, span_of(finding->value), TERMINAL_ONE_LINE);
        printf("%s%-4s%s  %-17s %s\n      %s%s%s\n",
               terminal_color(stdout, color_of(finding->level)), check_level_text(finding->level),
               terminal_color(stdout, TERMINAL_PLAIN), finding->name, text_string(&value),
               terminal_color(stdout, TERMINAL_DIM), finding->meaning,
               terminal_color(stdout, TERMINAL_PLAIN));
        text_fini(&value);
    }
}

static int run_check(const struct command_input *input)
{
    struct session session;
    struct check_report report = {.count = 0};
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    collect(&report, &session, input->config);
    if (arguments_has(input->arguments, "--json"))
        print_json(&report);
    else
        print_lines(&report);
    session_close(&session);
    return report.worst == CHECK_FAIL ? EXIT_FAILED : EXIT_OK;
}

const struct command command_check = {
    .name = "check",
    .words = "",
    .summary = "judge Redis and this machine: is nothing accepted ever lost here?",
    .description =
        "Each line says ok, warn or FAIL, and what it means for the promise. Changes nothing.\n"
        "Exit code 1 when a line says FAIL.",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .run = run_check,
};
