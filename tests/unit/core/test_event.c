// SPDX-License-Identifier: Apache-2.0
// An entry of the stream becomes an event, or is refused with the field and the reason.
#include "event_entry.h"
#include "event_syntax.h"
#include "petrel/json.h"
#include "petrel/random.h"
#include "petrel/timestamp.h"

TEST(a_minimal_event)
{
    struct event *event = parse(FIELDS("type", "invoice.paid", "data", "{\"id\":\"in_1\"}"));
    if (!event)
        return;
    CHECK_STR(event->id, "msg_3_1769860800042_7");
    CHECK_STR(event->entry_id, ENTRY_ID);
    CHECK_INT(event->shard, 3);
    CHECK(!event->has_own_id);
    CHECK_STR(event->type, "invoice.paid");
    CHECK_STR(event->tenant, "");
    CHECK_STR(event->subscription, "");
    CHECK_STR(event->traceparent, "");
    CHECK_STR(event->content_type, "application/json");
    CHECK_INT(event->timestamp_ms, 1769860800042);
    CHECK_STR(event->body, "{\"type\":\"invoice.paid\",\"timestamp\":\"2026-01-31T12:00:00.042Z\","
                           "\"data\":{\"id\":\"in_1\"}}");
    CHECK_INT(event->body_size, strlen(event->body));
    event_destroy(&event);
    CHECK(!event);
    event_destroy(&event);
}

TEST(every_field)
{
    struct event *event = parse(FIELDS("subscription", "sub_1", "data", "1", "traceparent", TRACE,
                                       "timestamp", "2020-02-29T23:59:59.5+01:00", "tenant",
                                       "t.A_b:1-2", "id", "Ev_1-x", "type", "a", "unknown", "x"));
    if (!event)
        return;
    CHECK_STR(event->id, "Ev_1-x");
    CHECK(event->has_own_id);
    CHECK_STR(event->tenant, "t.A_b:1-2");
    CHECK_STR(event->subscription, "sub_1");
    CHECK_STR(event->traceparent, TRACE);
    CHECK_STR(event->body, "{\"type\":\"a\",\"timestamp\":\"2020-02-29T22:59:59.500Z\",\"data\":1}");
    event_destroy(&event);
}

TEST(faults_name_the_field)
{
    check_fault(FIELDS("data", "1"), "type", "is missing");
    check_fault(FIELDS("type", "", "data", "1"), "type", "1 to 128");
    check_fault(FIELDS("type", "a b", "data", "1"), "type", "\"a b\" must have");
    check_fault(FIELDS("type", A64 A64 "a", "data", "1"), "type", "aaa...\" must have");
    check_fault(FIELDS("type", "a\r\n\x1b[31m\xff", "data", "1"), "type", "\"a???[31m?\"");
    check_fault(FIELDS("TYPE", "a", "data", "1"), "type", "is missing");
    check_fault(FIELDS("type", "a"), "data", "is missing, and so is payload");
    check_fault(FIELDS("type", "a", "data", "1", "payload", "x"), "payload", "both given");
    check_fault(FIELDS("type", "a", "data", "1", "content_type", "text/plain"), "content_type",
                "payload only");
    check_fault(FIELDS("type", "a", "data", ""), "data", "at byte 0: a value is expected");
    check_fault(FIELDS("type", "a", "data", "{\"a\":tru}"), "data", "at byte 5");
    check_fault(FIELDS("type", "a", "data", "\"\xff\""), "data", "UTF-8");
    check_fault(FIELDS("type", "a", "type", "a", "data", "1"), "type", "is given twice");
    check_fault(FIELDS("type", "a", "data", "1", "data", "1"), "data", "is given twice");
    check_fault(FIELDS("type", "a", "data", "1", "id", ""), "id", "1 to 64");
    check_fault(FIELDS("type", "a", "data", "1", "id", A64 "a"), "id", "1 to 64");
    check_fault(FIELDS("type", "a", "data", "1", "id", "a.b"), "id", "1 to 64");
    check_fault(FIELDS("type", "a", "data", "1", "id", "msg_0_1_2"), "id", "petrel keeps");
    check_fault(FIELDS("type", "a", "data", "1", "tenant", "a/b"), "tenant", "at most 64");
    check_fault(FIELDS("type", "a", "data", "1", "tenant", A64 "a"), "tenant", "at most 64");
    check_fault(FIELDS("type", "a", "data", "1", "subscription", ""), "subscription", "leave");
    check_fault(FIELDS("type", "a", "data", "1", "subscription", "a b"), "subscription", "leave");
    check_fault(FIELDS("type", "a", "data", "1", "timestamp", ""), "timestamp", "RFC 3339");
    check_fault(FIELDS("type", "a", "data", "1", "timestamp", "1769860800"), "timestamp",
                "\"1769860800\" is no RFC 3339");
    check_fault(FIELDS("type", "a", "data", "1", "traceparent", ""), "traceparent", "W3C");
}

