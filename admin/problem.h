// SPDX-License-Identifier: Apache-2.0
// Answers that say what went wrong: application/problem+json (RFC 9457), with the member
// errors: [{"field", "message"}] when single fields are to blame.
#ifndef PETREL_ADMIN_PROBLEM_H
#define PETREL_ADMIN_PROBLEM_H

#include "petrel/http_server.h"
#include "petrel/store.h"

// Each replaces the response's status, content type and body; headers stay.
void problem_set(struct http_response *response, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// 422.
void problem_set_errors(struct http_response *response, const struct field_errors *errors);
// Any result but STORE_OK; store has the detail; what: "subscription", for 404; errors for INVALID, may be NULL.
void problem_set_result(struct http_response *response, enum store_result result,
                        const struct store *store, const char *what,
                        const struct field_errors *errors);
const char *problem_title(unsigned status);

#endif
