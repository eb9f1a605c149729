// SPDX-License-Identifier: Apache-2.0
// The scripts of an entry and of the fleet, on a real redis-server: what an event id belongs to, what is no event, what has
// arrived; who lives, who takes over; subscriptions. Each again after a lost reply, and on a full Redis.
#include "script_moves.h"

// ---- seen

TEST(seen_names_the_first_owner_and_knows_it_again)
{
    fresh();
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "seen:b", "message:a", "message:b"),
                   WORDS("60000", "1-0", "2-0")),
              "[1-0 2-0]");
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "seen:c", "message:a", "message:c"),
                   WORDS("60000", "3-0", "3-0")),
              "[1-0 3-0]");
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "message:a"), WORDS("60000", "1-0")), "[1-0]");
    CHECK(first_number(ASK("PTTL", "t:seen:a")) > 50000);
}

TEST(seen_of_the_same_id_twice_in_one_batch)
{
    fresh();
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "seen:a", "message:a", "message:a"),
                   WORDS("60000", "1-0", "2-0")),
              "[1-0 1-0]");
}

TEST(seen_knows_who_holds_an_id_when_its_window_is_over)
{
    static const char copy[] = "00000001 1\nentry 1-0\ntype a\n\nentry 2-0\n";
    fresh();
    ASK("SET", "t:message:a", copy);
    ASK("SET", "t:message:b", "damaged");
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "seen:b", "message:a", "message:b"),
                   WORDS("60000", "2-0", "3-0")),
              "[held 1-0 3-0]");
    CHECK_STR(ASK("EXISTS", "t:seen:a"), "0");
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "message:a"), WORDS("60000", "1-0")), "[1-0]");
    ASK("DEL", "t:message:a");
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "message:a"), WORDS("60000", "2-0")), "[1-0]");
}

TEST(seen_works_when_full_because_what_is_delivered_makes_room)
{
    fresh();
    become_full();
    CHECK_STR(eval(SCRIPT_SEEN, WORDS("seen:a", "seen:b", "message:a", "message:b"),
                   WORDS("60000", "1-0", "2-0")),
              "[1-0 2-0]");
    become_roomy();
    CHECK_STR(ASK("MGET", "t:seen:a", "t:seen:b"), "[1-0 2-0]");
}

// ---- reject

TEST(reject_moves_the_entry_whole_and_once)
{
    fresh();
    read_one("c");
    CHECK_STR(eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                   WORDS("petrel", entry, "data: no JSON", "c")),
              "1");
    CHECK_STR(eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                   WORDS("petrel", entry, "data: no JSON", "c")),
              "0");
    char expected[200];
    snprintf(expected, sizeof expected,
             "[petrel_entry %s petrel_reason data: no JSON type a.b data {}]]]", entry);
    CHECK_STR(after_first(ASK("XRANGE", "t:rejected", "-", "+")), expected);
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
    CHECK_STR(ASK("HGETALL", "t:totals"), "[rejected 1]");
}

TEST(reject_keeps_what_fits_of_an_entry_with_thousands_of_fields)
{
    fresh();
    struct redis_command *command = redis_command_create("XADD");
    redis_command_add_text(command, "t:events");
    redis_command_add_text(command, "*");
    for (int i = 0; i < 20000; i++)
        redis_command_add_int(command, i);
    snprintf(entry, sizeof entry, "%s",
             redis_server_answer(&server, redis_client_call(server.client, &command)));
    ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
    CHECK_STR(eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                   WORDS("petrel", entry, "too many", "c")),
              "1");
    CHECK(strstr(ASK("XRANGE", "t:rejected", "-", "+"), "petrel_fields_dropped 8000") != NULL);
}

TEST(reject_is_refused_when_full_and_changes_nothing)
{
    fresh();
    read_one("c");
    take_digest();
    become_full();
    CHECK(is_oom(eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                      WORDS("petrel", entry, "why", "c"))));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK(strncmp(ASK("XPENDING", "t:events", "petrel"), "[1 ", 3) == 0);
}

// ---- note

static const char *note(const char *entry_id, const char *consumer)
{
    char settled[80];
    snprintf(settled, sizeof settled, "settled:%s", entry_id);
    return eval(SCRIPT_NOTE, WORDS("events", settled), WORDS("petrel", entry_id, consumer, "s1"));
}

