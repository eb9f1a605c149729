// SPDX-License-Identifier: Apache-2.0
// One libcurl easy handle with what belongs to it, made once and used for many requests: options that are the
// same for all requests are set once (setting them anew costs a fifth of a small request).
#ifndef PETREL_SENDER_TRANSFER_H
#define PETREL_SENDER_TRANSFER_H

#include <curl/curl.h>

#include "response.h"
#include "sender.h"
#include "sender_lookups.h"
#include "sender_multi.h"

struct pool;
struct transfer;

struct sender_target {
    CURLU *handle; // only read: curl copies it whenever it looks for a connection
    unsigned references;
};

// What all transfers of a sender have in common.
struct transfer_context {
    const struct sender_options *options;
    const struct guard *guard; // the one in force
    struct sockets *sockets;
    // Inside a curl call: whether its name was looked up is known now.
    void (*on_lookup_end)(struct transfer_context *context, struct transfer *transfer,
                          enum lookup_end end);
};

struct transfer {
    struct transfer *next, *previous; // in the sender's list of its state
    CURL *easy;
    struct pool *pool;   // while curl has it; NULL while it waits
    struct multi *multi; // of the pool; likewise
    struct transfer_context *context;
    struct lookup_waiter lookup;
    uint64_t destination;
    struct sender_target *target; // a reference, until it has ended; or NULL
    const char *refusal;          // static; why its URL alone is refused
    // The request's headers as curl wants them, in memory that is used again.
    struct curl_slist headers[SENDER_HEADERS_MAX];
    struct text header_text;
    sender_done *done;
    void *arg;
    int64_t started_mono_ms, timeout_ms;
    struct response response; // being read, into result
    bool was_address_allowed, was_address_blocked;
    bool was_request_begun; // connected, and about to be written
    int socket_error;       // errno, when there was no socket to be had
    struct attempt_result result;
    char curl_error[CURL_ERROR_SIZE];
};

struct transfer *transfer_create(struct transfer_context *context);
void transfer_destroy(struct transfer **transfer);
// Sets the request; false without memory. Its time runs from here.
bool transfer_prepare(struct transfer *transfer, const struct sender_request *request);
// The part of its time that is left for connecting, ms.
int64_t transfer_connect_patience(const struct transfer *transfer, int64_t now_mono_ms);
// What is left of its time, just before curl gets it.
void transfer_set_deadlines(struct transfer *transfer);
// It is over, or was never started: lets go of what it borrowed.
void transfer_release(struct transfer *transfer);

// ---- sender_outcome.c
// It ends without curl.
void transfer_fail(struct transfer *transfer, enum attempt_error error, const char *detail);
// Reads off the outcome into transfer->result.
void transfer_conclude(struct transfer *transfer, CURLcode code);

#endif
