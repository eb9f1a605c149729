// SPDX-License-Identifier: Apache-2.0
// The contract of every Lua script, on a real redis-server: what it changes, that sending it again changes
// nothing, that a lost lease fences it off, that references count right, and what happens when Redis is full.
#include "petrel/parked_state.h"
#include "script_calls.h"

static bool is_about(int64_t a, int64_t b)
{
    return a >= b - 2000 && a <= b + 2000;
}

// Everything in the database as one digest: "nothing has changed" is one comparison.
static char digest[64];
static const char *take_digest(void)
{
    snprintf(digest, sizeof digest, "%s", ASK("DEBUG", "DIGEST"));
    return digest;
}

// ---- shorthands for the scripts used all over
// Scripts that move a delivery answer {1, breaker, ms to wait, flag}: the shorthands give the 1; `answered` has it all.

static char answered[4096];
static const char *done(const char *answer)
{
    snprintf(answered, sizeof answered, "%s", answer);
    return strncmp(answered, "[1 ", 3) == 0 ? "1" : answered;
}

// As it is in Redis.
static const char *raw_state_of(const char *sub, const char *event)
{
    static char state[256];
    char parked[80];
    snprintf(parked, sizeof parked, "t:parked:%s", sub);
    snprintf(state, sizeof state, "%s", ASK("HGET", parked, event));
    return state;
}

// What the scripts wrote, as the program reads it: "<attempts> <first ms> <last ms> <status> <error> <lease or ->".
static const char *state_of(const char *sub, const char *event)
{
    static char out[256];
    struct parked_state state = {0};
    const char *text = raw_state_of(sub, event);
    const char *lease = strchr(text, '@');
    CHECK(parked_state_parse(span_of(text), &state));
    CHECK(is_about(state.born_ms, clock_wall_ms()));
    snprintf(out, sizeof out, "%u %lld %lld %d %s %s", state.attempts,
             (long long)state.first_attempt_ms, (long long)state.last_attempt_ms, state.last_status,
             state.last_error, lease ? lease + 1 : "-");
    return out;
}
#define POLICY "10 80 20 5000 300000 432000000"

static const char *park(const char *entry_id, const char *event, const char *sub, const char *delay,
                        const char *is_sole)
{
    char queue[80], parked[80], message[80], settled[80];
    snprintf(queue, sizeof queue, "queue:%s", sub);
    snprintf(parked, sizeof parked, "parked:%s", sub);
    snprintf(message, sizeof message, "message:%s", event);
    snprintf(settled, sizeof settled, "settled:%s", entry_id);
    char health[80], order[80];
    snprintf(health, sizeof health, "health:%s", sub);
    snprintf(order, sizeof order, "order:%s", sub);
    return done(eval(SCRIPT_PARK,
                     WORDS("events", queue, "due", parked, message, settled, "totals", health,
                           "open", "breakers", order),
                     WORDS("petrel", entry_id, event, sub, delay, "1", "1000", "1000", "500",
                           "http_status", COPY, is_sole, "0", "c", "", POLICY, "0")));
}

static const char *claim(const char *sub, const char *limit, const char *lease_ms, const char *lease)
{
    char queue[80], parked[80];
    snprintf(queue, sizeof queue, "queue:%s", sub);
    snprintf(parked, sizeof parked, "parked:%s", sub);
    char health[80], *breaker;
    snprintf(health, sizeof health, "health:%s", sub);
    snprintf(answered, sizeof answered, "%s",
             eval(SCRIPT_CLAIM, WORDS(queue, "due", parked, health, "open", "breakers", "events"),
                  WORDS(sub, limit, lease_ms, lease, "64", "100000000", "", "", "")));
    // Without the breaker, which the tests of health look at.
    breaker = strstr(answered, " closed 0");
    if (breaker)
        memmove(breaker, breaker + 9, strlen(breaker + 9) + 1);
    return answered;
}

static const char *finish(const char *event, const char *sub, const char *lease)
{
    char queue[80], parked[80], message[80];
    snprintf(queue, sizeof queue, "queue:%s", sub);
    snprintf(parked, sizeof parked, "parked:%s", sub);
    snprintf(message, sizeof message, "message:%s", event);
    char health[80], order[80];
    snprintf(health, sizeof health, "health:%s", sub);
    snprintf(order, sizeof order, "order:%s", sub);
    return last_result(eval(
        SCRIPT_FINISH,
        WORDS(queue, parked, "totals", health, "open", "breakers", "due", order, "events", message),
        WORDS(sub, "", "", "", event, lease)));
}

