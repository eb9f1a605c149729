// SPDX-License-Identifier: Apache-2.0
// Options, callbacks and the reading of results of one easy handle. The guard stands here: it judges the very
// address that is about to be connected to, and again before a request goes out on a kept connection.
#include "sender_transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "petrel/clock.h"

enum {
    HEADER_CAP_BYTES = 64 * 1024, // whole header sections of a response, 1xx ones included
    BODY_CAP_BYTES = 64 * 1024
};

// ---- the guard

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        !network_is_allowed(&address->addr, transfer->options->allow_networks)) {
        transfer->was_address_blocked = true;
        network_format_address(&address->addr, transfer->result.detail);
        return CURL_SOCKET_BAD;
    }
    transfer->was_address_allowed = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_before_request(void *arg, char *remote_ip, char *local_ip, int remote_port,
                             int local_port)
{
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    struct transfer *transfer = arg;
    struct sockaddr_storage address;
    if (network_parse_address(remote_ip, &address) &&
        network_is_allowed((struct sockaddr *)&address, transfer->options->allow_networks))
        return CURL_PREREQFUNC_OK;
    transfer->was_address_blocked = true;
    transfer->was_address_allowed = false;
    span_copy(span_of(remote_ip), transfer->result.detail, sizeof transfer->result.detail);
    return CURL_PREREQFUNC_ABORT;
}

// ---- the response

static bool take_header(struct span line, const char *name, struct span *value)
{
    struct span head = span_of(name);
    if (line.size <= head.size || line.data[head.size] != ':')
        return false;
    if (!span_equals_ignoring_case((struct span){line.data, head.size}, head))
        return false;
    *value = span_trim((struct span){line.data + head.size + 1, line.size - head.size - 1});
    return true;
}

static void read_header(struct transfer *transfer, struct span line)
{
    struct attempt_result *result = &transfer->result;
    struct span value;
    if (take_header(line, "retry-after", &value)) {
        result->retry_after_ms = outcome_parse_retry_after(value, clock_wall_ms() / 1000);
    } else if (take_header(line, "webhook-delivery", &value)) {
        if (span_equals_ignoring_case(value, SPAN("disable")))
            result->directive = DIRECTIVE_DISABLE;
        else if (span_equals_ignoring_case(value, SPAN("abort-message")))
            result->directive = DIRECTIVE_ABORT_MESSAGE;
    }
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t bytes = size * count;
    transfer->header_bytes += bytes;
    if (transfer->header_bytes > HEADER_CAP_BYTES) {
        transfer->is_too_large = true;
        return 0;
    }
    struct span line = {data, bytes};
    while (line.size && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    if (transfer->has_final_status)
        return bytes; // trailers: nothing of ours is read from them
    if (span_starts_with(line, SPAN("HTTP/"))) {
        // A new response (after a 1xx one): what the former said doesn't count.
        transfer->result.retry_after_ms = -1;
        transfer->result.directive = DIRECTIVE_NONE;
    } else if (line.size == 0) {
        long status = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        transfer->has_final_status = status >= 200;
        transfer->result.status = (int32_t)(status >= 200 ? status : 0);
    } else {
        read_header(transfer, line);
    }
    return bytes;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct attempt_result *result = &transfer->result;
    size_t bytes = size * count;
    size_t room = sizeof result->excerpt - result->excerpt_bytes;
    size_t kept = bytes < room ? bytes : room;
    memcpy(result->excerpt + result->excerpt_bytes, data, kept);
    result->excerpt_bytes += kept;
    transfer->body_bytes += bytes;
    if (transfer->body_bytes > BODY_CAP_BYTES) {
        transfer->is_too_large = true;
        return 0;
    }
    return bytes;
}

// ---- options

static void set_fixed_options(struct transfer *transfer, transfer_close_socket *close_socket,
                              void *sender)
{
    CURL *easy = transfer->easy;
    const struct sender_options *options = transfer->options;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); // the environment's proxies are not for us
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (options->ca_file[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    // Without it, giving up on a hung name lookup waits for its thread (curl ≥ 7.87 has the option).
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sender);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

struct transfer *transfer_create(const struct sender_options *options,
                                 transfer_close_socket *close_socket, void *sender)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return NULL;
    transfer->options = options;
    transfer->easy = curl_easy_init();
    if (!transfer->easy) {
        free(transfer);
        return NULL;
    }
    set_fixed_options(transfer, close_socket, sender);
    return transfer;
}

void transfer_destroy(struct transfer **transfer)
{
    if (!*transfer)
        return;
    curl_easy_cleanup((*transfer)->easy);
    curl_slist_free_all((*transfer)->headers);
    free(*transfer);
    *transfer = NULL;
}

static bool set_headers(struct transfer *transfer, const struct sender_request *request)
{
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(transfer->headers, request->headers[i]);
        if (!longer)
            return false;
        transfer->headers = longer;
    }
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
}

