// SPDX-License-Identifier: Apache-2.0
// A request's life: on_request is called once for its head (an upload is allocated), once for each piece of its
// body, and once at its end, when it becomes a job and its connection is suspended; a handler thread makes the
// answer and resumes it; then on_request is called once more, and queues the answer; on_completed frees the upload.
// Before a large body a job finds out whether it is wanted. A handler that waits, for Redis above all, so holds up no
// other connection.
#include <assert.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "petrel/clock.h"
#include "server_head.h"
#include "server_internal.h"

enum {
    // Of a body that isn't kept, so that the client gets to read why.
    SWALLOW_MAX_BYTES = 64 * 1024 * 1024,
    SMALL_BODY_BYTES = 16 * 1024, // kept without asking whose it is
    QUEUE_MAX_MS = 5000           // for a handler thread: later the client has given up, or should
};

// One request, from its head to its answer.
struct upload {
    struct server_job job; // first: it is found by its address
    const struct http_server *server;
    struct text body;
    size_t received_bytes;
    bool is_dropped; // too large, or not wanted: read and thrown away
    bool is_begun;   // its body may come
    bool is_answered;
    struct http_request request;
    struct http_response response; // when answered
};

// ---- what handlers call

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct visit {
    bool (*visit)(void *arg, const char *name, const char *value);
    void *arg;
};

static enum MHD_Result on_value(void *arg, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    (void)kind;
    const struct visit *visit = arg;
    return visit->visit(visit->arg, name, value) ? MHD_YES : MHD_NO;
}

void http_request_each_query(const struct http_request *request,
                             bool (*visit)(void *arg, const char *name, const char *value),
                             void *arg)
{
    struct visit each = {.visit = visit, .arg = arg};
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, on_value, &each);
}

void http_request_each_header(const struct http_request *request,
                              bool (*visit)(void *arg, const char *name, const char *value),
                              void *arg)
{
    struct visit each = {.visit = visit, .arg = arg};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_value, &each);
}

void http_response_add_header(struct http_response *response, const char *name, const char *format,
                              ...)
{
    assert(response->header_count < HTTP_RESPONSE_HEADERS_MAX);
    size_t index = response->header_count++;
    response->headers[index].name = name;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(response->headers[index].value, sizeof response->headers[index].value, format,
              arguments);
    va_end(arguments);
}

// ---- a request

static void find_peer(struct MHD_Connection *connection, char *peer, size_t peer_size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    peer[0] = '\0';
    if (!info || !info->client_addr)
        return;
    const struct sockaddr *address = info->client_addr;
    socklen_t size =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, size, peer, (socklen_t)peer_size, NULL, 0, NI_NUMERICHOST) != 0)
        peer[0] = '\0';
}

// Takes the response's body.
static void free_wiped(void *body)
{
    explicit_bzero(body, malloc_usable_size(body));
    free(body);
}

// Takes the body. NULL without memory.
static struct MHD_Response *create_response(char *body, size_t size, bool is_secret)
{
    struct MHD_Response *out =
        is_secret ? MHD_create_response_from_buffer_with_free_callback(size, body, free_wiped)
                  : MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (!out)
        free_wiped(body);
    return out;
}

static enum MHD_Result queue_response(struct MHD_Connection *connection,
                                      struct http_response *response)
{
    static const char too_large[] = "The answer is too large.\n";
    bool is_whole = !response->body.failed;
    size_t size = is_whole ? response->body.size : sizeof too_large - 1;
    char *body = is_whole && size > 0 ? text_take(&response->body) : NULL;
    struct MHD_Response *out =
        body ? create_response(body, size, response->body.is_secret)
             : MHD_create_response_from_buffer(is_whole ? 0 : size, (void *)(uintptr_t)too_large,
                                               MHD_RESPMEM_PERSISTENT);
    if (!out)
        return MHD_NO;
    if (!is_whole)
        MHD_add_response_header(out, "content-type", "text/plain");
    else if (response->content_type)
        MHD_add_response_header(out, "content-type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(out, response->headers[i].name, response->headers[i].value);
    enum MHD_Result result = MHD_queue_response(connection, is_whole ? response->status : 500, out);
    MHD_destroy_response(out);
    return result;
}

static void enter(const struct http_server *server, struct MHD_Connection *connection,
                  enum server_phase phase)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info)
        server_connections_enter(server->connections, info->socket_context, phase);
}

static void handle(struct upload *upload)
{
    const struct http_server_options *options = &upload->server->options;
    upload->response = (struct http_response){.status = 500};
    text_init(&upload->response.body, options->max_response_bytes);
    find_peer(upload->request.connection, upload->request.peer, sizeof upload->request.peer);
    options->handler(options->arg, &upload->request, &upload->response);
    upload->is_answered = true;
}

static void on_job(struct server_job *job)
{
    struct upload *upload = (struct upload *)job;
    upload->request.is_late = clock_mono_ms() - job->added_mono_ms > QUEUE_MAX_MS;
    handle(upload);
    MHD_resume_connection(upload->request.connection);
}

static enum MHD_Result send_answer(struct upload *upload, struct MHD_Connection *connection)
{
    if (upload->response.drop_connection)
        return MHD_NO;
    enter(upload->server, connection, SERVER_PHASE_ANSWER);
    return queue_response(connection, &upload->response);
}

