// SPDX-License-Identifier: Apache-2.0
// Walks JSON that json_validate has accepted; so it only has to find where each value ends. Nothing is built: a
// body of 16 MiB costs no tree.
#include "body.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct span *rest)
{
    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
}

static size_t string_size(struct span text)
{
    size_t i = 1;
    while (i < text.size && text.data[i] != '"')
        i += text.data[i] == '\\' ? 2 : 1;
    return i + 1 < text.size ? i + 1 : text.size;
}

static size_t container_size(struct span text)
{
    size_t depth = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '"')
            i += string_size((struct span){text.data + i, text.size - i}) - 1;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return text.size;
}

static size_t word_size(struct span text)
{
    size_t i = 0;
    while (i < text.size && !is_space(text.data[i]) && !strchr(",}]", text.data[i]))
        i++;
    return i;
}

static struct span take_value(struct span *rest)
{
    skip_space(rest);
    struct span value = {.data = rest->data, .size = 0};
    if (rest->size == 0)
        return value;
    if (rest->data[0] == '"')
        value.size = string_size(*rest);
    else if (rest->data[0] == '{' || rest->data[0] == '[')
        value.size = container_size(*rest);
    else
        value.size = word_size(*rest);
    rest->data += value.size;
    rest->size -= value.size;
    return value;
}

static void skip_char(struct span *rest)
{
    skip_space(rest);
    if (rest->size > 0) {
        rest->data++;
        rest->size--;
    }
}

// ---- strings

static unsigned hex4(const char *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static void append_code_point(struct text *out, unsigned code)
{
    char bytes[4];
    size_t size = 0;
    if (code < 0x80) {
        bytes[size++] = (char)code;
    } else if (code < 0x800) {
        bytes[size++] = (char)(0xC0 | code >> 6);
        bytes[size++] = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        bytes[size++] = (char)(0xE0 | code >> 12);
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[size++] = (char)(0x80 | (code & 0x3F));
    } else {
        bytes[size++] = (char)(0xF0 | code >> 18);
        bytes[size++] = (char)(0x80 | (code >> 12 & 0x3F));
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[size++] = (char)(0x80 | (code & 0x3F));
    }
    text_append(out, bytes, size);
}

// at stands on the backslash; what follows is complete and valid. Returns the size of the escape.
static size_t append_escape(struct text *out, const char *at)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    if (at[1] != 'u') {
        const char *letter = strchr(letters, at[1]);
        text_append_char(out, letter ? meanings[letter - letters] : at[1]);
        return 2;
    }
    unsigned code = hex4(at + 2);
    if (code < 0xD800 || code > 0xDBFF) {
        append_code_point(out, code);
        return 6;
    }
    append_code_point(out, 0x10000 + ((code - 0xD800) << 10) + (hex4(at + 8) - 0xDC00));
    return 12;
}

bool body_decode_string(struct span raw, struct text *out)
{
    if (raw.size < 2 || raw.data[0] != '"')
        return false;
    size_t end = raw.size - 1;
    size_t i = 1;
    while (i < end) {
        const char *escape = span_find((struct span){raw.data + i, end - i}, '\\');
        size_t plain = escape ? (size_t)(escape - raw.data) - i : end - i;
        text_append(out, raw.data + i, plain);
        i += plain;
        if (escape)
            i += append_escape(out, escape);
    }
    return !out->failed;
}

// ---- objects

static const char *find_name(const char *const *allowed, struct span name)
{
    for (; *allowed; allowed++) {
        if (span_equals_text(name, *allowed))
            return *allowed;
    }
    return NULL;
}

static void add_member(struct body *body, const char *name, struct span raw,
                       struct field_errors *errors)
{
    for (size_t i = 0; i < body->count; i++) {
        if (strcmp(body->members[i].name, name) == 0) {
            field_errors_add(errors, name, "given twice; give it once");
            return;
        }
    }
    if (body->count < BODY_MEMBERS_MAX)
        body->members[body->count++] = (struct body_member){.name = name, .raw = raw};
}

static void parse_member(struct span *rest, const char *const *allowed, struct body *body,
                         struct field_errors *errors)
{
    struct text name;
    text_init(&name, BODY_NAME_SIZE - 1);
    struct span raw_name = take_value(rest);
    bool is_short = body_decode_string(raw_name, &name);
    skip_char(rest); // ':'
    struct span raw = take_value(rest);
    const char *known = is_short ? find_name(allowed, text_span(&name)) : NULL;
    if (known)
        add_member(body, known, raw, errors);
    else
        field_errors_add(errors, is_short ? text_string(&name) : "", "unknown field%s",
                         is_short ? "" : " with a very long name");
    text_fini(&name);
}

static bool is_absent(const struct body_member *member)
{
    return span_equals_text(member->raw, "null") && strcmp(member->name, "data") != 0;
}

// A null that was given is absent, but given twice it is still given twice; so nulls go last.
static void drop_nulls(struct body *body)
{
    size_t kept = 0;
    for (size_t i = 0; i < body->count; i++) {
        if (!is_absent(&body->members[i]))
            body->members[kept++] = body->members[i];
    }
    body->count = kept;
}

bool body_parse(struct span json, const char *const *allowed, struct body *body,
                struct field_errors *errors)
{
    size_t before = errors->count;
    *body = (struct body){.count = 0};
    skip_space(&json);
    if (json.size == 0 || json.data[0] != '{') {
        field_errors_add(errors, "", "the body must be a JSON object");
        return false;
    }
    skip_char(&json); // '{'
    skip_space(&json);
    while (json.size > 0 && json.data[0] != '}') {
        parse_member(&json, allowed, body, errors);
        skip_space(&json);
        if (json.size > 0 && json.data[0] == ',')
            skip_char(&json);
        skip_space(&json);
    }
    drop_nulls(body);
    return errors->count == before;
}

const struct span *body_find(const struct body *body, const char *name)
{
    for (size_t i = 0; i < body->count; i++) {
        if (strcmp(body->members[i].name, name) == 0)
            return &body->members[i].raw;
    }
    return NULL;
}

bool body_read_string(const struct body *body, const char *name, struct text *out,
                      struct field_errors *errors)
{
    const struct span *raw = body_find(body, name);
    if (!raw)
        return true;
    if (!body_decode_string(*raw, out)) {
        field_errors_add(errors, name, out->failed ? "is too long" : "must be a string");
        return false;
    }
    if (span_find(text_span(out), '\0')) {
        field_errors_add(errors, name, "must not contain a NUL character");
        return false;
    }
    return true;
}