static const char *retry(const char *event, const char *sub, const char *lease)
{
    char queue[80], parked[80];
    snprintf(queue, sizeof queue, "queue:%s", sub);
    snprintf(parked, sizeof parked, "parked:%s", sub);
    char health[80];
    snprintf(health, sizeof health, "health:%s", sub);
    return done(eval(SCRIPT_RETRY, WORDS(queue, "due", parked, health, "open", "breakers"),
                     WORDS(event, lease, sub, "60000", "2", "1000", "2000", "503", "http_status",
                           "0", "", POLICY)));
}

static const char *bury(const char *entry_id, const char *event, const char *sub, const char *lease,
                        const char *is_sole)
{
    char queue[80], parked[80], message[80], settled[80], letter[160], key[170];
    snprintf(queue, sizeof queue, "queue:%s", sub);
    snprintf(parked, sizeof parked, "parked:%s", sub);
    snprintf(message, sizeof message, "message:%s", event);
    snprintf(settled, sizeof settled, "settled:%s", entry_id[0] ? entry_id : "0-0");
    snprintf(letter, sizeof letter, "%s.%s", event, sub);
    snprintf(key, sizeof key, "dead:%s", letter);
    char health[80], order[80];
    snprintf(health, sizeof health, "health:%s", sub);
    snprintf(order, sizeof order, "order:%s", sub);
    return done(eval(SCRIPT_BURY,
                     WORDS("events", queue, parked, message, settled, "totals", "dead", key, health,
                           "open", "breakers", order),
                     WORDS("petrel", entry_id, event, sub, letter, lease, lease[0] ? "" : COPY,
                           is_sole, lease[0] ? "" : "c", "", POLICY, "", "", "", "reason",
                           "exhausted", "attempts", "10")));
}

static const char *redrive(const char *event, const char *sub)
{
    char queue[80], parked[80], message[80], letter[160], key[170];
    snprintf(queue, sizeof queue, "queue:%s", sub);
    snprintf(parked, sizeof parked, "parked:%s", sub);
    snprintf(message, sizeof message, "message:%s", event);
    snprintf(letter, sizeof letter, "%s.%s", event, sub);
    snprintf(key, sizeof key, "dead:%s", letter);
    char order[80];
    snprintf(order, sizeof order, "order:%s", sub);
    return eval(SCRIPT_REDRIVE, WORDS("dead", key, queue, "due", parked, message, "totals", order),
                WORDS(letter, event, sub));
}

static const char *discard(const char *event, const char *sub)
{
    char message[80], letter[160], key[170];
    snprintf(message, sizeof message, "message:%s", event);
    snprintf(letter, sizeof letter, "%s.%s", event, sub);
    snprintf(key, sizeof key, "dead:%s", letter);
    return eval(SCRIPT_DISCARD, WORDS("dead", key, message), WORDS(letter));
}

static int64_t score(const char *key, const char *member)
{
    return strtoll(ASK("ZSCORE", key, member), NULL, 10);
}

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

TEST(seen_is_refused_when_full)
{
    fresh();
    become_full();
    CHECK(is_oom(eval(SCRIPT_SEEN, WORDS("seen:a", "message:a"), WORDS("60000", "1-0"))));
    become_roomy();
    CHECK_STR(ASK("EXISTS", "t:seen:a"), "0");
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

// ---- park

TEST(park_of_the_only_delivery_stores_and_acknowledges)
{
    fresh();
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    CHECK_STR(state_of("s1", "e1"), "1 1000 1000 500 http_status -");
    CHECK_STR(ASK("GET", "t:message:e1"), COPY);
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
    CHECK_STR(ASK("EXISTS", "t:settled:x"), "0");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 5000));
    CHECK_INT(score("t:due", "s1"), score("t:queue:s1", "e1"));
}

