// SPDX-License-Identifier: Apache-2.0
// Instants and lengths of time as text. Pure: takes the time, never asks for it.
#ifndef PETREL_TIMESTAMP_H
#define PETREL_TIMESTAMP_H

#include "petrel/text.h"

enum { TIMESTAMP_SIZE = 25, DURATION_SIZE = 24 };
#define TIMESTAMP_MAX_MS INT64_C(253402300799999) // the last one of year 9999

// RFC 3339 in UTC with milliseconds: "2026-01-31T12:00:00.000Z".
void timestamp_format(int64_t wall_ms, char out[TIMESTAMP_SIZE]);

// RFC 3339 date-time, any offset, any number of fraction digits (cut to ms); years 0001–9999.
bool timestamp_parse(struct span text, int64_t *wall_ms);

// HTTP-date of RFC 9110 §5.6.7: IMF-fixdate and the two obsolete forms; seconds since 1970.
// now_s settles the century of the two-digit year of the RFC 850 form (§5.6.7, 50-year rule).
bool timestamp_parse_http_date(struct span text, int64_t now_s, int64_t *wall_s);

// "250ms" "5s" "15m" "2h" "3d", or "0"; a bare number other than 0 is refused (units are required).
bool duration_parse(struct span text, int64_t *ms);
// The shortest exact form with one unit: 90000 → "90s", 7200000 → "2h".
void duration_format(int64_t ms, char out[DURATION_SIZE]);

#endif
