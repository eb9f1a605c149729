// SPDX-License-Identifier: Apache-2.0
// What an attempt came to, and what follows from it: the table of docs/architecture.md as a pure function.
#ifndef PETREL_OUTCOME_H
#define PETREL_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "petrel/backoff.h"
#include "petrel/text.h"

enum { ATTEMPT_EXCERPT_BYTES = 1024, ATTEMPT_DETAIL_SIZE = 160 };
#define RETRY_AFTER_MAX_MS (24LL * 3600 * 1000)

// Why an attempt has no usable status. The names (attempt_error_text) are part of the API.
enum attempt_error {
    ATTEMPT_OK, // there is a status, and the status decides
    ATTEMPT_TIMEOUT,
    ATTEMPT_DNS,
    ATTEMPT_CONNECT_REFUSED,
    ATTEMPT_CONNECT,
    ATTEMPT_PROXY, // the way through petrel's own proxy
    ATTEMPT_TLS_CERTIFICATE,
    ATTEMPT_TLS,
    ATTEMPT_RESET,    // closed or reset before a status
    ATTEMPT_PROTOCOL, // not HTTP, or broken HTTP
    ATTEMPT_RESPONSE_TOO_LARGE,
    ATTEMPT_BLOCKED_ADDRESS,
    ATTEMPT_INTERNAL, // petrel's side: out of memory, signing failed
    ATTEMPT_ABORTED,  // petrel is stopping: it doesn't count
};

// The response header `webhook-delivery`.
enum attempt_directive { DIRECTIVE_NONE, DIRECTIVE_DISABLE, DIRECTIVE_ABORT_MESSAGE };

struct attempt_result {
    enum attempt_error error;
    int32_t status; // of the final response; 0 when there was none
    enum attempt_directive directive;
    int64_t retry_after_ms; // -1: none, or unusable
    int64_t started_wall_ms;
    int64_t duration_ms;
    bool opened_connection;
    char detail[ATTEMPT_DETAIL_SIZE]; // for the operator's log
    size_t excerpt_bytes;
    char excerpt[ATTEMPT_EXCERPT_BYTES]; // first bytes of the response's body
};

enum verdict_action {
    VERDICT_DELIVERED,
    VERDICT_RETRY,   // after delay_ms
    VERDICT_BURY,    // dead letter with `reason`
    VERDICT_DISABLE, // the same, and the subscription is disabled
    VERDICT_RELEASE, // park again as it was: the attempt doesn't count
};

struct verdict {
    enum verdict_action action;
    int64_t delay_ms;
    int64_t hold_ms;    // > 0: the whole subscription waits that long (429, 503, Retry-After)
    const char *reason; // static; for BURY and DISABLE
    bool is_exhausted;  // BURY because the schedule has ended
};

// attempts_made counts this one. random: any 64 bits, for the jitter.
struct verdict outcome_judge(const struct attempt_result *result, const struct backoff *schedule,
                             uint32_t attempts_made, uint64_t random);

// The value of a Retry-After header in ms from now, capped at 24 h; -1 when it is garbage or past.
int64_t outcome_parse_retry_after(struct span value, int64_t now_s);

// "timeout", "dns", "http_status" …; "" for a 2xx.
const char *outcome_error_text(const struct attempt_result *result);

#endif
