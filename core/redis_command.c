// SPDX-License-Identifier: Apache-2.0
// A command under construction: all words' bytes in one buffer, and their sizes.
//
// A script call leaves the first SCRIPT_WORDS words open ("EVALSHA", name, number of keys); they are filled
// in when the words are asked for, so that the same command can be sent by name or with its source.
// Invariant: unless spoiled, the sizes add up to the bytes in `bytes`.
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_internal.h"

enum {
    SCRIPT_WORDS = 3,
    FIRST_WORDS = 16,
    // More than any command of ours: an event (16 MiB at most) with its fields.
    COMMAND_MAX_BYTES = 64 * 1024 * 1024
};

struct redis_command {
    struct text bytes;
    size_t *sizes;     // per word, the open ones included
    const char **argv; // room for as many, filled when asked for
    size_t count, capacity;
    bool is_spoiled;
    bool is_script, is_eval;
    enum script script;
    uint32_t key_count;
    char key_count_text[12];
};

static bool reserve_words(struct redis_command *command, size_t count)
{
    if (count <= command->capacity)
        return true;
    size_t capacity = command->capacity ? command->capacity * 2 : FIRST_WORDS;
    size_t *sizes = reallocarray(command->sizes, capacity, sizeof *sizes);
    if (sizes)
        command->sizes = sizes;
    const char **argv = reallocarray(command->argv, capacity, sizeof *argv);
    if (argv)
        command->argv = argv;
    if (!sizes || !argv)
        return false;
    command->capacity = capacity;
    return true;
}

static struct redis_command *create(void)
{
    struct redis_command *command = calloc(1, sizeof *command);
    if (!command)
        return NULL;
    text_init(&command->bytes, COMMAND_MAX_BYTES);
    if (!reserve_words(command, FIRST_WORDS))
        redis_command_destroy(&command);
    return command;
}

struct redis_command *redis_command_create(const char *verb)
{
    struct redis_command *command = create();
    if (command)
        redis_command_add_text(command, verb);
    return command;
}

struct redis_command *redis_command_create_script(enum script script)
{
    struct redis_command *command = create();
    if (!command)
        return NULL;
    command->is_script = true;
    command->script = script;
    if (script == SCRIPT_SUBSCRIPTION_PUT)
        text_make_secret(&command->bytes); // without a key ring they have secrets
    command->count = SCRIPT_WORDS;
    return command;
}

void redis_command_destroy(struct redis_command **command)
{
    if (!*command)
        return;
    text_fini(&(*command)->bytes);
    free((*command)->sizes);
    free((*command)->argv);
    free(*command);
    *command = NULL;
}

void redis_command_add_span(struct redis_command *command, struct span value)
{
    text_append_span(&command->bytes, value);
    if (command->bytes.failed || command->count == INT_MAX ||
        !reserve_words(command, command->count + 1)) {
        command->is_spoiled = true;
        return;
    }
    command->sizes[command->count++] = value.size;
}

void redis_command_add_key(struct redis_command *command, const struct key *key)
{
    // A script's keys come before its arguments.
    assert(!command->is_script || command->is_spoiled ||
           command->count == SCRIPT_WORDS + command->key_count);
    command->key_count++;
    redis_command_add_span(command, key_span(key));
}

void redis_command_add_text(struct redis_command *command, const char *value)
{
    redis_command_add_span(command, span_of(value));
}

void redis_command_add_int(struct redis_command *command, int64_t value)
{
    size_t before = command->bytes.size;
    text_append_int(&command->bytes, value);
    size_t size = command->bytes.size - before;
    if (command->bytes.failed || !reserve_words(command, command->count + 1)) {
        command->is_spoiled = true;
        return;
    }
    command->sizes[command->count++] = size;
}

bool redis_command_is_spoiled(const struct redis_command *command)
{
    return command->is_spoiled;
}

size_t redis_command_bytes(const struct redis_command *command)
{
    return sizeof *command + command->bytes.capacity +
           command->capacity * (sizeof *command->sizes + sizeof *command->argv);
}

struct span redis_command_name(const struct redis_command *command)
{
    if (command->is_script)
        return span_of(script_name(command->script));
    // A spoiled command may have no word at all.
    return (struct span){text_string(&command->bytes), command->count ? command->sizes[0] : 0};
}

bool redis_command_script(const struct redis_command *command, enum script *script)
{
    if (script && command->is_script)
        *script = command->script;
    return command->is_script;
}

void redis_command_use_eval(struct redis_command *command)
{
    assert(command->is_script);
    command->is_eval = true;
}

static void set_word(struct redis_command *command, size_t index, struct span word)
{
    command->argv[index] = word.data;
    command->sizes[index] = word.size;
}

void redis_command_argv(struct redis_command *command, int *argc, const char ***argv,
                        const size_t **argvlen)
{
    assert(!command->is_spoiled);
    size_t first = 0;
    if (command->is_script) {
        int size = snprintf(command->key_count_text, sizeof command->key_count_text, "%u",
                            command->key_count);
        set_word(command, 0, command->is_eval ? SPAN("EVAL") : SPAN("EVALSHA"));
        set_word(command, 1,
                 command->is_eval ? script_source(command->script)
                                  : span_of(script_sha1(command->script)));
        set_word(command, 2, (struct span){.data = command->key_count_text, .size = (size_t)size});
        first = SCRIPT_WORDS;
    }
    const char *at = text_string(&command->bytes);
    for (size_t i = first; i < command->count; i++) {
        command->argv[i] = at;
        at += command->sizes[i];
    }
    *argc = (int)command->count;
    *argv = command->argv;
    *argvlen = command->sizes;
}
