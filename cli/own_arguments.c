// SPDX-License-Identifier: Apache-2.0
// Between exec and here the secrets could be read: the documentation says so, and recommends environment and files.
#include "own_arguments.h"

#include <stdlib.h>
#include <string.h>

#include "petrel/config.h"

// Secret values of the commands' own options.
static const char *const secret_options[] = {"--secret", "--header"};

static bool is_secret_setting(struct span flag, const char *value)
{
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        config_describe(NULL, i, &item);
        if (!span_equals_text(flag, item.flag))
            continue;
        // A Redis address without a password says where an operator's petrel works.
        bool is_redis_with_login = strcmp(item.key, "redis_url") == 0 && strchr(value, '@');
        return item.is_secret || is_redis_with_login;
    }
    return false;
}

static bool is_secret(struct span flag, const char *value)
{
    for (size_t i = 0; i < sizeof secret_options / sizeof secret_options[0]; i++) {
        if (span_equals_text(flag, secret_options[i]))
            return true;
    }
    return is_secret_setting(flag, value);
}

// NULs show as spaces in the process list: not even the length stays.
static void hide(char *value)
{
    size_t size = strlen(value);
    explicit_bzero(value, size);
    if (size > 0)
        value[0] = '*';
}

static void hide_secrets(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        size_t size = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        char *value = equals ? equals + 1 : i + 1 < argc ? argv[i + 1] : NULL;
        if (value && is_secret((struct span){.data = argv[i], .size = size}, value))
            hide(value);
    }
}

bool own_arguments_init(struct own_arguments *own, int argc, char **argv)
{
    *own = (struct own_arguments){.words = calloc((size_t)argc + 1, sizeof *own->words)};
    for (int i = 0; i < argc; i++)
        own->size += strlen(argv[i]) + 1;
    own->bytes = malloc(own->size + 1);
    if (!own->words || !own->bytes) {
        own->size = 0;
        own_arguments_fini(own);
        return false;
    }
    char *at = own->bytes;
    for (int i = 0; i < argc; i++) {
        size_t size = strlen(argv[i]) + 1;
        memcpy(at, argv[i], size);
        own->words[i] = at;
        at += size;
    }
    hide_secrets(argc, argv);
    return true;
}

void own_arguments_fini(struct own_arguments *own)
{
    if (own->bytes)
        explicit_bzero(own->bytes, own->size);
    free(own->bytes);
    free(own->words);
    *own = (struct own_arguments){.words = NULL};
}
