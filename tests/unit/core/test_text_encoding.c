// SPDX-License-Identifier: Apache-2.0
// Hex, base64, UTF-8 and the hash.
#include <string.h>

#include "petrel/text.h"
#include "unit.h"

TEST(hex)
{
    char out[9];
    hex_encode((const unsigned char *)"\x00\x0f\xf0\xff", 4, out);
    CHECK_STR(out, "000ff0ff");
    hex_encode(NULL, 0, out);
    CHECK_STR(out, "");
}

TEST(base64_vectors)
{
    // RFC 4648 §10, and the two digits that the URL alphabet has otherwise.
    static const struct {
        const char *plain, *padded, *unpadded;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xef\xff", "++//", "++//"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char encoded[16];
        unsigned char decoded[16];
        size_t plain_size = strlen(cases[i].plain);
        size_t size = 99;
        base64_encode((const unsigned char *)cases[i].plain, plain_size, encoded);
        CHECK_STR(encoded, cases[i].padded);
        CHECK(base64_encoded_size(plain_size) == strlen(cases[i].padded));
        CHECK(base64_decode(span_of(cases[i].padded), decoded, sizeof(decoded), &size));
        CHECK(size == plain_size && memcmp(decoded, cases[i].plain, size) == 0);
        size = 99;
        CHECK(base64_decode(span_of(cases[i].unpadded), decoded, plain_size, &size));
        CHECK(size == plain_size && memcmp(decoded, cases[i].plain, size) == 0);
    }
}

TEST(base64_refuses)
{
    static const char *const cases[] = {
        "Z",      "=",        "==",     "===",  "====",     "Zg=",   "Zg===",   "Zm8==", "Zm9v=",
        "Zm9v==", "Zm9v====", "Z===",   "Zh==", "Zh",       "Zm9",   "Zm9=",    "-_-_",  "Zm 9v",
        " Zm9v",  "Zm9v ",    "Zm9v\n", "Zm=9", "Zg==Zg==", "Zm9vZ", "Zm9\x80", "Zm9*",
    };
    unsigned char out[16];
    size_t size;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(!base64_decode(span_of(cases[i]), out, sizeof(out), &size), cases[i]);
    CHECK(!base64_decode(SPAN("Zm9v\0"), out, sizeof(out), &size));
    CHECK(!base64_decode(SPAN("Zm9v"), out, 2, &size));
    CHECK(!base64_decode(SPAN("Zg"), out, 0, &size));
    CHECK(base64_decode((struct span){0}, out, 0, &size) && size == 0);
}

TEST(base64_round_trips)
{
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        char encoded[400];
        unsigned char decoded[256];
        size_t decoded_size;
        base64_encode(bytes, size, encoded);
        CHECK(strlen(encoded) == base64_encoded_size(size));
        CHECK(base64_decode(span_of(encoded), decoded, sizeof(decoded), &decoded_size));
        CHECK(decoded_size == size && memcmp(decoded, bytes, size) == 0);
    }
}

TEST(utf8)
{
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"", true},
        {"plain ASCII, longer than eight", true},
        {"\x7f", true},
        {"\xc2\x80", true},         // U+0080, the first of two bytes
        {"\xdf\xbf", true},         // U+07FF
        {"\xe0\xa0\x80", true},     // U+0800
        {"\xed\x9f\xbf", true},     // U+D7FF, the last before the surrogates
        {"\xee\x80\x80", true},     // U+E000, the first after them
        {"\xef\xbf\xbf", true},     // U+FFFF
        {"\xf0\x90\x80\x80", true}, // U+10000
        {"\xf4\x8f\xbf\xbf", true}, // U+10FFFF
        {"12345678\xc3\xbc"
         "12345678",
         true},
        {"\x80", false}, // a continuation alone
        {"\xbf", false},
        {"\xc0\x80", false}, // overlong NUL
        {"\xc1\xbf", false}, // overlong U+007F
        {"\xc2", false},     // cut off
        {"\xc2\x41", false},
        {"\xc2\xc2\x80", false},
        {"\xe0\x9f\xbf", false}, // overlong U+07FF
        {"\xe0\xa0", false},
        {"\xe1\x80\x41", false},
        {"\xed\xa0\x80", false},     // U+D800
        {"\xed\xbf\xbf", false},     // U+DFFF
        {"\xf0\x8f\xbf\xbf", false}, // overlong U+FFFF
        {"\xf0\x90\x80", false},
        {"\xf0\x90\x80\x41", false},
        {"\xf4\x90\x80\x80", false}, // U+110000
        {"\xf5\x80\x80\x80", false},
        {"\xf8\x88\x80\x80\x80", false}, // five bytes
        {"\xfe", false},
        {"\xff", false},
        {"1234567\xff", false},
        {"12345678\xff", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(utf8_is_valid(span_of(cases[i].text)) == cases[i].is_valid, cases[i].text);
    CHECK(utf8_is_valid(SPAN("a\0b")));
    CHECK(utf8_sequence_size((struct span){0}) == 0);
    CHECK(utf8_sequence_size(SPAN("\0")) == 1);
    CHECK(utf8_sequence_size(SPAN("\xe2\x82\xac!")) == 3);
    // What follows the span is not looked at.
    CHECK(utf8_sequence_size((struct span){.data = "\xe2\x82\xac", .size = 2}) == 0);
}

TEST(hash)
{
    // Vectors of the FNV authors' test suite.
    CHECK(hash_bytes((struct span){0}) == UINT64_C(0xcbf29ce484222325));
    CHECK(hash_bytes(SPAN("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    CHECK(hash_bytes(SPAN("foobar")) == UINT64_C(0x85944171f73967e8));
    CHECK(hash_bytes(SPAN("\xff\0\0\x01")) == UINT64_C(0x6961196491cc682d));
}

UNIT_MAIN()
