// SPDX-License-Identifier: Apache-2.0
#include "event_entry.h"
#include "event_syntax.h"
#include "petrel/json.h"
#include "petrel/random.h"
#include "petrel/timestamp.h"

static void check_fault(const char *const *texts, const char *field, const char *part)
{
    struct event_fault fault = {0};
    struct event *event = parse_entry(texts, ENTRY_ID, MAX_BYTES, &fault);
    CHECK_ROW(!event, part);
    CHECK_ROW(fault.field && strcmp(fault.field, field) == 0, part);
    CHECK_ROW(strstr(fault.message, part), fault.message);
    for (const char *c = fault.message; *c; c++)
        CHECK_ROW(*c >= ' ' && *c <= '~', part);
    event_destroy(&event);
}

TEST(no_bytes_at_all_are_no_content_type)
{
    CHECK(!event_is_content_type((struct span){NULL, 0}));
    CHECK(!event_is_content_type(SPAN("")));
    CHECK(event_is_content_type(SPAN("text/plain; charset=\"utf-8\"")));
}

TEST(entries_have_an_order)
{
    CHECK(event_is_entry_before("9-0", "10-0"));
    CHECK(event_is_entry_before("10-9", "10-10"));
    CHECK(!event_is_entry_before("10-10", "10-9"));
    CHECK(!event_is_entry_before("10-1", "10-1"));
    CHECK(!event_is_entry_before("11-0", "10-5"));
    CHECK(!event_is_entry_before("10-0", "x"));
    CHECK(!event_is_entry_before("", "10-0"));
}

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

TEST(data_stays_byte_for_byte)
{
    static const char *const cases[] = {
        "12345678901234567890123456789.10e-2",
        " {\"b\" : 1.0,\n\t\"a\":1e0 , \"a\":\"\\u0041\\/\xc3\xa9\"} ",
        "null",
        "\"\\ud83d\\ude00\"",
        "[]",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event *event = parse(FIELDS("type", "a.b:c/d_e-f", "data", cases[i]));
        if (!event)
            continue;
        struct span body = {.data = event->body, .size = event->body_size};
        char expected[300];
        snprintf(expected, sizeof(expected),
                 "{\"type\":\"a.b:c/d_e-f\",\"timestamp\":\"2026-01-31T12:00:00.042Z\","
                 "\"data\":%s}",
                 cases[i]);
        CHECK_STR(event->body, expected);
        CHECK(json_validate(body, NULL));
        event_destroy(&event);
    }
}

TEST(payloads_are_any_bytes)
{
    char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(255 - i);
    const struct span payloads[] = {{bytes, sizeof(bytes)}, {"", 0}, {NULL, 0}, {"{not json", 9}};
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        struct span fields[] = {SPAN("type"), SPAN("a"), SPAN("payload"), payloads[i]};
        struct event_entry entry = {.entry_id = ENTRY_ID, .fields = fields, .field_count = 4};
        struct event_fault fault;
        struct event *event = event_parse(&entry, MAX_BYTES, &fault);
        CHECK(event);
        if (!event)
            continue;
        CHECK_STR(event->content_type, "application/json");
        CHECK(event->body && event->body_size == payloads[i].size);
        CHECK(payloads[i].size == 0 || memcmp(event->body, payloads[i].data, event->body_size) == 0);
        CHECK(event->body[event->body_size] == '\0');
        event_destroy(&event);
    }
}

