// SPDX-License-Identifier: Apache-2.0
// Commands as the words that are sent, replies as views; and the blocking client against a real server.
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "petrel/digest.h"
#include "redis_internal.h"
#include "redis_server.h"
#include "unit.h"

static struct redis_server server;
#define ASK(...) REDIS_ASK(&server, __VA_ARGS__)

// "word|word|…", read from what is sent; a long word's beginning.
static const char *words(struct redis_command *command)
{
    static char out[4096];
    struct span wire = redis_command_wire(command);
    const char *at = wire.data, *end = wire.data + wire.size;
    char *next;
    size_t size = 0;
    CHECK(*at == '*');
    long count = strtol(at + 1, &next, 10);
    out[0] = '\0';
    for (long i = 0; i < count; i++) {
        CHECK(memcmp(next, "\r\n$", 3) == 0);
        long bytes = strtol(next + 3, &next, 10);
        CHECK(memcmp(next, "\r\n", 2) == 0);
        size += (size_t)snprintf(out + size, sizeof out - size, "%s%.*s", i ? "|" : "",
                                 (int)(bytes > 60 ? 60 : bytes), next + 2);
        next += 2 + bytes;
    }
    CHECK(memcmp(next, "\r\n", 2) == 0 && next + 2 == end);
    return out;
}

static struct key key_of(const char *name)
{
    struct key key = {.size = strlen(name)};
    memcpy(key.data, name, key.size);
    return key;
}

TEST(plain_commands)
{
    struct redis_command *command = redis_command_create("SET");
    struct key key = key_of("k");
    redis_command_add_key(command, &key);
    redis_command_add_text(command, "");
    redis_command_add_span(command, (struct span){"a\0b", 3});
    redis_command_add_int(command, INT64_MIN);
    for (int i = 0; i < 100; i++)
        redis_command_add_int(command, i);
    CHECK(strncmp(words(command), "SET|k||a", 8) == 0);
    CHECK(strstr(words(command), "-9223372036854775808|0|1|2|") != NULL);
    CHECK(strstr(words(command), "|98|99") != NULL);
    CHECK(!redis_command_is_spoiled(command));
    CHECK(!redis_command_script(command, NULL));
    CHECK(redis_command_bytes(command) > 200);
    redis_command_destroy(&command);
    CHECK(command == NULL);
    redis_command_destroy(&command);
}

TEST(script_commands_by_name_then_with_source)
{
    struct redis_command *command = redis_command_create_script(SCRIPT_WAKE);
    enum script script;
    char expected[200];
    struct key first = key_of("a");
    struct key second = key_of("b");
    redis_command_add_key(command, &first);
    redis_command_add_key(command, &second);
    redis_command_add_text(command, "s");
    redis_command_add_int(command, 5);
    CHECK(redis_command_script(command, &script));
    CHECK_INT(script, SCRIPT_WAKE);
    snprintf(expected, sizeof expected, "EVALSHA|%s|2|a|b|s|5", script_sha1(SCRIPT_WAKE));
    CHECK_STR(words(command), expected);
    redis_command_use_eval(command);
    CHECK(strncmp(words(command), "EVAL|-- SPDX", 12) == 0);
    CHECK(strstr(words(command), "|2|a|b|s|5") != NULL);
    redis_command_destroy(&command);
}

