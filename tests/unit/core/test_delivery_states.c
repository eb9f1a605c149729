// SPDX-License-Identifier: Apache-2.0
// The model of docs/architecture.md, "Every state and event", against the scripts on a real redis-server: each state is
// made, each event happens to it, and what Redis then holds must be the state that the page's table names. Once for a
// delivery that is its event's only one, once for one of several.
//
// The caller is consumer "c" with lease "mine"; "other" is another instance.
#include "script_calls.h"

enum { STATES_MAX = 16, EVENTS_MAX = 24, CELL_SIZE = 40, LINE_SIZE = 512 };

static const char *sole = "1"; // the delivery is its event's only one
static bool parks_unattempted; // with the script for that

// ---- events

#define HEALTH_KEYS "health:s", "open", "breakers"
#define POLICY "10 80 20 5000 300000 432000000"
#define PARK_KEYS                                                                                  \
    WORDS("events", "queue:s", "due", "parked:s", "message:e", key_of("settled", entry), "totals", \
          HEALTH_KEYS, "order:s")
#define BURY_KEYS                                                                                  \
    WORDS("events", "queue:s", "parked:s", "message:e", key_of("settled", entry), "totals",        \
          "dead", "dead:e.s", HEALTH_KEYS, "order:s")

static const char *read_new(void)
{
    return ASK("XREADGROUP", "GROUP", "petrel", "c", "STREAMS", "t:events", ">");
}

static const char *take_over(void)
{
    return eval(SCRIPT_REAP, WORDS("events"), WORDS("petrel", "c", "other", "10"));
}

static const char *park_unattempted(void)
{
    return last_result(eval(SCRIPT_PARK_MANY,
                            WORDS("events", "queue:s", "due", "parked:s", "totals", HEALTH_KEYS,
                                  "order:s", "message:e", key_of("settled", entry)),
                            WORDS("petrel", "s", "0", "0", "0", "c", entry, "e", COPY, sole)));
}

static const char *park(void)
{
    if (parks_unattempted)
        return park_unattempted();
    return eval(SCRIPT_PARK, PARK_KEYS,
                WORDS("petrel", entry, "e", "s", "0", "1", "1000", "1000", "500", "http_status",
                      COPY, sole, "0", "c", "", POLICY, "0"));
}

static const char *bury(void)
{
    return eval(SCRIPT_BURY, BURY_KEYS,
                WORDS("petrel", entry, "e", "s", "e.s", "", "x", sole, "c", "", POLICY, "", "", "",
                      "reason", "exhausted"));
}

static const char *note(void)
{
    return eval(SCRIPT_NOTE, WORDS("events", key_of("settled", entry)),
                WORDS("petrel", entry, "c", "s"));
}

static const char *acknowledge(void)
{
    return ASK("XACK", "t:events", "petrel", entry);
}

static const char *reject(void)
{
    return eval(SCRIPT_REJECT, WORDS("events", "rejected", "totals"),
                WORDS("petrel", entry, "no event", "c"));
}

static const char *claim_with(const char *lease)
{
    return eval(SCRIPT_CLAIM, WORDS("queue:s", "due", "parked:s", HEALTH_KEYS, "events"),
                WORDS("s", "10", "60000", lease, "64", "100000000", "", "", ""));
}

static const char *claim(void)
{
    return claim_with("mine");
}

static const char *other_claims(void)
{
    return claim_with("other");
}

static const char *renew(void)
{
    return eval(SCRIPT_RENEW, WORDS("queue:s", "parked:s"), WORDS("60000", "mine", "e"));
}

static const char *finish(void)
{
    return last_result(eval(SCRIPT_FINISH,
                            WORDS("queue:s", "parked:s", "totals", HEALTH_KEYS, "due", "order:s",
                                  "events", "message:e"),
                            WORDS("s", "", "", "", "e", "mine")));
}

static const char *retry(void)
{
    return eval(
        SCRIPT_RETRY, WORDS("queue:s", "due", "parked:s", HEALTH_KEYS),
        WORDS("e", "mine", "s", "0", "2", "1000", "2000", "503", "http_status", "0", "", POLICY));
}

static const char *bury_leased(void)
{
    return eval(SCRIPT_BURY, BURY_KEYS,
                WORDS("petrel", entry, "e", "s", "e.s", "mine", "", "0", "", "", POLICY, "", "", "",
                      "reason", "exhausted"));
}

