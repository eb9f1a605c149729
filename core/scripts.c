// SPDX-License-Identifier: Apache-2.0
// The embedded Lua scripts by number, and their SHA-1 names, computed once.
#include "petrel/scripts.h"

#include <assert.h>
#include <pthread.h>

#include "petrel/digest.h"
#include "script_sources.h"

struct script_text {
    const char *name;
    const char *source;
};

static const struct script_text scripts[SCRIPT_COUNT] = {
    [SCRIPT_SEEN] = {"seen", script_source_seen},
    [SCRIPT_REJECT] = {"reject", script_source_reject},
    [SCRIPT_PARK] = {"park", script_source_park},
    [SCRIPT_PARK_MANY] = {"park_many", script_source_park_many},
    [SCRIPT_DUE] = {"due", script_source_due},
    [SCRIPT_CLAIM] = {"claim", script_source_claim},
    [SCRIPT_CLAIM_ORDERED] = {"claim_ordered", script_source_claim_ordered},
    [SCRIPT_RENEW] = {"renew", script_source_renew},
    [SCRIPT_FINISH] = {"finish", script_source_finish},
    [SCRIPT_SUCCEED] = {"succeed", script_source_succeed},
    [SCRIPT_RETRY] = {"retry", script_source_retry},
    [SCRIPT_BURY] = {"bury", script_source_bury},
    [SCRIPT_NOTE] = {"note", script_source_note},
    [SCRIPT_REDRIVE] = {"redrive", script_source_redrive},
    [SCRIPT_DISCARD] = {"discard", script_source_discard},
    [SCRIPT_WAKE] = {"wake", script_source_wake},
    [SCRIPT_GROUP] = {"group", script_source_group},
    [SCRIPT_HEARTBEAT] = {"heartbeat", script_source_heartbeat},
    [SCRIPT_REAP] = {"reap", script_source_reap},
    [SCRIPT_TRIM] = {"trim", script_source_trim},
    [SCRIPT_SUBSCRIPTION_PUT] = {"subscription_put", script_source_subscription_put},
    [SCRIPT_API_KEY_PUT] = {"api_key_put", script_source_api_key_put},
    [SCRIPT_REQUEUE] = {"requeue", script_source_requeue},
    [SCRIPT_ENQUEUE] = {"enqueue", script_source_enqueue},
    [SCRIPT_TOKENS] = {"tokens", script_source_tokens},
    [SCRIPT_LANES] = {"lanes", script_source_lanes},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char digests[SCRIPT_COUNT][DIGEST_SHA1_HEX_SIZE];

static void compute_digests(void)
{
    for (size_t i = 0; i < SCRIPT_COUNT; i++)
        digest_sha1_hex(span_of(scripts[i].source), digests[i]);
}

const char *script_name(enum script script)
{
    assert(script < SCRIPT_COUNT);
    return scripts[script].name;
}

struct span script_source(enum script script)
{
    assert(script < SCRIPT_COUNT);
    return span_of(scripts[script].source);
}

const char *script_sha1(enum script script)
{
    assert(script < SCRIPT_COUNT);
    pthread_once(&once, compute_digests);
    return digests[script];
}
