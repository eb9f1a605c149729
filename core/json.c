// SPDX-License-Identifier: Apache-2.0
// A strict RFC 8259 scanner that builds nothing: it walks over the producer's bytes and says
// whether they are one JSON value, or where a member of an object lies in them.
//
// Invariant of the scanner: at ≤ end, and everything before `at` has been accepted. Recursion is
// bounded by JSON_MAX_DEPTH. Left to others: building values (cJSON, in the files that read them).
#include "petrel/json.h"

#include <string.h>

struct scanner {
    const char *at;
    const char *end;
    const char *fault; // static; NULL while all is well. `at` is where it went wrong.
};

static bool fail(struct scanner *scanner, const char *fault)
{
    scanner->fault = fault;
    return false;
}

// The next byte, or NUL at the end; NUL itself is never valid outside a string, nor inside one.
static char peek(const struct scanner *scanner)
{
    if (scanner->at == scanner->end)
        return '\0';
    return *scanner->at;
}

static void skip_whitespace(struct scanner *scanner)
{
    while (scanner->at < scanner->end) {
        char c = *scanner->at;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        scanner->at++;
    }
}

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

// Reads the escape at `at`; returns its size, 0 if it is none. A surrogate pair is one escape.
static size_t read_escape(const char *at, const char *end, uint32_t *code_point)
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

// Where the run of plain ASCII characters of a string ends: at a quote, an escape, a control
// character or a byte of a longer UTF-8 sequence.
static const char *skip_plain(const char *at, const char *end)
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

static bool scan_string(struct scanner *scanner)
{
    if (peek(scanner) != '"')
        return fail(scanner, "a string in double quotes is expected");
    scanner->at++;
    for (;;) {
        scanner->at = skip_plain(scanner->at, scanner->end);
        if (scanner->at == scanner->end)
            return fail(scanner, "the string has no end");
        unsigned char c = (unsigned char)*scanner->at;
        struct span rest = {.data = scanner->at, .size = (size_t)(scanner->end - scanner->at)};
        uint32_t code_point;
        size_t size;
        if (c == '"') {
            scanner->at++;
            return true;
        }
        if (c == '\\') {
            size = read_escape(scanner->at, scanner->end, &code_point);
            if (size == 0)
                return fail(scanner, "this is no escape that JSON knows, or half a surrogate pair");
        } else if (c < 0x20) {
            return fail(scanner, "a control character in a string must be escaped");
        } else {
            size = utf8_sequence_size(rest);
            if (size == 0)
                return fail(scanner, "the bytes here are not UTF-8");
        }
        scanner->at += size;
    }
}

static bool skip_digits(struct scanner *scanner)
{
    const char *start = scanner->at;
    while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9')
        scanner->at++;
    return scanner->at > start;
}

static bool scan_number(struct scanner *scanner)
{
    static const char fault[] = "a digit is expected";
    if (peek(scanner) == '-')
        scanner->at++;
    if (peek(scanner) == '0') {
        scanner->at++;
        char next = peek(scanner);
        if (next >= '0' && next <= '9')
            return fail(scanner, "a number must not begin with 0");
    } else if (!skip_digits(scanner)) {
        return fail(scanner, fault);
    }
    if (peek(scanner) == '.') {
        scanner->at++;
        if (!skip_digits(scanner))
            return fail(scanner, fault);
    }
    if (peek(scanner) == 'e' || peek(scanner) == 'E') {
        scanner->at++;
        if (peek(scanner) == '+' || peek(scanner) == '-')
            scanner->at++;
        if (!skip_digits(scanner))
            return fail(scanner, fault);
    }
    return true;
}

static bool scan_word(struct scanner *scanner, struct span word)
{
    struct span rest = {.data = scanner->at, .size = (size_t)(scanner->end - scanner->at)};
    if (!span_starts_with(rest, word))
        return fail(scanner, "this is no JSON value");
    scanner->at += word.size;
    return true;
}

static bool scan_value(struct scanner *scanner, int depth);

// From the name's quote to before the value.
static bool scan_name(struct scanner *scanner, struct span *name)
{
    const char *start = scanner->at;
    if (!scan_string(scanner))
        return false;
    *name = (struct span){.data = start + 1, .size = (size_t)(scanner->at - start) - 2};
    skip_whitespace(scanner);
    if (peek(scanner) != ':')
        return fail(scanner, "a colon is expected after the name");
    scanner->at++;
    return true;
}

