// SPDX-License-Identifier: Apache-2.0
// Where Redis is: redis://[user:password@]host[:port][/db], rediss:// (TLS), unix:///path[?db=n]. Pure.
#ifndef PETREL_REDIS_URL_H
#define PETREL_REDIS_URL_H

#include "petrel/text.h"

enum { REDIS_URL_ERROR_SIZE = 200 };

struct redis_url {
    bool is_tls;
    bool is_unix;
    char host[256]; // or the socket's path
    uint16_t port;
    uint32_t database;
    char user[128];
    char password[256]; // never printed
};

bool redis_url_parse(struct span text, struct redis_url *url, char error[REDIS_URL_ERROR_SIZE]);
// Without user and password, for logs and messages.
void redis_url_format_safe(const struct redis_url *url, struct text *out);

#endif
