// SPDX-License-Identifier: Apache-2.0
// The receiver's judgement: is it signed, has its id been here before, what is to be answered.
// Pure but for memory: no sockets, no clock. Everything in a request was written by somebody else; ids are remembered
// up to LISTEN_MAX_IDS, then the oldest are forgotten.
#include "listen.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "petrel/json.h"
#include "petrel/timestamp.h"

struct listen_id {
    uint32_t seen;
    UT_hash_handle hh;
    char id[];
};

struct listen_memory {
    struct listen_id *ids;
};

void listen_init(struct listen *listen)
{
    *listen = (struct listen){.faults = {.status = 200}};
    listen->memory = calloc(1, sizeof *listen->memory);
}

static void forget(struct listen_memory *memory, struct listen_id *known)
{
    HASH_DEL(memory->ids, known);
    free(known);
}

void listen_fini(struct listen *listen)
{
    while (listen->memory && listen->memory->ids)
        forget(listen->memory, listen->memory->ids);
    free(listen->memory);
    verifier_wipe(&listen->verifier);
    listen->memory = NULL;
}

// How many requests with this id there were, this one included; 0 when that can't be known.
static uint32_t remember(struct listen *listen, const char *id)
{
    struct listen_memory *memory = listen->memory;
    struct listen_id *known = NULL;
    size_t size = strlen(id);
    if (!memory || size == 0)
        return 0;
    HASH_FIND(hh, memory->ids, id, size, known);
    if (known)
        return ++known->seen;
    known = calloc(1, sizeof *known + size + 1);
    if (!known)
        return 0;
    memcpy(known->id, id, size + 1);
    known->seen = 1;
    HASH_ADD_KEYPTR(hh, memory->ids, known->id, size, known);
    if (HASH_COUNT(memory->ids) > LISTEN_MAX_IDS)
        forget(memory, memory->ids); // the head is the oldest
    return 1;
}

// The string member `name` of the body, if it is a JSON object; unescaped only as far as plain types need.
static struct span find_string(struct span body, const char *name)
{
    struct span value;
    struct json_error error;
    if (!json_validate(body, &error) || !json_find_member(body, name, &value) || value.size < 2 ||
        value.data[0] != '"')
        return SPAN("");
    return (struct span){value.data + 1, value.size - 2};
}

static void judge(const struct listen *listen, const struct listen_request *request,
                  struct listen_delivery *delivery)
{
    delivery->why = "";
    delivery->verdict = LISTEN_UNVERIFIED;
    if (listen->verifier.count == 0)
        return;
    struct verifier_result result = verifier_check(&listen->verifier, &request->headers,
                                                   request->body, request->received_wall_ms / 1000);
    delivery->verdict = result.is_verified ? LISTEN_VERIFIED : LISTEN_REFUSED;
    if (!result.is_verified)
        delivery->why = result.why;
}

static void measure(const struct listen_request *request, struct listen_delivery *delivery)
{
    int64_t sent_s;
    int64_t event_wall_ms;
    delivery->sent_s_ago = -1;
    delivery->event_age_ms = -1;
    if (span_to_int64(request->headers.timestamp, &sent_s) && sent_s > 0 &&
        sent_s <= request->received_wall_ms / 1000)
        delivery->sent_s_ago = request->received_wall_ms / 1000 - sent_s;
    if (timestamp_parse(find_string(request->body, "timestamp"), &event_wall_ms) &&
        event_wall_ms <= request->received_wall_ms)
        delivery->event_age_ms = request->received_wall_ms - event_wall_ms;
}

// A request whose signature is wrong gets 401, as a careful subscriber would answer.
static uint32_t choose_status(const struct listen *listen, const struct listen_delivery *delivery)
{
    if (listen->faults.drops)
        return 0;
    if (delivery->verdict == LISTEN_REFUSED)
        return 401;
    if (delivery->seen <= listen->faults.fail_first && listen->faults.fail_first > 0)
        return 500;
    return listen->faults.status;
}

static void count(struct listen_counts *counts, const struct listen_delivery *delivery)
{
    counts->requests++;
    switch (delivery->verdict) {
    case LISTEN_VERIFIED:
        counts->verified++;
        break;
    case LISTEN_REFUSED:
        counts->refused++;
        break;
    case LISTEN_UNVERIFIED:
        counts->unverified++;
        break;
    }
    if (delivery->status == 0)
        counts->dropped++;
    else if (delivery->status < 200 || delivery->status > 299)
        counts->failed++;
    if (delivery->seen == 1)
        counts->ids++;
    else if (delivery->seen > 1)
        counts->repeats++;
}

void listen_receive(struct listen *listen, const struct listen_request *request,
                    struct listen_delivery *delivery)
{
    *delivery = (struct listen_delivery){.why = ""};
    judge(listen, request, delivery);
    span_copy(request->headers.id, delivery->id, sizeof delivery->id);
    span_copy(find_string(request->body, "type"), delivery->type, sizeof delivery->type);
    delivery->seen = remember(listen, delivery->id);
    measure(request, delivery);
    delivery->status = choose_status(listen, delivery);
    count(&listen->counts, delivery);
}
