// SPDX-License-Identifier: Apache-2.0
// Ids of entries and events, and the other words an event is named by.
#include "event_entry.h"
#include "event_syntax.h"
#include "petrel/timestamp.h"

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

UNIT_MAIN()
