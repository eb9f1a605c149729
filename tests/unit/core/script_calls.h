// SPDX-License-Identifier: Apache-2.0
// What the tests of Lua scripts share: a server, calling a script, its stream with a group, a Redis that is full.
#ifndef PETREL_TEST_SCRIPT_CALLS_H
#define PETREL_TEST_SCRIPT_CALLS_H

#include "redis_server.h"
#include "unit.h"

static struct redis_server server;
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ASK(...) REDIS_ASK(&server, __VA_ARGS__)

// "<name>:<suffix>", valid until 16 others were made.
static inline const char *key_of(const char *name, const char *suffix)
{
    static char keys[16][256];
    static unsigned made;
    char *key = keys[made++ % 16];
    snprintf(key, sizeof keys[0], "%s:%s", name, suffix);
    return key;
}

static inline const char *eval(enum script script, const char *const *key_names,
                               const char *const *args)
{
    struct redis_command *command = redis_command_create_script(script);
    for (; *key_names; key_names++) {
        struct key key;
        key.size = (size_t)snprintf(key.data, sizeof key.data, "t:%s", *key_names);
        redis_command_add_key(command, &key);
    }
    for (; *args; args++)
        redis_command_add_text(command, *args);
    return redis_server_answer(&server, redis_client_call(server.client, &command));
}

// The first number of an answer "[now …": scripts answer with Redis's time.
static inline int64_t first_number(const char *answer)
{
    return strtoll(answer + (*answer == '['), NULL, 10);
}

// What follows it.
static inline const char *after_first(const char *answer)
{
    const char *space = strchr(answer, ' ');
    return space ? space + 1 : "";
}

// The last word of an array: of scripts about several deliveries the last one's result.
static inline const char *last_result(const char *answer)
{
    static char result[64];
    const char *space = strrchr(answer, ' ');
    snprintf(result, sizeof result, "%.*s", (int)strcspn(space ? space + 1 : answer, "]"),
             space ? space + 1 : answer);
    return result;
}

static inline void fresh(void)
{
    CHECK_STR(ASK("FLUSHALL"), "OK");
    CHECK_STR(ASK("CONFIG", "SET", "maxmemory", "0"), "OK");
    CHECK_STR(ASK("XGROUP", "CREATE", "t:events", "petrel", "0", "MKSTREAM"), "OK");
}

// A copy of an event with one reference, as event_format_stored makes it.
#define COPY_OF(body) "00000001 1\ntype a\n\n" body
#define COPY COPY_OF("the event")

// How many references the copy of an event counts, its eight digits; "" when there is none.
static inline const char *references(const char *event)
{
    char key[96];
    snprintf(key, sizeof key, "t:message:%s", event);
    return ASK("GETRANGE", key, "0", "7");
}

static char entry[64];

// Adds an entry and reads it as the consumer; `entry` is its id.
static inline const char *read_one(const char *consumer)
{
    snprintf(entry, sizeof entry, "%s", ASK("XADD", "t:events", "*", "type", "a.b", "data", "{}"));
    ASK("XREADGROUP", "GROUP", "petrel", consumer, "COUNT", "1", "STREAMS", "t:events", ">");
    return entry;
}

static inline void become_full(void)
{
    CHECK_STR(ASK("CONFIG", "SET", "maxmemory-policy", "noeviction"), "OK");
    CHECK_STR(ASK("CONFIG", "SET", "maxmemory", "1"), "OK");
}

static inline void become_roomy(void)
{
    CHECK_STR(ASK("CONFIG", "SET", "maxmemory", "0"), "OK");
}

static inline bool is_oom(const char *answer)
{
    return strncmp(answer, "!OOM", 4) == 0;
}

#endif
