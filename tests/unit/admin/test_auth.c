// SPDX-License-Identifier: Apache-2.0
#include "auth.h"
#include "unit.h"

static struct auth auth;

static enum auth_result check(const char *authorization, const char *peer, int64_t now_ms,
                              int64_t *retry_after_s)
{
    struct auth_request request = {
        .authorization = authorization, .peer = peer, .now_mono_ms = now_ms};
    struct access access;
    // None of these keys is of the kind that Redis would be asked for.
    return auth_check(&auth, NULL, &request, &access, retry_after_s);
}

TEST(the_key_itself_is_not_kept)
{
    auth_init(&auth, "petrel_secretsecretsecret");
    struct span memory = {(const char *)&auth, sizeof auth};
    CHECK(!span_find_part(memory, SPAN("secretsecret")));
    auth_fini(&auth);
}

TEST(headers)
{
    static const struct {
        const char *authorization;
        enum auth_result result;
    } rows[] = {
        {"Bearer petrel_key", AUTH_OK},
        {"bearer petrel_key", AUTH_OK},
        {"BEARER   petrel_key  ", AUTH_OK},
        {NULL, AUTH_MISSING},
        {"", AUTH_MISSING},
        {"Bearer", AUTH_MISSING},
        {"Bearer ", AUTH_MISSING},
        {"Bearerpetrel_key", AUTH_MISSING},
        {"Basic cGV0cmVsX2tleQ==", AUTH_MISSING},
        {"petrel_key", AUTH_MISSING},
        {"Bearer petrel_keY", AUTH_WRONG},
        {"Bearer petrel_key2", AUTH_WRONG},
        {"Bearer petrel_ke", AUTH_WRONG},
        {"Bearer petrel_key petrel_key", AUTH_WRONG},
    };
    int64_t retry_after_s;
    auth_init(&auth, "petrel_key");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *row = rows[i].authorization ? rows[i].authorization : "(none)";
        CHECK_ROW(auth_has_key(&auth, NULL, rows[i].authorization, 0) == (rows[i].result == AUTH_OK),
                  row);
        CHECK_ROW(check(rows[i].authorization, "10.0.0.1", 1, &retry_after_s) == rows[i].result,
                  row);
    }
    auth_fini(&auth);
}

TEST(an_address_is_refused_after_too_many_wrong_keys)
{
    int64_t retry_after_s = 0;
    auth_init(&auth, "right");
    for (int i = 0; i < AUTH_FAILURES_MAX; i++)
        CHECK_INT(check("Bearer wrong", "10.0.0.1", 1000 + i, &retry_after_s), AUTH_WRONG);
    CHECK_INT(check("Bearer wrong", "10.0.0.1", 2000, &retry_after_s), AUTH_LIMITED);
    CHECK_INT(retry_after_s, 59);
    CHECK_INT(check("Bearer right", "10.0.0.1", 2000, &retry_after_s), AUTH_LIMITED);
    CHECK_INT(check("Bearer right", "10.0.0.2", 2000, &retry_after_s), AUTH_OK);
    CHECK_INT(check("Bearer right", "10.0.0.1", 1000 + AUTH_WINDOW_MS - 1, &retry_after_s),
              AUTH_LIMITED);
    CHECK_INT(retry_after_s, 1);
    CHECK_INT(check("Bearer right", "10.0.0.1", 1000 + AUTH_WINDOW_MS, &retry_after_s), AUTH_OK);
    auth_fini(&auth);
}

TEST(requests_without_a_key_are_not_counted)
{
    int64_t retry_after_s;
    auth_init(&auth, "right");
    for (int i = 0; i < 3 * AUTH_FAILURES_MAX; i++)
        CHECK_INT(check(NULL, "10.0.0.1", 1, &retry_after_s), AUTH_MISSING);
    CHECK_INT(check("Bearer right", "10.0.0.1", 1, &retry_after_s), AUTH_OK);
    auth_fini(&auth);
}

// More addresses than the table holds: none is refused for another's faults, and memory stays what it is.
TEST(many_addresses_share_the_table)
{
    int64_t retry_after_s;
    auth_init(&auth, "right");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4 * AUTH_ADDRESSES; i++) {
            char peer[32];
            snprintf(peer, sizeof peer, "10.%d.%d.1", i / 256, i % 256);
            CHECK_INT(check("Bearer wrong", peer, 1000 + i, &retry_after_s), AUTH_WRONG);
        }
    }
    CHECK_INT(check("Bearer right", "192.0.2.1", 5000, &retry_after_s), AUTH_OK);
    auth_fini(&auth);
}

UNIT_MAIN()
