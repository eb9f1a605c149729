// SPDX-License-Identifier: Apache-2.0
#include "petrel/keys.h"
#include "petrel/scripts.h"
#include "unit.h"

static const char *name(uint32_t shards, uint32_t shard, enum key_name key_name, const char *suffix)
{
    static char out[KEY_MAX_BYTES + 1];
    struct keys keys = {.namespace_name = "petrel", .shards = shards};
    struct key key = keys_format(&keys, shard, key_name, span_of(suffix));
    span_copy(key_span(&key), out, sizeof out);
    return out;
}

TEST(names_with_one_shard)
{
    CHECK_STR(name(1, 0, KEY_EVENTS, ""), "petrel:events");
    CHECK_STR(name(1, 0, KEY_DUE, ""), "petrel:due");
    CHECK_STR(name(1, 0, KEY_DEAD, ""), "petrel:dead");
    CHECK_STR(name(1, 0, KEY_REJECTED, ""), "petrel:rejected");
    CHECK_STR(name(1, 0, KEY_ATTEMPTS, ""), "petrel:attempts");
    CHECK_STR(name(1, 0, KEY_FLOOR, ""), "petrel:floor");
    CHECK_STR(name(1, 0, KEY_TOTALS, ""), "petrel:totals");
    CHECK_STR(name(1, 0, KEY_QUEUE, "sub_1"), "petrel:queue:sub_1");
    CHECK_STR(name(1, 0, KEY_PARKED, "sub_1"), "petrel:parked:sub_1");
    CHECK_STR(name(1, 0, KEY_MESSAGE, "msg_1"), "petrel:message:msg_1");
    CHECK_STR(name(1, 0, KEY_DEAD_LETTER, "msg_1.sub_1"), "petrel:dead:msg_1.sub_1");
    CHECK_STR(name(1, 0, KEY_SEEN, "x"), "petrel:seen:x");
    CHECK_STR(name(1, 0, KEY_SETTLED, "1-0"), "petrel:settled:1-0");
    CHECK_STR(name(1, 0, KEY_IDEMPOTENCY, "ab"), "petrel:idempotency:ab");
    CHECK_STR(name(1, 0, KEY_SUBSCRIPTIONS, ""), "petrel:subscriptions");
    CHECK_STR(name(1, 0, KEY_CHANGES, ""), "petrel:changes");
    CHECK_STR(name(1, 0, KEY_INSTANCES, ""), "petrel:instances");
    CHECK_STR(name(1, 0, KEY_SCHEMA, ""), "petrel:schema");
}

TEST(names_with_several_shards_share_a_slot_per_shard)
{
    CHECK_STR(name(4, 3, KEY_EVENTS, ""), "petrel:{3}:events");
    CHECK_STR(name(4, 3, KEY_QUEUE, "sub_1"), "petrel:{3}:queue:sub_1");
}

TEST(names_of_the_control_plane_do_not_depend_on_the_shards)
{
    CHECK_STR(name(4, 0, KEY_SUBSCRIPTIONS, ""), "petrel:subscriptions");
    CHECK_STR(name(4, 0, KEY_CHANGES, ""), "petrel:changes");
    CHECK_STR(name(4, 0, KEY_INSTANCES, ""), "petrel:instances");
    CHECK_STR(name(4, 0, KEY_LANES, "host-1:0"), "petrel:lanes:host-1:0");
    CHECK_STR(name(4, 0, KEY_SCHEMA, ""), "petrel:schema");
}

TEST(the_layout_says_how_many_shards_there_are)
{
    static const struct {
        uint32_t shards;
        const char *stored;
        enum keys_layout expected;
    } rows[] = {
        {1, "1", KEYS_LAYOUT_OURS},
        {4, "1/4", KEYS_LAYOUT_OURS},
        {4, "1", KEYS_LAYOUT_OTHER_SHARDS},
        {1, "1/4", KEYS_LAYOUT_OTHER_SHARDS},
        {8, "1/4", KEYS_LAYOUT_OTHER_SHARDS},
        {1, "2", KEYS_LAYOUT_OTHER_VERSION},
        {4, "2/4", KEYS_LAYOUT_OTHER_VERSION},
        {1, "", KEYS_LAYOUT_OTHER_VERSION},
        {1, "1/", KEYS_LAYOUT_OTHER_VERSION},
        {1, "1/1", KEYS_LAYOUT_OTHER_VERSION},
        {1, "1/x", KEYS_LAYOUT_OTHER_VERSION},
        {4, "1/4294967300", KEYS_LAYOUT_OTHER_VERSION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keys keys = {.shards = rows[i].shards};
        char layout[LAYOUT_SIZE];
        uint32_t shards;
        CHECK_ROW(keys_judge_layout(&keys, span_of(rows[i].stored), &shards) == rows[i].expected,
                  rows[i].stored);
        keys_format_layout(&keys, layout);
        CHECK_ROW((strcmp(layout, rows[i].stored) == 0) == (rows[i].expected == KEYS_LAYOUT_OURS),
                  rows[i].stored);
    }
}

TEST(the_longest_names_fit)
{
    char id[64 + 1 + 64 + 1];
    struct keys keys = {.shards = SHARDS_MAX};
    memset(keys.namespace_name, 'n', NAMESPACE_MAX_BYTES);
    memset(id, 'i', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    struct key key = keys_format(&keys, SHARDS_MAX - 1, KEY_IDEMPOTENCY, span_of(id));
    CHECK_INT(key.size, 64 + strlen(":{63}:idempotency:") + 129);
}

TEST(namespaces)
{
    char longest[NAMESPACE_MAX_BYTES + 2];
    memset(longest, 'a', sizeof longest);
    CHECK(keys_is_namespace(SPAN("petrel")));
    CHECK(keys_is_namespace(SPAN("A-b_c.9")));
    CHECK(keys_is_namespace((struct span){longest, NAMESPACE_MAX_BYTES}));
    CHECK(!keys_is_namespace((struct span){longest, NAMESPACE_MAX_BYTES + 1}));
    static const char *const bad[] = {"", "a b", "a:b", "{a}", "a\n", "a/b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_ROW(!keys_is_namespace(span_of(bad[i])), bad[i]);
}

TEST(every_script_is_there_with_its_own_digest)
{
    for (int i = 0; i < SCRIPT_COUNT; i++) {
        const char *sha1 = script_sha1((enum script)i);
        CHECK_INT(strlen(sha1), 40);
        CHECK_ROW(strspn(sha1, "0123456789abcdef") == 40, script_name((enum script)i));
        CHECK_ROW(script_source((enum script)i).size > 100, script_name((enum script)i));
        for (int j = 0; j < i; j++)
            CHECK_ROW(strcmp(sha1, script_sha1((enum script)j)) != 0, script_name((enum script)i));
    }
}

UNIT_MAIN()
