// SPDX-License-Identifier: Apache-2.0
// POST and GET /v1/events, GET /v1/events/{id}.
//
// The body's members become the fields of a stream entry, as a producer would XADD them; `data` is passed on as the
// bytes that stand in the request. 202 is answered only after Redis has the entry.
#include <stdio.h>
#include <stdlib.h>

#include "body.h"
#include "routes.h"
#include "views.h"

enum {
    STRING_MAX_BYTES = 8 * 1024, // no string field may be longer; each field's own limit is lower
    PUBLISH_FIELDS_MAX = 9
};

static const char *const allowed[] = {
    "type",         "data",      "payload",      "payload_base64", "id", "tenant",
    "content_type", "timestamp", "subscription", "traceparent",    NULL};
static const char *const string_names[] = {"type",      "content_type", "id",         "tenant",
                                           "timestamp", "subscription", "traceparent"};
enum { STRING_COUNT = sizeof string_names / sizeof string_names[0] };

struct publish {
    struct body body;
    struct text strings[STRING_COUNT];
    struct text payload;
    struct span fields[PUBLISH_FIELDS_MAX * 2];
    size_t field_count;
    size_t bytes;
};

static void init(struct publish *publish, size_t max_event_bytes)
{
    *publish = (struct publish){.field_count = 0};
    for (size_t i = 0; i < STRING_COUNT; i++)
        text_init(&publish->strings[i], STRING_MAX_BYTES);
    // One more than fits, so that too large is told from malformed.
    text_init(&publish->payload, max_event_bytes + 1);
}

static void fini(struct publish *publish)
{
    for (size_t i = 0; i < STRING_COUNT; i++)
        text_fini(&publish->strings[i]);
    text_fini(&publish->payload);
}

static void add_field(struct publish *publish, const char *name, struct span value)
{
    publish->fields[publish->field_count++] = span_of(name);
    publish->fields[publish->field_count++] = value;
    publish->bytes += span_of(name).size + value.size;
}

static void read_strings(struct publish *publish, struct field_errors *errors)
{
    for (size_t i = 0; i < STRING_COUNT; i++) {
        const char *name = string_names[i];
        if (body_find(&publish->body, name) &&
            body_read_string(&publish->body, name, &publish->strings[i], errors))
            add_field(publish, name, text_span(&publish->strings[i]));
    }
    if (!body_find(&publish->body, "type"))
        field_errors_add(errors, "type", "is required, like \"invoice.paid\"");
    else if (event_is_own(text_string(&publish->strings[0])))
        field_errors_add(errors, "type", "types beginning with \"%s\" are reserved",
                         EVENT_RESERVED_PREFIX);
}

static void decode_base64(struct publish *publish, struct span raw, struct field_errors *errors)
{
    struct text encoded;
    text_init(&encoded, base64_encoded_size(publish->payload.max_bytes) + 4);
    unsigned char *bytes = malloc(publish->payload.max_bytes);
    size_t size = 0;
    if (!body_decode_string(raw, &encoded) && !encoded.failed)
        field_errors_add(errors, "payload_base64", "must be a string");
    else if (encoded.failed || !bytes)
        publish->payload.failed = true; // too large
    else if (!base64_decode(text_span(&encoded), bytes, publish->payload.max_bytes, &size))
        field_errors_add(errors, "payload_base64", "is not standard base64 (RFC 4648 §4)");
    else
        text_append(&publish->payload, bytes, size);
    free(bytes);
    text_fini(&encoded);
}

static void read_payload(struct publish *publish, struct field_errors *errors)
{
    const struct span *data = body_find(&publish->body, "data");
    const struct span *payload = body_find(&publish->body, "payload");
    const struct span *encoded = body_find(&publish->body, "payload_base64");
    int given = (data != NULL) + (payload != NULL) + (encoded != NULL);
    if (given != 1) {
        field_errors_add(errors,
                         given == 0 ? "data"
                         : payload  ? "payload"
                                    : "payload_base64",
                         "give exactly one of data, payload and payload_base64");
        return;
    }
    if (data) {
        add_field(publish, "data", *data);
        return;
    }
    if (encoded)
        decode_base64(publish, *encoded, errors);
    else if (!body_decode_string(*payload, &publish->payload) && !publish->payload.failed)
        field_errors_add(errors, "payload", "must be a string; objects go to data");
    add_field(publish, "payload", text_span(&publish->payload));
}

