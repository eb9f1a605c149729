// SPDX-License-Identifier: Apache-2.0
// JSON of strangers. Parts: a text, and the name of a member. The text is accepted if and only if a second validator
// does so, written another way: one loop with an explicit stack instead of recursion, tables instead of branches.
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "petrel/json.h"

// ---- the second validator

// Generic UTF-8: the lead byte's ones, six bits of each follower, then the ranges.
static size_t naive_utf8(const unsigned char *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = 0;
    while (size < 8 && at[0] >> (7 - size) & 1)
        size++;
    if (size < 2 || size > 4 || size > left)
        return 0;
    uint32_t code = at[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[size] || code > 0x10ffff || is_surrogate ? 0 : size;
}

static bool naive_hex4(const unsigned char *at, size_t left, unsigned *unit)
{
    char digits[5] = {0};
    for (size_t i = 0; i < 4; i++) {
        if (i >= left || !isxdigit(at[i]))
            return false;
        digits[i] = (char)at[i];
    }
    *unit = (unsigned)strtoul(digits, NULL, 16);
    return true;
}

// Size of the string with its quotes; 0 if it is none.
static size_t naive_string(const unsigned char *at, size_t left)
{
    bool wants_low = false;
    size_t i = 1;
    while (i < left) {
        unsigned unit = 0;
        bool is_unicode = at[i] == '\\' && i + 1 < left && at[i + 1] == 'u';
        if (is_unicode && !naive_hex4(at + i + 2, left - i - 2, &unit))
            return 0;
        bool is_low = is_unicode && unit >> 10 == 0xdc00 >> 10;
        if (is_low != wants_low)
            return 0;
        wants_low = is_unicode && unit >> 10 == 0xd800 >> 10;
        if (at[i] == '"')
            return i + 1;
        if (is_unicode)
            i += 6;
        else if (at[i] == '\\') {
            if (i + 1 >= left || !at[i + 1] || !strchr("\"\\/bfnrt", at[i + 1]))
                return 0;
            i += 2;
        } else if (at[i] >= 0x80) {
            size_t size = naive_utf8(at + i, left - i);
            if (size == 0)
                return 0;
            i += size;
        } else if (at[i] < 0x20)
            return 0;
        else
            i++;
    }
    return 0;
}

// Rows: start, minus, zero, integer, dot, fraction, e, e's sign, exponent. Columns: - + 0 1-9 . e
static size_t naive_number(const unsigned char *at, size_t left)
{
    static const int next[][6] = {
        {1, -1, 2, 3, -1, -1}, {-1, -1, 2, 3, -1, -1}, {-1, -1, -1, -1, 4, 6},
        {-1, -1, 3, 3, 4, 6},  {-1, -1, 5, 5, -1, -1}, {-1, -1, 5, 5, -1, 6},
        {7, 7, 8, 8, -1, -1},  {-1, -1, 8, 8, -1, -1}, {-1, -1, 8, 8, -1, -1},
    };
    int state = 0;
    size_t i = 0;
    for (; i < left && at[i] && strchr("-+0123456789.eE", at[i]); i++) {
        int column = at[i] == '-'                   ? 0
                     : at[i] == '+'                 ? 1
                     : at[i] == '0'                 ? 2
                     : at[i] >= '1' && at[i] <= '9' ? 3
                     : at[i] == '.'                 ? 4
                                                    : 5;
        state = next[state][column];
        if (state < 0)
            return 0;
    }
    return state == 2 || state == 3 || state == 5 || state == 8 ? i : 0;
}

static size_t naive_scalar(const unsigned char *at, size_t left)
{
    static const char *const words[] = {"true", "false", "null"};
    if (at[0] == '"')
        return naive_string(at, left);
    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if (left >= size && memcmp(at, words[i], size) == 0)
            return size;
    }
    return naive_number(at, left);
}

enum wanted { WANTS_VALUE, WANTS_FIRST, WANTS_NAME, WANTS_COLON, WANTS_COMMA };

