// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "petrel/digest.h"
#include "unit.h"

TEST(sha256_vectors)
{
    // FIPS 180-4 examples.
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[DIGEST_HEX_SIZE];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        digest_sha256_hex(span_of(cases[i].text), hex);
        CHECK_STR(hex, cases[i].hex);
    }
    digest_sha256_hex((struct span){0}, hex);
    CHECK_STR(hex, cases[0].hex);
}

TEST(sha1_vectors)
{
    char hex[DIGEST_SHA1_HEX_SIZE];
    digest_sha1_hex(SPAN(""), hex);
    CHECK_STR(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    digest_sha1_hex(SPAN("abc"), hex);
    CHECK_STR(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digest_sha1_hex(SPAN("return 1"), hex); // what Redis answers to SCRIPT LOAD "return 1"
    CHECK_STR(hex, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

TEST(a_million_bytes)
{
    size_t size = 1000000;
    char hex[DIGEST_HEX_SIZE];
    char *bytes = malloc(size);
    CHECK(bytes);
    if (!bytes)
        return;
    memset(bytes, 'a', size);
    digest_sha256_hex((struct span){.data = bytes, .size = size}, hex);
    CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(bytes);
}

TEST(equality_looks_at_every_byte)
{
    char a[64];
    char b[64];
    memset(a, 'x', sizeof(a));
    memset(b, 'x', sizeof(b));
    CHECK(digest_equals(a, b, sizeof(a)));
    CHECK(digest_equals(a, b, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= 0x20;
        CHECK(!digest_equals(a, b, sizeof(a)));
        CHECK(digest_equals(a, b, i));
        b[i] ^= 0x20;
    }
}

UNIT_MAIN()
