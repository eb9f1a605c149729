// SPDX-License-Identifier: Apache-2.0
// What is read from a response, line by line, as libcurl hands it over.
#include "response.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"

static struct response response;
static struct attempt_result result;

// Lines ended by \n; the status is taken from lines that begin with HTTP/.
static enum response_line take(const char *text)
{
    struct span rest = span_of(text);
    long status = 0;
    enum response_line kind = RESPONSE_LINE;
    while (rest.size > 0) {
        size_t size = (size_t)(span_find(rest, '\n') - rest.data) + 1;
        struct span line = {rest.data, size};
        rest.data += size;
        rest.size -= size;
        if (span_starts_with(line, SPAN("HTTP/")))
            status = strtol(strchr(line.data, ' '), NULL, 10);
        kind = response_take_line(&response, line, &result);
        if (kind == RESPONSE_END_OF_HEAD)
            response_end_head(&response, status, &result);
    }
    return kind;
}

static void begin(void)
{
    memset(&result, 0xa5, sizeof result);
    response_begin(&response, &result);
}

TEST(status_and_headers)
{
    begin();
    CHECK_INT(take("HTTP/1.1 503 No\r\nRETRY-AFTER:\t120 \r\n\r\n"), RESPONSE_END_OF_HEAD);
    CHECK(response.has_final_status);
    CHECK_INT(result.status, 503);
    CHECK_INT(result.retry_after_ms, 120000);
    CHECK_INT(result.directive, DIRECTIVE_NONE);
    begin();
    take("HTTP/1.1 500 No\nWebhook-Delivery: Abort-Message\n\n");
    CHECK_INT(result.directive, DIRECTIVE_ABORT_MESSAGE);
    CHECK_INT(result.retry_after_ms, -1);
    begin();
    take("HTTP/2 200 \r\nwebhook-delivery: disable\r\n\r\n");
    CHECK_INT(result.directive, DIRECTIVE_DISABLE);
}

TEST(what_is_not_exactly_a_known_header_is_nothing)
{
    static const char *const lines[] = {
        "retry-after : 5",
        " retry-after: 5",
        "retry-after",
        "retry-afterwards: 5",
        "x-retry-after: 5",
        "webhook-delivery: disabled",
        "webhook-delivery: disable;",
        "webhook-delivery: disable abort-message",
        "webhook-delivery disable",
        "retry-after: -5",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "HTTP/1.1 500 No\r\n%s\r\n\r\n", lines[i]);
        begin();
        take(text);
        CHECK_INT(result.retry_after_ms, -1);
        CHECK_INT(result.directive, DIRECTIVE_NONE);
    }
}

TEST(interim_responses_and_trailers_say_nothing)
{
    begin();
    take("HTTP/1.1 100 Continue\r\nretry-after: 5\r\nwebhook-delivery: disable\r\n\r\n");
    CHECK(!response.has_final_status);
    CHECK_INT(result.status, 0);
    take("HTTP/1.1 200 OK\r\n\r\n");
    CHECK_INT(result.status, 200);
    CHECK_INT(result.retry_after_ms, -1);
    CHECK_INT(result.directive, DIRECTIVE_NONE);
    CHECK_INT(take("retry-after: 5\r\nwebhook-delivery: disable\r\n\r\n"), RESPONSE_LINE);
    CHECK_INT(result.status, 200);
    CHECK_INT(result.retry_after_ms, -1);
    CHECK_INT(result.directive, DIRECTIVE_NONE);
}

TEST(heads_are_counted_to_the_byte)
{
    char line[1024];
    memset(line, 'a', sizeof line);
    line[sizeof line - 1] = '\n';
    begin();
    for (size_t i = 0; i < RESPONSE_HEAD_MAX_BYTES / sizeof line; i++)
        CHECK_INT(response_take_line(&response, (struct span){line, sizeof line}, &result),
                  RESPONSE_LINE);
    CHECK(!response.is_too_large);
    CHECK_INT(response_take_line(&response, SPAN("\n"), &result), RESPONSE_TOO_LARGE);
    CHECK(response.is_too_large);
}

TEST(of_a_body_the_first_bytes_are_kept)
{
    char bytes[1000];
    memset(bytes, 'b', sizeof bytes);
    begin();
    CHECK(response_take_body(&response, SPAN("first "), &result));
    CHECK(response_take_body(&response, (struct span){bytes, sizeof bytes}, &result));
    CHECK(response_take_body(&response, (struct span){bytes, sizeof bytes}, &result));
    CHECK_INT(result.excerpt_bytes, ATTEMPT_EXCERPT_BYTES);
    CHECK(memcmp(result.excerpt, "first bbb", 9) == 0);
    while (response.body_bytes + sizeof bytes <= RESPONSE_BODY_MAX_BYTES)
        CHECK(response_take_body(&response, (struct span){bytes, sizeof bytes}, &result));
    CHECK(!response_take_body(&response, (struct span){bytes, sizeof bytes}, &result));
    CHECK(response.is_too_large);
    CHECK_INT(result.excerpt_bytes, ATTEMPT_EXCERPT_BYTES);
}

UNIT_MAIN()