TEST(sha1_of_known_text)
{
    char out[DIGEST_SHA1_HEX_SIZE];
    digest_sha1_hex(SPAN("abc"), out);
    CHECK_STR(out, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digest_sha1_hex(SPAN(""), out);
    CHECK_STR(out, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(a_command_that_is_too_large_is_spoiled_and_never_sent)
{
    struct redis_command *command = redis_command_create("SET");
    char *big = calloc(1, 48 << 20);
    struct span half = {big, 48 << 20};
    redis_command_add_span(command, half);
    redis_command_add_span(command, half);
    redis_command_add_text(command, "more");
    CHECK(redis_command_is_spoiled(command));
    redis_reply *reply = redis_client_call(server.client, &command);
    CHECK(reply == NULL && command == NULL);
    CHECK_STR(redis_client_error(server.client), "not enough memory for a command");
    free(big);
}

TEST(views_of_replies)
{
    redis_reply *reply = redis_server_call(
        &server, "EVAL", "return {1, 'two', false, {'a', 'b', 'c'}, '42', -7}", "0", NULL);
    CHECK_INT(redis_reply_kind_of(reply), REDIS_REPLY_IS_ARRAY);
    CHECK_INT(redis_reply_count(reply), 6);
    CHECK_INT(redis_reply_int(redis_reply_at(reply, 0)), 1);
    CHECK_INT(redis_reply_int(redis_reply_at(reply, 1)), 0);
    CHECK_INT(redis_reply_int(redis_reply_at(reply, 4)), 42);
    CHECK_INT(redis_reply_int(redis_reply_at(reply, 5)), -7);
    CHECK(span_equals_text(redis_reply_span(redis_reply_at(reply, 1)), "two"));
    CHECK_INT(redis_reply_kind_of(redis_reply_at(reply, 2)), REDIS_REPLY_IS_NIL);
    CHECK(span_equals_text(redis_reply_span(redis_reply_field(redis_reply_at(reply, 3), "a")), "b"));
    CHECK(redis_reply_field(redis_reply_at(reply, 3), "b") == NULL);
    CHECK(redis_reply_field(redis_reply_at(reply, 3), "c") == NULL); // a name without a value
    CHECK(redis_reply_at(reply, 6) == NULL);
    redis_client_free_reply(&reply);
    CHECK(reply == NULL);
}

TEST(nothing_is_an_error_and_has_no_parts)
{
    CHECK(redis_reply_is_error(NULL));
    CHECK(!redis_reply_is_ok(NULL));
    CHECK_INT(redis_reply_int(NULL), 0);
    CHECK_INT(redis_reply_count(NULL), 0);
    CHECK_INT(redis_reply_span(NULL).size, 0);
    CHECK(redis_reply_field(NULL, "x") == NULL);
    CHECK(!redis_reply_is_transient(NULL));
    CHECK(!redis_reply_has_code(NULL, "ERR"));
}

TEST(errors_by_code)
{
    static const struct {
        const char *text;
        bool is_transient;
    } rows[] = {
        {"OOM command not allowed when used memory > 'maxmemory'.", true},
        {"LOADING Redis is loading the dataset in memory", true},
        {"READONLY You can't write against a read only replica.", true},
        {"MISCONF Redis is configured to save RDB snapshots", true},
        {"BUSY Redis is busy running a script.", true},
        {"NOPERM this user has no permissions to run the 'xack' command", true},
        {"TRYAGAIN Multiple keys request during rehashing of slot", true},
        {"CLUSTERDOWN The cluster is down", true},
        {"MASTERDOWN Link with MASTER is down", true},
        {"NOREPLICAS Not enough good replicas to write.", true},
        {"NOSCRIPT No matching script.", true},
        {"OOMX no", false},
        {"ERR OOM", false},
        {"WRONGTYPE Operation against a key", false},
        {"NOGROUP No such key", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "%s", rows[i].text);
        struct redisReply reply = {.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
        CHECK_ROW(redis_reply_is_transient(&reply) == rows[i].is_transient, rows[i].text);
        CHECK_ROW(redis_reply_is_error(&reply), rows[i].text);
    }
}

// ---- the blocking client

TEST(a_script_unknown_to_redis_is_loaded_on_the_way)
{
    ASK("SCRIPT", "FLUSH");
    struct redis_command *commands[3] = {redis_command_create("PING"),
                                         redis_command_create_script(SCRIPT_SEEN),
                                         redis_command_create("ECHO")};
    redis_reply *replies[3];
    struct key key = key_of("seen"), copy = key_of("message");
    redis_command_add_key(commands[1], &key);
    redis_command_add_key(commands[1], &copy);
    redis_command_add_text(commands[1], "1000");
    redis_command_add_text(commands[1], "1-0");
    redis_command_add_text(commands[2], "last");
    redis_client_call_all(server.client, commands, replies, 3);
    CHECK_STR(redis_server_answer(&server, replies[0]), "PONG");
    CHECK_STR(redis_server_answer(&server, replies[1]), "[1-0]");
    CHECK_STR(redis_server_answer(&server, replies[2]), "last");
}

TEST(an_error_reply_is_a_reply)
{
    CHECK(strncmp(ASK("NOSUCHCOMMAND"), "!ERR unknown command", 20) == 0);
    CHECK_STR(ASK("PING"), "PONG");
}

TEST(a_connection_that_redis_closed_is_replaced_unseen)
{
    char id[32];
    snprintf(id, sizeof id, "%s", ASK("CLIENT", "ID"));
    CHECK_STR(ASK("CLIENT", "KILL", "ID", id, "SKIPME", "no"), "1");
    redis_server_nap();
    CHECK_STR(ASK("PING"), "PONG");
    CHECK(strcmp(ASK("CLIENT", "ID"), id) != 0);
    CHECK_STR(ASK("CLIENT", "GETNAME"), "petrel-client");
}

TEST(a_silent_redis_costs_the_deadline_and_no_more)
{
    struct redis_url url;
    char error[REDIS_URL_ERROR_SIZE];
    CHECK(redis_url_parse(span_of(server.url), &url, error));
    struct redis_client *client = redis_client_create(&url, 200);
    struct redis_command *command = redis_command_create("BLPOP");
    redis_command_add_text(command, "nothing");
    redis_command_add_text(command, "0");
    int64_t start_ms = clock_mono_ms();
    redis_reply *reply = redis_client_call(client, &command);
    int64_t took_ms = clock_mono_ms() - start_ms;
    CHECK(reply == NULL);
    CHECK(took_ms >= 190 && took_ms < 1500);
    CHECK(strstr(redis_client_error(client), "no answer within 200 ms") != NULL);
    command = redis_command_create("PING");
    reply = redis_client_call(client, &command);
    CHECK(redis_reply_is_ok(reply)); // a new connection, not the old answer
    CHECK(span_equals_text(redis_reply_span(reply), "PONG"));
    redis_client_free_reply(&reply);
    redis_client_destroy(&client);
}

// A server that sends one byte every 20 ms, for ever: each read succeeds, the call must still end.
static void *trickle(void *arg)
{
    int listener = *(int *)arg;
    int fd = accept(listener, NULL, NULL);
    while (send(fd, "+", 1, MSG_NOSIGNAL) == 1)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    close(fd);
    return NULL;
}

TEST(a_trickling_redis_costs_the_deadline_and_no_more)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/petrel-test-%d.sock", getpid());
    unlink(address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(listener, 1), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, trickle, &listener);
    char text[200];
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    snprintf(text, sizeof text, "unix://%s", address.sun_path);
    CHECK(redis_url_parse(span_of(text), &url, error));
    struct redis_client *client = redis_client_create(&url, 300);
    struct redis_command *command = redis_command_create("PING");
    int64_t start_ms = clock_mono_ms();
    redis_reply *reply = redis_client_call(client, &command);
    int64_t took_ms = clock_mono_ms() - start_ms;
    CHECK(reply == NULL);
    CHECK(took_ms >= 280 && took_ms < 1500);
    redis_client_destroy(&client);
    pthread_join(thread, NULL);
    close(listener);
    unlink(address.sun_path);
}

TEST(nobody_there_is_said_without_the_password)
{
    static const struct redis_url nowhere = {
        .host = "127.0.0.1", .port = 1, .user = "me", .password = "hunter2"};
    struct redis_client *client = redis_client_create(&nowhere, 1000);
    struct redis_command *command = redis_command_create("PING");
    CHECK(redis_client_call(client, &command) == NULL);
    CHECK_STR(redis_client_error(client),
              "cannot connect to Redis at redis://127.0.0.1:1: Connection refused");
    redis_client_destroy(&client);
}

TEST(login_and_database)
{
    char text[200];
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    CHECK_STR(ASK("ACL", "SETUSER", "me", "on", ">pass@word", "~*", "+@all"), "OK");
    snprintf(text, sizeof text, "unix://me:pass%%40word@%s?db=3", server.url + strlen("unix://"));
    CHECK(redis_url_parse(span_of(text), &url, error));
    struct redis_client *client = redis_client_create(&url, 2000);
    struct redis_command *command = redis_command_create("CLIENT");
    redis_command_add_text(command, "LIST");
    redis_reply *reply = redis_client_call(client, &command);
    struct span list = redis_reply_span(reply);
    CHECK(list.size && strstr(list.data, "name=petrel-client") && strstr(list.data, " db=3 "));
    CHECK(list.size && strstr(list.data, " user=me ") != NULL);
    redis_client_free_reply(&reply);
    redis_client_destroy(&client);

    snprintf(url.password, sizeof url.password, "wrong");
    client = redis_client_create(&url, 2000);
    command = redis_command_create("PING");
    CHECK(redis_client_call(client, &command) == NULL);
    CHECK(strstr(redis_client_error(client), "cannot log in") != NULL);
    CHECK(strstr(redis_client_error(client), "WRONGPASS") != NULL);
    CHECK(strstr(redis_client_error(client), "wrong@") == NULL);
    redis_client_destroy(&client);
}

int main(void)
{
    redis_server_start(&server);
    int result = unit_run();
    redis_server_stop(&server);
    return result;
}
