// SPDX-License-Identifier: Apache-2.0
// No block of memory is freed with a secret in it: every free looks into what it gets. Needs glibc's own entry points, and
// stands aside for sanitizers, which replace the allocator themselves.
#include <malloc.h>
#include <stdlib.h>
#include <uv.h>

#include "petrel/config.h"
#include "petrel/redis_link.h"
#include "subscription_fixture.h"
#include "unit.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&       \
    !defined(__clang__)

void *__libc_malloc(size_t size);
void __libc_free(void *memory);

#define KEY_BASE64 "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
#define KEY_BYTES "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"
#define HEADER_VALUE "Bearer hdr-5e1f0c7a"
#define RING "k " KEY_BASE64 "\n"

#define PASSWORD "pw-77d0f1e9c2"

static const char *const texts[] = {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "hdr-5e1f0c7a",
                                    "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8", KEY_BYTES,
                                    PASSWORD};
static struct secret secret; // its bytes, too
static bool is_watching;
static int found;

static void look_into(const void *memory)
{
    struct span bytes = {memory, malloc_usable_size((void *)(uintptr_t)memory)};
    is_watching = false;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        found += span_find_part(bytes, span_of(texts[i])) != NULL;
    struct span key = {(const char *)secret.bytes, secret.size};
    found += span_find_part(bytes, key) != NULL;
    is_watching = true;
}

void free(void *memory)
{
    if (memory && is_watching)
        look_into(memory);
    __libc_free(memory);
}

// One that always moves: in place it would prove nothing.
void *realloc(void *old, size_t size)
{
    void *memory = __libc_malloc(size);
    size_t old_size = old ? malloc_usable_size(old) : 0;
    if (memory && old) {
        memcpy(memory, old, old_size < size ? old_size : size);
        free(old);
    }
    return memory;
}

static int watch(void (*run)(void))
{
    found = 0;
    is_watching = true;
    run();
    is_watching = false;
    return found;
}

TEST(a_secret_that_is_freed_is_found)
{
    void (*volatile release)(void *) = free;
    char *block = __libc_malloc(100);
    char *other = __libc_malloc(100);
    snprintf(block, 100, "xx%s", texts[1]);
    memset(other, 0, 100);
    found = 0;
    is_watching = true;
    release(other);
    CHECK_INT(found, 0);
    release(block);
    is_watching = false;
    CHECK_INT(found, 1);
}

#define BODY                                                                                       \
    "{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"secret\":\"" WHSEC                          \
    "\",\"headers\":{\"X-A\":\"" HEADER_VALUE "\"}}"

static struct vault *vault;

static void format_and_parse(const struct subscription *subscription)
{
    struct text stored, why;
    text_init_secret(&stored, SUBSCRIPTION_JSON_MAX_BYTES);
    text_init(&why, 500);
    subscription_format_stored(subscription, vault, &stored);
    CHECK(!stored.failed);
    struct subscription *again = subscription_parse_stored(text_span(&stored), vault, &why);
    CHECK(again && subscription_equals(again, subscription));
    struct redis_command *command = redis_command_create_script(SCRIPT_SUBSCRIPTION_PUT);
    for (int i = 0; i < 3; i++) // it grows
        redis_command_add_span(command, text_span(&stored));
    redis_command_destroy(&command);
    subscription_unref(&again);
    text_fini(&stored);
    text_fini(&why);
}

static void live_a_life(void)
{
    struct subscription *first = create(BODY);
    format_and_parse(first);
    struct subscription *second = patch(first, "{\"headers\":{\"X-B\":\"" HEADER_VALUE "2\"}}");
    struct subscription *third = patch(second, "{\"headers\":{\"x-b\":null}}");
    struct subscription *fourth = patch(third, "{\"headers\":null,\"timeout_ms\":200}");
    struct subscription *rotated = subscription_with_rotated_secret(second, NULL, 1000, now_ms);
    struct subscription *again =
        subscription_with_rotated_secret(rotated, &secret, 0, now_ms + 5000);
    CHECK(fourth && again);
    format_and_parse(rotated);
    struct text shown;
    text_init_secret(&shown, 10000);
    subscription_format_headers(second, &shown);
    text_clear(&shown);
    subscription_format_public(second, &shown);
    text_fini(&shown);
    subscription_unref(&first);
    subscription_unref(&second);
    subscription_unref(&third);
    subscription_unref(&fourth);
    subscription_unref(&rotated);
    subscription_unref(&again);
}

static void be_refused(void)
{
    CHECK(!create("{\"url\":\"nonsense\",\"event_types\":[\"a\"],\"secret\":\"" WHSEC
                  "\",\"headers\":{\"X-A\":\"" HEADER_VALUE "\",\"X A\":\"" HEADER_VALUE "\"}}"));
    CHECK(!create("{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"secret\":\"" WHSEC "x\"}"));
    CHECK(!create("{\"url\":\"https://h/\",\"event_types\":[\"a\"],\"secret\":\"" WHSEC
                  "\",\"signature\":\"v1a\"}"));
    CHECK(!create("[\"" WHSEC "\"]"));
}

static void read_ring(void)
{
    char error[KEYRING_ERROR_SIZE];
    vault = vault_create("petrel");
    vault_set_ring(vault, keyring_parse(SPAN(RING), error));
    CHECK(vault_has_ring(vault));
    CHECK(!keyring_parse(SPAN(RING "bad"), error));
}

static void drop_ring(void)
{
    vault_destroy(&vault);
}

TEST(nothing_secret_is_freed)
{
    const char *why = NULL;
    CHECK(secret_parse(SPAN(WHSEC), &secret, &why));
    vault = fixture_vault(); // plain: secrets are in the stored form itself
    CHECK_INT(watch(live_a_life), 0);
    CHECK_INT(watch(be_refused), 0);
    CHECK_INT(watch(read_ring), 0);
    CHECK_INT(watch(live_a_life), 0);
    CHECK_INT(watch(drop_ring), 0);
}

static void open_and_close_link(void)
{
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    uv_loop_t loop;
    CHECK(redis_url_parse(SPAN("redis://:" PASSWORD "@127.0.0.1"), &url, error));
    uv_loop_init(&loop);
    struct redis_link_options options = {.url = &url, .name = "test", .command_timeout_ms = 1000};
    struct redis_link *link = redis_link_create(&loop, &options);
    CHECK(link);
    redis_link_close(link, NULL, NULL); // before it has connected
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&loop), 0);
    explicit_bzero(&url, sizeof url);
}

static void load_settings(void)
{
    char flag[] = "--redis-url", value[] = "redis://:" PASSWORD "@h";
    char proxy[] = "--proxy-user", user[] = "name:" PASSWORD;
    char *words[] = {flag, value, proxy, user, NULL};
    int count = 4;
    char error[CONFIG_ERROR_SIZE];
    setenv("PETREL_REDIS_URL", "redis://:" PASSWORD "@other", 1);
    struct config *config = config_load(&count, words, error);
    CHECK(config);
    config_destroy(&config);
}

TEST(no_password_is_freed)
{
    CHECK_INT(watch(open_and_close_link), 0);
    CHECK_INT(watch(load_settings), 0);
}

#else

TEST(sanitizers_replace_the_allocator)
{
}

#endif

UNIT_MAIN()
