// SPDX-License-Identifier: Apache-2.0
// What `petrel listen` does with a request, without the server: judge it, choose the answer, remember its id, put
// it into words. One thread at a time; command_listen.c holds the lock.
#ifndef PETREL_CLI_LISTEN_H
#define PETREL_CLI_LISTEN_H

#include "verifier.h"

enum { LISTEN_ID_SIZE = 256, LISTEN_TYPE_SIZE = 129, LISTEN_MAX_IDS = 200000 };

struct listen_faults {
    uint32_t status;     // of an ordinary answer
    int64_t delay_ms;    // before the answer
    uint32_t fail_first; // the first so many requests of each webhook-id get 500
    bool drops;          // closes without an answer
};

// A request as it came; spans are borrowed until the call returns.
struct listen_request {
    struct span method, target, content_type;
    struct verifier_headers headers;
    struct span attempt; // webhook-attempt
    struct span body;
    int64_t received_wall_ms;
};

enum listen_verdict {
    LISTEN_VERIFIED,
    LISTEN_REFUSED,   // a secret was given, and none of them signed this
    LISTEN_UNVERIFIED // no secret was given
};

// What was made of it.
struct listen_delivery {
    enum listen_verdict verdict;
    const char *why;             // static; "" unless refused
    char id[LISTEN_ID_SIZE];     // "" when missing or too long
    char type[LISTEN_TYPE_SIZE]; // of a JSON body; "" when it has none
    uint32_t seen;        // how many requests with this id so far, this one included; 0: without id
    uint32_t status;      // to answer; 0: drop the connection
    int64_t sent_s_ago;   // by webhook-timestamp; -1: unknown
    int64_t event_age_ms; // by the body's timestamp; -1: unknown
};

struct listen_counts {
    uint64_t requests, verified, refused, unverified, dropped,
        failed; // failed: answered with no 2xx
    uint64_t ids, repeats;
};

struct listen_memory; // of webhook-ids

struct listen {
    struct verifier verifier;
    struct listen_faults faults;
    struct listen_counts counts;
    struct listen_memory *memory; // owned
};

void listen_init(struct listen *listen); // verifier and faults are the caller's to fill
void listen_fini(struct listen *listen);

void listen_receive(struct listen *listen, const struct listen_request *request,
                    struct listen_delivery *delivery);

// One line of JSON, or for people a line and the body under it (listen_format.c).
void listen_format_json(const struct listen_request *request,
                        const struct listen_delivery *delivery, struct text *out);
void listen_format_text(const struct listen_request *request,
                        const struct listen_delivery *delivery, struct text *out);
void listen_format_counts(const struct listen_counts *counts, struct text *out);

#endif