TEST(park_again_after_a_lost_reply_changes_nothing)
{
    fresh();
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    take_digest();
    CHECK_STR(park(entry, "e1", "s1", "9000", "1"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(park_of_one_delivery_of_several_notes_it_and_leaves_the_entry_pending)
{
    fresh();
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "5000", "0"), "1");
    CHECK_STR(park(entry, "e1", "s2", "5000", "0"), "1");
    take_digest();
    CHECK_STR(park(entry, "e1", "s1", "5000", "0"), "2");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK_STR(references("e1"), "00000002");
    char settled[80];
    snprintf(settled, sizeof settled, "t:settled:%s", entry);
    CHECK_STR(ASK("SCARD", settled), "2");
    CHECK(first_number(ASK("PTTL", settled)) > 6LL * 86400000);
    CHECK(strncmp(ASK("XPENDING", "t:events", "petrel"), "[1 ", 3) == 0);
}

TEST(a_copy_is_counted_in_its_place)
{
    fresh();
    ASK("SET", "t:message:e1", "00000099 1\ntype a\n\nbody");
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "0", "1"), "1");
    CHECK_STR(ASK("GET", "t:message:e1"), "00000100 1\ntype a\n\nbody");
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(ASK("GET", "t:message:e1"), "00000099 1\ntype a\n\nbody");
}

// By whoever: what isn't petrel's is neither counted nor deleted, and the delivery ends all the same.
TEST(a_copy_that_counts_nothing_is_left_alone)
{
    fresh();
    ASK("SET", "t:message:e1", "damaged copy");
    read_one("c");
    CHECK_STR(park(entry, "e1", "s1", "0", "1"), "1");
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(ASK("GET", "t:message:e1"), "damaged copy");
    CHECK_STR(ASK("EXISTS", "t:parked:s1", "t:queue:s1"), "0");
}

TEST(park_moves_the_look_only_forward)
{
    fresh();
    read_one("c");
    park(entry, "e1", "s1", "1000", "1");
    int64_t first = score("t:due", "s1");
    read_one("c");
    park(entry, "e2", "s1", "90000", "1");
    CHECK_INT(score("t:due", "s1"), first);
}

TEST(park_of_a_paused_one_leaves_due_alone)
{
    fresh();
    read_one("c");
    CHECK_STR(done(eval(SCRIPT_PARK,
                        WORDS("events", "queue:s1", "due", "parked:s1", "message:e1", "settled:1",
                              "totals", "health:s1", "open", "breakers", "order:s1"),
                        WORDS("petrel", entry, "e1", "s1", "0", "0", "0", "0", "0", "-", COPY, "1",
                              "1", "c", "", POLICY, "0"))),
              "1");
    CHECK_STR(ASK("ZCARD", "t:queue:s1"), "1");
    CHECK_STR(ASK("EXISTS", "t:due"), "0");
}

