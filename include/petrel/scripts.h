// SPDX-License-Identifier: Apache-2.0
// The Lua scripts of core/lua/, embedded at build time: every change of state in Redis is one of them.
#ifndef PETREL_SCRIPTS_H
#define PETREL_SCRIPTS_H

#include "petrel/text.h"

enum script {
    SCRIPT_SEEN,
    SCRIPT_REJECT,
    SCRIPT_PARK,
    SCRIPT_PARK_MANY,
    SCRIPT_DUE,
    SCRIPT_CLAIM,
    SCRIPT_CLAIM_ORDERED,
    SCRIPT_RENEW,
    SCRIPT_FINISH,
    SCRIPT_SUCCEED,
    SCRIPT_RETRY,
    SCRIPT_BURY,
    SCRIPT_NOTE,
    SCRIPT_REDRIVE,
    SCRIPT_DISCARD,
    SCRIPT_WAKE,
    SCRIPT_GROUP,
    SCRIPT_HEARTBEAT,
    SCRIPT_REAP,
    SCRIPT_TRIM,
    SCRIPT_SUBSCRIPTION_PUT,
    SCRIPT_API_KEY_PUT,
    SCRIPT_REQUEUE,
    SCRIPT_ENQUEUE,
    SCRIPT_TOKENS,
    SCRIPT_LANES,
    SCRIPT_COUNT
};

const char *script_name(enum script script); // "park"
struct span script_source(enum script script);
const char *script_sha1(enum script script); // 40 hex digits, as EVALSHA wants; computed once

#endif
