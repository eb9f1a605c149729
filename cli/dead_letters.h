// SPDX-License-Identifier: Apache-2.0
// The subcommands of `petrel dead-letters` and the filter they share.
#ifndef PETREL_CLI_DEAD_LETTERS_H
#define PETREL_CLI_DEAD_LETTERS_H

#include "command.h"
#include "session.h"

extern const struct command dead_letters_list, dead_letters_show;  // dead_letters_view.c
extern const struct command dead_letters_redrive, dead_letters_rm; // command_dead_letters.c

#define DEAD_LETTERS_FILTER_OPTIONS                                                                \
    {.name = "--subscription", .value = "ID", .meaning = "only those of this subscription"},       \
        {.name = "--type", .value = "TYPE", .meaning = "only those of this event type"},           \
        {.name = "--reason",                                                                       \
         .value = "REASON",                                                                        \
         .meaning = "exhausted, gone, blocked_address, subscription_deleted …"},                   \
        {.name = "--tenant", .value = "TENANT", .meaning = "only this tenant's"},                  \
        {.name = "--since",                                                                        \
         .value = "TIME",                                                                          \
         .meaning = "died since: RFC 3339, or how long ago: 2h"},                                  \
    {                                                                                              \
        .name = "--until", .value = "TIME", .meaning = "died before"                               \
    }

// Reads DEAD_LETTERS_FILTER_OPTIONS; strings are borrowed. False after an error line.
bool dead_letters_parse_filter(const struct arguments *arguments,
                               struct store_dead_letter_filter *filter);

#endif
