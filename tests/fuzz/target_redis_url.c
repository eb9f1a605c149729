// SPDX-License-Identifier: Apache-2.0
// Addresses of Redis. What is accepted is within its bounds and, written for logs, is read again as the same place;
// user and password aren't in it, and are decoded as a second reader does it.
#include "petrel/redis_url.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

// Percent-decoding of what stands between the scheme and the last @ before the path.
static void check_login(const struct redis_url *url, struct span text)
{
    char *copy = span_duplicate(text);
    FUZZ_CHECK(copy && strlen(copy) == text.size); // a NUL is in no address
    char *login = strstr(copy, "://") + 3;
    char *path = strchr(login, '/');
    if (path)
        *path = '\0';
    char *at = strrchr(login, '@');
    FUZZ_CHECK(at ? url->password[0] != '\0' : !url->password[0] && !url->user[0]);
    if (at) {
        char both[1024] = "";
        size_t size = 0;
        for (const char *c = login; c < at; c++) {
            char digits[3] = {c[0], c[0] == '%' ? c[1] : '\0', c[0] == '%' ? c[2] : '\0'};
            if (c[0] == '%') {
                digits[0] = c[1], digits[1] = c[2], digits[2] = '\0';
                both[size++] = (char)strtoul(digits, NULL, 16);
                c += 2;
            } else {
                both[size++] = *c;
            }
            FUZZ_CHECK(size + 1 < sizeof both);
        }
        // The first colon that was given as such parts them; an escaped one may be in the user.
        size_t user_size = strlen(url->user);
        FUZZ_CHECK(size == user_size + 1 + strlen(url->password));
        FUZZ_CHECK(memcmp(both, url->user, user_size) == 0 && both[user_size] == ':');
        FUZZ_CHECK(memcmp(both + user_size + 1, url->password, strlen(url->password)) == 0);
    }
    free(copy);
}

static void check_bounds(const struct redis_url *url)
{
    FUZZ_CHECK(url->database <= 65535 && url->sentinel_count <= REDIS_SENTINELS_MAX);
    FUZZ_CHECK((url->master_name[0] != '\0') == (url->sentinel_count > 0));
    FUZZ_CHECK((url->host[0] == '\0') == (url->sentinel_count > 0));
    FUZZ_CHECK((url->port == 0) == (url->is_unix || url->sentinel_count > 0));
    FUZZ_CHECK(!url->is_unix || (url->host[0] == '/' && strlen(url->host) < 108));
    for (uint32_t i = 0; i < url->sentinel_count; i++)
        FUZZ_CHECK(url->sentinels[i].host[0] && url->sentinels[i].port > 0);
}

static void check_safe_form(const struct redis_url *url)
{
    struct text text;
    struct redis_url again;
    char error[REDIS_URL_ERROR_SIZE];
    text_init(&text, 8192);
    redis_url_format_safe(url, &text);
    // A socket's path may be anything, but it stays on its line of the log; and no login is in it.
    FUZZ_CHECK(!text.failed && fuzz_is_printable(text.data) && !strpbrk(text.data, " @"));
    FUZZ_CHECK(redis_url_parse(text_span(&text), &again, error));
    FUZZ_CHECK(!again.user[0] && !again.password[0]);
    FUZZ_CHECK(strcmp(again.host, url->host) == 0 && again.port == url->port);
    FUZZ_CHECK(again.is_tls == url->is_tls && again.is_unix == url->is_unix);
    FUZZ_CHECK(again.database == url->database);
    FUZZ_CHECK(strcmp(again.master_name, url->master_name) == 0);
    FUZZ_CHECK(again.sentinel_count == url->sentinel_count);
    for (uint32_t i = 0; i < url->sentinel_count; i++)
        FUZZ_CHECK(strcmp(again.sentinels[i].host, url->sentinels[i].host) == 0 &&
                   again.sentinels[i].port == url->sentinels[i].port);
    text_fini(&text);
}

void fuzz_one(struct span input)
{
    struct redis_url url;
    char error[REDIS_URL_ERROR_SIZE];
    struct fuzz_parts parts;
    fuzz_cut(input, &parts);
    struct span text = fuzz_part(&parts, 0);
    if (redis_url_parse(text, &url, error)) {
        check_bounds(&url);
        check_login(&url, text);
        check_safe_form(&url);
    } else {
        FUZZ_CHECK(fuzz_is_printable(error)); // a sentence that is fixed: nothing of what was given
    }
    fuzz_free(&parts);
}
