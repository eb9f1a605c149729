// SPDX-License-Identifier: Apache-2.0
// One libcurl easy handle with what belongs to it, made once and used for many requests: options that are the
// same for all requests are set once (setting them anew costs a fifth of a small request).
#ifndef PETREL_SENDER_TRANSFER_H
#define PETREL_SENDER_TRANSFER_H

#include <curl/curl.h>

#include "sender.h"

struct transfer {
    struct transfer *next, *previous; // in the sender's free or running list
    CURL *easy;
    CURLM *multi; // while running
    const struct sender_options *options;
    struct curl_slist *headers;
    sender_done *done;
    void *arg;
    int64_t started_mono_ms;
    // Of the response being read:
    size_t header_bytes, body_bytes;
    bool has_final_status; // the header section of a non-1xx response is complete
    bool is_too_large;
    bool was_address_allowed, was_address_blocked;
    struct attempt_result result;
    char curl_error[CURL_ERROR_SIZE];
};

// What the sender does before a socket is closed (the loop must forget it first).
typedef int transfer_close_socket(void *sender, curl_socket_t fd);

struct transfer *transfer_create(const struct sender_options *options,
                                 transfer_close_socket *close_socket, void *sender);
void transfer_destroy(struct transfer **transfer);
// Sets the request; false without memory.
bool transfer_prepare(struct transfer *transfer, const struct sender_request *request);
// Reads off the outcome into transfer->result.
void transfer_conclude(struct transfer *transfer, CURLcode code);

#endif
