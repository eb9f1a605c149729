// SPDX-License-Identifier: Apache-2.0
// Encodings of bytes: hexadecimal, base64, UTF-8, and the destination hash.
// Pure functions over spans; none of them allocates. Left to others: the buffer (text.c).
#include <assert.h>
#include <string.h>

#include "petrel/text.h"

void hex_encode(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

size_t base64_encoded_size(size_t size)
{
    assert(size / 3 < SIZE_MAX / 4 - 1);
    return (size + 2) / 3 * 4;
}

void base64_encode(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (left > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2)
            group |= bytes[i + 2];
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        memcpy(out, "==", 2);
        if (left > 1)
            out[0] = digits[group >> 6 & 63];
        if (left > 2)
            out[1] = digits[group & 63];
        out += 2;
    }
    *out = '\0';
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

// Cuts the padding off: all of it or none may be there. False if it is neither.
static bool strip_padding(struct span *in)
{
    size_t padding = 0;
    while (padding < 2 && padding < in->size && in->data[in->size - 1 - padding] == '=')
        padding++;
    if (padding > 0 && in->size % 4 != 0)
        return false;
    in->size -= padding;
    return true;
}

bool base64_decode(struct span in, unsigned char *out, size_t out_size, size_t *size)
{
    if (!strip_padding(&in) || in.size % 4 == 1)
        return false;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t written = 0;
    for (size_t i = 0; i < in.size; i++) {
        int digit = base64_digit(in.data[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xfff; // at most 6 bits wait for their byte
        bit_count += 6;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        if (written == out_size)
            return false;
        out[written++] = (unsigned char)(bits >> bit_count);
    }
    // Two texts for the same bytes would make a secret or signature compare unequal to itself.
    if (bits & ((1U << bit_count) - 1))
        return false;
    *size = written;
    return true;
}

// The range of the second byte is what keeps out overlong forms, surrogates and what is beyond
// U+10FFFF (RFC 3629 §4, the table of UTF8-octets).
static size_t lead_byte(unsigned char lead, unsigned char *second_min, unsigned char *second_max)
{
    *second_min = 0x80;
    *second_max = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *second_min = 0xa0;
        if (lead == 0xed)
            *second_max = 0x9f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *second_min = 0x90;
        if (lead == 0xf4)
            *second_max = 0x8f;
        return 4;
    }
    return 0;
}

size_t utf8_sequence_size(struct span text)
{
    if (text.size == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text.data;
    if (bytes[0] < 0x80)
        return 1;
    unsigned char second_min;
    unsigned char second_max;
    size_t size = lead_byte(bytes[0], &second_min, &second_max);
    if (size == 0 || size > text.size || bytes[1] < second_min || bytes[1] > second_max)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

bool utf8_is_valid(struct span text)
{
    while (text.size > 0) {
        // Most text is ASCII: eight bytes at a time until a high bit shows.
        uint64_t eight;
        if (text.size >= sizeof(eight)) {
            memcpy(&eight, text.data, sizeof(eight));
            if (!(eight & UINT64_C(0x8080808080808080))) {
                text.data += sizeof(eight);
                text.size -= sizeof(eight);
                continue;
            }
        }
        size_t size = utf8_sequence_size(text);
        if (size == 0)
            return false;
        text.data += size;
        text.size -= size;
    }
    return true;
}

uint64_t hash_bytes(struct span bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.size; i++) {
        hash ^= (unsigned char)bytes.data[i];
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}
