// SPDX-License-Identifier: Apache-2.0
// A real redis-server for tests: its own folder, a unix socket and no port; it dies with the test. Also short
// ways to send a command and to compare the answer as text.
#ifndef PETREL_TEST_REDIS_SERVER_H
#define PETREL_TEST_REDIS_SERVER_H

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "petrel/clock.h"
#include "petrel/redis_client.h"

struct redis_server {
    pid_t pid;
    char folder[64];
    char url[128];
    struct redis_client *client;
    struct text answer; // of the last command, as text
};

static inline void redis_server_fail(const char *what)
{
    fprintf(stderr, "redis-server for the tests: %s\n", what);
    exit(1);
}

static inline void redis_server_nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static inline void redis_server_launch(struct redis_server *server)
{
    char socket[96];
    snprintf(socket, sizeof socket, "%s/socket", server->folder);
    pid_t parent = getpid();
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
               "--appendonly", "no", "--dir", server->folder, "--loglevel", "warning", "--logfile",
               "log", "--enable-debug-command", "yes", (char *)NULL);
        _exit(127);
    }
    if (server->pid < 0)
        redis_server_fail("fork failed");
}

static inline redis_reply *redis_server_call(struct redis_server *server, const char *verb, ...)
{
    struct redis_command *command = redis_command_create(verb);
    const char *word;
    va_list words;
    va_start(words, verb);
    while ((word = va_arg(words, const char *)))
        redis_command_add_text(command, word);
    va_end(words);
    return redis_client_call(server->client, &command);
}

static inline void redis_server_start(struct redis_server *server)
{
    char error[REDIS_URL_ERROR_SIZE];
    struct redis_url url;
    signal(SIGPIPE, SIG_IGN);
    *server = (struct redis_server){.folder = "/tmp/petrel-test-XXXXXX"};
    text_init(&server->answer, 1 << 20);
    if (!mkdtemp(server->folder))
        redis_server_fail("no folder");
    redis_server_launch(server);
    snprintf(server->url, sizeof server->url, "unix://%s/socket", server->folder);
    if (!redis_url_parse(span_of(server->url), &url, error))
        redis_server_fail(error);
    server->client = redis_client_create(&url, 5000);
    int64_t deadline_ms = clock_mono_ms() + 10000;
    for (;;) {
        redis_reply *reply = redis_server_call(server, "PING", NULL);
        bool is_up = redis_reply_is_ok(reply);
        redis_client_free_reply(&reply);
        if (is_up)
            return;
        if (clock_mono_ms() > deadline_ms)
            redis_server_fail(redis_client_error(server->client));
        redis_server_nap();
    }
}

static inline void redis_server_stop(struct redis_server *server)
{
    static const char *const files[] = {"socket", "log", "dump.rdb"};
    redis_client_destroy(&server->client);
    text_fini(&server->answer);
    kill(server->pid, SIGTERM);
    waitpid(server->pid, NULL, 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", server->folder, files[i]);
        unlink(path);
    }
    rmdir(server->folder);
}

// "5", "text", "nil", "[a b [c]]", "!ERR …", "(no answer)".
static inline void redis_server_render(redis_reply *reply, struct text *out)
{
    switch (redis_reply_kind_of(reply)) {
    case REDIS_REPLY_IS_NIL:
        text_append_string(out, "nil");
        return;
    case REDIS_REPLY_IS_TEXT:
        text_append_span(out, redis_reply_span(reply));
        return;
    case REDIS_REPLY_IS_INTEGER:
        text_append_int(out, redis_reply_int(reply));
        return;
    case REDIS_REPLY_IS_ARRAY:
        text_append_char(out, '[');
        for (size_t i = 0; i < redis_reply_count(reply); i++) {
            if (i > 0)
                text_append_char(out, ' ');
            redis_server_render(redis_reply_at(reply, i), out);
        }
        text_append_char(out, ']');
        return;
    case REDIS_REPLY_IS_ERROR:
        text_append_char(out, '!');
        text_append_string(out, reply ? "" : "no answer");
        text_append_span(out, redis_reply_span(reply));
        return;
    }
}

// The answer as text, valid until the next command. Frees the reply.
static inline const char *redis_server_answer(struct redis_server *server, redis_reply *reply)
{
    text_clear(&server->answer);
    redis_server_render(reply, &server->answer);
    redis_client_free_reply(&reply);
    return text_string(&server->answer);
}

#define REDIS_ASK(server, ...)                                                                     \
    redis_server_answer((server), redis_server_call((server), __VA_ARGS__, (char *)NULL))

#endif
