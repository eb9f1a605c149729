// SPDX-License-Identifier: Apache-2.0
// Secrets at rest, of all subscriptions at once: how they lie in Redis, whether the key ring opens them, and encrypting
// them anew.
//
// Encrypting anew is a change like any other: compare-and-set with the bytes that were read, so that it never undoes
// another's change; what others changed meanwhile is read again. Instances learn of each through `changes` and find that
// only the bytes differ.
#include <stdio.h>
#include <time.h>

#include "petrel/clock.h"
#include "store_internal.h"

enum {
    PASSES_MAX = 10,
    TRIES_MAX = 20,
    // Puts per second at most. `changes` keeps some 10,000 entries, and instances watch it to learn of real changes: so
    // one may be away for five seconds before the passes could push those out.
    RATE = 2000,
    RATE_BATCH = 100,
};

// ---- examined

struct survey {
    struct store *store;
    const struct keyring *ring; // NULL: none
    struct store_encryption *encryption;
    bool stops_at_unknown;
};

static void note_locked(struct store_encryption *encryption, struct span id, const char *why)
{
    if (encryption->locked[0] || !span_copy(id, encryption->locked, sizeof encryption->locked))
        return;
    snprintf(encryption->why, sizeof encryption->why, "%s", why);
}

static void note_unknown(const struct survey *survey, struct span id, const char *key_id)
{
    struct store_encryption *encryption = survey->encryption;
    char why[REDIS_CLIENT_ERROR_SIZE];
    encryption->unknown++;
    if (!key_id[0])
        snprintf(why, sizeof why, "encrypted in a form that this petrel doesn't know");
    else if (survey->ring)
        snprintf(why, sizeof why, "encrypted with the key \"%s\", which encryption_keys_file lacks",
                 key_id);
    else
        snprintf(why, sizeof why,
                 "encrypted with the key \"%s\", and no encryption_keys_file is given", key_id);
    note_locked(encryption, id, why);
}

// Whether it really opens.
static void try_to_open(const struct survey *survey, struct span id, struct span json)
{
    struct text why;
    text_init(&why, STORE_WHY_MAX_BYTES);
    struct subscription *subscription = subscription_parse_stored(json, survey->store->vault, &why);
    if (!subscription || subscription->lock != SUBSCRIPTION_NOT_LOCKED) {
        survey->encryption->damaged++;
        note_locked(survey->encryption, id, text_string(&why));
    }
    subscription_unref(&subscription);
    text_fini(&why);
}

static bool on_survey(void *arg, struct span id, struct span json)
{
    const struct survey *survey = arg;
    struct store_encryption *encryption = survey->encryption;
    struct subscription_sealing sealing;
    encryption->subscriptions++;
    bool is_readable = subscription_examine_stored(json, survey->ring, &sealing);
    if (is_readable && sealing.unknown) {
        note_unknown(survey, id, sealing.key_id);
        return !survey->stops_at_unknown;
    }
    if (survey->stops_at_unknown)
        return true;
    if (is_readable && sealing.plain)
        encryption->plain++;
    else if (is_readable && sealing.old)
        encryption->old++;
    try_to_open(survey, id, json);
    return true;
}

static enum store_result run_survey(struct survey *survey)
{
    struct keyring *ring = vault_ring(survey->store->vault);
    survey->ring = ring;
    enum store_result result = store_visit_subscriptions(survey->store, on_survey, survey);
    keyring_unref(&ring);
    return result;
}

enum store_result store_read_encryption(struct store *store, struct store_encryption *encryption)
{
    struct survey survey = {.store = store, .encryption = encryption};
    *encryption = (struct store_encryption){.subscriptions = 0};
    return run_survey(&survey);
}

enum store_result store_check_encryption(struct store *store)
{
    struct store_encryption encryption = {.subscriptions = 0};
    struct survey survey = {.store = store, .encryption = &encryption, .stops_at_unknown = true};
    enum store_result result = run_survey(&survey);
    if (result != STORE_OK || !encryption.unknown)
        return result;
    store_set_error(store,
                    "subscription %s is %s: give a file that has it, or delete the subscription",
                    encryption.locked, encryption.why);
    return STORE_CONFLICT;
}

// ---- encrypted anew

