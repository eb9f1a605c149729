// SPDX-License-Identifier: Apache-2.0
// Redis addresses: redis:// and rediss:// as registered with IANA, unix:// and redis+sentinel:// as other clients write
// them. The login before the @ is the master's; sentinels have one of their own, or none.
// Pure. Left to others: connecting, and what an empty address means.
#include "petrel/redis_url.h"

#include <stdio.h>
#include <string.h>

#include "redis_tls.h"

enum { DEFAULT_PORT = 6379, DEFAULT_SENTINEL_PORT = 26379, DATABASE_MAX = 65535 };

struct parser {
    struct redis_url url;
    struct span rest;
    bool is_sentinel;
    char *error; // REDIS_URL_ERROR_SIZE
};

static bool fail(struct parser *parser, const char *message)
{
    snprintf(parser->error, REDIS_URL_ERROR_SIZE, "%s", message);
    return false;
}

static bool take_prefix(struct span *text, const char *prefix)
{
    struct span wanted = span_of(prefix);
    if (!span_starts_with(*text, wanted))
        return false;
    text->data += wanted.size;
    text->size -= wanted.size;
    return true;
}

static bool parse_scheme(struct parser *parser)
{
    if (take_prefix(&parser->rest, "redis://"))
        return true;
    if (take_prefix(&parser->rest, "unix://")) {
        parser->url.is_unix = true;
        return true;
    }
    if (take_prefix(&parser->rest, "redis+sentinel://")) {
        parser->is_sentinel = true;
        return true;
    }
    parser->is_sentinel = take_prefix(&parser->rest, "rediss+sentinel://");
    if (!parser->is_sentinel && !take_prefix(&parser->rest, "rediss://"))
        return fail(parser, "it must begin with redis://, rediss://, redis+sentinel://, "
                            "rediss+sentinel:// or unix://");
    parser->url.is_tls = true;
    if (!redis_tls_is_built_in())
        return fail(parser,
                    "this build has no TLS to Redis (rediss://): it needs hiredis 1.0 or newer "
                    "with its SSL library at build time");
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Percent-decodes into a fixed array; false when it doesn't fit, is malformed or has a NUL.
static bool decode(struct span text, char *out, size_t out_size)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int c = (unsigned char)text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c == '\0' || size + 1 >= out_size)
            return false;
        out[size++] = (char)c;
    }
    out[size] = '\0';
    return true;
}

// Up to the last '@' before the path: passwords may have unescaped '@' in the wild.
static bool parse_login(struct parser *parser)
{
    struct span rest = parser->rest;
    const char *path = span_find(rest, '/');
    size_t size = path ? (size_t)(path - rest.data) : rest.size;
    const char *at = span_find_last((struct span){rest.data, size}, '@');
    if (!at)
        return true;
    struct span login = {.data = rest.data, .size = (size_t)(at - rest.data)};
    parser->rest.data = at + 1;
    parser->rest.size -= login.size + 1;
    const char *colon = span_find(login, ':');
    if (!colon)
        return fail(parser, "before the @ it needs user:password or :password");
    struct span user = {.data = login.data, .size = (size_t)(colon - login.data)};
    struct span password = {.data = colon + 1, .size = login.size - user.size - 1};
    if (!decode(user, parser->url.user, sizeof parser->url.user))
        return fail(parser, "the user is too long or has a bad %-escape");
    if (!decode(password, parser->url.password, sizeof parser->url.password))
        return fail(parser, "the password is too long or has a bad %-escape");
    if (!parser->url.password[0])
        return fail(parser, "the password is empty");
    return true;
}

static bool parse_database(struct parser *parser, struct span text)
{
    uint64_t number = 0;
    if (text.size > 0 && (!span_to_uint64(text, &number) || number > DATABASE_MAX))
        return fail(parser, "the database must be a number from 0 to 65535");
    parser->url.database = (uint32_t)number;
    return true;
}

static bool parse_port(struct parser *parser, struct span text)
{
    uint64_t number;
    if (!span_to_uint64(text, &number) || number == 0 || number > UINT16_MAX)
        return fail(parser, "the port must be a number from 1 to 65535");
    parser->url.port = (uint16_t)number;
    return true;
}

static bool is_host(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(" []?#%@\\", text.data[i]))
            return false;
    }
    return text.size > 0 && span_is_printable(text);
}

// "host", "host:port", "[::1]", "[::1]:port".
static bool parse_host(struct parser *parser, struct span text)
{
    struct span host = text;
    parser->url.port = parser->is_sentinel ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT;
    const char *end; // of the host, where ":port" may begin
    if (text.size > 0 && text.data[0] == '[') {
        const char *bracket = span_find(text, ']');
        if (!bracket)
            return fail(parser, "the IPv6 address has no closing bracket");
        host = (struct span){.data = text.data + 1, .size = (size_t)(bracket - text.data) - 1};
        end = bracket + 1;
    } else {
        const char *colon = span_find(text, ':');
        end = colon ? colon : text.data + text.size;
        host.size = (size_t)(end - text.data);
    }
    if (!is_host(host) || !span_copy(host, parser->url.host, sizeof parser->url.host))
        return fail(parser, "the host is missing or malformed");
    struct span port = {.data = end, .size = text.size - (size_t)(end - text.data)};
    if (port.size == 0)
        return true;
    if (!take_prefix(&port, ":"))
        return fail(parser, "after the host only a :port may follow");
    return parse_port(parser, port);
}

