// SPDX-License-Identifier: Apache-2.0
// Spans and the growable buffer.
//
// Invariant of struct text: size ≤ max_bytes, and data[size] is NUL whenever data isn't NULL. A
// failed buffer never changes again until it is cleared, taken or finished, so a truncated text
// can't pass for a whole one. Left to others: encodings (text_encoding.c), JSON (json.c).
#include "petrel/text.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

struct span span_of(const char *text)
{
    return (struct span){.data = text, .size = text ? strlen(text) : 0};
}

bool span_equals(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool span_equals_text(struct span a, const char *b)
{
    return span_equals(a, span_of(b));
}

static char to_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool span_equals_ignoring_case(struct span a, struct span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        if (to_lower(a.data[i]) != to_lower(b.data[i]))
            return false;
    }
    return true;
}

bool span_starts_with(struct span a, struct span prefix)
{
    if (a.size < prefix.size)
        return false;
    return span_equals((struct span){.data = a.data, .size = prefix.size}, prefix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span a)
{
    while (a.size > 0 && is_blank(a.data[0])) {
        a.data++;
        a.size--;
    }
    while (a.size > 0 && is_blank(a.data[a.size - 1]))
        a.size--;
    return a;
}

bool span_is_printable(struct span a)
{
    for (size_t i = 0; i < a.size; i++) {
        if (a.data[i] < ' ' || a.data[i] > '~')
            return false;
    }
    return true;
}

const char *span_find(struct span a, char c)
{
    return a.size > 0 ? memchr(a.data, c, a.size) : NULL;
}

const char *span_find_last(struct span a, char c)
{
    return a.size > 0 ? memrchr(a.data, c, a.size) : NULL;
}

const char *span_find_part(struct span a, struct span part)
{
    if (part.size == 0 || part.size > a.size)
        return NULL;
    return memmem(a.data, a.size, part.data, part.size);
}

bool span_next(struct span *rest, char separator, struct span *part)
{
    if (rest->size == 0)
        return false;
    const char *end = span_find(*rest, separator);
    if (!end) {
        *part = *rest;
        *rest = (struct span){.data = rest->data + rest->size};
        return true;
    }
    *part = (struct span){.data = rest->data, .size = (size_t)(end - rest->data)};
    rest->size -= part->size + 1;
    rest->data = end + 1;
    return true;
}

bool span_to_uint64(struct span a, uint64_t *value)
{
    if (a.size == 0)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i];
        if (c < '0' || c > '9')
            return false;
        uint64_t digit = (uint64_t)(c - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool span_to_int64(struct span a, int64_t *value)
{
    bool is_negative = a.size > 0 && a.data[0] == '-';
    if (is_negative) {
        a.data++;
        a.size--;
    }
    uint64_t size;
    if (!span_to_uint64(a, &size) || size > (uint64_t)INT64_MAX + is_negative)
        return false;
    // The smallest int64 has no positive twin, so it can't be made by negation.
    if (is_negative)
        *value = size > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)size;
    else
        *value = (int64_t)size;
    return true;
}

size_t uint64_format(uint64_t number, char out[UINT64_MAX_DIGITS])
{
    char digits[UINT64_MAX_DIGITS];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

bool span_copy(struct span a, char *out, size_t out_size)
{
    assert(out_size > 0);
    out[0] = '\0';
    if (a.size == 0)
        return true;
    if (a.size >= out_size || span_find(a, '\0'))
        return false;
    memcpy(out, a.data, a.size);
    out[a.size] = '\0';
    return true;
}

char *span_duplicate(struct span a)
{
    if (a.size == SIZE_MAX)
        return NULL;
    char *copy = malloc(a.size + 1);
    if (!copy)
        return NULL;
    if (a.size > 0)
        memcpy(copy, a.data, a.size);
    copy[a.size] = '\0';
    return copy;
}

void text_init(struct text *text, size_t max_bytes)
{
    *text = (struct text){.max_bytes = max_bytes};
}

void text_init_secret(struct text *text, size_t max_bytes)
{
    *text = (struct text){.max_bytes = max_bytes, .is_secret = true};
}

void text_make_secret(struct text *text)
{
    assert(!text->data);
    text->is_secret = true;
}

// Beyond size too: a text that failed or was cut short may have left bytes there.
static void wipe(struct text *text)
{
    if (text->is_secret && text->data)
        explicit_bzero(text->data, text->capacity);
}

static void forget(struct text *text)
{
    *text = (struct text){.max_bytes = text->max_bytes, .is_secret = text->is_secret};
}

void text_fini(struct text *text)
{
    wipe(text);
    free(text->data);
    forget(text);
}

void text_clear(struct text *text)
{
    wipe(text);
    text->size = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

// realloc may leave the old bytes behind, so a secret text moves by hand.
static char *resize(struct text *text, size_t capacity)
{
    if (!text->is_secret)
        return realloc(text->data, capacity);
    char *data = malloc(capacity);
    if (!data)
        return NULL;
    if (text->data)
        memcpy(data, text->data, text->size + 1);
    wipe(text);
    free(text->data);
    return data;
}

// Makes room for `more` bytes and the NUL.
static bool reserve(struct text *text, size_t more)
{
    if (text->failed || more > text->max_bytes - text->size)
        return false;
    size_t needed = text->size + more;
    if (needed == SIZE_MAX)
        return false;
    if (text->data && needed < text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
    while (capacity <= needed)
        capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    // Doubling mustn't claim far more than the owner allowed.
    if (text->max_bytes < SIZE_MAX && capacity > text->max_bytes + 1)
        capacity = text->max_bytes + 1;
    char *data = resize(text, capacity);
    if (!data)
        return false;
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append(struct text *text, const void *bytes, size_t size)
{
    if (!reserve(text, size)) {
        text->failed = true;
        return;
    }
    if (size > 0)
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

char *text_reserve(struct text *text, size_t bytes)
{
    if (!reserve(text, bytes)) {
        text->failed = true;
        return NULL;
    }
    return text->data + text->size;
}

void text_commit(struct text *text, const char *end)
{
    assert(end >= text->data + text->size && end < text->data + text->capacity);
    text->size = (size_t)(end - text->data);
    text->data[text->size] = '\0';
}

void text_append_span(struct text *text, struct span span)
{
    text_append(text, span.data, span.size);
}

void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_append_char(struct text *text, char c)
{
    text_append(text, &c, 1);
}

void text_append_int(struct text *text, int64_t value)
{
    char digits[1 + UINT64_MAX_DIGITS] = "-";
    bool is_negative = value < 0;
    // Unsigned, because the smallest int64 can't be negated.
    uint64_t magnitude = is_negative ? 0 - (uint64_t)value : (uint64_t)value;
    size_t size = 1 + uint64_format(magnitude, digits + 1);
    text_append(text, digits + !is_negative, size - !is_negative);
}

void text_append_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    // What fits in the room there is gets printed once; only a longer text is measured first.
    size_t room = text->failed ? 0 : text->capacity - text->size;
    int size = vsnprintf(room ? text->data + text->size : NULL, room, format, arguments);
    va_end(arguments);
    if (size < 0 || !reserve(text, (size_t)size)) {
        text->failed = true;
        if (text->data)
            text->data[text->size] = '\0'; // the first print may have left a part behind
    } else {
        if ((size_t)size >= room)
            vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}

struct span text_span(const struct text *text)
{
    return (struct span){.data = text->data, .size = text->size};
}

const char *text_string(const struct text *text)
{
    return text->data ? text->data : "";
}

char *text_take(struct text *text)
{
    if (!text->data && !text->failed)
        text_append(text, "", 0); // an empty text is a string too
    char *data = text->failed ? NULL : text->data;
    if (!data) {
        wipe(text);
        free(text->data);
    }
    forget(text);
    return data;
}