TEST(content_types)
{
    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {
        {"application/json", true},
        {"text/plain; charset=utf-8", true},
        {"text/plain;charset=utf-8", true},
        {"text/plain ; charset=utf-8\t;\tformat=flowed", true},
        {"multipart/mixed; boundary=\"a b;c=\\\"d\\\"\"", true},
        {"application/vnd.x+xml", true},
        {"*/*", true},
        {"a/b;c=\"\"", true},
        {A64 "/" A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true}, // 127
        {A64 "/" A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"", false},
        {"json", false},
        {"/json", false},
        {"application/", false},
        {"application/ json", false},
        {"application /json", false},
        {" application/json", false},
        {"application/json ", false},
        {"application/json;", false},
        {"application/json; ", false},
        {"application/json; charset", false},
        {"application/json; charset=", false},
        {"application/json; =utf-8", false},
        {"application/json; charset = utf-8", false},
        {"application/json, text/plain", false},
        {"application/json; a=b c=d", false},
        {"application/json; a=\"b", false},
        {"application/json; a=\"b\\", false},
        {"application/json; a=\"b\"c", false},
        {"application/json\r\nx: y", false},
        {"application/json; a=\"\r\n\"", false},
        {"application/json; a=\"\x7f\"", false},
        {"application/json\n", false},
        {"text/pl\xc3\xa9in", false},
        {"a/b/c", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const *texts =
            FIELDS("type", "a", "payload", "x", "content_type", cases[i].text);
        if (!cases[i].is_good) {
            check_fault(texts, "content_type", "is no media type");
            continue;
        }
        struct event *event = parse(texts);
        CHECK_STR(event ? event->content_type : "", cases[i].text);
        event_destroy(&event);
    }
}

TEST(words_of_an_event)
{
    static const struct {
        const char *text;
        bool is_type, is_id, is_tenant;
    } cases[] = {
        {"", false, false, true},
        {"a", true, true, true},
        {"invoice.paid", true, false, true},
        {"a:b", true, false, true},
        {"a/b", true, false, false},
        {"a_b-C9", true, true, true},
        {".", true, false, true},
        {A64, true, true, true},
        {A64 "a", true, false, false},
        {A64 A64, true, false, false},
        {A64 A64 "a", false, false, false},
        {"a b", false, false, false},
        {" a", false, false, false},
        {"a\n", false, false, false},
        {"a*", false, false, false},
        {"a\"", false, false, false},
        {"a\\", false, false, false},
        {"a,b", false, false, false},
        {"a@b", false, false, false},
        {"a[", false, false, false},
        {"a`", false, false, false},
        {"a{", false, false, false},
        {"caf\xc3\xa9", false, false, false},
        {"\x7f", false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span text = span_of(cases[i].text);
        CHECK_ROW(event_is_type(text) == cases[i].is_type, cases[i].text);
        CHECK_ROW(event_is_id(text) == cases[i].is_id, cases[i].text);
        CHECK_ROW(event_is_tenant(text) == cases[i].is_tenant, cases[i].text);
    }
    CHECK(!event_is_type(SPAN("a\0")) && !event_is_id(SPAN("\0")) && !event_is_tenant(SPAN("\0")));
    CHECK(event_is_own("petrel.test") && !event_is_own("petrel") && !event_is_own("petrels.x"));
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

TEST(ids_close_to_generated_ones)
{
    static const char *const cases[] = {
        "msg_",
        "msg_0",
        "msg_0_1",
        "msg_0_1_",
        "msg_0_1_2_3",
        "msg_00_1_2",
        "msg_0_01_2",
        "msg_0_1_x",
        "msg_-1_1_2",
        "MSG_0_1_2",
        "msg__1_2",
        "msg_4294967296_1_2",
        "msg_0_1_18446744073709551616",
        "msg-0-1-2",
        "_msg_0_1_2",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t shard;
        char entry_id[EVENT_ENTRY_ID_SIZE];
        CHECK_ROW(!event_parse_id(cases[i], &shard, entry_id), cases[i]);
        struct event *event = parse(FIELDS("type", "a", "data", "1", "id", cases[i]));
        CHECK_STR(event ? event->id : "", cases[i]);
        event_destroy(&event);
    }
}

TEST(generated_ids_name_their_entry)
{
    static const struct {
        uint32_t shard;
        const char *entry_id, *id;
    } cases[] = {
        {0, "0-1", "msg_0_0_1"},
        {63, "1769860800042-0", "msg_63_1769860800042_0"},
        {UINT32_MAX, "18446744073709551615-18446744073709551615",
         "msg_4294967295_18446744073709551615_18446744073709551615"},
    };
    char id[EVENT_ID_SIZE];
    char entry_id[EVENT_ENTRY_ID_SIZE];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t shard = 1;
        CHECK_ROW(event_format_id(cases[i].shard, cases[i].entry_id, id), cases[i].entry_id);
        CHECK_STR(id, cases[i].id);
        CHECK(event_is_id(span_of(id)));
        CHECK_ROW(event_parse_id(id, &shard, entry_id), id);
        CHECK_INT(shard, cases[i].shard);
        CHECK_STR(entry_id, cases[i].entry_id);
    }
    static const char *const bad[] = {
        "",     "-",   "1",   "1-",   "-1",   "1-2-3", "01-1",
        "1-01", "a-1", "1-a", "1 -1", "+1-1", "*",     "18446744073709551616-0",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct event_fault fault;
        CHECK_ROW(!event_format_id(0, bad[i], id), bad[i]);
        CHECK_STR(id, "");
        struct event *event = parse_entry(FIELDS("type", "a", "data", "1"), bad[i], 100, &fault);
        CHECK_ROW(!event && fault.field && !fault.field[0], bad[i]);
        event_destroy(&event);
    }
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

TEST(size_is_the_sum_of_names_and_values)
{
    struct event_fault fault;
    const char *const *texts = FIELDS("type", "a", "data", "[1]", "other", "xyz"); // 20 bytes
    struct event *event = parse_entry(texts, ENTRY_ID, 20, &fault);
    CHECK(event);
    event_destroy(&event);
    event = parse_entry(texts, ENTRY_ID, 19, &fault);
    CHECK(!event);
    CHECK_STR(fault.field, "");
    CHECK_STR(fault.message, "the event has 20 bytes, the maximum is 19");
    // The sizes of an entry that is too large are looked at, its bytes are not.
    struct span huge[] = {SPAN("type"), SPAN("a"), {"data", 4}, {"x", SIZE_MAX - 2}};
    struct event_entry entry = {.entry_id = ENTRY_ID, .fields = huge, .field_count = 4};
    CHECK(!event_parse(&entry, MAX_BYTES, &fault));
    CHECK(strstr(fault.message, "maximum is 262144"));
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

TEST(entry_times_beyond_the_calendar)
{
    struct event_fault fault;
    struct event *event =
        parse_entry(FIELDS("type", "a", "data", "1"), "18446744073709551615-1", MAX_BYTES, &fault);
    CHECK(event);
    CHECK_INT(event ? event->timestamp_ms : 0, TIMESTAMP_MAX_MS);
    CHECK_STR(event ? event->body : "",
              "{\"type\":\"a\",\"timestamp\":\"9999-12-31T23:59:59.999Z\",\"data\":1}");
    event_destroy(&event);
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