static bool scan_object(struct scanner *scanner, int depth)
{
    struct span name;
    scanner->at++;
    skip_whitespace(scanner);
    if (peek(scanner) == '}') {
        scanner->at++;
        return true;
    }
    for (;;) {
        skip_whitespace(scanner);
        if (!scan_name(scanner, &name) || !scan_value(scanner, depth))
            return false;
        char next = peek(scanner);
        if (next != ',' && next != '}')
            return fail(scanner, "a comma or a closing brace is expected");
        scanner->at++;
        if (next == '}')
            return true;
    }
}

static bool scan_array(struct scanner *scanner, int depth)
{
    scanner->at++;
    skip_whitespace(scanner);
    if (peek(scanner) == ']') {
        scanner->at++;
        return true;
    }
    for (;;) {
        if (!scan_value(scanner, depth))
            return false;
        char next = peek(scanner);
        if (next != ',' && next != ']')
            return fail(scanner, "a comma or a closing bracket is expected");
        scanner->at++;
        if (next == ']')
            return true;
    }
}

// One value with the whitespace around it, inside `depth` containers.
static bool scan_value(struct scanner *scanner, int depth)
{
    skip_whitespace(scanner);
    bool ok;
    char c = peek(scanner);
    if (scanner->at == scanner->end)
        return fail(scanner, "a value is expected, but the text ends");
    if ((c == '{' || c == '[') && depth == JSON_MAX_DEPTH)
        return fail(scanner, "objects and arrays are nested deeper than 128 levels");
    if (c == '{')
        ok = scan_object(scanner, depth + 1);
    else if (c == '[')
        ok = scan_array(scanner, depth + 1);
    else if (c == '"')
        ok = scan_string(scanner);
    else if (c == 't')
        ok = scan_word(scanner, SPAN("true"));
    else if (c == 'f')
        ok = scan_word(scanner, SPAN("false"));
    else if (c == 'n')
        ok = scan_word(scanner, SPAN("null"));
    else if (c == '-' || (c >= '0' && c <= '9'))
        ok = scan_number(scanner);
    else
        ok = fail(scanner, "this is no JSON value");
    if (ok)
        skip_whitespace(scanner);
    return ok;
}

static struct scanner scanner_of(struct span text)
{
    // Pointer arithmetic wants a pointer, also over nothing.
    const char *data = text.data ? text.data : "";
    return (struct scanner){.at = data, .end = data + text.size};
}

bool json_validate(struct span text, struct json_error *error)
{
    struct scanner scanner = scanner_of(text);
    const char *start = scanner.at;
    if (scan_value(&scanner, 0) && scanner.at < scanner.end)
        fail(&scanner, "the value ends here, but the text goes on");
    if (!scanner.fault)
        return true;
    if (error) {
        error->offset = (size_t)(scanner.at - start);
        error->message = scanner.fault;
    }
    return false;
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

// Whether a string's inside, once decoded, is `name`.
static bool name_equals(struct span raw, struct span name)
{
    const char *at = raw.data;
    const char *end = raw.data + raw.size;
    while (at < end) {
        char decoded[4] = {*at};
        size_t decoded_size = 1;
        size_t size = 1;
        if (*at == '\\') {
            uint32_t code_point;
            size = read_escape(at, end, &code_point);
            if (size == 0)
                return false;
            decoded_size = encode_utf8(code_point, decoded);
        }
        if (!span_starts_with(name, (struct span){.data = decoded, .size = decoded_size}))
            return false;
        name.data += decoded_size;
        name.size -= decoded_size;
        at += size;
    }
    return name.size == 0;
}

bool json_find_member(struct span object, const char *name, struct span *value)
{
    struct scanner scanner = scanner_of(object);
    struct span wanted = span_of(name);
    skip_whitespace(&scanner);
    if (peek(&scanner) != '{')
        return false;
    do {
        scanner.at++;
        skip_whitespace(&scanner);
        struct span found;
        if (!scan_name(&scanner, &found))
            return false;
        skip_whitespace(&scanner);
        const char *start = scanner.at;
        if (!scan_value(&scanner, 1))
            return false;
        if (name_equals(found, wanted)) {
            const char *end = scanner.at;
            while (strchr(" \t\r\n", end[-1]))
                end--;
            *value = (struct span){.data = start, .size = (size_t)(end - start)};
            return true;
        }
    } while (peek(&scanner) == ',');
    return false;
}

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
        const char *plain_end = skip_plain(at, end);
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
