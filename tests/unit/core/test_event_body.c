// SPDX-License-Identifier: Apache-2.0
// What an event carries: data, or a payload with its content type; and how large it may be.
#include "event_entry.h"
#include "event_syntax.h"
#include "petrel/json.h"

TEST(no_bytes_at_all_are_no_content_type)
{
    CHECK(!event_is_content_type((struct span){NULL, 0}));
    CHECK(!event_is_content_type(SPAN("")));
    CHECK(event_is_content_type(SPAN("text/plain; charset=\"utf-8\"")));
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

UNIT_MAIN()
