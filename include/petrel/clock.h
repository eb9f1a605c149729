// SPDX-License-Identifier: Apache-2.0
// The two clocks. Wall time for what people and other machines read, monotonic time for waiting.
#ifndef PETREL_CLOCK_H
#define PETREL_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void); // since 1970, UTC
int64_t clock_mono_ms(void); // since an arbitrary start; never goes back
int64_t clock_mono_us(void);

#endif
