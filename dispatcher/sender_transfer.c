// SPDX-License-Identifier: Apache-2.0
// Options and callbacks of one easy handle. The guard stands here: it judges the very address that is about to be
// connected to, and again before a request goes out on a kept connection. How a transfer ended is read off in
// sender_outcome.c.
#include "sender_transfer.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "petrel/clock.h"
#include "sender_tls.h"

enum {
    IDLE_MAX_S = 118, // a kept connection that nobody used: curl's own default
    // What curl receives into, allocated anew for each request: answers are small, and so is this, which malloc's
    // cache of each thread has at hand (1032 bytes at most), unlike curl's default of 16 KiB.
    RECEIVE_BYTES = 1024
};

// ---- the guard

// Curl reaches nothing but the proxy if there is one; that is the operator's own choice, and the proxy's address
// needn't be public.
static const char *refuse_address(const struct transfer *transfer, const struct sockaddr *address)
{
    if (transfer->context->options->proxy)
        return NULL;
    return guard_refuse_address(transfer->context->guard, address);
}

// "10.0.0.1: not a public address …": for the operator's log alone.
static void note_refusal(struct transfer *transfer, const struct sockaddr *address, const char *why)
{
    char text[NETWORK_ADDRESS_SIZE];
    network_format_address(address, text);
    snprintf(transfer->result.detail, sizeof transfer->result.detail, "%s: %s", text, why);
    transfer->was_address_blocked = true;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = arg;
    struct transfer_context *context = transfer->context;
    context->on_lookup_end(context, transfer, LOOKUP_RESOLVED);
    const char *why = purpose == CURLSOCKTYPE_IPCXN ? refuse_address(transfer, &address->addr)
                                                    : "not a connection";
    if (why) {
        note_refusal(transfer, &address->addr, why);
        return CURL_SOCKET_BAD;
    }
    transfer->was_address_allowed = true;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0)
        sockets_adopt(context->sockets, fd);
    else
        transfer->socket_error = errno;
    return fd;
}

static int on_close_socket(void *arg, curl_socket_t fd)
{
    return sockets_close(arg, fd);
}

static void set_port(struct sockaddr_storage *address, int port)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
}

// Also on a kept connection, which may have been opened under another policy.
static int on_before_request(void *arg, char *remote_ip, char *local_ip, int remote_port,
                             int local_port)
{
    (void)local_ip;
    (void)local_port;
    struct transfer *transfer = arg;
    struct transfer_context *context = transfer->context;
    struct sockaddr_storage address;
    const char *why = "not readable";
    context->on_lookup_end(context, transfer, LOOKUP_UNNEEDED);
    transfer->was_request_begun = true;
    if (network_parse_address(remote_ip, &address)) {
        set_port(&address, remote_port);
        why = refuse_address(transfer, (const struct sockaddr *)&address);
    }
    if (!why)
        return CURL_PREREQFUNC_OK;
    note_refusal(transfer, (const struct sockaddr *)&address, why);
    transfer->was_address_allowed = false;
    return CURL_PREREQFUNC_ABORT;
}

// ---- the response

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct span line = {data, size * count};
    long status = 0;
    switch (response_take_line(&transfer->response, line, &transfer->result)) {
    case RESPONSE_TOO_LARGE:
        return 0;
    case RESPONSE_END_OF_HEAD:
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        response_end_head(&transfer->response, status, &transfer->result);
        break;
    case RESPONSE_LINE:
        break;
    }
    return line.size;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct span bytes = {data, size * count};
    return response_take_body(&transfer->response, bytes, &transfer->result) ? bytes.size : 0;
}

// ---- options

// An empty text, not NULL: otherwise curl takes http_proxy, https_proxy and no_proxy from the environment.
static void set_proxy(CURL *easy, const struct sender_options *options)
{
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy ? options->proxy->text : "");
    if (!options->proxy)
        return;
    // Through a tunnel the proxy's answers can't be taken for the subscriber's, nor the other way round.
    curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (options->ca_file[0])
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, options->ca_file);
    if (options->proxy_user[0])
        curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, options->proxy_user);
}

static void set_callbacks(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    // A connection outlives the transfer that opened it: what it is closed with must do so, too.
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->context->sockets);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

static void set_fixed_options(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct sender_options *options = transfer->context->options;
    long max_age_s = (long)((options->connection_max_age_ms + 999) / 1000);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    // Frames of HTTP/2 would come in many pieces: a flood of them took several times as long.
    if (!options->http2)
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     options->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    if (options->ca_file[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, max_age_s);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, max_age_s < IDLE_MAX_S ? max_age_s : IDLE_MAX_S);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (LOOKUP_KNOWN_MS + 5000L) / 1000);
    // Without it, giving up on a hung name lookup waits for its thread (curl ≥ 7.87 has the option).
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    sender_tls_bound(easy, options->http2);
    set_proxy(easy, options);
    set_callbacks(transfer);
}

