// SPDX-License-Identifier: Apache-2.0
// Help texts from the command descriptors and, for commands that run the service, from the configuration table:
// nothing is written twice, so help can't disagree with what is parsed.
#include "help.h"

#include <stdio.h>

#include "terminal.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 100 };

static void print_heading(const char *heading)
{
    printf("\n%s%s%s\n", terminal_color(stdout, TERMINAL_BOLD), heading,
           terminal_color(stdout, TERMINAL_PLAIN));
}

// "  left            right", right wrapped at words under its own column.
static void print_pair(const char *left, const char *right)
{
    int column = printf("  %s", left);
    if (column > HELP_COLUMN - 2) {
        putchar('\n');
        column = 0;
    }
    column += printf("%*s", HELP_COLUMN - column, "");
    struct span rest = span_of(right);
    struct span word;
    bool is_first = true;
    while (span_next(&rest, ' ', &word)) {
        if (!is_first && column + 1 + (int)word.size > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            is_first = true;
        }
        column += printf("%s%.*s", is_first ? "" : " ", SPAN_FMT(word));
        is_first = false;
    }
    putchar('\n');
}

void help_print_program(const struct command *const *commands)
{
    puts("petrel: a reliable outbound webhook dispatcher. An event pushed into Redis arrives signed at\n"
         "every subscriber that wants it, or becomes a dead letter that can be redriven.\n\n"
         "Usage: petrel [COMMAND] [options]        without a command: serve\n"
         "       petrel COMMAND --help             what a command does, with examples");
    print_heading("Commands");
    for (; *commands != NULL; commands++)
        print_pair((*commands)->name, (*commands)->summary);
    print_heading("Exit codes");
    print_pair("0", "it worked; for verify: the signature is good; for check: no line says FAIL");
    print_pair("1",
               "it was tried and didn't work: Redis can't be reached, not found, not verified …");
    print_pair("2", "nothing was tried: the command line, a value or the configuration is wrong");
    puts("\nConfiguration: flags beat the environment (PETREL_…) beat ./petrel.conf beat the defaults;\n"
         "`petrel config` shows every key with its value and where it came from.");
}

static void print_subcommands(const struct command *command)
{
    print_heading("Commands");
    for (const struct command *const *sub = command->subcommands; *sub != NULL; sub++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", (*sub)->name, (*sub)->words[0] != '\0' ? " " : "",
                 (*sub)->words);
        print_pair(left, (*sub)->summary);
    }
}

static void print_options(const struct option *options)
{
    print_heading("Options");
    for (; options != NULL && options->name != NULL; options++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options->name, options->value != NULL ? " " : "",
                 options->value != NULL ? options->value : "");
        print_pair(left, options->meaning);
    }
    print_pair("--help", "this text");
}

static void print_config_flags(void)
{
    print_heading("Configuration flags (each also as PETREL_… and in petrel.conf: `petrel config`)");
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        char meaning[512];
        config_describe(NULL, i, &item);
        snprintf(meaning, sizeof meaning, "%s%s%s%s", item.meaning,
                 item.default_text[0] != '\0' ? " [" : "", item.default_text,
                 item.default_text[0] != '\0' ? "]" : "");
        print_pair(item.flag, meaning);
    }
    print_pair("--config", "the configuration file [./petrel.conf when it exists]");
}

void help_print_command(const struct command *parent, const struct command *command)
{
    bool is_group = command->subcommands != NULL;
    const char *group = parent != NULL ? parent->name : "";
    const char *space = parent != NULL ? " " : "";
    printf("petrel %s%s%s: %s\n", group, space, command->name, command->summary);
    printf("\nUsage: petrel %s%s%s%s%s%s\n", group, space, command->name,
           command->words[0] != '\0' ? " " : "", command->words,
           is_group ? " COMMAND [options]" : " [options]");
    if (command->description != NULL)
        printf("\n%s\n", command->description);
    if (is_group)
        print_subcommands(command);
    else
        print_options(command->options);
    switch (command->config) {
    case COMMAND_WITHOUT_CONFIG:
        break;
    case COMMAND_WITH_CONFIG:
        puts("\nWhich Redis: --redis-url (PETREL_REDIS_URL), with --shards and --namespace as the dispatcher\n"
             "has them. All configuration flags are accepted: `petrel config`.");
        break;
    case COMMAND_SHOWING_CONFIG:
        print_config_flags();
        break;
    }
    if (command->examples != NULL) {
        print_heading("Examples");
        printf("%s\n", command->examples);
    }
}