TEST(note_is_kept_while_the_entry_is_pending_with_the_caller)
{
    fresh();
    read_one("c");
    char settled[80];
    snprintf(settled, sizeof settled, "t:settled:%s", entry);
    CHECK_STR(note(entry, "c"), "1");
    CHECK_STR(note(entry, "c"), "1");
    CHECK_STR(ASK("SMEMBERS", settled), "[s1]");
    CHECK(first_number(ASK("PTTL", settled)) > 6LL * 86400000);
    take_digest();
    CHECK_STR(note(entry, "other"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(note_leaves_nothing_behind_of_a_settled_entry_or_without_the_group)
{
    fresh();
    read_one("c");
    ASK("XACK", "t:events", "petrel", entry);
    CHECK_STR(note(entry, "c"), "0");
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK_STR(note(entry, "c"), "0");
    CHECK_STR(ASK("KEYS", "t:settled:*"), "[]");
}

TEST(note_is_refused_when_full)
{
    fresh();
    read_one("c");
    become_full();
    CHECK(is_oom(note(entry, "c")));
    become_roomy();
    CHECK_STR(ASK("KEYS", "t:settled:*"), "[]");
}

// ---- heartbeat

TEST(heartbeat_tells_the_living_from_the_dead)
{
    fresh();
    ASK("HSET", "t:instances", "old", "1000 {}", "odd", "nonsense");
    const char *answer =
        eval(SCRIPT_HEARTBEAT, WORDS("instances", "schema"), WORDS("me", "{\"a\":1}", "6000", "1"));
    CHECK(is_about(first_number(answer), clock_wall_ms()));
    CHECK(strstr(answer, "[me]") != NULL);
    CHECK(strstr(answer, "[old odd]") != NULL || strstr(answer, "[odd old]") != NULL);
    const char *value = ASK("HGET", "t:instances", "me");
    CHECK(is_about(strtoll(value, NULL, 10), clock_wall_ms()));
    CHECK_STR(after_first(value), "{\"a\":1}");
}

static const char *beat(const char *instance)
{
    return eval(SCRIPT_HEARTBEAT, WORDS("instances", "schema"), WORDS(instance, "{}", "6000", "1"));
}

TEST(heartbeat_tells_that_redis_has_lost_everything_and_who_was_forgotten)
{
    fresh();
    ASK("FLUSHALL");
    CHECK(strstr(beat("me"), "[] 0 1]") != NULL);
    CHECK_STR(ASK("GET", "t:schema"), "1");
    CHECK(strstr(beat("me"), "[] 1 0]") != NULL);
    CHECK(strstr(beat("you"), "[] 0 0]") != NULL);
}

TEST(a_full_redis_makes_nobody_look_dead)
{
    fresh();
    ASK("SET", "t:schema", "1");
    become_full();
    const char *answer =
        eval(SCRIPT_HEARTBEAT, WORDS("instances", "schema"), WORDS("i1", "{}", "6000", "1"));
    CHECK_STR(after_first(answer), "[i1] [] 0 0]");
    become_roomy();
}

// ---- reap

TEST(reap_takes_over_in_batches_and_removes_only_the_empty)
{
    fresh();
    for (int i = 0; i < 3; i++)
        read_one("dead");
    CHECK_STR(eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "0")), "[0 0 []]");
    const char *answer = eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "2"));
    CHECK(strncmp(answer, "[0 0 [[", 7) == 0);
    CHECK(strstr(answer, "[type a.b data {}]") != NULL);
    eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "2"));
    CHECK_STR(eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "0")), "[1 0 []]");
    CHECK(strstr(ASK("XPENDING", "t:events", "petrel"), "[[me 3]]") != NULL);
    CHECK_STR(eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "5")), "[1 0 []]");
}

TEST(reap_counts_entries_that_are_gone)
{
    fresh();
    read_one("dead");
    ASK("XDEL", "t:events", entry);
    CHECK_STR(eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "5")), "[0 1 []]");
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
    CHECK_STR(eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "5")), "[1 0 []]");
}

TEST(reap_without_the_group_is_an_error_not_a_success)
{
    fresh();
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK(strncmp(eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "dead", "me", "5")),
                  "!NOGROUP", 8) == 0);
}

// ---- subscription_put

static const char *put(const char *text, const char *expected)
{
    return eval(SCRIPT_SUBSCRIPTION_PUT, WORDS("subscriptions", "changes", "events"),
                WORDS("s1", text, expected, "own_1", "t", "{}"));
}

TEST(subscription_put_compares_and_sets)
{
    fresh();
    CHECK_STR(put("v1", ""), "1");
    CHECK_STR(put("v1", ""), "0"); // there already
    CHECK_STR(put("v2", "v0"), "0");
    CHECK_STR(put("v2", "v1"), "1");
    CHECK_STR(ASK("HGETALL", "t:subscriptions"), "[s1 v2]");
    CHECK_STR(put("", "v1"), "0");
    CHECK_STR(put("", "v2"), "1");
    CHECK_STR(ASK("EXISTS", "t:subscriptions"), "0");
    CHECK_STR(ASK("XLEN", "t:changes"), "3");
}

TEST(subscription_put_tells_what_it_has_done)
{
    fresh();
    put("v1", "");
    CHECK_STR(ASK("XLEN", "t:events"), "1");
    CHECK(strstr(ASK("XRANGE", "t:events", "-", "+"),
                 "[type petrel.subscription.disabled id own_1 tenant t data {}]") != NULL);
    put("v2", "v0");
    put("v1", ""); // sent again after a lost reply
    CHECK_STR(ASK("XLEN", "t:events"), "1");
}

TEST(subscription_put_is_refused_when_full_but_deleting_is_not)
{
    fresh();
    put("v1", "");
    take_digest();
    become_full();
    CHECK(is_oom(put("v2", "v1")));
    CHECK_STR(put("", "v1"), "1");
    become_roomy();
    CHECK_STR(ASK("EXISTS", "t:subscriptions"), "0");
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