// 413 comes before 422: what is too large wasn't read to its end.
static bool is_acceptable(struct exchange *exchange, const struct publish *publish,
                          const struct field_errors *errors)
{
    uint64_t most = exchange->config->max_event_bytes;
    if (publish->payload.failed || publish->bytes > most) {
        problem_set(exchange->response, 413,
                    "The event is larger than the %llu bytes that max_event_bytes allows.",
                    (unsigned long long)most);
        return false;
    }
    return exchange_accept(exchange, errors);
}

// A request that failed may have left its event in Redis. Its repetition, under the same Idempotency-Key, has the same
// event id, and so is delivered once.
static void name_by_idempotency_key(const struct exchange *exchange, struct publish *publish,
                                    char id[], size_t id_size)
{
    if (exchange->request_digest[0] == '\0' || body_find(&publish->body, "id"))
        return;
    int size = snprintf(id, id_size, "idem_%.32s", exchange->request_digest);
    add_field(publish, "id", (struct span){.data = id, .size = (size_t)size});
}

static void publish_fields(struct exchange *exchange, struct publish *publish,
                           struct field_errors *errors)
{
    char id[EVENT_ID_SIZE], key_id[EVENT_ID_SIZE];
    name_by_idempotency_key(exchange, publish, key_id, sizeof key_id);
    struct store_publish fields = {.fields = publish->fields, .field_count = publish->field_count};
    enum store_result result = store_publish_event(exchange->store, &fields, id, errors);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "event", errors);
        return;
    }
    http_response_add_header(exchange->response, "location", "/v1/events/%s", id);
    text_append_format(exchange_begin_json(exchange, 202), "{\"id\":\"%s\"}", id);
}

void route_events_publish(struct exchange *exchange)
{
    struct field_errors errors = {.count = 0};
    struct publish publish;
    struct span json;
    if (!exchange_accept_no_query(exchange) || !exchange_take_json(exchange, &json))
        return;
    init(&publish, (size_t)exchange->config->max_event_bytes);
    if (body_parse(json, allowed, &publish.body, &errors)) {
        read_strings(&publish, &errors);
        read_payload(&publish, &errors);
    }
    if (is_acceptable(exchange, &publish, &errors))
        publish_fields(exchange, &publish, &errors);
    fini(&publish);
}

static bool read_filter(struct exchange *exchange, struct list_request *request,
                        struct store_event_filter *filter)
{
    static const char *const known[] = {"limit", "cursor", "type", "tenant",
                                        "since", "until",  NULL};
    const struct query *query = &exchange->query;
    exchange_read_list(exchange, known, request);
    *filter = (struct store_event_filter){
        .type = query_text(query, "type"),
        .tenant = query_text(query, "tenant"),
        .since_ms = query_instant(query, "since", request->now_ms, &request->errors),
        .until_ms = query_instant(query, "until", request->now_ms, &request->errors),
    };
    return exchange_accept(exchange, &request->errors);
}

void route_events_list(struct exchange *exchange)
{
    struct list_request request;
    struct store_events list = {.count = 0};
    struct store_event_filter filter;
    if (!read_filter(exchange, &request, &filter))
        return;
    enum store_result result = store_list_events(exchange->store, &filter, request.cursor,
                                                 request.limit, &list, &request.errors);
    struct text *out = exchange_begin_list(exchange, result, "event", &request.errors);
    if (!out)
        return;
    for (size_t i = 0; i < list.count; i++) {
        view_begin_item(i, out);
        view_event_summary(&list.items[i], out);
    }
    view_end_list(list.next_cursor, out);
    store_events_fini(&list);
}

void route_events_show(struct exchange *exchange)
{
    struct store_event found = {.event = NULL};
    if (!exchange_accept_no_query(exchange) || !exchange_accept_id(exchange, "event"))
        return;
    enum store_result result = store_find_event(exchange->store, exchange->id, &found);
    if (result != STORE_OK) {
        exchange_fail(exchange, result, "event", NULL);
        return;
    }
    view_event(&found, exchange->id, exchange_begin_json(exchange, 200));
    store_event_fini(&found);
}
