// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "petrel/random.h"
#include "petrel/url.h"
#include "unit.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// A URL that was accepted is normal: parsed again it gives the same.
static void check_normal(const struct url *url)
{
    struct url again;
    char error[URL_ERROR_SIZE];
    CHECK_ROW(url_parse(span_of(url->text), &again, error), url->text);
    CHECK_STR(again.text, url->text);
    CHECK_STR(url_host(&again), url_host(url));
    CHECK_INT(again.port, url->port);
    CHECK_INT(again.is_https, url->is_https);
    CHECK(url_destination(&again) == url_destination(url));
}

TEST(accepted_and_normalised)
{
    static const struct {
        const char *given, *text, *host;
        int port;
    } cases[] = {
        {"https://example.com/hook", "https://example.com/hook", "example.com", 443},
        {"https://example.com", "https://example.com/", "example.com", 443},
        {"http://example.com", "http://example.com/", "example.com", 80},
        {"HTTPS://Example.COM/Path", "https://example.com/Path", "example.com", 443},
        {"hTTp://EXAMPLE.com:8080/", "http://example.com:8080/", "example.com", 8080},
        {"https://example.com:443/", "https://example.com/", "example.com", 443},
        {"http://example.com:80/", "http://example.com/", "example.com", 80},
        {"http://example.com:443/", "http://example.com:443/", "example.com", 443},
        {"https://example.com:80/", "https://example.com:80/", "example.com", 80},
        {"https://example.com:/", "https://example.com/", "example.com", 443},
        {"https://example.com:00443/", "https://example.com/", "example.com", 443},
        {"https://example.com:1/", "https://example.com:1/", "example.com", 1},
        {"https://example.com:65535/", "https://example.com:65535/", "example.com", 65535},
        {"https://example.com./", "https://example.com./", "example.com.", 443},
        {"https://a_b.example-.com/", "https://a_b.example-.com/", "a_b.example-.com", 443},
        {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/",
         "xn--bcher-kva.example", 443},
        {"http://localhost:3000/hook", "http://localhost:3000/hook", "localhost", 3000},
        // fragments go, queries stay
        {"https://example.com/#f", "https://example.com/", "example.com", 443},
        {"https://example.com#f?q", "https://example.com/", "example.com", 443},
        {"https://example.com?a=1&b=2#f", "https://example.com/?a=1&b=2", "example.com", 443},
        {"https://example.com/?u=http://user@host/", "https://example.com/?u=http://user@host/",
         "example.com", 443},
        {"https://example.com/@me", "https://example.com/@me", "example.com", 443},
        {"https://example.com/a%20b", "https://example.com/a%20b", "example.com", 443},
        {"https://example.com//a//", "https://example.com//a//", "example.com", 443},
        {"https://example.com/caf\xc3\xa9?\xc3\xa9", "https://example.com/caf%c3%a9?%c3%a9",
         "example.com", 443},
        // dots are resolved as libcurl will
        {"https://example.com/a/../b/./c", "https://example.com/b/c", "example.com", 443},
        {"https://example.com/../..", "https://example.com/", "example.com", 443},
        {"https://example.com/%2e%2e/b", "https://example.com/%2e%2e/b", "example.com", 443},
        // addresses, in the forms that are read as addresses
        {"http://192.0.2.1:8080/", "http://192.0.2.1:8080/", "192.0.2.1", 8080},
        {"http://0x7f000001/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://0X7F.1/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://127.1/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://127.0.1/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://017700000001/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://0177.0.0.1/", "http://127.0.0.1/", "127.0.0.1", 80},
        {"http://0/", "http://0.0.0.0/", "0.0.0.0", 80},
        {"http://[::1]/", "http://[::1]/", "::1", 80},
        {"http://[::1]:8080/", "http://[::1]:8080/", "::1", 8080},
        {"https://[2001:DB8:0:0::1]/", "https://[2001:db8::1]/", "2001:db8::1", 443},
        {"https://[::FFFF:127.0.0.1]/", "https://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", 443},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url url;
        char error[URL_ERROR_SIZE] = "x";
        CHECK_ROW(url_parse(span_of(cases[i].given), &url, error), cases[i].given);
        CHECK_STR(error, "");
        CHECK_STR(url.text, cases[i].text);
        CHECK_STR(url_host(&url), cases[i].host);
        CHECK_INT(url.port, cases[i].port);
        CHECK_INT(url.is_https, strncmp(cases[i].text, "https:", 6) == 0);
        bool is_address = strchr(cases[i].host, ':') ||
                          strspn(cases[i].host, "0123456789.") == strlen(cases[i].host);
        CHECK_ROW(url.is_address == is_address, cases[i].given);
        check_normal(&url);
    }
}

struct refusal {
    const char *text, *part;
};

static void check_refused(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct url url;
        char error[URL_ERROR_SIZE] = "";
        CHECK_ROW(!url_parse(span_of(cases[i].text), &url, error), cases[i].text);
        CHECK_ROW(error[0] && strstr(error, cases[i].part), cases[i].text);
    }
}