TEST(park_is_refused_when_full_and_changes_nothing)
{
    fresh();
    read_one("c");
    take_digest();
    become_full();
    CHECK(is_oom(park(entry, "e1", "s1", "5000", "1")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1"); // and works once there is room
}

TEST(park_without_the_group_keeps_the_delivery)
{
    fresh();
    read_one("c");
    ASK("XGROUP", "DESTROY", "t:events", "petrel");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    CHECK_STR(references("e1"), "00000001");
    // The group comes back from 0, the entry is read again: still parked once.
    ASK("XGROUP", "CREATE", "t:events", "petrel", "0");
    ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "1");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
}

TEST(park_bury_and_reject_are_refused_to_who_no_longer_holds_the_entry)
{
    fresh();
    read_one("c");
    ASK("XCLAIM", "t:events", "petrel", "other", "0", entry);
    take_digest();
    CHECK_STR(park(entry, "e1", "s1", "5000", "1"), "0");
    CHECK_STR(bury(entry, "e1", "s1", "", "1"), "0");
    CHECK_STR(eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                   WORDS("petrel", entry, "why", "c")),
              "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
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

// ---- due

TEST(due_books_the_look_for_one_caller)
{
    fresh();
    ASK("ZADD", "t:due", "1", "s1", "2", "s2", "99999999999999", "s3");
    const char *answer = eval(SCRIPT_DUE, WORDS("due"), WORDS("10"));
    CHECK(is_about(first_number(answer), clock_wall_ms()));
    CHECK(strstr(answer, " s1 s2]") != NULL);
    CHECK(is_about(score("t:due", "s1"), clock_wall_ms() + 1000));
    answer = eval(SCRIPT_DUE, WORDS("due"), WORDS("10"));
    CHECK(strstr(answer, "s1") == NULL);
    long long wait = strtoll(after_first(answer), NULL, 10);
    CHECK(wait >= 0 && wait <= 1000);
}

TEST(due_takes_at_most_the_limit_and_tells_when_nothing_is_there)
{
    fresh();
    CHECK_STR(after_first(eval(SCRIPT_DUE, WORDS("due"), WORDS("10"))), "-1]");
    ASK("ZADD", "t:due", "1", "s1", "2", "s2");
    CHECK_STR(after_first(eval(SCRIPT_DUE, WORDS("due"), WORDS("1"))), "0 s1]");
}

// ---- claim

static void park_two(void)
{
    fresh();
    read_one("c");
    park(entry, "e1", "s1", "0", "1");
    read_one("c");
    park(entry, "e2", "s1", "0", "1");
}

TEST(claim_leases_what_is_due_to_one_caller)
{
    char expected[256];
    park_two();
    snprintf(expected, sizeof expected, "0 e1 %s]", raw_state_of("s1", "e1"));
    const char *answer = claim("s1", "1", "30000", "lease-a");
    CHECK_STR(after_first(answer), expected);
    claim("s1", "10", "30000", "lease-b");
    CHECK_STR(state_of("s1", "e1"), "1 1000 1000 500 http_status lease-a");
    CHECK_STR(state_of("s1", "e2"), "1 1000 1000 500 http_status lease-b");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 30000));
    // Nothing is due now; the look is set for the first lease's end.
    answer = claim("s1", "10", "30000", "lease-c");
    CHECK(strstr(answer, "e1") == NULL);
    CHECK(is_about(strtoll(after_first(answer), NULL, 10), 30000));
    CHECK_INT(score("t:due", "s1"), score("t:queue:s1", "e1"));
}

TEST(claim_again_when_the_lease_is_over)
{
    char expected[256];
    park_two();
    claim("s1", "10", "0", "lease-a");
    redis_server_nap();
    snprintf(expected, sizeof expected, "e1 %s", raw_state_of("s1", "e1"));
    CHECK(strstr(expected, " @lease-a"));
    CHECK(strstr(claim("s1", "10", "30000", "lease-b"), expected));
    CHECK_STR(state_of("s1", "e1"), "1 1000 1000 500 http_status lease-b");
    CHECK_STR(finish("e1", "s1", "lease-a"), "0"); // fenced off
    CHECK_STR(finish("e1", "s1", "lease-b"), "1");
}

TEST(claim_of_an_empty_queue_ends_the_looks)
{
    fresh();
    ASK("ZADD", "t:due", "1", "s1");
    CHECK_STR(after_first(claim("s1", "10", "30000", "lease-a")), "-1]");
    CHECK_STR(ASK("EXISTS", "t:due"), "0");
}

TEST(claim_forgets_what_has_no_state)
{
    park_two();
    ASK("HDEL", "t:parked:s1", "e1");
    CHECK(strstr(claim("s1", "10", "30000", "lease-a"), " e2 ") != NULL);
    CHECK_STR(ASK("ZSCORE", "t:queue:s1", "e1"), "nil");
}

// ---- renew

TEST(renew_extends_only_own_leases)
{
    park_two();
    claim("s1", "1", "1000", "lease-a");
    claim("s1", "1", "1000", "lease-b");
    CHECK_STR(eval(SCRIPT_RENEW, WORDS("queue:s1", "parked:s1"),
                   WORDS("60000", "lease-a", "e1", "e2", "e3")),
              "1");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 60000));
    CHECK(is_about(score("t:queue:s1", "e2"), clock_wall_ms() + 1000));
    CHECK_STR(ASK("ZSCORE", "t:queue:s1", "e3"), "nil");
}

// ---- finish

