// SPDX-License-Identifier: Apache-2.0
// A Redis command under construction, and a view of a reply: what the rest of petrel sees of Redis,
// without hiredis. Shared by the asynchronous link (workers) and the blocking client (admin, CLI).
#ifndef PETREL_REDIS_COMMAND_H
#define PETREL_REDIS_COMMAND_H

#include "petrel/keys.h"
#include "petrel/scripts.h"
#include "petrel/text.h"

struct redis_command; // owns copies of its arguments

struct redis_command *redis_command_create(const char *verb); // NULL without memory
// A script call: keys first, then arguments, in the order that the script's head documents.
struct redis_command *redis_command_create_script(enum script script);
// With the words of another one, to be gone on with; NULL without memory.
struct redis_command *redis_command_copy(const struct redis_command *from);
void redis_command_destroy(struct redis_command **command);

// Appending never fails visibly: without memory the command is spoiled, and sending it reports that.
void redis_command_add_key(struct redis_command *command, const struct key *key);
void redis_command_add_span(struct redis_command *command, struct span value);
void redis_command_add_text(struct redis_command *command, const char *value);
// Words as they are sent: "$4\r\ntype\r\n", count of them.
void redis_command_add_encoded(struct redis_command *command, struct span words, size_t count);
void redis_command_add_int(struct redis_command *command, int64_t value);
bool redis_command_is_spoiled(const struct redis_command *command);
size_t redis_command_bytes(const struct redis_command *command);
// The script's name, or the verb as it was given: for logs and tests. Borrowed from the command.
struct span redis_command_name(const struct redis_command *command);

// ---- replies: borrowed views, valid as long as the reply they came from
struct redisReply;
typedef const struct redisReply redis_reply;

enum redis_reply_kind {
    REDIS_REPLY_IS_NIL,
    REDIS_REPLY_IS_TEXT, // string or status
    REDIS_REPLY_IS_INTEGER,
    REDIS_REPLY_IS_ARRAY, // also map, set, push of RESP3
    REDIS_REPLY_IS_ERROR,
};
enum redis_reply_kind redis_reply_kind_of(redis_reply *reply); // NULL counts as an error
bool redis_reply_is_error(redis_reply *reply);                 // NULL too
bool redis_reply_is_ok(redis_reply *reply);                    // neither NULL nor an error
struct span redis_reply_span(redis_reply *reply);              // text or error; else empty
int64_t redis_reply_int(redis_reply *reply);  // integer, or text that is one; else 0
size_t redis_reply_count(redis_reply *reply); // 0 unless an array
redis_reply *redis_reply_at(redis_reply *reply, size_t index); // NULL beyond the end
// The value after `name` in a flat array of names and values; NULL if absent.
redis_reply *redis_reply_field(redis_reply *reply, const char *name);
// Does the error reply start with this code ("NOGROUP", "OOM", "LOADING" …)?
bool redis_reply_has_code(redis_reply *reply, const char *code);
// Errors that say "not now": LOADING, OOM, READONLY, MASTERDOWN, BUSY, TRYAGAIN, CLUSTERDOWN, NOREPLICAS,
// MISCONF, NOPERM, NOSCRIPT (handled below us) … : an idempotent command is to be sent again later.
bool redis_reply_is_transient(redis_reply *reply);

#endif