static const char *time_passes(void)
{
    return ASK("ZADD", "t:queue:s", "XX", "1", "e"); // every due time and every lease's end is past
}

static const char *redrive(void)
{
    return eval(
        SCRIPT_REDRIVE,
        WORDS("dead", "dead:e.s", "queue:s", "due", "parked:s", "message:e", "totals", "order:s"),
        WORDS("e.s", "e", "s"));
}

static const char *discard(void)
{
    return eval(SCRIPT_DISCARD, WORDS("dead", "dead:e.s", "message:e"), WORDS("e.s"));
}

static const struct event_row {
    const char *name;
    const char *(*happen)(void);
    bool is_script; // whose refusal (0) must leave everything as it was
} events[] = {
    {"read", read_new, false},
    {"take over", take_over, false},
    {"park", park, true},
    {"bury", bury, true},
    {"note", note, true},
    {"acknowledge", acknowledge, false},
    {"reject", reject, true},
    {"claim", claim, false},
    {"other claims", other_claims, false},
    {"renew", renew, true},
    {"finish", finish, true},
    {"retry", retry, true},
    {"bury leased", bury_leased, true},
    {"time", time_passes, false},
    {"redrive", redrive, true},
    {"discard", discard, true},
};
enum { EVENT_COUNT = sizeof events / sizeof events[0] };

// ---- states

static void make_unread(void)
{
    fresh();
    snprintf(entry, sizeof entry, "%s", ASK("XADD", "t:events", "*", "type", "a.b", "data", "{}"));
}

static void make_in_hand(void)
{
    make_unread();
    read_new();
}

static void make_noted(void)
{
    make_in_hand();
    note();
}

static void make_taken_over(void)
{
    make_in_hand();
    take_over();
}

static void make_parked(void)
{
    make_in_hand();
    park();
}

static void make_leased(void)
{
    make_parked();
    claim();
}

static void make_lease_over(void)
{
    make_leased();
    time_passes();
}

static void make_others_lease(void)
{
    make_parked();
    other_claims();
}

static void make_over(void)
{
    make_in_hand();
    acknowledge();
}

static void make_dead(void)
{
    make_in_hand();
    bury();
}

static void make_rejected(void)
{
    make_in_hand();
    reject();
}

static const struct state_row {
    const char *name;
    void (*make)(void);
} states[] = {
    {"unread", make_unread},
    {"in hand", make_in_hand},
    {"noted", make_noted},
    {"taken over", make_taken_over},
    {"parked", make_parked},
    {"leased", make_leased},
    {"lease over", make_lease_over},
    {"another's lease", make_others_lease},
    {"over", make_over},
    {"dead", make_dead},
    {"rejected", make_rejected},
};
enum { STATE_COUNT = sizeof states / sizeof states[0] };

// In this order: what is parked or dead is so, whatever becomes of an entry that others still need.
static const char *state_in_redis(void)
{
    char parked[160];
    if (strcmp(ASK("ZCARD", "t:dead"), "1") == 0)
        return strcmp(ASK("EXISTS", "t:dead:e.s"), "1") == 0 ? "dead"
                                                             : "a dead letter without its text";
    snprintf(parked, sizeof parked, "%s", ASK("HGET", "t:parked:s", "e"));
    if (strcmp(parked, "nil") != 0) {
        const char *lease = strchr(parked, '@');
        bool is_due = strtoll(ASK("ZSCORE", "t:queue:s", "e"), NULL, 10) <= clock_wall_ms();
        if (!lease)
            return "parked";
        if (strcmp(lease, "@mine") != 0)
            return "another's lease";
        return is_due ? "lease over" : "leased";
    }
    if (strcmp(ASK("XLEN", "t:rejected"), "0") != 0)
        return "rejected";
    char settled[96];
    snprintf(settled, sizeof settled, "t:%s", key_of("settled", entry));
    bool is_noted = strcmp(ASK("SISMEMBER", settled, "s"), "1") == 0;
    if (strstr(ASK("XPENDING", "t:events", "petrel"), "[[c 1]]"))
        return is_noted ? "noted" : "in hand";
    if (strstr(ASK("XPENDING", "t:events", "petrel"), "[[other 1]]"))
        return "taken over";
    return strstr(ASK("XINFO", "GROUPS", "t:events"), entry) ? "over" : "unread";
}

