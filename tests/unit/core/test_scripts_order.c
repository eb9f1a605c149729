// SPDX-License-Identifier: Apache-2.0
// Ordered subscriptions: one delivery at a time, in the order of the stream. On a real redis-server.
#include "script_health.h"

static const char *claim_first(const char *lease)
{
    return eval(SCRIPT_CLAIM_ORDERED,
                WORDS("queue:s", "due", "parked:s", "health:s", "open", "breakers", "events",
                      "order:s", "fanned", "fanned_to"),
                WORDS("s", "1", "30000", lease, "1", "petrel", RECOVERY));
}

TEST(ordered_ones_go_one_at_a_time_in_the_streams_order)
{
    char ids[3][64];
    fresh();
    for (int i = 0; i < 3; i++)
        snprintf(ids[i], sizeof ids[i], "%s", read_one("c"));
    // Parked in another order.
    static const int order[] = {2, 0, 1};
    char of_entry[3][64];
    for (int i = 0; i < 3; i++) {
        snprintf(entry, sizeof entry, "%s", ids[order[i]]);
        park_for("", QUICK, "1");
        snprintf(of_entry[order[i]], sizeof of_entry[0], "%s", event_id);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_STR(word(claim_first("l"), 4), of_entry[i]);
        CHECK_STR(word(claim_first("m"), 4), ""); // one at a time
        CHECK_STR(word(finish_as(of_entry[i], "l"), 0), "1");
    }
    CHECK_STR(ASK("EXISTS", "t:order:s", "t:queue:s"), "0");
}

TEST(the_first_that_waits_for_its_retry_holds_the_others)
{
    fresh();
    read_one("c");
    park_for("", QUICK, "1");
    char first[64];
    snprintf(first, sizeof first, "%s", event_id);
    read_one("c");
    park_for("", QUICK, "1");
    CHECK_STR(word(claim_first("l"), 4), first);
    retry_as(first, "l", "60000");
    CHECK_STR(word(claim_first("m"), 4), "");
    ASK("ZADD", "t:queue:s", "1", first);
    CHECK_STR(word(claim_first("m"), 4), first);
}

TEST(an_earlier_entry_that_is_not_fanned_out_holds_the_order)
{
    fresh();
    char early[64];
    snprintf(early, sizeof early, "%s", read_one("other"));
    read_one("c");
    park_for("", QUICK, "1");
    CHECK_STR(word(claim_first("l"), 4), "");
    ASK("ZADD", "t:fanned", "0", early); // no delivery of it is ours
    CHECK_STR(word(claim_first("l"), 4), event_id);
    CHECK_STR(ASK("GET", "t:fanned_to"), entry);
}

TEST(an_entry_whose_delivery_to_another_went_out_may_still_hold_ours)
{
    char early[64];
    fresh();
    snprintf(early, sizeof early, "%s", read_one("other"));
    ASK("SET", "t:fanned_to", early); // a claim of another ordered subscription came this far
    read_one("c");
    park_for("", QUICK, "1");
    CHECK_STR(word(claim_first("l"), 4), "");
    ASK("ZADD", "t:fanned", "0", early);
    CHECK_STR(word(claim_first("l"), 4), event_id);
}

TEST(a_dead_one_keeps_its_place_for_a_redrive)
{
    fresh();
    read_one("c");
    park_for("", QUICK, "1");
    char first[64], letter[80];
    snprintf(first, sizeof first, "%s", event_id);
    snprintf(letter, sizeof letter, "%s.s", first);
    read_one("c");
    park_for("", QUICK, "1");
    claim_first("l");
    eval(SCRIPT_BURY,
         WORDS("events", "queue:s", "parked:s", key_of("message", first), "settled:0-0", "totals",
               "dead", key_of("dead", letter), "health:s", "open", "breakers", "order:s"),
         WORDS("petrel", "", first, "s", letter, "l", "", "0", "", "", QUICK, "", "", "", "reason",
               "exhausted"));
    CHECK_STR(eval(SCRIPT_REDRIVE,
                   WORDS("dead", key_of("dead", letter), "queue:s", "due", "parked:s",
                         key_of("message", first), "totals", "order:s"),
                   WORDS(letter, first, "s")),
              "1");
    CHECK_STR(word(claim_first("l"), 4), first);
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
