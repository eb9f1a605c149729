// SPDX-License-Identifier: Apache-2.0
// The form in which Redis keeps an event that is parked or dead.
#include <stdlib.h>

#include "event_entry.h"

static void check_same(const struct event *a, const struct event *b)
{
    CHECK_STR(a->id, b->id);
    CHECK_STR(a->entry_id, b->entry_id);
    CHECK_INT(a->shard, b->shard);
    CHECK_INT(a->has_own_id, b->has_own_id);
    CHECK_STR(a->type, b->type);
    CHECK_STR(a->tenant, b->tenant);
    CHECK_STR(a->subscription, b->subscription);
    CHECK_STR(a->traceparent, b->traceparent);
    CHECK_STR(a->content_type, b->content_type);
    CHECK_INT(a->timestamp_ms, b->timestamp_ms);
    CHECK(a->body_size == b->body_size && memcmp(a->body, b->body, a->body_size) == 0);
}

TEST(stored_events_come_back)
{
    const char *const *cases[] = {
        FIELDS("type", "a", "data", "{\n\n}"),
        FIELDS("type", "a", "payload", ""),
        FIELDS("type", "a", "payload", "\n\npetrel-event 1\ntype b\n\n", "content_type",
               "text/plain; charset=utf-8"),
        FIELDS("type", "a", "data", "1", "id", "own", "tenant", "t", "subscription", "sub_1",
               "traceparent", TRACE, "timestamp", "0001-01-01T00:00:00Z"),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text stored;
        struct event *event = parse(cases[i]);
        if (!event)
            continue;
        text_init(&stored, MAX_BYTES);
        event_format_stored(event, &stored);
        struct event *again =
            event_parse_stored(span_of(event->id), event->shard, text_span(&stored));
        CHECK(again);
        if (again)
            check_same(again, event);
        event_destroy(&again);
        // Cut within the head it is nothing; within the body it is another body.
        size_t head_size = stored.size - event->body_size;
        for (size_t size = 0; size < head_size; size++) {
            char *copy = malloc(size ? size : 1);
            memcpy(copy, stored.data, size);
            again = event_parse_stored(span_of("x"), 0, (struct span){.data = copy, .size = size});
            CHECK(!again);
            event_destroy(&again);
            free(copy);
        }
        text_fini(&stored);
        event_destroy(&event);
    }
}

TEST(the_stored_form_is_the_documented_one)
{
    struct text stored;
    struct event *event =
        parse(FIELDS("type", "a", "data", "1", "id", "own", "tenant", "t", "subscription", "sub_1"));
    if (!event)
        return;
    text_init(&stored, MAX_BYTES);
    event_format_stored(event, &stored);
    CHECK_STR(text_string(&stored),
              "00000001 1\nentry " ENTRY_ID "\ntype a\ntenant t\nsubscription sub_1\n\n"
              "{\"type\":\"a\",\"timestamp\":\"2026-01-31T12:00:00.042Z\",\"data\":1}");
    text_fini(&stored);
    event_destroy(&event);
}

// What can be told from the rest isn't written down: each byte is there once for each parked event.
TEST(what_the_id_and_the_entry_say_is_left_out)
{
    struct text stored;
    struct event *event = parse(FIELDS("type", "a", "payload", "x"));
    if (!event)
        return;
    text_init(&stored, MAX_BYTES);
    event_format_stored(event, &stored);
    CHECK_STR(text_string(&stored), "00000001 1\ntype a\n\nx");
    text_fini(&stored);
    event_destroy(&event);
}

#define HEAD "00000001 1\nentry 1-2\ntype a\ncontent_type text/plain\ntimestamp 5\n"

TEST(stored_garbage_is_refused)
{
    static const struct {
        const char *stored;
        bool is_good;
    } cases[] = {
        {HEAD "\n", true},
        {HEAD "\nbody", true},
        {HEAD "to_come 1 2 3\n\n", true},
        {HEAD "flag\n\n", true},
        {"12345678 1\nentry 1-2\ntype a\n\n", true},
        {HEAD, false},
        {"", false},
        {"\n", false},
        {"00000001 2\nentry 1-2\ntype a\n\n", false},
        {"00000001 1 1\nentry 1-2\ntype a\n\n", false},
        {"0000001 1\nentry 1-2\ntype a\n\n", false},
        {"-0000001 1\nentry 1-2\ntype a\n\n", false},
        {"00000001\nentry 1-2\ntype a\n\n", false},
        {"00000001 1\n\nbody", false},
        {"00000001 1\ntype a\n\n", false},
        {"00000001 1\nentry 1-2\n\n", false},
        {HEAD "type a b\n\n", false},
        {HEAD "entry 1\n\n", false},
        {HEAD "tenant a/b\n\n", false},
        {HEAD "subscription a b\n\n", false},
        {HEAD "traceparent x\n\n", false},
        {HEAD "content_type x\n\n", false},
        {HEAD "timestamp x\n\n", false},
        {"{\"type\":\"a\"}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event *event = event_parse_stored(SPAN("id"), 0, span_of(cases[i].stored));
        CHECK_ROW((event != NULL) == cases[i].is_good, cases[i].stored);
        event_destroy(&event);
    }
    CHECK(!event_parse_stored(SPAN(""), 0, SPAN(HEAD "\n")));
    CHECK(!event_parse_stored(SPAN("a b"), 0, SPAN(HEAD "\n")));
    CHECK(!event_parse_stored(SPAN("id"), 0, (struct span){0}));
}

TEST(references_are_read_from_the_head)
{
    CHECK_INT(event_count_references(SPAN("00000042 1\nentry 1-2\n")), 42);
    CHECK_INT(event_count_references(SPAN("00000042 1")), 0);
    CHECK_INT(event_count_references(SPAN("damaged\n")), 0);
    CHECK_INT(event_count_references((struct span){0}), 0);
}

UNIT_MAIN()