TEST(empty_tenant_is_none)
{
    struct event *event = parse(FIELDS("type", "a", "data", "1", "tenant", ""));
    CHECK_STR(event ? event->tenant : "?", "");
    event_destroy(&event);
}

TEST(traceparents)
{
    static const char *const bad[] = {
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_fault(FIELDS("type", "a", "data", "1", "traceparent", bad[i]), "traceparent", "W3C");
    struct event *event = parse(FIELDS("type", "a", "data", "1", "traceparent",
                                       "00-00000000000000000000000000000001-0000000000000001-ff"));
    CHECK(event);
    event_destroy(&event);
}

TEST(nul_bytes_are_faults)
{
    struct span fields[] = {SPAN("type"), SPAN("a"), SPAN("data"), SPAN("1"), SPAN("x"), SPAN("")};
    static const struct {
        struct span name, value;
    } cases[] = {
        {{"id", 2}, {"a\0b", 3}},
        {{"tenant", 6}, {"\0", 1}},
        {{"subscription", 12}, {"a\0", 2}},
        {{"timestamp", 9}, {"2026-01-31T12:00:00Z\0", 21}},
        {{"traceparent", 11}, {TRACE "\0", sizeof(TRACE)}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_fault fault;
        fields[4] = cases[i].name;
        fields[5] = cases[i].value;
        struct event_entry entry = {.entry_id = ENTRY_ID, .fields = fields, .field_count = 6};
        struct event *event = event_parse(&entry, MAX_BYTES, &fault);
        CHECK_ROW(!event && fault.field && span_equals_text(cases[i].name, fault.field),
                  cases[i].name.data);
        event_destroy(&event);
    }
    // A name with a NUL in it is another name.
    fields[4] = SPAN("id\0");
    fields[5] = SPAN("!!");
    struct event_fault fault;
    struct event_entry entry = {.entry_id = ENTRY_ID, .fields = fields, .field_count = 6};
    struct event *event = event_parse(&entry, MAX_BYTES, &fault);
    CHECK(event && !event->has_own_id);
    event_destroy(&event);
}

TEST(number_of_fields)
{
    const char *texts[2 * EVENT_MAX_FIELDS + 3] = {"type", "a", "data", "1"};
    struct event_fault fault;
    for (size_t i = 4; i < (size_t)2 * EVENT_MAX_FIELDS; i++)
        texts[i] = "x";
    struct event *event = parse_entry(texts, ENTRY_ID, MAX_BYTES, &fault);
    CHECK(event);
    event_destroy(&event);
    texts[2 * EVENT_MAX_FIELDS] = "y";
    texts[2 * EVENT_MAX_FIELDS + 1] = "y";
    CHECK(!parse_entry(texts, ENTRY_ID, MAX_BYTES, &fault));
    CHECK_STR(fault.message, "the event has 65 fields, the maximum is 64");
    struct span odd[] = {SPAN("type"), SPAN("a"), SPAN("data")};
    struct event_entry entry = {.entry_id = ENTRY_ID, .fields = odd, .field_count = 3};
    CHECK(!event_parse(&entry, MAX_BYTES, &fault) && fault.field);
    entry = (struct event_entry){.entry_id = ENTRY_ID};
    CHECK(!event_parse(&entry, MAX_BYTES, &fault) && fault.field);
}

// Random entries of plausible pieces: an event within its limits, or a printable fault.
TEST(random_entries)
{
    static const char *const pieces[] = {
        "type",      "data",         "payload",     "id",           "tenant",
        "timestamp", "subscription", "traceparent", "content_type", "a",
        "{}",        "[1,2]",        "{",           "text/plain",   "2026-01-31T12:00:00Z",
        TRACE,       "msg_1_2_3",    "\xff\xfe",    "\r\n",         "",
        A64 A64 A64, "other",
    };
    enum { COUNT = sizeof(pieces) / sizeof(pieces[0]) };
    uint64_t state = 11;
    int parsed = 0;
    for (int round = 0; round < 20000; round++) {
        const char *texts[21] = {"type", "a", "data", "{}"};
        size_t count = random_next(&state) % 2 * 4;
        size_t end = count + random_next(&state) % 4 * 2;
        for (; count < end; count += 2) {
            texts[count] = pieces[random_next(&state) % 9];
            texts[count + 1] = pieces[random_next(&state) % COUNT];
        }
        texts[count] = NULL;
        struct event_fault fault = {.field = "unset"};
        struct event *event = parse_entry(texts, ENTRY_ID, 500, &fault);
        if (event) {
            parsed++;
            CHECK(event_is_type(span_of(event->type)) && event_is_id(span_of(event->id)));
            CHECK(event->body && strlen(event->content_type) > 0);
        } else {
            CHECK(fault.field && fault.message[0]);
            for (const char *c = fault.message; *c; c++)
                CHECK(*c >= ' ' && *c <= '~');
        }
        event_destroy(&event);
    }
    CHECK(parsed > 1000 && parsed < 15000);
}

UNIT_MAIN()
