// SPDX-License-Identifier: Apache-2.0
#include "petrel/header.h"
#include "unit.h"

TEST(names_allowed)
{
    static const char *const cases[] = {
        "X-Api-Key",
        "Authorization",
        "x",
        "9",
        "!#$%&'*+-.^_`|~",
        "Cookie",
        "X-Webhook-Id",
        "webhook",
        "webhooks-id",
        "ce",
        "cell",
        "Proxy",
        "Hosts",
        "X-Host",
        "tea",
        "Content-Language",
        "Accept",
        "traceparents",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(!header_refuse_name(span_of(cases[i])), cases[i]);
}

TEST(names_reserved_in_any_case)
{
    static const char *const cases[] = {
        "webhook-id",
        "Webhook-Id",
        "WEBHOOK-SIGNATURE",
        "webhook-",
        "webhook-anything",
        "ce-type",
        "CE-Id",
        "content-length",
        "Content-Length",
        "Content-Type",
        "transfer-encoding",
        "Transfer-Encoding",
        "host",
        "HOST",
        "connection",
        "Keep-Alive",
        "te",
        "TE",
        "trailer",
        "Upgrade",
        "expect",
        "Proxy-Authorization",
        "proxy-connection",
        "user-agent",
        "User-Agent",
        "traceparent",
        "tracestate",
        "Accept-Encoding",
        "HTTP2-Settings",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = header_refuse_name(span_of(cases[i]));
        CHECK_ROW(why && strstr(why, "set by petrel"), cases[i]);
    }
}

TEST(names_that_are_no_token)
{
    static const char *const cases[] = {
        ":authority", ":",   "",    " ",   "a b",     " a",          "a ",   "a:",
        "a:b",        "a\r", "a\n", "a\t", "a\rb: c", "a\"b",        "a(b)", "a,b",
        "a/b",        "a;b", "a<b", "a=b", "a>b",     "a?b",         "a@b",  "a[b",
        "a\\b",       "a]b", "a{b", "a}b", "a\x7f",   "caf\xc3\xa9", "\xff",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(header_refuse_name(span_of(cases[i])), cases[i]);
    CHECK(header_refuse_name(SPAN("a\0")));
    CHECK(header_refuse_name(SPAN("\0")));
    CHECK(header_refuse_name((struct span){0}));
}

TEST(values)
{
    static const struct {
        const char *value;
        bool is_allowed;
    } cases[] = {
        {"Bearer abc.def", true},
        {"a", true},
        {"a\tb c", true},
        {"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true},
        {"", false},
        {" ", false},
        {"\t", false},
        {" a", false},
        {"a ", false},
        {"a\t", false},
        {"a\r\nX-Injected: 1", false},
        {"a\rb", false},
        {"a\nb", false},
        {"\n", false},
        {"a\x01", false},
        {"a\x1f"
         "b",
         false},
        {"a\x7f", false},
        {"caf\xc3\xa9", false},
        {"\x80", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_ROW(!header_refuse_value(span_of(cases[i].value)) == cases[i].is_allowed,
                  cases[i].value);
    CHECK(header_refuse_value(SPAN("a\0b")));
    CHECK(header_refuse_value((struct span){0}));
}

TEST(lengths)
{
    char bytes[HEADER_VALUE_MAX_BYTES + 1];
    memset(bytes, 'a', sizeof(bytes));
    CHECK(!header_refuse_name((struct span){.data = bytes, .size = HEADER_NAME_MAX_BYTES}));
    CHECK(header_refuse_name((struct span){.data = bytes, .size = HEADER_NAME_MAX_BYTES + 1}));
    CHECK(!header_refuse_value((struct span){.data = bytes, .size = HEADER_VALUE_MAX_BYTES}));
    CHECK(header_refuse_value((struct span){.data = bytes, .size = HEADER_VALUE_MAX_BYTES + 1}));
}

UNIT_MAIN()
