// SPDX-License-Identifier: Apache-2.0
// Patterns of event types. Parts: a pattern, a type. The second opinion is a backtracking matcher for any number of
// stars.
#include "petrel/pattern.h"

#include <string.h>

#include "fuzz.h"
#include "petrel/event.h"

static bool naive_glob(struct span pattern, struct span type)
{
    if (pattern.size == 0)
        return type.size == 0;
    struct span rest = {.data = pattern.data + 1, .size = pattern.size - 1};
    struct span tail = {.data = type.data + (type.size > 0), .size = type.size - (type.size > 0)};
    if (pattern.data[0] == '*')
        return naive_glob(rest, type) || (type.size > 0 && naive_glob(pattern, tail));
    return type.size > 0 && pattern.data[0] == type.data[0] && naive_glob(rest, tail);
}

static bool naive_is_word(struct span text)
{
    static const struct span letters =
        SPAN("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/-");
    for (size_t i = 0; i < text.size; i++) {
        if (!span_find(letters, text.data[i]))
            return false;
    }
    return true;
}

// A pattern has at most one star, the last character; "*" and "p*" leave petrel's own types out.
static bool naive_is_valid(struct span pattern)
{
    struct span word = pattern;
    if (word.size > 0 && word.data[word.size - 1] == '*')
        word.size--;
    return pattern.size > 0 && pattern.size <= 128 && naive_is_word(word);
}

static bool naive_matches(struct span pattern, struct span type)
{
    bool is_own = type.size >= 7 && memcmp(type.data, "petrel.", 7) == 0;
    bool asks_for_own = pattern.size >= 7 && memcmp(pattern.data, "petrel.", 7) == 0;
    return naive_glob(pattern, type) && (!is_own || asks_for_own);
}

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    struct span pattern = fuzz_part(&parts, 0);
    struct span type = fuzz_part(&parts, 1);
    FUZZ_CHECK(event_is_type(type) == (type.size > 0 && type.size <= 128 && naive_is_word(type)));
    FUZZ_CHECK(pattern_is_valid(pattern) == naive_is_valid(pattern));
    if (pattern_is_valid(pattern) && event_is_type(type))
        FUZZ_CHECK(pattern_matches(pattern, type) == naive_matches(pattern, type));
    // A type asked for by its own name always comes.
    if (event_is_type(type))
        FUZZ_CHECK(pattern_is_valid(type) && pattern_matches(type, type));
    fuzz_free(&parts);
}
