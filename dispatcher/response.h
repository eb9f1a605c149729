// SPDX-License-Identifier: Apache-2.0
// What a receiver answers, as libcurl hands it over: line by line of the heads, then the body in pieces. Read from it are
// the status, Retry-After, webhook-delivery, and the first bytes of the body; counted is everything, up to a cap.
// Sources: RFC 9110 §10.2.3 (Retry-After); Standard Webhooks 1.0.
#ifndef PETREL_RESPONSE_H
#define PETREL_RESPONSE_H

#include "outcome.h"

enum {
    RESPONSE_HEAD_MAX_BYTES = 64 * 1024, // all heads, those of 1xx responses and trailers too
    RESPONSE_BODY_MAX_BYTES = 64 * 1024,
};

struct response {
    size_t head_bytes, body_bytes;
    bool has_final_status; // the head of a response that is no 1xx is complete
    bool is_too_large;     // a cap was passed; nothing more is to be read
};

enum response_line {
    RESPONSE_LINE,
    RESPONSE_END_OF_HEAD, // the caller knows the status, and goes on with response_end_head
    RESPONSE_TOO_LARGE,
};

void response_begin(struct response *response, struct attempt_result *result);
// One line with its end of line, whatever is in it. What a 1xx response said is forgotten when the next begins.
enum response_line response_take_line(struct response *response, struct span line,
                                      struct attempt_result *result);
void response_end_head(struct response *response, long status, struct attempt_result *result);
// False: over the cap.
bool response_take_body(struct response *response, struct span bytes, struct attempt_result *result);

#endif
