// SPDX-License-Identifier: Apache-2.0
// The fuzz targets' frame. A target is one file target_<name>.c with a fuzz_one, which feeds the input to a parser
// and checks properties of what comes out; a property that doesn't hold aborts, which the fuzzer reports like a crash.
//
// Inputs with several parts separate them by a byte 0xff, which is in no UTF-8 and in no word that petrel knows, so
// that seeds can be written with printf and mutations move whole parts about.
#ifndef PETREL_FUZZ_H
#define PETREL_FUZZ_H

#include "petrel/text.h"

// Each target's: one input. Keeps no state between inputs and frees all it took.
void fuzz_one(struct span input);

#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

enum { FUZZ_PARTS_MAX = 24 };
#define FUZZ_SEPARATOR '\xff'

// Parts in allocations of exactly their size, so that a read beyond one is found. Further ones are left out.
struct fuzz_parts {
    size_t count;
    struct span items[FUZZ_PARTS_MAX];
};
void fuzz_cut(struct span input, struct fuzz_parts *parts);
void fuzz_free(struct fuzz_parts *parts);
struct span fuzz_part(const struct fuzz_parts *parts, size_t index); // empty beyond the end

// What may stand in a log line or in an answer: ASCII without control characters, and not empty.
bool fuzz_is_printable(const char *text);

#endif