TEST(refused_what_is_no_absolute_http_url)
{
    static const struct refusal cases[] = {
        {"", "empty"},
        {"example.com", "must begin with https://"},
        {"//example.com/", "must begin with https://"},
        {"ftp://example.com/", "must begin with https://"},
        {"file:///etc/passwd", "must begin with https://"},
        {"gopher://example.com/", "must begin with https://"},
        {"javascript:alert(1)", "must begin with https://"},
        {"http:example.com", "must begin with https://"},
        {"http:/example.com", "must begin with https://"},
        {"httpx://example.com/", "must begin with https://"},
        {"https:/", "must begin with https://"},
        {"http://", "no host"},
        {"http:///path", "no host"},
        {"http://///path", "no host"},
        {"https://?q", "no host"},
        {"https://#f", "no host"},
        {"https://:443/", ""},
    };
    check_refused(cases, sizeof cases / sizeof cases[0]);
}

TEST(refused_characters)
{
    static const struct refusal cases[] = {
        {" https://example.com/", "spaces"},
        {"https://example.com/ ", "spaces"},
        {"https://example.com/\n", "spaces"},
        {"\thttps://example.com/", "spaces"},
        {"ht\ntps://example.com/", "spaces"},
        {"https://exam\tple.com/", "spaces"},
        {"https://example.com/a b", "spaces"},
        {"https://example.com/\r\nX: y", "spaces"},
        {"https://example.com/\x01", "control"},
        {"https://example.com/\x7f", "control"},
        {"https://example.com/\x1b[0m", "control"},
        {"https:\\\\example.com\\", "backslash"},
        {"https://example.com\\@evil.com/", "backslash"},
        {"https://example.com/a\\b", "backslash"},
        {"https://example.com/\xff", "UTF-8"},
        {"https://example.com/\xc0\xaf", "UTF-8"},
    };
    check_refused(cases, sizeof cases / sizeof cases[0]);
}

TEST(refused_logins_and_encoded_hosts)
{
    static const struct refusal cases[] = {
        {"https://user:secret@example.com/", "user name"},
        {"https://user@example.com/", "user name"},
        {"https://@example.com/", "user name"},
        {"https://:@example.com/", "user name"},
        {"https://a@b@example.com/", "user name"},
        {"https://example.com@evil.com/", "user name"},
        {"https://b\xc3\xbc"
         "cher.example/",
         "punycode"},
        {"https://\xef\xbd\x85xample.com/", "punycode"}, // a full-width e
        {"https://exam\xc2\xadple.com/", "punycode"},    // a soft hyphen
        {"https://example\xe3\x80\x82"
         "com/",
         "punycode"}, // an ideographic full stop
        {"https://exa%6dple.com/", "percent-encoding"},
        {"http://%31%32%37.0.0.1/", "percent-encoding"},
        {"http://127.0.0.1%00.example.com/", "percent-encoding"},
        {"https://[fe80::1%25eth0]/", "zone id"},
        {"https://[fe80::1%eth0]/", "zone id"},
        {"https://exam ple.com/", "spaces"},
    };
    check_refused(cases, sizeof cases / sizeof cases[0]);
}

TEST(refused_hosts)
{
    static const struct refusal cases[] = {
        {"https://exa*mple.com/", ""}, {"https://exa;mple.com/", ""}, {"https://exa<mple.com/", ""},
        {"https://exa{mple.com/", ""}, {"https://exa,mple.com/", ""}, {"https://[::1/", ""},
        {"https://::1/", ""},          {"https://[]/", ""},           {"https://[1.2.3.4]/", ""},
        {"https://[::1]x/", ""},       {"https://[::g]/", ""},        {"https://[v1.fe80]/", ""},
    };
    check_refused(cases, sizeof cases / sizeof cases[0]);
}

TEST(refused_ports_and_lengths)
{
    static const struct refusal cases[] = {
        {"https://example.com:0/", "from 1 to 65535"},
        {"https://example.com:65536/", ""},
        {"https://example.com:99999999999/", ""},
        {"https://example.com:-1/", ""},
        {"https://example.com:+1/", ""},
        {"https://example.com:80x/", ""},
        {"https://example.com:0x50/", ""},
        {"https://example.com:80:80/", ""},
        {"https://a..b/", "two dots"},
        {"https://.example.com/", "two dots"},
        {"https://example.com../", "two dots"},
        {"https://./", "1 to 253"},
        {"https://" L63 "a.example/", "63 characters"},
        {"https://" L63 "." L63 "." L63 "." L63 "/", "1 to 253"},
    };
    check_refused(cases, sizeof cases / sizeof cases[0]);
}

TEST(refused_with_nul_or_nothing)
{
    struct url url;
    char error[URL_ERROR_SIZE];
    CHECK(!url_parse(SPAN("https://example.com/\0.evil.com"), &url, error));
    CHECK(!url_parse((struct span){0}, &url, error));
}

