// SPDX-License-Identifier: Apache-2.0
// The index against the plain truth (subscription_wants on every one), and how fast it is built and asked.
#include <pthread.h>
#include <stdlib.h>

#include "petrel/clock.h"
#include "petrel/random.h"
#include "petrel/snapshot.h"
#include "unit.h"

// Only what the snapshot looks at; the rest of a subscription is zero.
static struct subscription *make(const char *id, const char *tenant, const char *types)
{
    struct subscription *subscription = calloc(1, sizeof *subscription);
    atomic_init(&subscription->references, 1);
    span_copy(span_of(id), subscription->id, sizeof subscription->id);
    span_copy(span_of(tenant), subscription->tenant, sizeof subscription->tenant);
    subscription->event_types = calloc(16, sizeof *subscription->event_types);
    struct span rest = span_of(types);
    struct span type;
    while (span_next(&rest, ' ', &type))
        subscription->event_types[subscription->event_type_count++] = span_duplicate(type);
    return subscription;
}

enum { FEW = 8 };
struct fixture {
    struct subscription *items[FEW];
    size_t count;
    struct snapshot *snapshot;
};

static void index_all(struct fixture *fixture)
{
    fixture->snapshot = snapshot_create(fixture->items, fixture->count);
}

static void drop(struct fixture *fixture)
{
    snapshot_unref(&fixture->snapshot);
    for (size_t i = 0; i < fixture->count; i++)
        subscription_unref(&fixture->items[i]);
}

// The ids that match, sorted, with spaces between.
static const char *matches(const struct fixture *fixture, const char *tenant, const char *type)
{
    static char out[400];
    struct subscription *found[FEW];
    size_t count = snapshot_match(fixture->snapshot, span_of(tenant), span_of(type), found, FEW);
    out[0] = '\0';
    for (size_t i = 0; i < fixture->count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (found[j] == fixture->items[i])
                snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", out[0] ? " " : "",
                         found[j]->id);
        }
    }
    return out;
}

static size_t count_matches(const struct fixture *fixture, const char *tenant, const char *type)
{
    return snapshot_match(fixture->snapshot, span_of(tenant), span_of(type), NULL, 0);
}

TEST(an_empty_snapshot)
{
    struct fixture fixture = {0};
    index_all(&fixture);
    CHECK_INT(snapshot_count(fixture.snapshot), 0);
    CHECK(snapshot_find(fixture.snapshot, "sub_1") == NULL);
    CHECK_STR(matches(&fixture, "", "a"), "");
    drop(&fixture);
}

TEST(exact_types_prefixes_and_tenants)
{
    struct fixture fixture = {
        .items = {make("s0", "", "invoice.paid"), make("s1", "", "invoice.*"), make("s2", "", "*"),
                  make("s3", "acme", "invoice.paid"), make("s4", "", "inv*"),
                  make("s5", "", "invoice.paid.late user.*")},
        .count = 6,
    };
    index_all(&fixture);
    CHECK_INT(snapshot_count(fixture.snapshot), 6);
    CHECK_STR(matches(&fixture, "", "invoice.paid"), "s0 s1 s2 s4");
    CHECK_STR(matches(&fixture, "", "invoice.paid.late"), "s1 s2 s4 s5");
    CHECK_STR(matches(&fixture, "", "invoice"), "s2 s4");
    CHECK_STR(matches(&fixture, "", "user.new"), "s2 s5");
    CHECK_STR(matches(&fixture, "", "x"), "s2");
    CHECK_STR(matches(&fixture, "acme", "invoice.paid"), "s3");
    CHECK_STR(matches(&fixture, "other", "invoice.paid"), "");
    drop(&fixture);
}

TEST(each_once_however_many_patterns_match)
{
    struct fixture fixture = {
        .items = {make("s0", "", "a.b a.* a* * a.b.c"), make("s1", "", "a.* a.b a.*"),
                  make("s2", "", "a.b a.b"), make("s3", "", "a.b a.b*")},
        .count = 4,
    };
    index_all(&fixture);
    CHECK_INT(count_matches(&fixture, "", "a.b"), 4);
    CHECK_INT(count_matches(&fixture, "", "a.bc"), 3);
    CHECK_STR(matches(&fixture, "", "a.b"), "s0 s1 s2 s3");
    CHECK_STR(matches(&fixture, "", "a.b.c"), "s0 s1 s3");
    CHECK_STR(matches(&fixture, "", "b"), "s0");
    drop(&fixture);
}

TEST(own_types_are_asked_for_by_name)
{
    struct fixture fixture = {
        .items = {make("s0", "", "*"), make("s1", "", "petrel.*"),
                  make("s2", "", "petrel.delivery.dead"), make("s3", "", "* petrel.*"),
                  make("s4", "", "p*"), make("s5", "", "pet* petrel.delivery.*"),
                  make("s6", "", "* petrel.delivery.dead")},
        .count = 7,
    };
    index_all(&fixture);
    CHECK_STR(matches(&fixture, "", "petrel.delivery.dead"), "s1 s2 s3 s5 s6");
    CHECK_STR(matches(&fixture, "", "petrel.test"), "s1 s3");
    CHECK_STR(matches(&fixture, "", "petrelx"), "s0 s3 s4 s5 s6");
    CHECK_STR(matches(&fixture, "", "petrel"), "s0 s3 s4 s5 s6");
    drop(&fixture);
}

