// SPDX-License-Identifier: Apache-2.0
// A subscription with its least, its secrets, and the copies with a change.
#include "subscription_fixture.h"
#include "unit.h"

TEST(the_least_that_is_needed)
{
    struct subscription *subscription = simple();
    CHECK(subscription != NULL);
    char expected[1000];
    snprintf(
        expected, sizeof expected,
        "{\"id\":\"%s\",\"url\":\"https://example.com/hook\",\"tenant\":\"\",\"event_types\":[\"a.b\"],"
        "\"description\":\"\",\"metadata\":{},\"state\":\"active\",\"disabled_reason\":null,"
        "\"signature\":\"v1\",\"headers\":{},\"timeout_ms\":null,\"max_concurrency\":null,"
        "\"retry_schedule\":null,"
        "\"rate_limit\":null,\"ordered\":false,\"ordered_failure\":\"skip\",\"created_at\":\"2026-01-31T12:00:00.123Z\","
        "\"updated_at\":\"2026-01-31T12:00:00.123Z\"}",
        subscription->id);
    CHECK_STR(public_form(subscription), expected);
    CHECK(strncmp(subscription->id, "sub_", 4) == 0);
    CHECK_INT(subscription->secret_count, 1);
    CHECK_INT(subscription->secrets[0].secret.kind, SECRET_HMAC);
    CHECK_INT(subscription->secrets[0].secret.size, 32);
    CHECK_INT(subscription->secrets[0].expires_at_ms, 0);
    CHECK(subscription->destination == url_destination(subscription->url));
    subscription_unref(&subscription);
    CHECK(subscription == NULL);
}

