// SPDX-License-Identifier: Apache-2.0
// Where Redis is: redis://[user:password@]host[:port][/db], rediss:// (TLS), unix:///path[?db=n], or who knows where
// its master is: redis+sentinel://[user:password@]host[:port],…/master-name[/db][?sentinel_user=…&sentinel_password=…], with
// TLS to the sentinels and the master rediss+sentinel://. Pure.
#ifndef PETREL_REDIS_URL_H
#define PETREL_REDIS_URL_H

#include "petrel/text.h"

enum { REDIS_URL_ERROR_SIZE = 200, REDIS_SENTINELS_MAX = 8 };

struct redis_sentinel {
    char host[256];
    uint16_t port;
};

struct redis_url {
    bool is_tls; // to the sentinels too
    bool is_unix;
    char host[256]; // or the socket's path; "" when sentinels are to be asked
    uint16_t port;
    char master_name[64]; // "": no sentinels
    struct redis_sentinel sentinels[REDIS_SENTINELS_MAX];
    uint32_t sentinel_count;
    char sentinel_user[128];
    char sentinel_password[256]; // never printed; "": they want none
    uint32_t database;
    char user[128];
    char password[256]; // never printed
};

bool redis_url_parse(struct span text, struct redis_url *url, char error[REDIS_URL_ERROR_SIZE]);
// Without user and password, for logs and messages.
void redis_url_format_safe(const struct redis_url *url, struct text *out);

#endif
