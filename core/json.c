// SPDX-License-Identifier: Apache-2.0
// A strict RFC 8259 scanner that builds nothing: it walks over the producer's bytes and says
// whether they are one JSON value, or where a member of an object lies in them.
//
// Invariant of the scanner: at ≤ end, and everything before `at` has been accepted. Recursion is
// bounded by JSON_MAX_DEPTH. Left to others: what the bytes of a string mean, and writing them (json_string.c); building
// values (cJSON, in the files that read them).
#include "petrel/json.h"

#include <string.h>

#include "json_internal.h"

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

static bool scan_string(struct scanner *scanner)
{
    if (peek(scanner) != '"')
        return fail(scanner, "a string in double quotes is expected");
    scanner->at++;
    for (;;) {
        scanner->at = json_skip_plain(scanner->at, scanner->end);
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
            size = json_read_escape(scanner->at, scanner->end, &code_point);
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
        if (json_string_equals(found, wanted)) {
            const char *end = scanner.at;
            while (strchr(" \t\r\n", end[-1]))
                end--;
            *value = (struct span){.data = start, .size = (size_t)(end - start)};
            return true;
        }
    } while (peek(&scanner) == ',');
    return false;
}
