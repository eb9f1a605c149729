// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "petrel/random.h"
#include "unit.h"

enum { ID_SIZE = 4 + 22 + 1 };

TEST(bytes_fill_all_of_the_buffer)
{
    // More than one batch. A byte that stays zero in each of 8 rounds: once in 2^64.
    size_t size = ((size_t)2 << 20) + 7;
    unsigned char *bytes = calloc(1, size);
    unsigned char *seen = calloc(1, size);
    CHECK(bytes && seen);
    for (int round = 0; round < 8; round++) {
        random_bytes(bytes, size);
        for (size_t i = 0; i < size; i++)
            seen[i] |= bytes[i];
    }
    size_t zeros = 0;
    for (size_t i = 0; i < size; i++)
        zeros += seen[i] == 0;
    CHECK_INT(zeros, 0);
    free(bytes);
    free(seen);
    random_bytes(NULL, 0);
}

TEST(ids_have_prefix_and_22_characters)
{
    char id[ID_SIZE + 1];
    id[ID_SIZE] = '!';
    random_id("sub_", id, ID_SIZE);
    CHECK_INT(strlen(id), 26);
    CHECK(strncmp(id, "sub_", 4) == 0);
    CHECK(id[ID_SIZE] == '!');
    char bare[23];
    random_id("", bare, sizeof(bare));
    CHECK_INT(strlen(bare), 22);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

TEST(ids_differ_and_use_every_character_alike)
{
    enum { COUNT = 20000 };
    static char ids[COUNT][23];
    size_t counts[256] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        random_id("", ids[i], sizeof(ids[i]));
        for (size_t j = 0; j < 22; j++)
            counts[(unsigned char)ids[i][j]]++;
    }
    // 440000 characters over 62: about 7097 each, standard deviation 84. Eight of them are 675.
    size_t total = 0;
    for (const char *c = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"; *c; c++) {
        CHECK(counts[(unsigned char)*c] > 7097 - 675 && counts[(unsigned char)*c] < 7097 + 675);
        total += counts[(unsigned char)*c];
    }
    CHECK_INT(total, COUNT * 22);
    qsort(ids, COUNT, sizeof(ids[0]), compare_ids);
    for (size_t i = 1; i < COUNT; i++)
        CHECK(strcmp(ids[i - 1], ids[i]) != 0);
}

TEST(next_is_splitmix64)
{
    // The first outputs of Vigna's splitmix64.c for the seed 1234567.
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t state = 1234567;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        CHECK(random_next(&state) == expected[i]);
    state = 0;
    CHECK(random_next(&state) == UINT64_C(0xe220a8397b1dcdaf));
}

UNIT_MAIN()
