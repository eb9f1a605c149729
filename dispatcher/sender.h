// SPDX-License-Identifier: Apache-2.0
// Sends attempts: HTTP(S) POSTs on a libuv loop through libcurl, with one deadline each, on kept connections.
// Refuses to connect where the guard says no. Knows nothing of events or subscriptions. One thread.
#ifndef PETREL_SENDER_H
#define PETREL_SENDER_H

#include <uv.h>

#include "outcome.h"
#include "petrel/guard.h"
#include "petrel/text.h"
#include "petrel/url.h"

enum { SENDER_HEADERS_MAX = 40, SENDER_HEADER_BYTES_MAX = 256 * 1024 };

struct sender;

struct sender_options {
    uv_loop_t *loop;
    struct guard *guard;     // a reference of its own is taken
    const char *ca_file;     // borrowed; PEM bundle; "" = the system's
    const struct url *proxy; // borrowed; NULL: none. Then names are resolved, and guarded, by the proxy
    const char *proxy_user; // borrowed; "name:password", or ""
    int64_t connect_timeout_ms;
    int64_t connection_max_age_ms;
    bool http2; // offered to https receivers
    uint32_t max_transfers;
    // Nearing so many, kept connections are given up, for those that have work. More than that only if more transfers
    // run. 0: as many as there are.
    uint32_t max_connections;
    uint32_t max_lookups; // of names, at once
};

// A URL in curl's own form, for many requests: reading its text anew costs a tenth of a small request.
struct sender_target;

struct sender_request {
    const struct url *url;        // these are borrowed until done
    struct sender_target *target; // the same URL; NULL: curl reads its text
    uint64_t destination;
    struct span body;
    const char *const *headers; // "name: value", header_count of them; copied
    size_t header_count;
    int64_t timeout_ms; // over everything: DNS, connect, TLS, request, whole response
};

// Once per started request, never before sender_start returned. result is borrowed.
typedef void sender_done(void *arg, const struct attempt_result *result);

// Once, before any thread starts; once after all have ended. false: libcurl cannot be initialised.
bool sender_global_init(void);
void sender_global_cleanup(void);

// One reference; requests under way have their own. NULL without memory.
struct sender_target *sender_target_create(const struct url *url);
void sender_target_unref(struct sender_target **target);

struct sender *sender_create(const struct sender_options *options); // NULL without memory
// false: it could not even be started (memory); done will not be called.
bool sender_start(struct sender *sender, const struct sender_request *request, sender_done *done,
                  void *arg);
// What is about to connect or to send is judged by it from now on; connections made before are not used again.
void sender_set_guard(struct sender *sender, struct guard *guard);
// Ends every running request now with ATTEMPT_ABORTED.
void sender_abort_all(struct sender *sender);
// With no request running. Closes connections; the loop has to turn once more to release handles.
void sender_destroy(struct sender **sender);

#endif
