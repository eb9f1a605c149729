// SPDX-License-Identifier: Apache-2.0
// `petrel dead-letters`: the group, and its commands that change something: redrive and rm, by id or by filter.
#include <stdio.h>

#include "dead_letters.h"
#include "input.h"
#include "listing.h"
#include "petrel/clock.h"
#include "terminal.h"

static bool parse_bound(const struct arguments *arguments, const char *name, int64_t *bound_ms)
{
    const char *given = arguments_value(arguments, name);
    if (!given || input_parse_instant(given, clock_wall_ms(), bound_ms))
        return true;
    terminal_error("%s: \"%.40s\" is neither an RFC 3339 time nor a duration such as 2h", name,
                   given);
    return false;
}

bool dead_letters_parse_filter(const struct arguments *arguments,
                               struct store_dead_letter_filter *filter)
{
    *filter = (struct store_dead_letter_filter){
        .subscription = arguments_value(arguments, "--subscription"),
        .type = arguments_value(arguments, "--type"),
        .reason = arguments_value(arguments, "--reason"),
        .tenant = arguments_value(arguments, "--tenant"),
    };
    return parse_bound(arguments, "--since", &filter->since_ms) &&
           parse_bound(arguments, "--until", &filter->until_ms);
}

// What redrive and rm do to each dead letter.
struct change {
    enum store_result (*apply)(struct store *store, const char *id);
    const char *done; // "redriven"
    size_t changed, failed;
};

static void apply_one(struct change *change, struct session *session, const char *id, bool is_named)
{
    char name[DEAD_LETTER_ID_SIZE + 16];
    enum store_result result = change->apply(&session->store, id);
    // Found by a filter and gone a moment later: somebody else was faster, which is no failure.
    if (result == STORE_NOT_FOUND && !is_named)
        return;
    snprintf(name, sizeof name, "dead letter %.129s", id);
    if (session_report(session, result, name, NULL) == EXIT_OK)
        change->changed++;
    else
        change->failed++;
    if (result == STORE_OK && is_named)
        printf("%s is %s\n", id, change->done);
}

// Newest first, with a cursor that only goes back in time: what dies meanwhile isn't met.
static int apply_to_all(struct change *change, struct session *session,
                        const struct store_dead_letter_filter *filter)
{
    char cursor[STORE_CURSOR_SIZE] = "";
    do {
        struct store_dead_letters page = {.count = 0};
        struct field_errors errors = {.count = 0};
        enum store_result result =
            store_list_dead_letters(&session->store, filter, cursor, LISTING_PAGE, &page, &errors);
        if (result != STORE_OK)
            return session_report(session, result, "dead letters", &errors);
        for (size_t i = 0; i < page.count && change->failed == 0; i++)
            apply_one(change, session, page.items[i].id, false);
        span_copy(span_of(page.next_cursor), cursor, sizeof cursor);
        store_dead_letters_fini(&page);
    } while (cursor[0] != '\0' && change->failed == 0);
    printf("%zu %s\n", change->changed, change->done);
    return change->failed > 0 ? EXIT_FAILED : EXIT_OK;
}

static bool has_filter(const struct store_dead_letter_filter *filter)
{
    return filter->subscription || filter->type || filter->reason || filter->tenant ||
           filter->since_ms != 0 || filter->until_ms != 0;
}

static int run_change(const struct command_input *input, struct change *change)
{
    struct session session;
    struct store_dead_letter_filter filter;
    const struct arguments *arguments = input->arguments;
    bool is_all = arguments_has(arguments, "--all");
    if (!dead_letters_parse_filter(arguments, &filter))
        return EXIT_USAGE;
    if ((arguments->word_count > 0) == is_all || (has_filter(&filter) && !is_all)) {
        terminal_error("give ids, or --all, which a filter such as --reason narrows down");
        return EXIT_USAGE;
    }
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    int code = EXIT_OK;
    if (is_all)
        code = apply_to_all(change, &session, &filter);
    for (size_t i = 0; i < arguments->word_count; i++)
        apply_one(change, &session, arguments->words[i], true);
    session_close(&session);
    return change->failed > 0 ? EXIT_FAILED : code;
}

static const struct option change_options[] = {
    {.name = "--all", .meaning = "every dead letter, or every one that the filters below leave"},
    DEAD_LETTERS_FILTER_OPTIONS,
    {.name = NULL},
};

static int run_redrive(const struct command_input *input)
{
    struct change change = {.apply = store_redrive_dead_letter, .done = "redriven"};
    return run_change(input, &change);
}

const struct command dead_letters_redrive = {
    .name = "redrive",
    .alias = "retry",
    .words = "[ID...]",
    .summary = "send dead letters again: their deliveries start over, with a new schedule",
    .examples = "  petrel dead-letters redrive --all --subscription sub_… --reason exhausted",
    .options = change_options,
    .config = COMMAND_WITH_CONFIG,
    .words_max = 1000,
    .run = run_redrive,
};

static int run_rm(const struct command_input *input)
{
    struct change change = {.apply = store_delete_dead_letter, .done = "deleted"};
    return run_change(input, &change);
}

const struct command dead_letters_rm = {
    .name = "rm",
    .alias = "delete",
    .words = "[ID...]",
    .summary = "delete dead letters for good",
    .options = change_options,
    .config = COMMAND_WITH_CONFIG,
    .words_max = 1000,
    .run = run_rm,
};

static const struct command *const subcommands[] = {
    &dead_letters_list, &dead_letters_show, &dead_letters_redrive, &dead_letters_rm, NULL,
};

const struct command command_dead_letters = {
    .name = "dead-letters",
    .alias = "dead",
    .words = "",
    .summary = "list, show, redrive or delete deliveries that were given up",
    .subcommands = subcommands,
};
