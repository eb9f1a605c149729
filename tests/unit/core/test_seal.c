// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM against NIST's known answers, the sealed text, and everything that must not open.
#include <stdlib.h>

#include "petrel/random.h"
#include "petrel/seal.h"
#include "unit.h"

static size_t unhex(const char *hex, unsigned char *out)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return size;
}

// From NIST's CAVP test vectors, gcmEncryptExtIV256.rsp (IVlen = 96, Taglen = 128), and the GCM specification's test
// cases 13 to 16 (McGrew, Viega: "The Galois/Counter Mode of Operation", appendix B).
static const struct {
    const char *name, *key, *nonce, *plain, *aad, *cipher, *tag;
} vectors[] = {
    {
        "test case 13: nothing",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
        "",
        "",
        "",
        "530f8afbc74536b9a963b4f1c4cb738b",
    },
    {
        "test case 14: one block",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
        "00000000000000000000000000000000",
        "",
        "cea7403d4d606b6e074ec5d3baf39d18",
        "d0d1c8a799996bf0265b98b5d48ab919",
    },
    {
        "test case 15: four blocks",
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        "",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
        "b094dac5d93471bdec1a502270e3cc6c",
    },
    {
        "test case 16: additional data, a broken block",
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    {
        "CAVP: no plain text, no additional data",
        "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
        "516c33929df5a3284ff463d7",
        "",
        "",
        "",
        "bdc1ac884d332457a1d2664f168c76f0",
    },
    {
        "CAVP: 128 bits",
        "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
        "0d18e06c7c725ac9e362e1ce",
        "2db5168e932556f8089a0622981d017d",
        "",
        "fa4362189661d163fcd6a56d8bf0405a",
        "d636ac1bbedd5cc3ee727dc2ab4a9489",
    },
};

TEST(known_answers)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        unsigned char key[32], nonce[12], plain[64], aad[64], expected[80], out[80];
        CHECK_ROW(unhex(vectors[i].key, key) == sizeof key, vectors[i].name);
        CHECK_ROW(unhex(vectors[i].nonce, nonce) == sizeof nonce, vectors[i].name);
        size_t size = unhex(vectors[i].plain, plain);
        size_t aad_size = unhex(vectors[i].aad, aad);
        CHECK_ROW(unhex(vectors[i].cipher, expected) == size, vectors[i].name);
        unhex(vectors[i].tag, expected + size);
        CHECK_ROW(seal_encrypt(key, nonce, (struct span){(const char *)aad, aad_size},
                               (struct span){(const char *)plain, size}, out),
                  vectors[i].name);
        CHECK_ROW(memcmp(out, expected, size + SEAL_TAG_BYTES) == 0, vectors[i].name);
    }
}

// ---- the sealed text

static const struct seal_key key_one = {.id = "2026-01", .bytes = "0123456789abcdef0123456789abcde"};

static const struct seal_place here = {
    .namespace_name = SPAN("petrel"), .subscription = SPAN("sub_1"), .field = SPAN("secrets[0]")};

static struct text closed_text;

static struct span closed(struct span plain)
{
    text_fini(&closed_text);
    text_init(&closed_text, 1 << 20);
    CHECK(seal_close(&key_one, &here, plain, &closed_text));
    return text_span(&closed_text);
}

// The plain text, or "refused".
static const char *opened(const struct seal_key *key, const struct seal_place *place,
                          struct span sealed)
{
    static struct text plain;
    text_fini(&plain);
    text_init_secret(&plain, 1 << 20);
    if (seal_open(key, place, sealed, &plain))
        return text_string(&plain);
    CHECK_INT(plain.size, 0);
    return "refused";
}

TEST(what_was_closed_opens)
{
    static const char *const plains[] = {"", "x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                         "Bearer \"quoted\" \\ enc:v1:"};
    for (size_t i = 0; i < sizeof plains / sizeof plains[0]; i++) {
        struct span sealed = closed(span_of(plains[i]));
        struct span id;
        CHECK_ROW(span_starts_with(sealed, SPAN("enc:v1:2026-01:")), plains[i]);
        CHECK_ROW(seal_is_sealed(sealed), plains[i]);
        CHECK_ROW(seal_find_key_id(sealed, &id) && span_equals_text(id, "2026-01"), plains[i]);
        CHECK_STR(opened(&key_one, &here, sealed), plains[i]);
        if (plains[i][0] && plains[i][1])
            CHECK_ROW(!span_find_part(sealed, span_of(plains[i])), plains[i]);
    }
}

