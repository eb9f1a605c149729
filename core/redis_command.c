// SPDX-License-Identifier: Apache-2.0
// A command under construction, in the form it is sent in (RESP arrays of bulk strings): the words one after the
// other, so that sending is copying. In front of them is room for what is known last: how many words there are,
// and for a script call its first three ("EVALSHA", name, number of keys).
// Invariant: unless spoiled, `words` has HEAD_ROOM bytes, then each word added as "$<size>\r\n<word>\r\n".
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_internal.h"

enum {
    SCRIPT_WORDS = 3,
    // "*<words>\r\n", then "$7\r\nEVALSHA\r\n", a name of 40 digits and the number of keys, each with its size.
    HEAD_ROOM = 96,
    USUAL_BYTES = 400, // most commands have less
    SIZE_ROOM = 24,    // "$<size>\r\n"
    // More than any command of ours: an event (16 MiB at most) with its fields.
    COMMAND_MAX_BYTES = 64 * 1024 * 1024
};

struct redis_command {
    struct text words;
    struct text evaluation; // the whole command with the script's source; empty until it is asked for
    size_t verb_size;
    size_t count; // words, a script call's first three included
    bool is_spoiled;
    bool is_script, is_eval;
    enum script script;
    uint32_t key_count;
};

static struct redis_command *create(bool is_secret)
{
    static const char room[HEAD_ROOM];
    struct redis_command *command = calloc(1, sizeof *command);
    if (!command)
        return NULL;
    text_init(&command->words, COMMAND_MAX_BYTES);
    text_init(&command->evaluation, 2 * (size_t)COMMAND_MAX_BYTES);
    if (is_secret) {
        text_make_secret(&command->words);
        text_make_secret(&command->evaluation);
    }
    (void)text_reserve(&command->words, HEAD_ROOM + USUAL_BYTES);
    text_append(&command->words, room, sizeof room);
    if (command->words.failed)
        redis_command_destroy(&command);
    return command;
}

struct redis_command *redis_command_create(const char *verb)
{
    struct redis_command *command = create(false);
    if (!command)
        return NULL;
    command->verb_size = span_of(verb).size;
    redis_command_add_text(command, verb);
    return command;
}

struct redis_command *redis_command_create_script(enum script script)
{
    // Without a key ring, subscriptions have secrets.
    struct redis_command *command = create(script == SCRIPT_SUBSCRIPTION_PUT);
    if (!command)
        return NULL;
    command->is_script = true;
    command->script = script;
    command->count = SCRIPT_WORDS;
    return command;
}

struct redis_command *redis_command_copy(const struct redis_command *from)
{
    struct redis_command *command = create(from->words.is_secret);
    if (!command)
        return NULL;
    command->verb_size = from->verb_size;
    command->is_script = from->is_script;
    command->script = from->script;
    command->key_count = from->key_count;
    command->count = from->count;
    text_append(&command->words, from->words.data + HEAD_ROOM, from->words.size - HEAD_ROOM);
    command->is_spoiled = from->is_spoiled || command->words.failed;
    return command;
}

void redis_command_destroy(struct redis_command **command)
{
    if (!*command)
        return;
    text_fini(&(*command)->words);
    text_fini(&(*command)->evaluation);
    free(*command);
    *command = NULL;
}

static char *put_bytes(char *out, struct span bytes)
{
    if (bytes.size)
        memcpy(out, bytes.data, bytes.size);
    return out + bytes.size;
}

// "$<size>\r\n<word>\r\n"; returns where it ends.
static char *put_word(char *out, struct span word)
{
    *out++ = '$';
    out += uint64_format(word.size, out);
    out = put_bytes(out, SPAN("\r\n"));
    out = put_bytes(out, word);
    return put_bytes(out, SPAN("\r\n"));
}

static void append_word(struct text *text, struct span word)
{
    char *out = text_reserve(text, word.size + SIZE_ROOM);
    if (out)
        text_commit(text, put_word(out, word));
}

void redis_command_add_span(struct redis_command *command, struct span value)
{
    append_word(&command->words, value);
    if (command->words.failed || command->count == INT_MAX)
        command->is_spoiled = true;
    else
        command->count++;
}

void redis_command_add_encoded(struct redis_command *command, struct span words, size_t count)
{
    text_append_span(&command->words, words);
    if (command->words.failed || count > INT_MAX - command->count)
        command->is_spoiled = true;
    else
        command->count += count;
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
    char digits[24];
    size_t size = 0;
    // The smallest number has no positive twin: its magnitude is counted without a sign.
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0)
        digits[size++] = '-';
    size += uint64_format(magnitude, digits + size);
    redis_command_add_span(command, (struct span){digits, size});
}

bool redis_command_is_spoiled(const struct redis_command *command)
{
    return command->is_spoiled;
}

size_t redis_command_bytes(const struct redis_command *command)
{
    return sizeof *command + command->words.capacity + command->evaluation.capacity;
}

struct span redis_command_name(const struct redis_command *command)
{
    if (command->is_script)
        return span_of(script_name(command->script));
    // A spoiled command may have no word at all.
    const char *size_end = command->count ? strchr(command->words.data + HEAD_ROOM, '\n') : NULL;
    return (struct span){size_end ? size_end + 1 : "", size_end ? command->verb_size : 0};
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

// What stands before the words that were added: how many there are, and a script call's first ones.
static char *put_head(char *out, const struct redis_command *command, struct span verb,
                      struct span script)
{
    char keys[SIZE_ROOM];
    *out++ = '*';
    out += uint64_format(command->count, out);
    out = put_bytes(out, SPAN("\r\n"));
    if (!command->is_script)
        return out;
    out = put_word(out, verb);
    out = put_word(out, script);
    return put_word(out, (struct span){keys, uint64_format(command->key_count, keys)});
}

// Rare: once per script and Redis.
static struct span format_evaluation(struct redis_command *command)
{
    struct span source = script_source(command->script);
    struct text *out = &command->evaluation;
    if (!out->size) {
        char *head = text_reserve(out, HEAD_ROOM + SIZE_ROOM + source.size);
        if (head)
            text_commit(out, put_head(head, command, SPAN("EVAL"), source));
        text_append(out, command->words.data + HEAD_ROOM, command->words.size - HEAD_ROOM);
    }
    assert(!out->failed);
    return text_span(out);
}

struct span redis_command_wire(struct redis_command *command)
{
    assert(!command->is_spoiled);
    if (command->is_eval)
        return format_evaluation(command);
    char head[HEAD_ROOM];
    struct span name = command->is_script ? span_of(script_sha1(command->script)) : SPAN("");
    size_t size = (size_t)(put_head(head, command, SPAN("EVALSHA"), name) - head);
    assert(size <= HEAD_ROOM);
    char *begin = command->words.data + HEAD_ROOM - size;
    memcpy(begin, head, size);
    return (struct span){begin, command->words.size - (HEAD_ROOM - size)};
}
