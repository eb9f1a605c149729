// SPDX-License-Identifier: Apache-2.0
// What stays of secret flags in argv, and what of the others.
#include "own_arguments.h"

#include "unit.h"

// argv as the system gives it, then all of it as one text with spaces for the NULs within values.
static const char *hidden(const char *const *words, int argc)
{
    static char bytes[1000];
    static char shown[1000];
    char *argv[16] = {NULL};
    char *at = bytes;
    for (int i = 0; i < argc; i++) {
        size_t size = strlen(words[i]) + 1;
        memcpy(at, words[i], size);
        argv[i] = at;
        at += size;
    }
    struct own_arguments own;
    CHECK(own_arguments_init(&own, argc, argv));
    for (int i = 0; i < argc; i++)
        CHECK_STR(own.words[i], words[i]);
    CHECK(own.words[argc] == NULL);
    own_arguments_fini(&own);
    CHECK(own.words == NULL);
    shown[0] = '\0';
    for (int i = 0; i < argc; i++)
        snprintf(shown + strlen(shown), sizeof shown - strlen(shown), "%s%s", i ? " " : "", argv[i]);
    for (const char *byte = bytes; byte < at; byte++)
        CHECK(strncmp(byte, "s3cret", 6) != 0);
    return shown;
}

#define HIDDEN(...)                                                                                \
    hidden((const char *const[]){__VA_ARGS__},                                                     \
           (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

TEST(secret_values_go)
{
    CHECK_STR(HIDDEN("serve", "--redis-url", "redis://petrel:s3cret@127.0.0.1/", "--workers", "2"),
              "serve --redis-url * --workers 2");
    CHECK_STR(HIDDEN("--redis-url=redis://:s3cret@h"), "--redis-url=*");
    CHECK_STR(HIDDEN("--admin-key", "s3cret-0123456789"), "--admin-key *");
    CHECK_STR(HIDDEN("--admin-key=s3cret-0123456789", "--listen", "127.0.0.1:0"),
              "--admin-key=* --listen 127.0.0.1:0");
    CHECK_STR(
        HIDDEN("subscriptions", "add", "https://h/", "--secret", "s3cret", "--header", "X: s3cret"),
        "subscriptions add https://h/ --secret * --header *");
}

TEST(what_is_no_secret_stays)
{
    CHECK_STR(HIDDEN("--redis-url", "redis://127.0.0.1:6379/"),
              "--redis-url redis://127.0.0.1:6379/");
    CHECK_STR(HIDDEN("subscriptions", "secret", "sub_1"), "subscriptions secret sub_1");
    CHECK_STR(HIDDEN("--encryption-keys-file", "keys"), "--encryption-keys-file keys");
    CHECK_STR(HIDDEN("--admin-key"), "--admin-key");
    CHECK_STR(HIDDEN("--admin-key="), "--admin-key=");
}

UNIT_MAIN()