TEST(the_same_value_is_never_closed_to_the_same_text)
{
    char first[200];
    CHECK(span_copy(closed(SPAN("value")), first, sizeof first));
    for (int i = 0; i < 1000; i++)
        CHECK(!span_equals_text(closed(SPAN("value")), first));
}

TEST(long_values)
{
    static char value[70000];
    memset(value, 'v', sizeof value);
    struct span fits = {value, 65536};
    CHECK(strlen(opened(&key_one, &here, closed(fits))) == fits.size);
    struct text out;
    text_init(&out, 1 << 20);
    CHECK(!seal_close(&key_one, &here, (struct span){value, 65537}, &out));
    text_fini(&out);
}

TEST(another_place_refuses)
{
    static const struct seal_place others[] = {
        {SPAN("petrel2"), SPAN("sub_1"), SPAN("secrets[0]")},
        {SPAN("petrel"), SPAN("sub_2"), SPAN("secrets[0]")},
        {SPAN("petrel"), SPAN("sub_1"), SPAN("secrets[1]")},
        {SPAN("petrel"), SPAN("sub_1"), SPAN("headers.X-Key")},
        // Moved borders between the parts.
        {SPAN("petrels"), SPAN("ub_1"), SPAN("secrets[0]")},
        {SPAN("petrel"), SPAN("sub_1secrets"), SPAN("[0]")},
        {SPAN(""), SPAN(""), SPAN("")},
    };
    struct span sealed = closed(SPAN("value"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK_STR(opened(&key_one, &others[i], sealed), "refused");
    CHECK_STR(opened(&key_one, &here, sealed), "value");
}

TEST(another_key_refuses)
{
    struct span sealed = closed(SPAN("value"));
    struct seal_key other = key_one;
    other.bytes[31] ^= 1;
    CHECK_STR(opened(&other, &here, sealed), "refused"); // the same id, another key
    other = key_one;
    snprintf(other.id, sizeof other.id, "2026-02");
    CHECK_STR(opened(&other, &here, sealed), "refused");
    // The id in the text changed to that of another key with the same bytes.
    char renamed[200];
    snprintf(renamed, sizeof renamed, "%.*s", SPAN_FMT(sealed));
    renamed[strlen("enc:v1:2026-0")] = '2';
    CHECK_STR(opened(&other, &here, span_of(renamed)), "refused");
}

// Every character of the base64: nonce, ciphertext and tag.
TEST(any_change_refuses)
{
    char sealed[200];
    CHECK(span_copy(closed(SPAN("value")), sealed, sizeof sealed));
    size_t size = strlen(sealed);
    for (size_t i = strlen("enc:v1:2026-01:"); i < size && sealed[i] != '='; i++) {
        char kept = sealed[i];
        sealed[i] = kept == 'A' ? 'B' : 'A';
        CHECK_ROW(strcmp(opened(&key_one, &here, span_of(sealed)), "refused") == 0, sealed);
        sealed[i] = kept;
    }
    for (size_t cut = 1; cut < size; cut++)
        CHECK_ROW(strcmp(opened(&key_one, &here, (struct span){sealed, size - cut}), "refused") == 0,
                  sealed + cut);
    CHECK_STR(opened(&key_one, &here, span_of(sealed)), "value");
}

TEST(texts_that_are_none)
{
    static const char *const texts[] = {
        "",
        "enc:",
        "enc:v1",
        "enc:v1:",
        "enc:v1::AAAA",
        "enc:v1:2026-01",
        "enc:v1:2026-01:",
        "enc:v1:2026-01:AAAA",
        "enc:v2:2026-01:AAAA",
        "ENC:v1:2026-01:AAAA",
        "enc:v1:2026 01:AAAA",
        "enc:v1:2026-01:****",
        "enc:v1:0123456789012345678901234567890123:AAAA",
        "value",
        // 27 bytes: one less than nonce and tag.
        "enc:v1:2026-01:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK_ROW(strcmp(opened(&key_one, &here, span_of(texts[i])), "refused") == 0, texts[i]);
    CHECK(!seal_is_sealed(SPAN("value")));
    CHECK(seal_is_sealed(SPAN("enc:v9:x"))); // a newer petrel's: not to be taken for plain
}

TEST(key_ids)
{
    CHECK(seal_is_key_id(SPAN("2026-01.a_B")));
    CHECK(seal_is_key_id(SPAN("01234567890123456789012345678901")));
    CHECK(!seal_is_key_id(SPAN("012345678901234567890123456789012")));
    CHECK(!seal_is_key_id(SPAN("")));
    CHECK(!seal_is_key_id(SPAN("a:b")));
    CHECK(!seal_is_key_id(SPAN("a b")));
    CHECK(!seal_is_key_id(SPAN("a\n")));
}

UNIT_MAIN()