// ---- the page's table

static char header[EVENTS_MAX][CELL_SIZE];
static char cells[STATES_MAX][EVENTS_MAX][CELL_SIZE]; // the first column is the state's name
static size_t column_count, row_count;

static size_t split(char *line, char out[][CELL_SIZE])
{
    size_t count = 0;
    char *rest = line + 1, *cell;
    while ((cell = strsep(&rest, "|")) && rest && count < EVENTS_MAX) {
        cell += strspn(cell, " ");
        size_t size = strlen(cell);
        while (size && cell[size - 1] == ' ')
            size--;
        snprintf(out[count++], CELL_SIZE, "%.*s", (int)size, cell);
    }
    return count;
}

static void read_table(void)
{
    char path[512], line[LINE_SIZE];
    snprintf(path, sizeof path, "%.*s/../../../docs/architecture.md",
             (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
    FILE *page = fopen(path, "r");
    bool is_here = false;
    while (page && fgets(line, sizeof line, page)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "| state |", 9) == 0) {
            column_count = split(line, header);
            is_here = true;
        } else if (is_here && line[0] != '|') {
            break;
        } else if (is_here && line[1] != '-' && row_count < STATES_MAX) {
            CHECK_INT(split(line, cells[row_count++]), column_count);
        }
    }
    CHECK(page != NULL);
    if (page)
        fclose(page);
}

static size_t column_of(const char *event)
{
    for (size_t i = 1; i < column_count; i++)
        if (strcmp(header[i], event) == 0)
            return i;
    return 0;
}

static size_t row_of(const char *state)
{
    for (size_t i = 0; i < row_count; i++)
        if (strcmp(cells[i][0], state) == 0)
            return i;
    return STATES_MAX;
}

TEST(the_page_names_every_state_and_every_event)
{
    read_table();
    CHECK_INT(column_count, EVENT_COUNT + 1);
    CHECK_INT(row_count, STATE_COUNT);
    for (size_t i = 0; i < EVENT_COUNT; i++)
        CHECK_ROW(column_of(events[i].name) > 0, events[i].name);
    for (size_t i = 0; i < STATE_COUNT; i++)
        CHECK_ROW(row_of(states[i].name) < STATES_MAX, states[i].name);
}

static void check_pair(const struct state_row *state, const struct event_row *event)
{
    size_t row = row_of(state->name), column = column_of(event->name);
    if (row >= STATES_MAX || !column)
        return; // told above
    const char *cell = cells[row][column];
    const char *expected = cell[0] ? cell : state->name;
    state->make();
    CHECK_STR(state_in_redis(), state->name);
    char before[64];
    snprintf(before, sizeof before, "%s", ASK("DEBUG", "DIGEST"));
    bool is_refused = strcmp(event->happen(), "0") == 0 && event->is_script;
    const char *actual = state_in_redis();
    // Of several deliveries of an event: over as well, while the entry is pending for the others.
    if (sole[0] == '0' && strcmp(expected, "over") == 0 && strcmp(actual, "noted") == 0)
        actual = expected;
    if (strcmp(actual, expected) != 0)
        UNIT_FAIL("%s, %s (only delivery: %s): now \"%s\", by the page \"%s\"", state->name,
                  event->name, sole, actual, expected);
    if (is_refused && strcmp(ASK("DEBUG", "DIGEST"), before) != 0)
        UNIT_FAIL("%s, %s: refused, and yet something has changed", state->name, event->name);
}

static void check_every_pair(void)
{
    for (size_t i = 0; i < STATE_COUNT; i++)
        for (size_t k = 0; k < EVENT_COUNT; k++)
            check_pair(&states[i], &events[k]);
}

TEST(every_event_in_every_state_of_an_only_delivery)
{
    sole = "1";
    check_every_pair();
}

TEST(every_event_in_every_state_of_one_delivery_of_several)
{
    sole = "0";
    check_every_pair();
}

TEST(every_event_in_every_state_when_it_parks_unattempted)
{
    parks_unattempted = true;
    sole = "1";
    check_every_pair();
    sole = "0";
    check_every_pair();
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
