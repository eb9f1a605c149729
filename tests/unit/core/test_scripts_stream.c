// SPDX-License-Identifier: Apache-2.0
// trim.lua and group.lua on a real redis-server: what is pending or unread is never trimmed, whatever the groups; the
// past returns its memory, a bounded piece at a time; and a lost group begins again where all before was settled.
#include "script_calls.h"

static const char *trim_at_most(const char *count, const char *age_ms, const char *most)
{
    return eval(SCRIPT_TRIM, WORDS("events", "floor", "totals"),
                WORDS("petrel", count, age_ms, most, "0"));
}

static int64_t trim_when_short(const char *count)
{
    return first_number(eval(SCRIPT_TRIM, WORDS("events", "floor", "totals"),
                             WORDS("petrel", count, "0", "10000", "1")));
}

// How many it removed.
static int64_t trim(const char *count, const char *age_ms)
{
    return first_number(trim_at_most(count, age_ms, "10000"));
}

static int64_t length(void)
{
    return strtoll(ASK("XLEN", "t:events"), NULL, 10);
}

static void settle(int count)
{
    for (int i = 0; i < count; i++) {
        read_one("c");
        ASK("XACK", "t:events", "petrel", entry);
    }
}

static const char *create_group(void)
{
    return eval(SCRIPT_GROUP, WORDS("events", "floor"), WORDS("petrel"));
}

// ---- trim

TEST(trim_by_count_is_exact_when_all_is_settled)
{
    fresh();
    settle(10);
    CHECK_INT(trim("5", "0"), 5);
    CHECK_INT(length(), 5);
    CHECK_INT(trim("5", "0"), 0);
    CHECK_INT(trim("0", "0"), 5);
    CHECK_INT(length(), 0);
    settle(1);
    CHECK_INT(length(), 1);
}

TEST(trim_under_traffic_takes_whole_nodes_and_keeps_more_rather_than_less)
{
    fresh();
    settle(250);
    ASK("XADD", "t:events", "*", "type", "unread");
    CHECK_INT(trim("30", "0"), 200); // 221 too many: two nodes of 100
    CHECK_INT(length(), 51);
    CHECK_INT(trim("30", "0"), 0);
    fresh();
    settle(250);
    ASK("XADD", "t:events", "*", "type", "unread");
    CHECK_INT(trim("100", "0"), 100); // 151 too many
    CHECK_INT(trim("100", "0"), 0);
}

TEST(trim_never_takes_what_is_pending_or_unread)
{
    fresh();
    settle(300);
    read_one("c"); // pending
    settle(3);
    for (int i = 0; i < 4; i++)
        ASK("XADD", "t:events", "*", "type", "unread");
    trim("0", "0");
    ASK("XADD", "t:events", "*", "type", "unread");
    trim("0", "0");
    CHECK_INT(length(), 9); // the pending one, 3 settled behind it, 5 unread
}

TEST(trim_stops_at_a_stuck_entry_and_resumes_though_no_more_events_come)
{
    char stuck[64];
    fresh();
    settle(150);
    snprintf(stuck, sizeof stuck, "%s", read_one("c"));
    settle(250);
    CHECK_INT(trim("2", "0"), 100);
    CHECK_INT(trim("2", "0"), 0); // the stuck one is in the second node
    CHECK_STR(ASK("XACK", "t:events", "petrel", stuck), "1");
    CHECK_INT(trim("2", "0"), 200);
    CHECK_INT(trim("2", "0"), 99);
    CHECK_INT(length(), 2);
}

TEST(trim_heeds_other_groups_too)
{
    fresh();
    settle(5);
    ASK("XGROUP", "CREATE", "t:events", "audit", "0");
    CHECK_INT(trim("0", "0"), 0); // it has read nothing
    ASK("XREADGROUP", "GROUP", "audit", "a", "COUNT", "3", "STREAMS", "t:events", ">");
    settle(1);
    trim("0", "0");
    settle(1);
    CHECK_INT(trim("0", "0"), 0); // it has read 3, and holds them
    CHECK_INT(length(), 7);
    ASK("XGROUP", "SETID", "t:events", "audit", "$");
    CHECK_INT(trim("0", "0"), 0); // it holds them still
    ASK("XGROUP", "DESTROY", "t:events", "audit");
    CHECK_INT(trim("0", "0"), 7);
}

TEST(trim_of_a_stream_with_only_a_foreign_group_heeds_it)
{
    fresh();
    settle(3);
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    ASK("XGROUP", "CREATE", "t:events", "audit", "0");
    CHECK_INT(trim("0", "0"), 0);
    CHECK_INT(length(), 3);
}

TEST(trim_by_age)
{
    fresh();
    ASK("XADD", "t:events", "1000-0", "type", "old");
    ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
    CHECK_INT(trim("1000", "60000"), 0); // old, but pending
    ASK("XACK", "t:events", "petrel", "1000-0");
    settle(2);
    CHECK_INT(trim("1000", "60000"), 1);
    CHECK_INT(length(), 2);
}

TEST(trim_removes_a_bounded_number_per_call_and_says_that_there_is_more)
{
    int calls = 0;
    fresh();
    settle(450);
    while (strstr(trim_at_most("10", "0", "100"), " 1 ") != NULL) {
        int64_t left = length();
        CHECK(left >= 450 - 100 * ++calls && calls < 10);
    }
    CHECK_INT(calls, 4); // whole nodes of 100; the call after them took the rest of a node
    CHECK_INT(length(), 10);
}

