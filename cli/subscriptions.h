// SPDX-License-Identifier: Apache-2.0
// The subcommands of `petrel subscriptions` and how they show a subscription.
#ifndef PETREL_CLI_SUBSCRIPTIONS_H
#define PETREL_CLI_SUBSCRIPTIONS_H

#include "command.h"
#include "petrel/subscription.h"
#include "session.h"

extern const struct command subscriptions_add, subscriptions_update; // subscriptions_edit.c
extern const struct command subscriptions_list;                      // subscriptions_view.c
extern const struct command subscriptions_show;                      // subscriptions_show.c
extern const struct command subscriptions_rm, subscriptions_pause, subscriptions_resume,
    subscriptions_disable, subscriptions_test; // command_subscriptions.c
extern const struct command subscriptions_secret,
    subscriptions_rotate_secret; // subscriptions_secret.c

// The API's form as one line of JSON on stdout.
void subscriptions_print_json(const struct subscription *subscription);
// Its event types, separated by ", ".
void subscriptions_append_types(struct text *out, const struct subscription *subscription);
// "subscription sub_1", for messages.
const char *subscriptions_name(const char *id, char out[EVENT_SUBSCRIPTION_SIZE + 16]);

#endif
