// SPDX-License-Identifier: Apache-2.0
#include "petrel/redis_url.h"
#include "unit.h"

static const char *shown(const char *text)
{
    static char out[800];
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    if (redis_url_parse(span_of(text), &url, error)) {
        int size =
            snprintf(out, sizeof out, "%s|%u|%u|%s|%s%s%s%s%s", url.host, url.port, url.database,
                     url.user, url.password, url.is_unix ? "|unix" : "", url.is_tls ? "|tls" : "",
                     url.master_name[0] ? "|" : "", url.master_name);
        for (uint32_t i = 0; i < url.sentinel_count; i++)
            size += snprintf(out + size, sizeof out - (size_t)size, " %s:%u", url.sentinels[i].host,
                             url.sentinels[i].port);
        if (url.sentinel_password[0])
            snprintf(out + size, sizeof out - (size_t)size, " as %s:%s", url.sentinel_user,
                     url.sentinel_password);
    } else
        snprintf(out, sizeof out, "%s", error);
    return out;
}

TEST(good_addresses)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"redis://localhost", "localhost|6379|0||"},
        {"redis://localhost/", "localhost|6379|0||"},
        {"redis://10.0.0.1:7000/3", "10.0.0.1|7000|3||"},
        {"redis://[::1]", "::1|6379|0||"},
        {"redis://[2001:db8::1]:7000/1", "2001:db8::1|7000|1||"},
        {"redis://:secret@h", "h|6379|0||secret"},
        {"redis://user:secret@h:1", "h|1|0|user|secret"},
        {"redis://u%3as:p%40s%2Fs@h", "h|6379|0|u:s|p@s/s"},
        {"redis://user:p@ss@h", "h|6379|0|user|p@ss"},
        {"redis://user:a:b@h", "h|6379|0|user|a:b"},
        {"redis+sentinel://h/m", "|0|0|||m h:26379"},
        {"redis+sentinel://a:1,b:2,[::1]:3/my-master.1/4", "|0|4|||my-master.1 a:1 b:2 ::1:3"},
        {"redis+sentinel://u:p@a/m?sentinel_password=q%26r", "|0|0|u|p|m a:26379 as :q&r"},
        {"redis+sentinel://a/m/1?sentinel_user=s&sentinel_password=q", "|0|1|||m a:26379 as s:q"},
        {"redis+sentinel://u:p@a,b/m", "|0|0|u|p|m a:26379 b:26379"},
        {"unix:///run/redis.sock", "/run/redis.sock|0|0|||unix"},
        {"unix:///run/redis.sock?db=2", "/run/redis.sock|0|2|||unix"},
        {"unix://:pw@/run/redis.sock", "/run/redis.sock|0|0||pw|unix"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STR(shown(rows[i].text), rows[i].expected);
}

TEST(bad_addresses_say_why)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"redis+sentinel://", "host"},
        {"redis://h\xc3\xa9", "host"},
        {"redis+sentinel:///m", "host"},
        {"redis+sentinel://a,,b/m", "host"},
        {"redis+sentinel://a:0/m", "port"},
        {"redis+sentinel://a", "master's name"},
        {"redis+sentinel://a/", "master's name"},
        {"redis+sentinel://a/m m", "master's name"},
        {"redis+sentinel://a/m/x", "database"},
        {"redis+sentinel://a/m?x=1", "sentinel_password"},
        {"redis+sentinel://a/m?sentinel_user=s", "needs"},
        {"redis+sentinel://a/m?sentinel_password=%zz", "escape"},
        {"redis+sentinel://a,a,a,a,a,a,a,a,a/m", "8 sentinels"},
        {"", "must begin with"},
        {"localhost:6379", "must begin with"},
        {"http://h", "must begin with"},
        {"redis://", "host"},
        {"redis:///3", "host"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:", "port"},
        {"redis://h:x", "port"},
        {"redis://h/x", "database"},
        {"redis://h/1/2", "database"},
        {"redis://h/70000", "database"},
        {"redis://h x", "host"},
        {"redis://h?db=1", "host"},
        {"redis://[::1", "bracket"},
        {"redis://[::1]x", "only a :port"},
        {"redis://secret@h", ":password"},
        {"redis://user:@h", "empty"},
        {"redis://:%zz@h", "password"},
        {"redis://:%4", "host"},
        {"redis://:a%00@h", "password"},
        {"unix://run/redis.sock", "absolute"},
        {"unix://", "absolute"},
        {"unix:///s?x=1", "db="},
        {"unix:///s?db=x", "database"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[REDIS_URL_ERROR_SIZE];
        struct redis_url url;
        CHECK_ROW(!redis_url_parse(span_of(rows[i].text), &url, error), rows[i].text);
        CHECK_ROW(strstr(error, rows[i].part) != NULL, error);
    }
}

TEST(too_long_parts_are_refused)
{
    char text[600];
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    memset(text, 'h', sizeof text);
    memcpy(text, "redis://", 8);
    CHECK(!redis_url_parse((struct span){text, 8 + 300}, &url, error));
    memcpy(text, "unix:///", 8);
    CHECK(!redis_url_parse((struct span){text, 8 + 107}, &url, error));
    CHECK(redis_url_parse((struct span){text, 8 + 106}, &url, error));
}

TEST(tls_is_there_or_refused_with_the_reason)
{
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    static const char *const texts[] = {"rediss://h", "rediss+sentinel://h/m"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (redis_url_parse(span_of(texts[i]), &url, error))
            CHECK_ROW(url.is_tls, texts[i]);
        else
            CHECK_ROW(strstr(error, "hiredis") != NULL, texts[i]);
    }
}

TEST(the_safe_form_has_no_login)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"redis+sentinel://u:secret@a,[::1]:2/m/3", "redis+sentinel://a:26379,[::1]:2/m/3"},
        {"redis+sentinel://a/m?sentinel_password=secret", "redis+sentinel://a:26379/m"},
        {"redis://user:secret@h", "redis://h:6379"},
        {"redis://:secret@[::1]:7000/2", "redis://[::1]:7000/2"},
        {"unix://:secret@/s?db=1", "unix:///s?db=1"},
        {"unix:///a%20b%0a%1b%3fc%25%40\xc3\xa9", "unix:///a%20b%0A%1B%3Fc%25%40%C3%A9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[REDIS_URL_ERROR_SIZE];
        struct redis_url url;
        struct text out;
        text_init(&out, 300);
        CHECK(redis_url_parse(span_of(rows[i].text), &url, error));
        redis_url_format_safe(&url, &out);
        CHECK_STR(text_string(&out), rows[i].expected);
        text_fini(&out);
    }
}

UNIT_MAIN()