TEST(secrets_given_or_made)
{
    static const struct {
        const char *member;
        enum secret_kind kind;
        const char *text; // NULL: generated
    } rows[] = {
        {"", SECRET_HMAC, NULL},
        {",\"signature\":\"v1\"", SECRET_HMAC, NULL},
        {",\"signature\":\"v1a\"", SECRET_ED25519, NULL},
        {",\"secret\":\"" WHSEC "\"", SECRET_HMAC, WHSEC},
        {",\"secret\":\"" WHSK "\"", SECRET_ED25519, WHSK},
        {",\"secret\":\"" WHSK "\",\"signature\":\"v1a\"", SECRET_ED25519, WHSK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[400];
        char text[SECRET_TEXT_SIZE];
        snprintf(body, sizeof body, "{\"url\":\"https://h/\",\"event_types\":[\"a\"]%s}",
                 rows[i].member);
        struct subscription *subscription = create(body);
        CHECK_ROW(subscription != NULL, rows[i].member);
        if (!subscription)
            continue;
        CHECK_ROW(subscription->secrets[0].secret.kind == rows[i].kind, rows[i].member);
        secret_format(&subscription->secrets[0].secret, text);
        if (rows[i].text)
            CHECK_STR(text, rows[i].text);
        subscription_unref(&subscription);
    }
}

// ---- copies with a change

TEST(states)
{
    struct subscription *active = simple();
    struct subscription *disabled =
        subscription_with_state(active, SUBSCRIPTION_DISABLED, "410 Gone", now_ms + 5);
    CHECK_INT(disabled->state, SUBSCRIPTION_DISABLED);
    CHECK_STR(disabled->disabled_reason, "410 Gone");
    CHECK_INT(disabled->updated_at_ms, now_ms + 5);
    CHECK(strstr(public_form(disabled), "\"state\":\"disabled\",\"disabled_reason\":\"410 Gone\""));
    struct subscription *again =
        subscription_with_state(disabled, SUBSCRIPTION_ACTIVE, "ignored", now_ms + 6);
    CHECK_STR(again->disabled_reason, "");
    CHECK(strstr(public_form(again), "\"state\":\"active\",\"disabled_reason\":null"));
    char long_reason[500];
    memset(long_reason, 'r', sizeof long_reason);
    long_reason[499] = '\0';
    struct subscription *cut =
        subscription_with_state(active, SUBSCRIPTION_DISABLED, long_reason, now_ms);
    CHECK_INT(strlen(cut->disabled_reason), SUBSCRIPTION_REASON_SIZE - 1);
    subscription_unref(&active);
    subscription_unref(&disabled);
    subscription_unref(&again);
    subscription_unref(&cut);
    enum subscription_state state;
    CHECK(subscription_parse_state(SPAN("paused"), &state) && state == SUBSCRIPTION_PAUSED);
    CHECK(!subscription_parse_state(SPAN("Paused"), &state));
    CHECK(!subscription_parse_state(SPAN(""), &state));
}

TEST(rotation_keeps_the_old_secret_for_the_grace_and_five_at_most)
{
    struct subscription *subscription = simple();
    struct secret first = subscription->secrets[0].secret;
    struct subscription *rotated =
        subscription_with_rotated_secret(subscription, NULL, 1000, now_ms);
    CHECK_INT(rotated->secret_count, 2);
    CHECK_INT(rotated->secrets[0].expires_at_ms, 0);
    CHECK_INT(rotated->secrets[1].expires_at_ms, now_ms + 1000);
    CHECK(memcmp(&rotated->secrets[1].secret, &first, sizeof first) == 0);
    CHECK(memcmp(&rotated->secrets[0].secret, &first, sizeof first) != 0);
    subscription_unref(&subscription);
    for (int i = 1; i < 6; i++) {
        subscription = rotated;
        rotated = subscription_with_rotated_secret(subscription, NULL, 1000, now_ms + i);
        subscription_unref(&subscription);
    }
    CHECK_INT(rotated->secret_count, SUBSCRIPTION_MAX_SECRETS);
    CHECK_INT(rotated->secrets[1].expires_at_ms, now_ms + 1005);
    CHECK_INT(rotated->secrets[4].expires_at_ms, now_ms + 1002);
    // Later all old ones are over but the last.
    struct secret given;
    const char *why;
    CHECK(secret_parse(SPAN(WHSK), &given, &why));
    subscription = subscription_with_rotated_secret(rotated, &given, 50, now_ms + 9000);
    CHECK_INT(subscription->secret_count, 2);
    CHECK_INT(subscription->secrets[0].secret.kind, SECRET_ED25519);
    struct subscription *none =
        subscription_with_rotated_secret(subscription, NULL, 0, now_ms + 9001);
    CHECK_INT(none->secret_count,
              2); // the one of before that still has 49 ms; the current one is gone at once
    CHECK_INT(none->secrets[1].expires_at_ms, now_ms + 9050);
    CHECK_INT(none->secrets[0].secret.kind, SECRET_ED25519);
    subscription_unref(&none);
    subscription_unref(&subscription);
    subscription_unref(&rotated);
}

TEST(references)
{
    struct subscription *subscription = simple();
    struct subscription *second = subscription_ref(subscription);
    subscription_unref(&subscription);
    CHECK(subscription == NULL);
    CHECK_STR(second->event_types[0], "a.b");
    subscription_unref(&second);
    subscription_unref(&second); // NULL is fine
}

TEST(wants)
{
    struct subscription *subscription = create(
        "{\"url\":\"https://h/\",\"tenant\":\"acme\",\"event_types\":[\"invoice.*\",\"user.new\"]}");
    static const struct {
        const char *tenant, *type;
        bool expected;
    } rows[] = {
        {"acme", "invoice.paid", true}, {"acme", "user.new", true},  {"acme", "user.newer", false},
        {"acme", "invoice", false},     {"", "invoice.paid", false}, {"acm", "invoice.paid", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_ROW(subscription_wants(subscription, span_of(rows[i].tenant),
                                     span_of(rows[i].type)) == rows[i].expected,
                  rows[i].type);
    subscription_unref(&subscription);
}

UNIT_MAIN()