struct sender_target *sender_target_create(const struct url *url)
{
    struct sender_target *target = calloc(1, sizeof *target);
    if (!target)
        return NULL;
    target->references = 1;
    target->handle = curl_url();
    if (!target->handle || curl_url_set(target->handle, CURLUPART_URL, url->text, 0) != CURLUE_OK)
        sender_target_unref(&target);
    return target;
}

void sender_target_unref(struct sender_target **target_pointer)
{
    struct sender_target *target = *target_pointer;
    *target_pointer = NULL;
    if (!target || --target->references > 0)
        return;
    curl_url_cleanup(target->handle);
    free(target);
}

struct transfer *transfer_create(struct transfer_context *context)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return NULL;
    transfer->context = context;
    // A subscription's own headers are often credentials.
    text_init_secret(&transfer->header_text, SENDER_HEADER_BYTES_MAX);
    transfer->easy = curl_easy_init();
    if (!transfer->easy) {
        free(transfer);
        return NULL;
    }
    set_fixed_options(transfer);
    return transfer;
}

void transfer_destroy(struct transfer **transfer)
{
    if (!*transfer)
        return;
    curl_easy_cleanup((*transfer)->easy);
    text_fini(&(*transfer)->header_text);
    free(*transfer);
    *transfer = NULL;
}

static bool set_headers(struct transfer *transfer, const struct sender_request *request)
{
    struct text *text = &transfer->header_text;
    size_t starts[SENDER_HEADERS_MAX];
    assert(request->header_count <= SENDER_HEADERS_MAX);
    text_clear(text);
    for (size_t i = 0; i < request->header_count; i++) {
        starts[i] = text->size;
        text_append(text, request->headers[i], strlen(request->headers[i]) + 1);
    }
    if (text->failed)
        return false;
    for (size_t i = 0; i < request->header_count; i++) {
        bool is_last = i + 1 == request->header_count;
        transfer->headers[i] = (struct curl_slist){
            .data = text->data + starts[i], .next = is_last ? NULL : &transfer->headers[i + 1]};
    }
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER,
                            request->header_count ? transfer->headers : NULL) == CURLE_OK;
}

static void reset_result(struct transfer *transfer)
{
    transfer->was_address_allowed = transfer->was_address_blocked = false;
    transfer->was_request_begun = false;
    transfer->socket_error = 0;
    transfer->curl_error[0] = '\0';
    struct attempt_result *result = &transfer->result;
    response_begin(&transfer->response, result);
    result->error = ATTEMPT_OK;
    result->opened_connection = false;
    result->detail[0] = '\0';
    result->started_wall_ms = clock_wall_ms();
    transfer->started_mono_ms = clock_mono_ms();
}

// What is to be parsed is set as well as what was: curl 7.88 connects to the handle's URL, but goes by the text where
// it sends a request once more, after a kept connection broke; and a text of an earlier request would still be there.
static bool set_url(struct transfer *transfer, const struct sender_request *request)
{
    transfer->target = request->target;
    if (transfer->target)
        transfer->target->references++;
    CURLU *parsed = transfer->target ? transfer->target->handle : NULL;
    return curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url->text) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_CURLU, parsed) == CURLE_OK;
}

void transfer_release(struct transfer *transfer)
{
    sender_target_unref(&transfer->target);
}

bool transfer_prepare(struct transfer *transfer, const struct sender_request *request)
{
    CURL *easy = transfer->easy;
    reset_result(transfer);
    transfer->destination = request->destination;
    transfer->timeout_ms = request->timeout_ms;
    if (!set_headers(transfer, request))
        return false;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.size ? request->body.data : "");
    return set_url(transfer, request);
}

int64_t transfer_connect_patience(const struct transfer *transfer, int64_t now_mono_ms)
{
    int64_t connect_ms = transfer->context->options->connect_timeout_ms;
    if (connect_ms > transfer->timeout_ms)
        connect_ms = transfer->timeout_ms;
    return transfer->started_mono_ms + connect_ms - now_mono_ms;
}

void transfer_set_deadlines(struct transfer *transfer)
{
    int64_t now_ms = clock_mono_ms();
    int64_t connect_ms = transfer_connect_patience(transfer, now_ms);
    int64_t left_ms = transfer->started_mono_ms + transfer->timeout_ms - now_ms;
    // Zero would be curl's default, which is longer than anything.
    curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 1 ? left_ms : 1));
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(connect_ms > 1 ? connect_ms : 1));
}