struct reencrypting {
    struct store *store;
    struct keyring *ring;
    struct store_reencryption *done;
    enum store_result result;
    int64_t changed_before; // this pass
    int64_t batch_began_ms;
};

static bool is_current(const struct reencrypting *work, struct span json)
{
    struct subscription_sealing sealing;
    return subscription_examine_stored(json, work->ring, &sealing) && !sealing.plain &&
           !sealing.old && !sealing.unknown;
}

static void note_failed(struct reencrypting *work, const char *id, const char *why)
{
    struct store_reencryption *done = work->done;
    if (done->failed++ > 0)
        return;
    snprintf(done->first_failed, sizeof done->first_failed, "%s", id);
    snprintf(done->why, sizeof done->why, "%s", why);
}

// At most RATE a second, in batches.
static void keep_pace(struct reencrypting *work)
{
    int64_t changed = work->done->changed;
    if (changed % RATE_BATCH != 0)
        return;
    int64_t left_ms = work->batch_began_ms + (int64_t)RATE_BATCH * 1000 / RATE - clock_mono_ms();
    if (left_ms > 0)
        nanosleep(&(struct timespec){.tv_nsec = left_ms * 1000000}, NULL);
    work->batch_began_ms = clock_mono_ms();
}

// One try with the bytes that were read.
static enum store_result reencrypt_once(struct reencrypting *work, const char *id, struct span json,
                                        bool *is_done)
{
    struct text why;
    bool is_put = false;
    enum store_result result = STORE_OK;
    *is_done = true;
    if (is_current(work, json))
        return STORE_OK; // somebody else was faster
    text_init(&why, STORE_WHY_MAX_BYTES);
    struct subscription *subscription = subscription_parse_stored(json, work->store->vault, &why);
    if (!subscription || subscription->lock != SUBSCRIPTION_NOT_LOCKED)
        note_failed(work, id, text_string(&why));
    else
        result = store_put_subscription(work->store, subscription, json, &is_put);
    if (is_put) {
        work->done->changed++;
        keep_pace(work);
    }
    *is_done = is_put || !subscription || subscription->lock != SUBSCRIPTION_NOT_LOCKED;
    subscription_unref(&subscription);
    text_fini(&why);
    return result;
}

static enum store_result reencrypt(struct reencrypting *work, const char *id, struct span json)
{
    bool is_done = false;
    enum store_result result = reencrypt_once(work, id, json, &is_done);
    for (int tries = 1; result == STORE_OK && !is_done; tries++) {
        redis_reply *stored = NULL;
        if (tries == TRIES_MAX) {
            note_failed(work, id, "others kept changing it");
            return STORE_OK;
        }
        result = store_fetch_subscription(work->store, id, &stored);
        if (result == STORE_NOT_FOUND)
            return STORE_OK; // deleted meanwhile
        if (result == STORE_OK)
            result = reencrypt_once(work, id, redis_reply_span(stored), &is_done);
        redis_client_free_reply(&stored);
    }
    return result;
}

static bool on_reencrypt(void *arg, struct span id, struct span json)
{
    struct reencrypting *work = arg;
    char text[EVENT_SUBSCRIPTION_SIZE];
    work->done->seen++;
    if (span_copy(id, text, sizeof text))
        work->result = reencrypt(work, text, json);
    if (work->done->report)
        work->done->report(work->done->arg, work->done);
    return work->result == STORE_OK;
}

// A pass sees whatever is there from its beginning to its end; what was added meanwhile by an instance that had an older
// ring is the next one's.
enum store_result store_reencrypt(struct store *store, struct store_reencryption *reencryption)
{
    struct reencrypting work = {
        .store = store,
        .ring = vault_ring(store->vault),
        .done = reencryption,
        .batch_began_ms = clock_mono_ms(),
    };
    for (int pass = 0; work.result == STORE_OK && pass < PASSES_MAX; pass++) {
        work.changed_before = reencryption->changed;
        reencryption->seen = reencryption->failed = 0;
        enum store_result result = store_visit_subscriptions(store, on_reencrypt, &work);
        if (work.result == STORE_OK)
            work.result = result;
        if (reencryption->changed == work.changed_before)
            break;
    }
    keyring_unref(&work.ring);
    return work.result;
}
