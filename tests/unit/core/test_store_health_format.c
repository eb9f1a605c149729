// SPDX-License-Identifier: Apache-2.0
#include "petrel/store.h"
#include "unit.h"

static const char *format(const struct store_health *health)
{
    static char out[1024];
    struct text text;
    text_init(&text, sizeof out - 1);
    store_format_health(health, &text);
    CHECK(!text.failed);
    snprintf(out, sizeof out, "%s", text_string(&text));
    text_fini(&text);
    return out;
}

TEST(what_is_not_known_is_null)
{
    struct store_health health = {.is_whole = true};
    CHECK_STR(
        format(&health),
        "{\"breaker\":\"closed\",\"since\":null,\"consecutive_failures\":0,\"next_probe_at\":null,"
        "\"held_until\":null,\"last_success_at\":null,\"last_failure_at\":null,"
        "\"failing_since\":null,\"parked\":0,\"oldest_parked_at\":null,\"in_flight\":0,"
        "\"waiting\":0,\"limit\":null}");
}

TEST(everything_that_is_known)
{
    struct store_health health = {.breaker = BREAKER_OPEN,
                                  .since_ms = 1000,
                                  .consecutive_failures = 7,
                                  .next_probe_at_ms = 2000,
                                  .held_until_ms = 3000,
                                  .last_success_at_ms = 4000,
                                  .last_failure_at_ms = 5000,
                                  .failing_since_ms = 6000,
                                  .parked = 8,
                                  .is_whole = true,
                                  .oldest_parked_at_ms = 9000,
                                  .in_flight = 10,
                                  .waiting = 11,
                                  .limit = 12};
    CHECK_STR(
        format(&health),
        "{\"breaker\":\"open\",\"since\":\"1970-01-01T00:00:01.000Z\",\"consecutive_failures\":7,"
        "\"next_probe_at\":\"1970-01-01T00:00:02.000Z\",\"held_until\":\"1970-01-01T00:00:03.000Z\","
        "\"last_success_at\":\"1970-01-01T00:00:04.000Z\","
        "\"last_failure_at\":\"1970-01-01T00:00:05.000Z\","
        "\"failing_since\":\"1970-01-01T00:00:06.000Z\",\"parked\":8,"
        "\"oldest_parked_at\":\"1970-01-01T00:00:09.000Z\",\"in_flight\":10,\"waiting\":11,"
        "\"limit\":12}");
}

TEST(a_list_has_what_is_cheap)
{
    struct store_health health = {.breaker = BREAKER_HALF_OPEN, .parked = 3, .limit = 12};
    const char *json = format(&health);
    CHECK(strstr(json, "\"breaker\":\"half_open\"") != NULL);
    CHECK(strstr(json, "\"parked\":3}") != NULL);
    CHECK(strstr(json, "limit") == NULL);
}

UNIT_MAIN()