static bool parse_tcp(struct parser *parser)
{
    struct span host;
    struct span database = {0};
    if (!span_next(&parser->rest, '/', &host))
        return fail(parser, "the host is missing or malformed");
    if (parser->rest.size > 0)
        database = parser->rest;
    return parse_host(parser, host) && parse_database(parser, database);
}

static bool parse_sentinels(struct parser *parser, struct span hosts)
{
    struct redis_url *url = &parser->url;
    struct span host;
    while (span_next(&hosts, ',', &host)) {
        if (url->sentinel_count == REDIS_SENTINELS_MAX)
            return fail(parser, "there are more than 8 sentinels");
        struct redis_sentinel *sentinel = &url->sentinels[url->sentinel_count++];
        if (!parse_host(parser, host))
            return false;
        span_copy(span_of(url->host), sentinel->host, sizeof sentinel->host);
        sentinel->port = url->port;
    }
    url->host[0] = '\0';
    url->port = 0;
    return url->sentinel_count > 0 || fail(parser, "the host is missing or malformed");
}

// As Redis wants the names of masters.
static bool is_master_name(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && !strchr("._-", c))
            return false;
    }
    return text.size > 0;
}

// "sentinel_user=…&sentinel_password=…", in any order.
static bool parse_sentinel_login(struct parser *parser, struct span query)
{
    struct redis_url *url = &parser->url;
    struct span setting;
    while (span_next(&query, '&', &setting)) {
        bool is_user = take_prefix(&setting, "sentinel_user=");
        if (!is_user && !take_prefix(&setting, "sentinel_password="))
            return fail(parser, "after the ? only sentinel_user= and sentinel_password= are known");
        if (is_user ? !decode(setting, url->sentinel_user, sizeof url->sentinel_user)
                    : !decode(setting, url->sentinel_password, sizeof url->sentinel_password))
            return fail(parser, "a sentinel's user or password is too long or has a bad %-escape");
    }
    if (url->sentinel_user[0] && !url->sentinel_password[0])
        return fail(parser, "sentinel_user needs sentinel_password");
    return true;
}

static bool parse_sentinel(struct parser *parser)
{
    struct span hosts = {0}, name = {0}, path = {0};
    span_next(&parser->rest, '?', &path);
    if (!parse_sentinel_login(parser, parser->rest))
        return false;
    parser->rest = path;
    span_next(&parser->rest, '/', &hosts);
    span_next(&parser->rest, '/', &name);
    if (!parse_sentinels(parser, hosts))
        return false;
    if (!is_master_name(name) ||
        !span_copy(name, parser->url.master_name, sizeof parser->url.master_name))
        return fail(parser, "after the sentinels it needs the master's name, as in "
                            "redis+sentinel://host:26379,host:26379/mymaster");
    return parse_database(parser, parser->rest);
}

static bool parse_unix(struct parser *parser)
{
    struct span path;
    if (!span_next(&parser->rest, '?', &path) || path.data[0] != '/')
        return fail(parser, "unix:// needs an absolute path, as in unix:///run/redis.sock?db=0");
    // 108 is the size of sun_path.
    if (!decode(path, parser->url.host, 108))
        return fail(parser, "the socket's path is longer than 107 bytes or has a bad %-escape");
    if (parser->rest.size == 0)
        return true;
    if (!take_prefix(&parser->rest, "db="))
        return fail(parser, "after the ? only db=<number> is known");
    return parse_database(parser, parser->rest);
}

bool redis_url_parse(struct span text, struct redis_url *url, char error[REDIS_URL_ERROR_SIZE])
{
    struct parser parser = {.rest = text, .error = error};
    error[0] = '\0';
    bool is_good = parse_scheme(&parser) && parse_login(&parser) &&
                   (parser.url.is_unix   ? parse_unix(&parser)
                    : parser.is_sentinel ? parse_sentinel(&parser)
                                         : parse_tcp(&parser));
    if (is_good)
        *url = parser.url;
    explicit_bzero(&parser.url, sizeof parser.url);
    return is_good;
}

static void format_address(const char *host, uint16_t port, struct text *out)
{
    bool is_ipv6 = strchr(host, ':') != NULL;
    text_append_format(out, "%s%s%s:%u", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

// Anything may be in a path: written so that it stays on its line, and is read as the same again.
static void format_path(const char *path, struct text *out)
{
    for (const char *c = path; *c; c++) {
        bool is_plain = *c > ' ' && *c <= '~' && !strchr("%?#@", *c);
        text_append_format(out, is_plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
}

void redis_url_format_safe(const struct redis_url *url, struct text *out)
{
    if (url->is_unix) {
        text_append_string(out, "unix://");
        format_path(url->host, out);
        if (url->database)
            text_append_format(out, "?db=%u", url->database);
        return;
    }
    text_append_string(out, url->is_tls ? "rediss" : "redis");
    text_append_string(out, url->master_name[0] ? "+sentinel://" : "://");
    for (uint32_t i = 0; i < url->sentinel_count; i++) {
        if (i > 0)
            text_append_char(out, ',');
        format_address(url->sentinels[i].host, url->sentinels[i].port, out);
    }
    if (url->master_name[0])
        text_append_format(out, "/%s", url->master_name);
    else
        format_address(url->host, url->port, out);
    if (url->database)
        text_append_format(out, "/%u", url->database);
}
