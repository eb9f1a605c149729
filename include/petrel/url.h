// SPDX-License-Identifier: Apache-2.0
// A subscriber's URL, parsed once by libcurl's own parser (the one that will connect), so that what is
// checked and what is connected to can't differ. Stored normalised.
#ifndef PETREL_URL_H
#define PETREL_URL_H

#include "petrel/text.h"

enum { URL_MAX_BYTES = 2048, URL_ERROR_SIZE = 160, URL_HOST_SIZE = 256 };

// The last member is as long as it is needed: of one that url_duplicate made there is no more.
struct url {
    uint16_t port;
    bool is_https;
    bool is_address;                              // the host is an IP address, not a name
    uint16_t host_at;                             // where in text it begins, behind the URL itself
    char text[URL_MAX_BYTES + 1 + URL_HOST_SIZE]; // normalised: lower-case scheme and host, no fragment
};

// http and https only; userinfo, zone ids, control characters, whitespace, missing host and port 0
// are refused. error is one clear sentence for the API's user.
bool url_parse(struct span text, struct url *url, char error[URL_ERROR_SIZE]);

// A copy in no more memory than it takes, to be freed; NULL without memory.
struct url *url_duplicate(const struct url *url);
bool url_equals(const struct url *a, const struct url *b);
// As curl will resolve it; IPv6 without brackets.
static inline const char *url_host(const struct url *url)
{
    return url->text + url->host_at;
}

// Hash of (scheme, host, port): what has the same value shares connections and a home worker. Any of its bits may be used
// alone: they are spread over hosts that are much alike.
uint64_t url_destination(const struct url *url);

#endif