static struct server_pool *choose_pool(const struct upload *upload)
{
    const struct http_server *server = upload->server;
    bool is_urgent = server->urgent && server->options.is_urgent &&
                     server->options.is_urgent(server->options.arg, &upload->request);
    return is_urgent ? server->urgent : server->handlers;
}

// The request is whole.
static enum MHD_Result answer(struct upload *upload, struct MHD_Connection *connection)
{
    struct server_pool *pool = choose_pool(upload);
    enter(upload->server, connection, SERVER_PHASE_HANDLER);
    if (!pool) {
        handle(upload);
        return send_answer(upload, connection);
    }
    // Suspended first: the job may end before server_pool_add returns.
    MHD_suspend_connection(connection);
    if (server_pool_add(pool, &upload->job))
        return MHD_YES;
    MHD_resume_connection(connection);
    return MHD_NO; // the server stops
}

static void receive(struct upload *upload, struct span piece)
{
    upload->received_bytes += piece.size;
    if (!upload->is_dropped)
        text_append_span(&upload->body, piece);
    if (upload->body.failed && !upload->is_dropped) {
        upload->is_dropped = true;
        text_fini(&upload->body);
    }
}

static struct upload *create_upload(const struct http_server *server,
                                    const struct http_request *request)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (!upload)
        return NULL;
    text_init_secret(&upload->body, server->options.max_body_bytes); // it may hold one
    upload->job.run = on_job;
    upload->server = server;
    upload->request = *request;
    return upload;
}

// ---- whose body is it?

static enum MHD_Result begin(struct upload *upload)
{
    upload->is_begun = true;
    return MHD_YES;
}

static bool needs_admission(const struct upload *upload)
{
    uint64_t bytes;
    const char *length = http_request_header(&upload->request, "content-length");
    if (!upload->server->options.wants_body || !upload->server->handlers)
        return false;
    if (!length)
        return http_request_header(&upload->request, "transfer-encoding") != NULL;
    return !span_to_uint64(span_of(length), &bytes) || bytes > SMALL_BODY_BYTES;
}

static void on_admission(struct server_job *job)
{
    struct upload *upload = (struct upload *)job;
    const struct http_server_options *options = &upload->server->options;
    upload->is_dropped = !options->wants_body(options->arg, &upload->request);
    job->run = on_job;
    MHD_resume_connection(upload->request.connection);
}

static enum MHD_Result admit(struct upload *upload)
{
    upload->job.run = on_admission;
    MHD_suspend_connection(upload->request.connection);
    if (server_pool_add(upload->server->handlers, &upload->job))
        return MHD_YES;
    MHD_resume_connection(upload->request.connection);
    return MHD_NO; // the server stops
}

// ---- the callbacks

// `why` is static. Closed, because what follows on the connection may be anything.
static enum MHD_Result refuse_head(struct MHD_Connection *connection, const char *why)
{
    struct MHD_Response *out = MHD_create_response_from_buffer(strlen(why), (void *)(uintptr_t)why,
                                                               MHD_RESPMEM_PERSISTENT);
    if (!out)
        return MHD_NO;
    MHD_add_response_header(out, "content-type", "text/plain");
    MHD_add_response_header(out, "connection", "close");
    enum MHD_Result result = MHD_queue_response(connection, 400, out);
    MHD_destroy_response(out);
    return result;
}

static enum MHD_Result on_head(const struct http_server *server, const struct http_request *request,
                               void **request_state)
{
    struct MHD_Connection *connection = request->connection;
    const char *why = server_head_refuse(request);
    if (why) {
        enter(server, connection, SERVER_PHASE_ANSWER);
        return refuse_head(connection, why);
    }
    struct upload *upload = *request_state = create_upload(server, request);
    enter(server, connection, SERVER_PHASE_BODY);
    return !upload ? MHD_NO : needs_admission(upload) ? admit(upload) : begin(upload);
}

// NOLINTNEXTLINE(readability-function-size): libmicrohttpd's parameters
enum MHD_Result server_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **request_state)
{
    (void)version;
    const struct http_server *server = arg;
    struct upload *upload = *request_state;
    if (!upload) {
        struct http_request request = {.method = method, .path = url, .connection = connection};
        return on_head(server, &request, request_state);
    }
    if (!upload->is_begun) // its head once more, now that it is admitted
        return begin(upload);
    if (upload->is_answered)
        return send_answer(upload, connection);
    if (*data_size > 0) {
        receive(upload, (struct span){.data = data, .size = *data_size});
        *data_size = 0;
        return upload->received_bytes > server->options.max_body_bytes + SWALLOW_MAX_BYTES
                   ? MHD_NO
                   : MHD_YES;
    }
    upload->request.body = upload->is_dropped ? SPAN("") : text_span(&upload->body);
    upload->request.is_too_large = upload->is_dropped;
    return answer(upload, connection);
}

void server_on_completed(void *arg, struct MHD_Connection *connection, void **request_state,
                         enum MHD_RequestTerminationCode why)
{
    (void)why;
    struct upload *upload = *request_state;
    enter(arg, connection, SERVER_PHASE_HEAD);
    if (!upload)
        return;
    text_fini(&upload->body);
    text_fini(&upload->response.body);
    free(upload);
    *request_state = NULL;
}