static void reset_result(struct transfer *transfer)
{
    transfer->header_bytes = transfer->body_bytes = 0;
    transfer->has_final_status = transfer->is_too_large = false;
    transfer->was_address_allowed = transfer->was_address_blocked = false;
    transfer->curl_error[0] = '\0';
    // The excerpt's bytes are left as they are: excerpt_bytes says how many count.
    struct attempt_result *result = &transfer->result;
    result->error = ATTEMPT_OK;
    result->status = 0;
    result->directive = DIRECTIVE_NONE;
    result->retry_after_ms = -1;
    result->opened_connection = false;
    result->detail[0] = '\0';
    result->excerpt_bytes = 0;
    result->started_wall_ms = clock_wall_ms();
    transfer->started_mono_ms = clock_mono_ms();
}

bool transfer_prepare(struct transfer *transfer, const struct sender_request *request)
{
    CURL *easy = transfer->easy;
    int64_t connect_ms = transfer->options->connect_timeout_ms;
    if (connect_ms > request->timeout_ms)
        connect_ms = request->timeout_ms;
    reset_result(transfer);
    if (!set_headers(transfer, request))
        return false;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.size ? request->body.data : "");
    return curl_easy_setopt(easy, CURLOPT_URL, request->url->text) == CURLE_OK;
}

// ---- the outcome

static enum attempt_error classify_connect_failure(const struct transfer *transfer)
{
    if (transfer->was_address_blocked && !transfer->was_address_allowed)
        return ATTEMPT_BLOCKED_ADDRESS;
    long os_error = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
    return os_error == ECONNREFUSED ? ATTEMPT_CONNECT_REFUSED : ATTEMPT_CONNECT;
}

// CURLcode has a hundred values, most of other protocols; those not named are protocol errors.
static enum attempt_error classify(const struct transfer *transfer, CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK:
        return transfer->has_final_status ? ATTEMPT_OK : ATTEMPT_PROTOCOL;
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
        return transfer->is_too_large ? ATTEMPT_RESPONSE_TOO_LARGE : ATTEMPT_INTERNAL;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return ATTEMPT_INTERNAL;
    default:
        return ATTEMPT_PROTOCOL;
    }
}

void transfer_conclude(struct transfer *transfer, CURLcode code)
{
    struct attempt_result *result = &transfer->result;
    result->duration_ms = clock_mono_ms() - transfer->started_mono_ms;
    long connections = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections);
    result->opened_connection = connections > 0;
    // Once a status is known it decides, however the body ended.
    if (transfer->has_final_status) {
        result->error = ATTEMPT_OK;
        return;
    }
    result->error = classify(transfer, code);
    result->status = 0;
    if (result->error != ATTEMPT_BLOCKED_ADDRESS) {
        const char *why = transfer->curl_error[0] ? transfer->curl_error : curl_easy_strerror(code);
        struct span text = span_of(why);
        if (text.size >= sizeof result->detail)
            text.size = sizeof result->detail - 1;
        span_copy(text, result->detail, sizeof result->detail);
    }
}