TEST(trim_works_when_full_because_it_makes_room)
{
    fresh();
    settle(10);
    become_full();
    CHECK_INT(trim("2", "0"), 8);
    become_roomy();
}

TEST(trim_takes_what_is_younger_than_something_pending_when_memory_is_short)
{
    fresh();
    read_one("c");
    char pending[sizeof entry];
    snprintf(pending, sizeof pending, "%s", entry);
    settle(300);
    ASK("XADD", "t:events", "*", "type", "unread");
    CHECK_INT(trim("0", "0"), 0);
    CHECK_INT(trim_when_short("290"), 15); // by eights, one of them pending, down to what may stay
    CHECK_INT(trim_when_short("0"), 285);
    CHECK_INT(length(), 2);
    CHECK_INT(first_number(ASK("XPENDING", "t:events", "petrel")), 1);
    CHECK(strstr(ASK("XRANGE", "t:events", pending, pending), pending) != NULL);
    read_one("c");
    CHECK_INT(trim_when_short("0"), 0); // both are pending
}

TEST(trim_takes_nothing_that_another_group_holds_or_has_not_read)
{
    fresh();
    ASK("XGROUP", "CREATE", "t:events", "audit", "0", "MKSTREAM");
    read_one("c"); // pending
    settle(100);
    ASK("XREADGROUP", "GROUP", "audit", "a", "COUNT", "41", "STREAMS", "t:events", ">");
    CHECK_INT(trim_when_short("0"), 0); // it holds 41, and has not read 60
    ASK("XACK", "t:events", "audit", entry);
    CHECK_INT(trim_when_short("0"), 0); // nor that one, the last
    ASK("XREADGROUP", "GROUP", "audit", "a", "NOACK", "STREAMS", "t:events", ">");
    CHECK_INT(trim_when_short("0"), 60);
    CHECK_INT(length(), 41);
}

TEST(trim_tells_what_waits)
{
    fresh();
    ASK("HSET", "t:totals", "parked", "7");
    settle(2);
    read_one("c");
    ASK("XADD", "t:events", "*", "type", "unread");
    CHECK_STR(trim_at_most("100", "0", "10000"), "[0 0 2 7 4]");
}

TEST(trim_without_stream_or_group_does_nothing)
{
    fresh();
    settle(2);
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK_INT(trim("0", "0"), 0);
    ASK("DEL", "t:events");
    CHECK_INT(trim("0", "0"), 0);
    CHECK_STR(ASK("DBSIZE"), "0");
}

// ---- the floor, and the group made from it

TEST(a_lost_group_begins_after_what_was_settled)
{
    char pending[64];
    fresh();
    CHECK_STR(create_group(), ""); // it is there
    settle(3);
    trim("1000", "0");
    CHECK_STR(ASK("GET", "t:floor"), entry);
    snprintf(pending, sizeof pending, "%s", read_one("c"));
    settle(2);
    trim("1000", "0");
    ASK("XADD", "t:events", "*", "type", "unread");
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK(strcmp(create_group(), "0-0") != 0);
    // The pending one, the two settled behind it, the unread one; not the three before.
    CHECK(strstr(ASK("XREADGROUP", "GROUP", "petrel", "c", "COUNT", "1", "STREAMS", "t:events", ">"),
                 pending) != NULL);
    ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
    CHECK(strncmp(ASK("XPENDING", "t:events", "petrel"), "[4 ", 3) == 0);
}

TEST(the_floor_is_just_below_the_first_pending)
{
    static const struct {
        const char *pending, *floor;
    } rows[] = {
        {"5000-3", "5000-2"},
        {"5000-0", "4999-18446744073709551615"},
        {"0-1", "0-0"},
        {"1764000000000-1000000000000000", "1764000000000-0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fresh();
        ASK("XADD", "t:events", rows[i].pending, "type", "a");
        ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
        trim("1000", "0");
        // "0-0" isn't written: it is what no floor means.
        CHECK_STR(ASK("GET", "t:floor"), strcmp(rows[i].floor, "0-0") == 0 ? "nil" : rows[i].floor);
        ASK("XGROUP", "DESTROY", "t:events", "petrel");
        create_group();
        CHECK(strstr(ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">"),
                     rows[i].pending) != NULL);
    }
}

TEST(a_group_without_a_floor_or_of_another_stream_begins_at_the_start)
{
    fresh();
    settle(3);
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK_STR(create_group(), "0-0");
    trim("1000", "0");
    ASK("DEL", "t:events");
    ASK("XADD", "t:events", "1-1", "type",
        "a"); // a clock that went back, or ids of the producer's own
    CHECK_STR(create_group(), "0-0");
}

TEST(a_group_cannot_be_made_in_a_full_redis_and_that_is_said)
{
    ASK("FLUSHALL");
    become_full();
    CHECK(is_oom(create_group()));
    become_roomy();
    CHECK_STR(create_group(), "0-0");
}

int main(void)
{
    redis_server_start(&server);
    int code = unit_run();
    redis_server_stop(&server);
    return code;
}
