// SPDX-License-Identifier: Apache-2.0
// The admin API: HTTP server, authentication, routes. Everything it does with Redis goes through the store.
#ifndef PETREL_ADMIN_H
#define PETREL_ADMIN_H

#include "petrel/config.h"
#include "petrel/redis_url.h"
#include "petrel/vault.h"

struct admin;

enum { ADMIN_KEY_SIZE = 256, ADMIN_PATH_SIZE = 4096 };

struct admin_options {
    const struct config *config;   // borrowed until stopped
    const struct redis_url *redis; // borrowed until stopped
    struct vault *vault;           // borrowed until stopped
    const char *key;               // the bearer key; copied as its digest
    struct guard *guard;           // a reference of its own is taken
    bool observability_only;       // only /healthz, /readyz, /metrics
    uint32_t workers;              // of the dispatcher in this process; 0 when it has none
};

// The configured --admin-key, or the key file <data_dir>/admin.key, made (0600) if it isn't there.
struct admin_key {
    char key[ADMIN_KEY_SIZE];   // never print it
    char path[ADMIN_PATH_SIZE]; // "" when it was configured
    bool was_created;
};
bool admin_load_key(const struct config *config, struct admin_key *key, char *error,
                    size_t error_size);

// NULL: error says why and what to do.
struct admin *admin_start(const struct admin_options *options, char *error, size_t error_size);
uint16_t admin_port(const struct admin *admin);
// New URLs are judged by it from now on.
void admin_set_guard(struct admin *admin, struct guard *guard);
void admin_stop(struct admin **admin);

#endif
