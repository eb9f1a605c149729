// SPDX-License-Identifier: Apache-2.0
// Replies in an arena are the replies that hiredis would have made itself.
#include "redis_arena.h"

#include <stdlib.h>

#include "unit.h"

static void check_same(const redisReply *made, const redisReply *expected, const char *row)
{
    CHECK_ROW(made && expected, row);
    if (!made || !expected)
        return;
    CHECK_ROW(made->type == expected->type, row);
    CHECK_ROW(made->integer == expected->integer, row);
    CHECK_ROW(made->elements == expected->elements, row);
    CHECK_ROW(!made->str == !expected->str && made->len == expected->len, row);
    if (made->str && expected->str)
        CHECK_ROW(memcmp(made->str, expected->str, expected->len + 1) == 0, row);
    for (size_t i = 0; i < made->elements && i < expected->elements; i++)
        check_same(made->element[i], expected->element[i], row);
}

// Fed whole, then byte by byte.
static void check_reply(redisReader *reader, const char *wire, size_t size)
{
    for (size_t step = size; step; step = step > 1 ? 1 : 0) {
        redisReader *plain = redisReaderCreate();
        void *made = NULL, *expected = NULL;
        redisReaderFeed(plain, wire, size);
        CHECK_INT(redisReaderGetReply(plain, &expected), REDIS_OK);
        for (size_t at = 0; at < size; at += step) {
            CHECK(!made);
            CHECK_INT(redisReaderFeed(reader, wire + at, step), REDIS_OK);
            CHECK_INT(redisReaderGetReply(reader, &made), REDIS_OK);
        }
        check_same(made, expected, wire);
        if (made)
            reader->fn->freeObject(made);
        freeReplyObject(expected);
        redisReaderFree(plain);
    }
}

static redisReader *create_reader(struct redis_arena *arena)
{
    redisReader *reader = redisReaderCreate();
    redis_arena_serve(arena, reader);
    return reader;
}

// What a read of events is answered with; the second entry was deleted.
static const char events[] =
    "*1\r\n*2\r\n$6\r\nevents\r\n*2\r\n*2\r\n$3\r\n1-0\r\n*4\r\n$4\r\ntype\r\n$1\r\na\r\n$4\r\ndata\r\n"
    "$2\r\n{}\r\n*2\r\n$3\r\n2-0\r\n*-1\r\n";

TEST(replies_are_those_of_hiredis)
{
    static const char *const wires[] = {
        "+OK\r\n",
        "-NOSCRIPT no such script\r\n",
        ":-42\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "$0\r\n\r\n",
        "$5\r\nab\r\nc\r\n",
        "*0\r\n",
        "*3\r\n:1\r\n$1\r\nx\r\n$-1\r\n",
        events,
    };
    struct redis_arena *arena = redis_arena_create();
    redisReader *reader = create_reader(arena);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof wires / sizeof *wires; i++)
            check_reply(reader, wires[i], strlen(wires[i]));
    redisReaderFree(reader);
    redis_arena_destroy(&arena);
    CHECK(!arena);
}

TEST(large_replies_fill_several_blocks)
{
    enum { COUNT = 300, BYTES = 1000 };
    static char wire[COUNT * (BYTES + 16) + 400 * 1024];
    struct redis_arena *arena = redis_arena_create();
    redisReader *reader = create_reader(arena);
    size_t size = (size_t)snprintf(wire, sizeof wire, "*%d\r\n", COUNT);
    for (int i = 0; i < COUNT; i++)
        size +=
            (size_t)snprintf(wire + size, sizeof wire - size, "$%d\r\n%0*d\r\n", BYTES, BYTES, i);
    check_reply(reader, wire, size);
    // One part that is larger than any block, between small ones.
    size =
        (size_t)snprintf(wire, sizeof wire, "*3\r\n:1\r\n$%d\r\n%0*d\r\n:2\r\n", 300000, 300000, 7);
    check_reply(reader, wire, size);
    check_reply(reader, "+OK\r\n", 5);
    redisReaderFree(reader);
    redis_arena_destroy(&arena);
}

TEST(a_reply_that_breaks_off_is_freed_with_its_reader)
{
    struct redis_arena *arena = redis_arena_create();
    redisReader *reader = create_reader(arena);
    static const char wire[] = "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n";
    void *made = NULL;
    redisReaderFeed(reader, wire, strlen(wire));
    CHECK_INT(redisReaderGetReply(reader, &made), REDIS_OK);
    CHECK(!made);
    redisReaderFree(reader);
    redis_arena_destroy(&arena);
}

TEST(nonsense_is_an_error)
{
    struct redis_arena *arena = redis_arena_create();
    redisReader *reader = create_reader(arena);
    void *made = NULL;
    redisReaderFeed(reader, "*2\r\n:1\r\n?\r\n", 11);
    CHECK_INT(redisReaderGetReply(reader, &made), REDIS_ERR);
    CHECK(!made);
    redisReaderFree(reader);
    redis_arena_destroy(&arena);
}

UNIT_MAIN()
