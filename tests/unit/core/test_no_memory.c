// SPDX-License-Identifier: Apache-2.0
// Every allocation of an operation fails once, in turn: the operation must say so, and leak
// nothing. Needs glibc's own entry points, and stands aside for sanitizers, which replace the
// allocator themselves.
#include <stdlib.h>

#include "petrel/event.h"
#include "petrel/network.h"
#include "petrel/signature.h"
#include "petrel/text.h"
#include "petrel/url.h"
#include "unit.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&       \
    !defined(__clang__)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static _Thread_local long fail_in; // the allocation that fails, counted down; 0: none
static _Thread_local long live;    // allocations less frees

static int fails(void)
{
    return fail_in > 0 && --fail_in == 0;
}

void *malloc(size_t size)
{
    void *memory = fails() ? NULL : __libc_malloc(size);
    live += memory != NULL;
    return memory;
}

void *calloc(size_t count, size_t size)
{
    void *memory = fails() ? NULL : __libc_calloc(count, size);
    live += memory != NULL;
    return memory;
}

void *realloc(void *old, size_t size)
{
    void *memory = fails() ? NULL : __libc_realloc(old, size);
    live += memory && !old;
    return memory;
}

void free(void *memory)
{
    live -= memory != NULL;
    __libc_free(memory);
}

// Runs it until no allocation fails any more; returns how often that was.
static long starve_once(const char *name, bool (*run)(void))
{
    long rounds = 0;
    for (bool is_starved = true; is_starved && rounds < 1000; rounds++) {
        fail_in = rounds + 1;
        bool ok = run();
        is_starved = fail_in == 0;
        fail_in = 0;
        CHECK_ROW(is_starved || ok, name);
        CHECK_ROW(rounds > 0 || !ok, name); // nothing goes without the first allocation
    }
    return rounds;
}

static void starve(const char *name, bool (*run)(void), long at_least)
{
    run();                  // OpenSSL's own initialisation doesn't survive it
    starve_once(name, run); // what libraries make once and keep isn't leaked
    long before = live;
    long rounds = starve_once(name, run);
    CHECK_ROW(live == before, name);
    CHECK_ROW(rounds > at_least && rounds < 1000, name);
}

static bool parse_event(const struct span *fields)
{
    struct event_entry entry = {.entry_id = "1-0", .fields = fields, .field_count = 4};
    struct event_fault fault = {.field = "unset"};
    struct event *event = event_parse(&entry, 10000, &fault);
    CHECK(!fault.field); // not the producer's fault
    bool ok = event;
    event_destroy(&event);
    return ok;
}

static bool parse_data_event(void)
{
    return parse_event((const struct span[]){SPAN("type"), SPAN("a"), SPAN("data"), SPAN("{}")});
}

static bool parse_payload_event(void)
{
    return parse_event((const struct span[]){SPAN("type"), SPAN("a"), SPAN("payload"), SPAN("")});
}

static bool parse_stored_event(void)
{
    struct event *event = event_parse_stored(
        SPAN("id"), 0,
        SPAN("00000001 1\nentry 1-2\ntype a\ncontent_type text/plain\ntimestamp 5\n\nbody"));
    bool ok = event;
    event_destroy(&event);
    return ok;
}

static bool grow_text(void)
{
    struct text text;
    text_init(&text, 10000);
    size_t sum = 0;
    for (int i = 0; i < 300; i++) {
        text_append_format(&text, "%d,", i);
        text_append_string(&text, "x");
        CHECK(!text.data || text.data[text.size] == '\0');
        CHECK(text.size >= sum);
        sum = text.size;
    }
    bool ok = !text.failed;
    char *taken = text_take(&text);
    CHECK((taken != NULL) == ok);
    free(taken);
    return ok;
}

static bool duplicate_span(void)
{
    char *copy = span_duplicate(SPAN("abc"));
    bool ok = copy;
    free(copy);
    return ok;
}

static bool parse_networks(void)
{
    struct network_list list = {0};
    char error[NETWORK_ERROR_SIZE] = "";
    bool ok = network_list_parse(SPAN("10.0.0.0/8,::1,127.0.0.1"), &list, error);
    CHECK(ok == (list.count == 3));
    CHECK(ok == !error[0]);
    network_list_fini(&list);
    return ok;
}

static bool parse_url(void)
{
    struct url url;
    char error[URL_ERROR_SIZE] = "";
    bool ok = url_parse(SPAN("https://Example.com:8443/a/../b?c#d"), &url, error);
    CHECK(ok == !error[0]);
    CHECK(!ok || strcmp(url.text, "https://example.com:8443/b?c") == 0);
    return ok;
}

static bool sign(const char *key)
{
    struct secret secret;
    const char *why = NULL;
    struct signed_content content = {.id = "msg_1", .timestamp_s = 1, .body = SPAN("{}")};
    struct text out;
    bool ok = secret_parse(span_of(key), &secret, &why);
    text_init(&out, 500);
    ok = ok && signature_append(&secret, &content, &out);
    CHECK(ok || out.size == 0 || out.failed);
    text_fini(&out);
    return ok;
}

static bool sign_hmac(void)
{
    return sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
}

TEST(events)
{
    starve("data", parse_data_event, 1);
    starve("payload", parse_payload_event, 1);
    starve("stored", parse_stored_event, 1);
}

TEST(texts)
{
    starve("text", grow_text, 4);
    starve("duplicate", duplicate_span, 0);
}

TEST(networks)
{
    starve("networks", parse_networks, 2);
}

TEST(urls)
{
    starve("url", parse_url, 5);
}

TEST(signatures)
{
    starve("hmac", sign_hmac, 0);
}

#else

TEST(needs_its_own_allocator)
{
    CHECK(true);
}

#endif

UNIT_MAIN()