// Resolvers would read them one way or another.
TEST(refused_names_that_end_in_a_number)
{
    static const struct refusal cases[] = {
        {"http://256.1.1.1/", "no IPv4 address"},  {"http://1.2.3.4.5/", "no IPv4 address"},
        {"http://1.2.3.4./", "no IPv4 address"},   {"http://08.1.1.1/", "no IPv4 address"},
        {"http://4294967296/", "no IPv4 address"}, {"http://0x100000000/", "no IPv4 address"},
        {"http://example.1/", "no IPv4 address"},  {"http://example.0x7f/", "no IPv4 address"},
        {"http://1.0x/", "no IPv4 address"},       {"http://example.99./", "no IPv4 address"},
    };
    check_refused(cases, sizeof cases / sizeof cases[0]);
}

TEST(lengths)
{
    struct url url;
    char error[URL_ERROR_SIZE];
    struct text text;
    text_init(&text, 10000);
    text_append_string(&text, "https://example.com/");
    while (text.size < URL_MAX_BYTES)
        text_append_char(&text, 'a');
    CHECK(url_parse(text_span(&text), &url, error));
    CHECK_STR(url.text, text_string(&text));
    check_normal(&url);
    text_append_char(&text, 'a');
    CHECK(!url_parse(text_span(&text), &url, error));
    CHECK_STR(error, "the URL has 2049 bytes, the maximum is 2048");
    // Short as given, too long once encoded.
    text_clear(&text);
    text_append_string(&text, "https://example.com/");
    while (text.size < 1200)
        text_append_string(&text, "\xc3\xa9");
    CHECK(!url_parse(text_span(&text), &url, error));
    CHECK(strstr(error, "percent-encoded"));
    text_clear(&text);
    text_append_string(&text, "https://" L63 "." L63 "." L63 "."); // 253 characters of host
    for (int i = 0; i < 61; i++)
        text_append_char(&text, 'b');
    CHECK(url_parse(text_span(&text), &url, error));
    CHECK_INT(strlen(url_host(&url)), 253);
    text_append_char(&text, 'b');
    CHECK(!url_parse(text_span(&text), &url, error));
    for (int i = 0; i < 1700; i++)
        text_append_char(&text, 'b');
    CHECK(!url_parse(text_span(&text), &url, error));
    text_fini(&text);
}

static uint64_t destination_of(const char *text)
{
    struct url url;
    char error[URL_ERROR_SIZE];
    CHECK_ROW(url_parse(span_of(text), &url, error), text);
    return url_destination(&url);
}

TEST(destinations)
{
    uint64_t destination = destination_of("https://example.com/a");
    CHECK(destination == destination_of("HTTPS://EXAMPLE.COM:443/b?c#d"));
    CHECK(destination != destination_of("http://example.com/a"));
    CHECK(destination != destination_of("http://example.com:443/a"));
    CHECK(destination != destination_of("https://example.com:444/a"));
    CHECK(destination != destination_of("https://example.org/a"));
    CHECK(destination != destination_of("https://www.example.com/a"));
    CHECK(destination_of("http://127.1/") == destination_of("http://2130706433/"));
    CHECK(destination_of("http://[::1]/") == destination_of("http://[0::1]:80/"));
}

// Low bits choose the worker, high bits the multi handle: where neighbours met in one of them, it walked the connections
// of all.
TEST(destinations_much_alike_are_spread)
{
    enum { COUNT = 128, BUCKETS = 16, BUCKET_MAX = 3 * COUNT / BUCKETS };
    for (int shift = 0; shift <= 48; shift += 16) {
        int buckets[BUCKETS] = {0};
        for (int i = 1; i <= COUNT; i++) {
            char text[64];
            snprintf(text, sizeof text, "http://10.0.0.%d:8080/hook", i);
            buckets[(destination_of(text) >> shift) % BUCKETS]++;
        }
        for (int i = 0; i < BUCKETS; i++)
            CHECK(buckets[i] > 0 && buckets[i] <= BUCKET_MAX);
    }
}

TEST(garbage_is_refused_or_normal)
{
    static const char *const pieces[] = {
        "http",     "https", "://",  ":",  "/",   "//",  "@", "example", ".",  "com", "[",     "]",
        "::1",      "127",   "0x7f", "%",  "%2e", "%00", "?", "#",       "..", "80",  "0",     "\\",
        "\xc3\xa9", "\xff",  " ",    "\t", "a",   "-",   "_", "*",       "&",  "=",   "65536",
    };
    uint64_t state = 99;
    int accepted = 0;
    for (int round = 0; round < 30000; round++) {
        struct text text;
        struct url url;
        char error[URL_ERROR_SIZE];
        text_init(&text, 1000);
        if (random_next(&state) % 4)
            text_append_string(&text, random_next(&state) % 2 ? "http://" : "https://");
        for (uint64_t i = random_next(&state) % 10; i > 0; i--)
            text_append_string(&text,
                               pieces[random_next(&state) % (sizeof(pieces) / sizeof(pieces[0]))]);
        if (url_parse(text_span(&text), &url, error)) {
            accepted++;
            check_normal(&url);
        } else {
            CHECK(error[0]);
        }
        text_fini(&text);
    }
    CHECK(accepted > 500);
}

UNIT_MAIN()
