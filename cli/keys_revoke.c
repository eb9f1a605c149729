// SPDX-License-Identifier: Apache-2.0
// `petrel keys revoke`.
#include <stdio.h>

#include "keys.h"
#include "session.h"

static const struct option options[] = {{.name = NULL}};

static int run(const struct command_input *input)
{
    struct session session;
    int code = EXIT_OK;
    if (!session_open(&session, input->config))
        return EXIT_FAILED;
    for (size_t i = 0; i < input->arguments->word_count; i++) {
        const char *id = input->arguments->words[i];
        char name[API_KEY_ID_SIZE + 16];
        snprintf(name, sizeof name, "key %.32s", id);
        enum store_result result = store_revoke_api_key(&session.store, id);
        int one = session_report(&session, result, name, NULL);
        if (one == EXIT_OK)
            printf("%s is revoked\n", id);
        else
            code = one;
    }
    session_close(&session);
    return code;
}

const struct command keys_revoke = {
    .name = "revoke",
    .alias = "rm",
    .words = "ID...",
    .summary = "end keys at once, on every instance",
    .options = options,
    .config = COMMAND_WITH_CONFIG,
    .words_min = 1,
    .words_max = 1000,
    .run = run,
};