TEST(more_matches_than_room_are_counted)
{
    struct fixture fixture = {
        .items = {make("s0", "", "a"), make("s1", "", "a"), make("s2", "", "*"),
                  make("s3", "", "*")},
        .count = 4,
    };
    struct subscription *found[4] = {0};
    index_all(&fixture);
    CHECK_INT(snapshot_match(fixture.snapshot, SPAN(""), SPAN("a"), found, 3), 4);
    CHECK(found[0] && found[1] && found[2] && !found[3]);
    CHECK_INT(snapshot_match(fixture.snapshot, SPAN(""), SPAN("a"), NULL, 0), 4);
    drop(&fixture);
}

TEST(find_by_id)
{
    struct fixture fixture = {.items = {make("s0", "", "a"), make("s1", "", "a")}, .count = 2};
    index_all(&fixture);
    CHECK(snapshot_find(fixture.snapshot, "s1") == fixture.items[1]);
    CHECK(snapshot_find(fixture.snapshot, "s2") == NULL);
    CHECK(snapshot_find(fixture.snapshot, "") == NULL);
    drop(&fixture);
}

TEST(a_snapshot_holds_its_subscriptions)
{
    struct fixture fixture = {.items = {make("s0", "", "a")}, .count = 1};
    index_all(&fixture);
    struct snapshot *second = snapshot_ref(fixture.snapshot);
    drop(&fixture);
    CHECK_STR(snapshot_find(second, "s0")->event_types[0], "a");
    snapshot_unref(&second);
    CHECK(second == NULL);
    snapshot_unref(&second);
}

// ---- many

enum { MANY = 3000, ASKED = 2000 };

static const char *random_word(uint64_t *state)
{
    static const char *const words[] = {"a",   "b",        "ab", "abc", "a.b",    "a.c",
                                        "x.y", "petrel.a", "p",  "pe",  "petrel", "a.b.c"};
    return words[random_next(state) % (sizeof words / sizeof words[0])];
}

TEST(random_tables_agree_with_the_plain_truth)
{
    static struct subscription *items[MANY];
    uint64_t state = 42;
    for (size_t i = 0; i < MANY; i++) {
        char id[32];
        char types[200] = "";
        snprintf(id, sizeof id, "sub_%zu", i);
        size_t count = 1 + random_next(&state) % 4;
        for (size_t j = 0; j < count; j++)
            snprintf(types + strlen(types), sizeof types - strlen(types), "%s%s%s", j ? " " : "",
                     random_next(&state) % 10 ? random_word(&state) : "",
                     random_next(&state) % 2 ? "*" : "");
        if (types[0] == '\0' || strstr(types, "  ") || types[0] == ' ' ||
            types[strlen(types) - 1] == ' ')
            snprintf(types, sizeof types, "*");
        items[i] = make(id, random_next(&state) % 3 ? "" : "t", types);
    }
    struct snapshot *snapshot = snapshot_create(items, MANY);
    static struct subscription *found[MANY];
    for (size_t i = 0; i < ASKED / 10; i++) {
        struct span tenant = random_next(&state) % 3 ? SPAN("") : SPAN("t");
        struct span type = span_of(random_word(&state));
        size_t count = snapshot_match(snapshot, tenant, type, found, MANY);
        size_t expected = 0;
        uint64_t sum = 0;
        for (size_t j = 0; j < MANY; j++) {
            if (subscription_wants(items[j], tenant, type)) {
                expected++;
                sum += hash_bytes(span_of(items[j]->id));
            }
        }
        CHECK_INT(count, expected);
        for (size_t j = 0; j < count && j < MANY; j++)
            sum -= hash_bytes(span_of(found[j]->id));
        CHECK_INT(sum, 0); // the same ones, each once
    }
    for (size_t i = 0; i < MANY; i++)
        CHECK(snapshot_find(snapshot, items[i]->id) == items[i]);
    snapshot_unref(&snapshot);
    for (size_t i = 0; i < MANY; i++)
        subscription_unref(&items[i]);
}

enum { LOTS = 100000 };

TEST(a_hundred_thousand_are_built_and_asked_fast)
{
    struct subscription **items = calloc(LOTS, sizeof *items);
    for (size_t i = 0; i < LOTS; i++) {
        char id[32];
        char tenant[32];
        char types[100];
        snprintf(id, sizeof id, "sub_%zu", i);
        snprintf(tenant, sizeof tenant, "tenant-%zu", i / 4);
        snprintf(types, sizeof types, "invoice.paid.%zu user.* order.%zu.*", i % 50, i % 20);
        items[i] = make(id, tenant, types);
    }
    int64_t start_us = clock_mono_us();
    struct snapshot *snapshot = snapshot_create(items, LOTS);
    int64_t build_us = clock_mono_us() - start_us;
    struct subscription *found[16];
    size_t matched = 0;
    start_us = clock_mono_us();
    for (size_t i = 0; i < LOTS; i++)
        matched +=
            snapshot_match(snapshot, span_of(items[i]->tenant), SPAN("user.created"), found, 16);
    int64_t ask_us = clock_mono_us() - start_us;
    CHECK_INT(matched, 4 * LOTS);
    printf("100,000 subscriptions: built in %lld ms, one match %lld ns\n",
           (long long)build_us / 1000, (long long)ask_us * 1000 / LOTS);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(build_us < 2000000); // a quadratic build would take minutes
    CHECK(ask_us < 2000000);
#endif
    snapshot_unref(&snapshot);
    for (size_t i = 0; i < LOTS; i++)
        subscription_unref(&items[i]);
    free(items);
}

UNIT_MAIN()
