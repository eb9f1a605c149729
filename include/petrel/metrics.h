// SPDX-License-Identifier: Apache-2.0
// Process metrics: a fixed set of counters, gauges and histograms, kept per thread (relaxed atomics, no
// sharing of cache lines on the hot path) and summed when read. Label values are fixed at build time, so
// cardinality is bounded.
#ifndef PETREL_METRICS_H
#define PETREL_METRICS_H

#include "petrel/text.h"

enum metric { // those of one family stand together
    METRIC_EVENTS_READ,
    METRIC_EVENTS_DUPLICATE,
    METRIC_EVENTS_REJECTED,
    METRIC_EVENTS_UNMATCHED, // no subscription wanted it
    METRIC_EVENTS_SETTLED,   // acknowledged
    METRIC_EVENTS_CLAIMED,   // taken over from a dead instance
    METRIC_DELIVERIES_DELIVERED,
    METRIC_DELIVERIES_DEAD,
    METRIC_DELIVERIES_EXPIRED,         // of the dead: too old
    METRIC_DELIVERIES_PARKED_RETRY,    // after a failed attempt
    METRIC_DELIVERIES_PARKED_OVERFLOW, // over a cap, paused or draining; no attempt burnt
    METRIC_ATTEMPTS_2XX,
    METRIC_ATTEMPTS_3XX,
    METRIC_ATTEMPTS_4XX,
    METRIC_ATTEMPTS_5XX,
    METRIC_ATTEMPTS_TIMEOUT,
    METRIC_ATTEMPTS_NETWORK, // DNS, TCP, TLS, protocol
    METRIC_ATTEMPTS_BLOCKED,
    METRIC_CONNECTIONS_OPENED,
    METRIC_BREAKERS_TO_OPEN, // changes made by moves of this process
    METRIC_BREAKERS_TO_HALF_OPEN,
    METRIC_BREAKERS_TO_CLOSED,
    METRIC_RATE_LIMITED, // a lane has to wait for its bucket
    METRIC_LEASES_LOST,  // a script refused us: somebody else took the delivery over
    METRIC_DATA_LOSS,    // an entry or payload that Redis no longer has
    METRIC_GROUPS_CREATED,
    METRIC_REDIS_CONNECTS, // tries
    METRIC_REDIS_RECONNECTS,
    METRIC_REDIS_ERRORS,
    METRIC_ADMIN_REQUESTS,
    METRIC_ADMIN_UNAUTHORIZED,
    // gauges: add and subtract
    METRIC_IN_FLIGHT, // attempts running
    METRIC_WAITING,   // deliveries in memory waiting for a slot
    METRIC_REDIS_CONNECTED,
    METRIC_WORKERS, // that do their work: from the first table and connection until they drain
    METRIC_TABLE_SUBSCRIPTIONS,  // in the workers' tables, summed over workers
    METRIC_SUBSCRIPTIONS_LOCKED, // whose secrets this instance can't open
    METRIC_REDIS_DISCONNECTED,
    METRIC_REDIS_BACKLOG_BYTES, // commands that must reach Redis and aren't answered yet
    METRIC_INTAKE_PAUSED,       // 1 while Redis is nearly full
    METRIC_COUNT
};

enum metric_histogram {
    METRIC_ATTEMPT_SECONDS,  // one HTTP request
    METRIC_DELIVERY_SECONDS, // stream entry → 2xx of a first attempt
    METRIC_HISTOGRAM_COUNT
};

void metrics_add(enum metric metric, int64_t delta);
void metrics_observe_ms(enum metric_histogram histogram, int64_t ms);
int64_t metrics_read(enum metric metric); // sum over threads

// Prometheus text exposition format 0.0.4 of everything above, names prefixed petrel_.
void metrics_format(struct text *out);

#endif
