// SPDX-License-Identifier: Apache-2.0
// How a transfer ended: from what libcurl says (its codes, its words, what its handle knows) to an attempt's result. What
// follows from that is judged in outcome.c; what the subscriber's answer says, in response.c.
// Invariant: a result with an error has no status.
#include <errno.h>

#include "petrel/clock.h"
#include "sender_transfer.h"

enum { CURLE_TOO_LARGE_NUMBER = 100 }; // its name came with curl 8.6

// Before anything was written to the subscriber, with a proxy all that fails is the way through it.
static bool is_proxy_failure(const struct transfer *transfer, CURLcode code)
{
    long status = 0;
    if (!transfer->context->options->proxy || transfer->was_request_begun)
        return false;
    curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
           (status != 0 && (status < 200 || status > 299));
}

static enum attempt_error classify_connect_failure(const struct transfer *transfer)
{
    if (transfer->was_address_blocked && !transfer->was_address_allowed)
        return ATTEMPT_BLOCKED_ADDRESS;
    // Too many open files, no memory: nothing that the subscriber could help.
    if (transfer->socket_error && transfer->socket_error != EAFNOSUPPORT)
        return ATTEMPT_INTERNAL;
    long os_error = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
    return os_error == ECONNREFUSED ? ATTEMPT_CONNECT_REFUSED : ATTEMPT_CONNECT;
}

// CURLcode has a hundred values, most of other protocols; those not named are protocol errors.
static enum attempt_error classify(const struct transfer *transfer, CURLcode code)
{
    if (is_proxy_failure(transfer, code))
        return ATTEMPT_PROXY;
    switch ((int)code) {
    case CURLE_OK:
        return transfer->response.has_final_status ? ATTEMPT_OK : ATTEMPT_PROTOCOL;
    case CURLE_OPERATION_TIMEDOUT:
        return ATTEMPT_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return ATTEMPT_DNS;
    case CURLE_COULDNT_CONNECT:
        return classify_connect_failure(transfer);
    case CURLE_ABORTED_BY_CALLBACK:
        return transfer->was_address_blocked ? ATTEMPT_BLOCKED_ADDRESS : ATTEMPT_ABORTED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return ATTEMPT_TLS_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_USE_SSL_FAILED:
        return ATTEMPT_TLS;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return ATTEMPT_RESET;
    case CURLE_WRITE_ERROR:
        return transfer->response.is_too_large ? ATTEMPT_RESPONSE_TOO_LARGE : ATTEMPT_INTERNAL;
    case CURLE_OUT_OF_MEMORY:
        // curl 7.88 calls a header line of over 100 KB so (8.6 and newer: CURLE_TOO_LARGE, which is 100).
        return transfer->was_request_begun ? ATTEMPT_RESPONSE_TOO_LARGE : ATTEMPT_INTERNAL;
    case CURLE_TOO_LARGE_NUMBER:
        return ATTEMPT_RESPONSE_TOO_LARGE;
    case CURLE_FAILED_INIT:
        return ATTEMPT_INTERNAL;
    default:
        return ATTEMPT_PROTOCOL;
    }
}

// For the operator's log: curl's words, but where they would mislead.
static const char *describe(const struct transfer *transfer, CURLcode code)
{
    if (transfer->result.error == ATTEMPT_RESPONSE_TOO_LARGE)
        return "more than 64 KiB of headers, or a line of them over 100 KB";
    if (code == CURLE_OK)
        return "the connection was closed within the headers";
    if (code == CURLE_COULDNT_CONNECT && transfer->result.error == ATTEMPT_INTERNAL)
        return transfer->socket_error == EMFILE
                   ? "too many open files: raise ulimit -n (LimitNOFILE)"
                   : "no socket was to be had";
    return transfer->curl_error[0] ? transfer->curl_error : curl_easy_strerror(code);
}

static void set_detail(struct attempt_result *result, const char *why)
{
    struct span text = span_of(why);
    if (text.size >= sizeof result->detail)
        text.size = sizeof result->detail - 1;
    span_copy(text, result->detail, sizeof result->detail);
}

void transfer_fail(struct transfer *transfer, enum attempt_error error, const char *detail)
{
    struct attempt_result *result = &transfer->result;
    result->duration_ms = clock_mono_ms() - transfer->started_mono_ms;
    result->error = error;
    result->status = 0;
    set_detail(result, detail);
}

void transfer_conclude(struct transfer *transfer, CURLcode code)
{
    struct attempt_result *result = &transfer->result;
    result->duration_ms = clock_mono_ms() - transfer->started_mono_ms;
    long connections = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections);
    result->opened_connection = connections > 0;
    // Once a status is known it decides, however the body ended.
    if (transfer->response.has_final_status) {
        result->error = ATTEMPT_OK;
        return;
    }
    result->error = classify(transfer, code);
    result->status = 0;
    if (result->error != ATTEMPT_BLOCKED_ADDRESS)
        set_detail(result, describe(transfer, code));
}