TEST(finish_drops_the_last_reference_and_does_so_once)
{
    fresh();
    read_one("c");
    park(entry, "e1", "s1", "0", "0");
    park(entry, "e1", "s2", "0", "0");
    claim("s1", "1", "30000", "lease-a");
    claim("s2", "1", "30000", "lease-a");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(finish("e1", "s1", "lease-a"), "0");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(finish("e1", "s2", "lease-a"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1", "t:parked:s1", "t:queue:s2"), "0");
    CHECK_STR(ASK("HMGET", "t:totals", "parked", "delivered"), "[0 2]");
}

TEST(finish_without_a_lease_or_with_another_does_nothing)
{
    park_two();
    take_digest();
    CHECK_STR(finish("e1", "s1", "lease-a"), "0");
    CHECK_STR(finish("e9", "s1", "lease-a"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

// ---- retry

TEST(retry_puts_it_back_with_its_new_state)
{
    park_two();
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(retry("e1", "s1", "lease-a"), "1");
    CHECK_STR(state_of("s1", "e1"), "2 1000 2000 503 http_status -");
    CHECK(is_about(score("t:queue:s1", "e1"), clock_wall_ms() + 60000));
    CHECK_STR(retry("e1", "s1", "lease-a"), "0"); // the lease is spent
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "2");
    CHECK_STR(references("e1"), "00000001");
}

// ---- bury, redrive, discard

TEST(bury_of_a_fresh_delivery)
{
    fresh();
    read_one("c");
    CHECK_STR(bury(entry, "e1", "s1", "", "1"), "1");
    take_digest();
    CHECK_STR(bury(entry, "e1", "s1", "", "1"), "0");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
    CHECK(is_about(score("t:dead", "e1.s1"), clock_wall_ms()));
    CHECK_STR(ASK("HMGET", "t:dead:e1.s1", "event", "subscription", "reason", "attempts"),
              "[e1 s1 exhausted 10]");
    CHECK_STR(ASK("GET", "t:message:e1"), COPY);
    CHECK_STR(ASK("XPENDING", "t:events", "petrel"), "[0 nil nil nil]");
    CHECK_STR(ASK("HGETALL", "t:totals"), "[dead 1]");
}

TEST(bury_of_a_leased_delivery_hands_its_reference_on)
{
    park_two();
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(bury("", "e1", "s1", "lease-x", "0"), "0");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "1");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "0");
    CHECK_STR(ASK("GET", "t:message:e1"), COPY);
    CHECK_STR(ASK("HMGET", "t:totals", "parked", "dead"), "[1 1]");
    CHECK_STR(ASK("ZSCORE", "t:queue:s1", "e1"), "nil");
    CHECK_STR(ASK("HEXISTS", "t:parked:s1", "e1"), "0");
}

TEST(bury_tells_of_the_death_in_the_same_script_and_once)
{
    fresh();
    read_one("c");
    for (int i = 0; i < 2; i++)
        eval(SCRIPT_BURY,
             WORDS("events", "queue:s1", "parked:s1", "message:e1", "settled:0-0", "totals", "dead",
                   "dead:e1.s1", "health:s1", "open", "breakers", "order:s1"),
             WORDS("petrel", entry, "e1", "s1", "e1.s1", "", COPY, "1", "c", "", POLICY, "own_1",
                   "acme", "{}", "reason", "exhausted"));
    CHECK_STR(ASK("HGET", "t:dead:e1.s1", "reason"), "exhausted");
    CHECK_STR(ASK("XLEN", "t:events"), "2");
    CHECK(strstr(ASK("XREVRANGE", "t:events", "+", "-", "COUNT", "1"),
                 "type petrel.delivery.dead id own_1 tenant acme data {}") != NULL);
}

TEST(bury_again_over_an_older_dead_letter_of_the_same_event_counts_once)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    read_one("c"); // the same event id published again
    park(entry, "e1", "s1", "0", "1");
    CHECK_STR(references("e1"), "00000002");
    claim("s1", "1", "30000", "lease-a");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "1");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(discard("e1", "s1"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
}

TEST(bury_without_the_copy_leaves_no_half_copy_behind)
{
    park_two();
    bury("", "e1", "s1", "", "1");
    claim("s1", "1", "30000", "lease-a");
    ASK("HSET", "t:dead:e1.s1", "reason", "before");
    ASK("DEL", "t:message:e1");
    CHECK_STR(bury("", "e1", "s1", "lease-a", "0"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
}

TEST(bury_is_refused_when_full_and_changes_nothing)
{
    park_two();
    claim("s1", "1", "30000", "lease-a");
    read_one("c");
    take_digest();
    become_full();
    CHECK(is_oom(bury("", "e1", "s1", "lease-a", "0")));
    CHECK(is_oom(bury(entry, "e3", "s1", "", "1")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(redrive_starts_a_new_schedule_and_does_so_once)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    CHECK_STR(redrive("e1", "s1"), "1");
    CHECK_STR(redrive("e1", "s1"), "0");
    CHECK_STR(state_of("s1", "e1"), "0 0 0 0 - -");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(ASK("EXISTS", "t:dead", "t:dead:e1.s1"), "0");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK(is_about(score("t:due", "s1"), clock_wall_ms()));
    CHECK_INT(span_of(raw_state_of("s1", "e1")).size, 13); // when it was born, and no more
    CHECK(strstr(claim("s1", "1", "30000", "lease-a"), " e1 ") != NULL);
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
}

TEST(redrive_without_the_copy_does_nothing)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    ASK("DEL", "t:message:e1");
    take_digest();
    CHECK_STR(redrive("e1", "s1"), "-1");
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(redrive_of_what_is_parked_again_meanwhile_keeps_one_delivery)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    read_one("c");
    park(entry, "e1", "s1", "60000", "1");
    CHECK_STR(redrive("e1", "s1"), "1");
    CHECK_STR(references("e1"), "00000001");
    CHECK_STR(ASK("HGET", "t:totals", "parked"), "1");
    CHECK_STR(ASK("ZCARD", "t:dead"), "0");
}

TEST(redrive_is_refused_when_full_and_changes_nothing)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "1");
    take_digest();
    become_full();
    CHECK(is_oom(redrive("e1", "s1")));
    become_roomy();
    CHECK_STR(ASK("DEBUG", "DIGEST"), digest);
}

TEST(discard_takes_the_copy_with_the_last_reference)
{
    fresh();
    read_one("c");
    bury(entry, "e1", "s1", "", "0");
    bury(entry, "e1", "s2", "", "0");
    CHECK_STR(references("e1"), "00000002");
    CHECK_STR(discard("e1", "s1"), "1");
    CHECK_STR(discard("e1", "s1"), "0");
    CHECK_STR(references("e1"), "00000001");
    become_full(); // giving memory back always works
    CHECK_STR(discard("e1", "s2"), "1");
    become_roomy();
    CHECK_STR(ASK("EXISTS", "t:message:e1", "t:dead", "t:dead:e1.s2"), "0");
}

// ---- a full Redis drains

TEST(what_is_parked_can_leave_a_full_redis)
{
    park_two();
    become_full();
    CHECK(strstr(eval(SCRIPT_DUE, WORDS("due"), WORDS("10")), " s1]") != NULL);
    CHECK(strstr(claim("s1", "1", "30000", "lease-a"), " e1 ") != NULL);
    CHECK_STR(eval(SCRIPT_RENEW, WORDS("queue:s1", "parked:s1"), WORDS("60000", "lease-a", "e1")),
              "1");
    CHECK_STR(finish("e1", "s1", "lease-a"), "1");
    CHECK(strstr(claim("s1", "1", "30000", "lease-b"), " e2 ") != NULL);
    CHECK_STR(retry("e2", "s1", "lease-b"), "1");
    CHECK_STR(eval(SCRIPT_WAKE, WORDS("due", "queue:s1", "health:s1", "open", "breakers"),
                   WORDS("s1", "0", "0")),
              "1");
    CHECK_STR(ASK("EXISTS", "t:message:e1"), "0");
    become_roomy();
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

// ---- wake, heartbeat

TEST(wake_says_how_many_wait)
{
    park_two();
    CHECK_STR(eval(SCRIPT_WAKE, WORDS("due", "queue:s1", "health:s1", "open", "breakers"),
                   WORDS("s1", "30000", "0")),
              "2");
    CHECK(is_about(score("t:due", "s1"), clock_wall_ms() + 30000));
    CHECK_STR(eval(SCRIPT_WAKE, WORDS("due", "queue:s2", "health:s2", "open", "breakers"),
                   WORDS("s2", "0", "0")),
              "0");
    CHECK_STR(ASK("ZSCORE", "t:due", "s2"), "nil");
}

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
