// SPDX-License-Identifier: Apache-2.0
// Faults on purpose, so that tests/fuzz/run sees that a property that fails, a read beyond the end, an overflow and a
// leak are each reported. Its corpus has one input for each.
#include <stdlib.h>

#include "fuzz.h"

static volatile int sink;
static void *volatile lost;
static volatile size_t one = 1;

void fuzz_one(struct span input)
{
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    struct span text = fuzz_part(&parts, 0);
    FUZZ_CHECK(!span_equals_text(text, "property"));
    if (span_equals_text(text, "overread"))
        sink = (unsigned char)text.data[text.size - 1 + one];
    if (span_equals_text(text, "overflow"))
        sink = INT32_MAX - 1 + 2 * (int)one;
    if (span_equals_text(text, "leak"))
        lost = malloc(one);
    lost = NULL;
    fuzz_free(&parts);
}
