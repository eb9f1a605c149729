// SPDX-License-Identifier: Apache-2.0
// The inside of JSON strings (RFC 8259 §7): where plain characters end, what an escape stands for, whether a string says
// a certain text, and writing a text as one.
// Left to others: where in a value a string may stand (json.c), what is UTF-8 (text_encoding.c).
#include <string.h>

#include "json_internal.h"
#include "petrel/json.h"

// ---- reading

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// At "\u": the code unit of its four digits, or -1.
static int32_t read_code_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

size_t json_read_escape(const char *at, const char *end, uint32_t *code_point)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (end - at < 2)
        return 0;
    const char *name = at[1] ? strchr(names, at[1]) : NULL;
    if (name) {
        *code_point = (unsigned char)values[name - names];
        return 2;
    }
    int32_t unit = read_code_unit(at, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    *code_point = (uint32_t)unit;
    if (unit < 0xd800 || unit > 0xdbff)
        return 6;
    int32_t low = read_code_unit(at + 6, end);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *code_point = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return 12;
}

#define EACH UINT64_C(0x0101010101010101) // times a byte: that byte eight times

const char *json_skip_plain(const char *at, const char *end)
{
    // Eight bytes at a time while none of them may be one that ends it. A borrow may make a byte behind such a one
    // look like one too, never the other way round; which it is, the loop below finds out.
    while (end - at >= 8) {
        uint64_t eight;
        memcpy(&eight, at, sizeof eight);
        uint64_t quotes = eight ^ (EACH * '"'), backslashes = eight ^ (EACH * '\\');
        uint64_t controls = (eight - EACH * 0x20) & ~eight;
        uint64_t found = ((quotes - EACH) & ~quotes) | ((backslashes - EACH) & ~backslashes);
        if ((found | controls | eight) & (EACH * 0x80))
            break;
        at += 8;
    }
    while (at < end) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
        at++;
    }
    return at;
}

static size_t encode_utf8(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t size = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(marks[size] | code_point);
    return size;
}

bool json_string_equals(struct span raw, struct span text)
{
    const char *at = raw.data;
    const char *end = raw.data + raw.size;
    while (at < end) {
        char decoded[4] = {*at};
        size_t decoded_size = 1;
        size_t size = 1;
        if (*at == '\\') {
            uint32_t code_point;
            size = json_read_escape(at, end, &code_point);
            if (size == 0)
                return false;
            decoded_size = encode_utf8(code_point, decoded);
        }
        if (!span_starts_with(text, (struct span){.data = decoded, .size = decoded_size}))
            return false;
        text.data += decoded_size;
        text.size -= decoded_size;
        at += size;
    }
    return text.size == 0;
}

// ---- writing

static void append_control(struct text *out, unsigned char c)
{
    switch (c) {
    case '\b':
        text_append_string(out, "\\b");
        return;
    case '\f':
        text_append_string(out, "\\f");
        return;
    case '\n':
        text_append_string(out, "\\n");
        return;
    case '\r':
        text_append_string(out, "\\r");
        return;
    case '\t':
        text_append_string(out, "\\t");
        return;
    default:
        text_append_format(out, "\\u%04x", c);
    }
}

void json_append_string(struct text *out, struct span text)
{
    const char *at = text.data;
    const char *end = text.size ? text.data + text.size : text.data;
    text_append_char(out, '"');
    while (at < end) {
        const char *plain_end = json_skip_plain(at, end);
        text_append(out, at, (size_t)(plain_end - at));
        at = plain_end;
        if (at == end)
            break;
        unsigned char c = (unsigned char)*at;
        size_t size = utf8_sequence_size((struct span){.data = at, .size = (size_t)(end - at)});
        if (size == 0)
            text_append_string(out, "\xef\xbf\xbd");
        else if (size > 1)
            text_append(out, at, size);
        else if (c < 0x20)
            append_control(out, c);
        else
            text_append(out, (char[]){'\\', *at}, 2);
        at += size ? size : 1;
    }
    text_append_char(out, '"');
}
