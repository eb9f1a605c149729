// SPDX-License-Identifier: Apache-2.0
// `petrel subscriptions`: the group, and its commands that change one subscription's state.
#include <stdio.h>

#include "subscriptions.h"

static const struct option json_options[] = {
    {.name = "--json", .meaning = "print the subscription as the API gives it"},
    {.name = NULL},
};

static int set_state(const struct command_input *input, enum subscription_state state,
                     const char *reason)
{
    struct session session;
    struct subscription *changed = NULL;
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result =
        store_set_subscription_state(&session.store, id, state, reason, &changed);
    int code = session_report(&session, result, subscriptions_name(id, name), NULL);
    if (code == EXIT_OK && arguments_has(input->arguments, "--json"))
        subscriptions_print_json(changed);
    else if (code == EXIT_OK)
        printf("%s is %s\n", changed->id, subscription_state_text(changed->state));
    subscription_unref(&changed);
    session_close(&session);
    return code;
}

static int run_pause(const struct command_input *input)
{
    return set_state(input, SUBSCRIPTION_PAUSED, NULL);
}

const struct command subscriptions_pause = {
    .name = "pause",
    .words = "ID",
    .summary = "stop sending; its events park in Redis until it is resumed",
    .options = json_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_pause,
};

static int run_resume(const struct command_input *input)
{
    return set_state(input, SUBSCRIPTION_ACTIVE, NULL);
}

const struct command subscriptions_resume = {
    .name = "resume",
    .alias = "enable",
    .words = "ID",
    .summary = "send again, what is parked first come first",
    .options = json_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_resume,
};

static const struct option disable_options[] = {
    {.name = "--reason", .value = "TEXT", .meaning = "kept and shown as disabled_reason [manual]"},
    {.name = "--json", .meaning = "print the subscription as the API gives it"},
    {.name = NULL},
};

static int run_disable(const struct command_input *input)
{
    const char *reason = arguments_value(input->arguments, "--reason");
    return set_state(input, SUBSCRIPTION_DISABLED, reason ? reason : "manual");
}

const struct command subscriptions_disable = {
    .name = "disable",
    .words = "ID",
    .summary = "stop sending and queueing: new events pass it by until it is resumed",
    .options = disable_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_disable,
};

static const struct option no_options[] = {{.name = NULL}};

static int run_rm(const struct command_input *input)
{
    struct session session;
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    int code = EXIT_OK;
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    for (size_t i = 0; i < input->arguments->word_count; i++) {
        const char *id = input->arguments->words[i];
        enum store_result result = store_delete_subscription(&session.store, id);
        int one = session_report(&session, result, subscriptions_name(id, name), NULL);
        if (one == EXIT_OK)
            printf("%s is deleted\n", id);
        else
            code = one;
    }
    session_close(&session);
    return code;
}

const struct command subscriptions_rm = {
    .name = "rm",
    .alias = "delete",
    .words = "ID...",
    .summary = "delete subscriptions; what is parked for them becomes dead letters",
    .options = no_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1000,
    .run = run_rm,
};

static const struct option test_options[] = {
    {.name = "--json", .meaning = "print {\"id\": …}"},
    {.name = NULL},
};

static int run_test(const struct command_input *input)
{
    struct session session;
    char name[EVENT_SUBSCRIPTION_SIZE + 16];
    char event_id[EVENT_ID_SIZE];
    const char *id = input->arguments->words[0];
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    enum store_result result = store_test_subscription(&session.store, id, event_id);
    int code = session_report(&session, result, subscriptions_name(id, name), NULL);
    if (code == EXIT_OK)
        printf(arguments_has(input->arguments, "--json") ? "{\"id\":\"%s\"}\n" : "%s\n", event_id);
    session_close(&session);
    return code;
}

const struct command subscriptions_test = {
    .name = "test",
    .words = "ID",
    .summary = "publish a petrel.test event for this subscription only and print its id",
    .description = "What became of it: petrel attempts --event EVENT",
    .options = test_options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1,
    .run = run_test,
};

static const struct command *const subcommands[] = {
    &subscriptions_add,     &subscriptions_list,   &subscriptions_show,
    &subscriptions_update,  &subscriptions_pause,  &subscriptions_resume,
    &subscriptions_disable, &subscriptions_secret, &subscriptions_rotate_secret,
    &subscriptions_test,    &subscriptions_rm,     NULL,
};

const struct command command_subscriptions = {
    .name = "subscriptions",
    .alias = "subs",
    .words = "",
    .summary = "add, list, show, change, pause, test or remove subscribers",
    .description =
        "Talks to Redis directly, no API key needed; running dispatchers see a change within a second.",
    .examples = "  petrel subscriptions add https://example.com/hooks --event-types 'invoice.*'\n"
                "  petrel subscriptions list",
    .subcommands = subcommands,
};
