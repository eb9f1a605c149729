// SPDX-License-Identifier: Apache-2.0
// Bytes: borrowed spans and a growable buffer with a hard maximum.
// Pure: no I/O, no clock, no globals.
#ifndef PETREL_TEXT_H
#define PETREL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Borrowed bytes, not NUL-terminated. The owner is named where a span is handed over.
struct span {
    const char *data;
    size_t size;
};

#define SPAN(literal) ((struct span){.data = (literal), .size = sizeof(literal) - 1})
#define SPAN_FMT(span) (int)(span).size, (span).data ? (span).data : "" // for "%.*s"

struct span span_of(const char *text); // NULL gives an empty span
bool span_equals(struct span a, struct span b);
bool span_equals_text(struct span a, const char *b);
bool span_equals_ignoring_case(struct span a, struct span b); // ASCII only
bool span_starts_with(struct span a, struct span prefix);
struct span span_trim(struct span a);  // ASCII space and tab at both ends
bool span_is_printable(struct span a); // ASCII without control characters: fit for a terminal

// Where it stands first, or last; NULL if it doesn't. In an empty span nothing is found, also where data is NULL, which
// memchr and its kind may not be given: so these stand in their place everywhere. An empty `part` is never found.
const char *span_find(struct span a, char c);
const char *span_find_last(struct span a, char c);
const char *span_find_part(struct span a, struct span part);

// Cuts the next part of *rest up to `separator`; false when nothing is left.
// "a,,b" gives "a", "", "b"; an empty *rest gives nothing, so "a," gives only "a".
bool span_next(struct span *rest, char separator, struct span *part);

// Whole-span decimal integers; false on anything else (sign only where the type has one) or overflow.
bool span_to_int64(struct span a, int64_t *value);
bool span_to_uint64(struct span a, uint64_t *value);

// The decimal digits of a number, without a NUL; returns how many.
enum { UINT64_MAX_DIGITS = 20 };
size_t uint64_format(uint64_t number, char out[UINT64_MAX_DIGITS]);

// Copies into a fixed array with a terminating NUL; false (and an empty string) when it doesn't fit
// or holds a NUL byte.
bool span_copy(struct span a, char *out, size_t out_size);
char *span_duplicate(struct span a); // malloc'd, NUL-terminated; NULL without memory

// A growable buffer. Once an append doesn't fit under max_bytes (or memory is short) the buffer is
// `failed`: it keeps what it had and ignores every further append, so callers check once, at the end.
// data is always NUL-terminated once anything was appended (the NUL is not counted in size).
struct text {
    char *data;
    size_t size;
    size_t capacity;
    size_t max_bytes;
    bool failed;
    bool is_secret;
};

void text_init(struct text *text, size_t max_bytes);
// One whose bytes are wiped wherever they were: when it grows, is cleared and ends. Whoever takes them wipes them.
void text_init_secret(struct text *text, size_t max_bytes);
void text_make_secret(struct text *text); // from now on; while nothing was appended
void text_fini(struct text *text);
void text_clear(struct text *text); // empty and no longer failed; keeps the memory
void text_append(struct text *text, const void *bytes, size_t size);
void text_append_span(struct text *text, struct span span);
void text_append_string(struct text *text, const char *string);
void text_append_char(struct text *text, char c);
void text_append_int(struct text *text, int64_t value);
void text_append_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// For those who write the bytes themselves: room for so many behind what is there (NULL when it fails, as appending
// would), then where they ended. Nothing else may touch the text between the two.
char *text_reserve(struct text *text, size_t bytes);
void text_commit(struct text *text, const char *end);
struct span text_span(const struct text *text);
const char *text_string(const struct text *text); // "" when empty
char *text_take(struct text *text);               // caller frees; NULL if failed; leaves text empty

// Lower-case hex; out has 2 * size + 1 bytes.
void hex_encode(const unsigned char *bytes, size_t size, char *out);

// Standard base64 (RFC 4648 §4). encode: out has base64_encoded_size(size) + 1 bytes, padded.
// decode: accepts padded or unpadded input, refuses whitespace, the URL alphabet and bits beyond the
// end; returns false if it isn't base64 or needs more than out_size bytes.
size_t base64_encoded_size(size_t size);
void base64_encode(const unsigned char *bytes, size_t size, char *out);
bool base64_decode(struct span in, unsigned char *out, size_t out_size, size_t *size);

// True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool utf8_is_valid(struct span text);
// Bytes of the well-formed sequence at the beginning of text; 0 if there is none.
size_t utf8_sequence_size(struct span text);

// A destination hash: FNV-1a, 64 bits. Not for secrets, not against an adversary.
uint64_t hash_bytes(struct span bytes);

#endif