// After ] or }, and after a scalar, comes a comma or a closing bracket, and at the outside the end.
static bool naive_accepts(struct span text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    char stack[JSON_MAX_DEPTH];
    size_t depth = 0;
    enum wanted wanted = WANTS_VALUE;
    for (size_t i = 0; i < text.size;) {
        unsigned char c = at[i];
        char inside = depth > 0 ? stack[depth - 1] : '\0';
        size_t size = 1;
        if (c && strchr(" \t\r\n", c)) {
        } else if (wanted == WANTS_COLON) {
            if (c != ':')
                return false;
            wanted = WANTS_VALUE;
        } else if (depth > 0 && (wanted == WANTS_COMMA || wanted == WANTS_FIRST) &&
                   c == (inside == '{' ? '}' : ']')) {
            depth--;
            wanted = WANTS_COMMA;
        } else if (wanted == WANTS_COMMA) {
            if (depth == 0 || c != ',')
                return false;
            wanted = inside == '{' ? WANTS_NAME : WANTS_VALUE;
        } else if (wanted == WANTS_NAME || (wanted == WANTS_FIRST && inside == '{')) {
            size = c == '"' ? naive_string(at + i, text.size - i) : 0;
            wanted = WANTS_COLON;
        } else if (c == '{' || c == '[') {
            if (depth == JSON_MAX_DEPTH)
                return false;
            stack[depth++] = (char)c;
            wanted = WANTS_FIRST;
        } else {
            size = naive_scalar(at + i, text.size - i);
            wanted = WANTS_COMMA;
        }
        if (size == 0)
            return false;
        i += size;
    }
    return depth == 0 && wanted == WANTS_COMMA;
}

// ---- properties

// cJSON ends strings at an escaped NUL, and numbers after 63 characters.
static bool is_known_to_cjson(struct span text)
{
    size_t digits = 0;
    if (span_find_part(text, SPAN("\\u0000")))
        return false;
    for (size_t i = 0; i < text.size && digits < 63; i++)
        digits = text.data[i] && strchr("-+0123456789.eE", text.data[i]) ? digits + 1 : 0;
    return digits < 63;
}

// The first member of that name, as cJSON sees it too; its bytes are a value without spaces around it.
static void check_member(struct span text, const char *name)
{
    struct span value;
    bool is_found = json_find_member(text, name, &value);
    if (is_found) {
        FUZZ_CHECK(value.data >= text.data && value.data + value.size <= text.data + text.size);
        FUZZ_CHECK(value.size > 0 && json_validate(value, NULL));
        FUZZ_CHECK(!strchr(" \t\r\n", value.data[0]));
        FUZZ_CHECK(!strchr(" \t\r\n", value.data[value.size - 1]));
    }
    if (!is_known_to_cjson(text))
        return;
    cJSON *tree = cJSON_ParseWithLength(text.data, text.size);
    FUZZ_CHECK(tree);
    const cJSON *member = cJSON_IsObject(tree) ? cJSON_GetObjectItemCaseSensitive(tree, name) : NULL;
    FUZZ_CHECK((member != NULL) == is_found);
    if (member) {
        cJSON *own = cJSON_ParseWithLength(value.data, value.size);
        FUZZ_CHECK(own && own->type == member->type);
        FUZZ_CHECK(cJSON_Compare(own, member, true) || cJSON_IsObject(own) || cJSON_IsArray(own));
        cJSON_Delete(own);
    }
    cJSON_Delete(tree);
}

static void check_string(struct span bytes)
{
    struct text out;
    text_init(&out, bytes.size * 6 + 2); // every byte as \u00xx
    json_append_string(&out, bytes);
    FUZZ_CHECK(!out.failed && json_validate(text_span(&out), NULL));
    FUZZ_CHECK(utf8_is_valid(text_span(&out)));
    if (utf8_is_valid(bytes) && !span_find(bytes, '\0')) {
        cJSON *string = cJSON_ParseWithLength(out.data, out.size);
        FUZZ_CHECK(cJSON_IsString(string) && span_equals_text(bytes, string->valuestring));
        cJSON_Delete(string);
    }
    text_fini(&out);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    struct json_error error = {0};
    fuzz_cut(input, &parts);
    struct span text = fuzz_part(&parts, 0);
    char *name = span_duplicate(fuzz_part(&parts, 1));
    bool is_accepted = json_validate(text, &error);
    FUZZ_CHECK(is_accepted == naive_accepts(text));
    if (is_accepted)
        check_member(text, name);
    else
        FUZZ_CHECK(error.offset <= text.size && fuzz_is_printable(error.message));
    check_string(text);
    free(name);
    fuzz_free(&parts);
}
