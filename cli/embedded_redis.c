// SPDX-License-Identifier: Apache-2.0
// The private redis-server: its folder, its start, its end.
//
// It listens on 127.0.0.1 only, appends every write to its file, never evicts. It has a process group of its own,
// so that Ctrl-C in a terminal reaches petrel alone, which drains before it stops Redis; and it is told to
// terminate when petrel dies, however that happens. The lock on <data_dir>/redis.lock is inherited by the server and
// so held until both are gone: two servers never share a folder.
// Left to others: whether one is wanted, and when it is to be started again (process.c).
#include "embedded_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "petrel/clock.h"
#include "petrel/log.h"
#include "petrel/redis_client.h"
#include "terminal.h"

enum {
    POLL_MS = 20,
    ANSWER_DEADLINE_MS = 30 * 1000,       // from exec to the first answer
    LOADING_DEADLINE_MS = 30 * 60 * 1000, // a large file takes its time
    LOCK_DEADLINE_MS = 10 * 1000,         // a former server that is shutting down
    STOP_DEADLINE_MS = 60 * 1000,
    CALL_TIMEOUT_MS = 500
};

struct embedded_redis {
    pid_t pid; // 0 when it isn't running
    uint16_t port;
    int lock;
    char program[PATH_MAX];
    char folder[PATH_MAX];
    char log[PATH_MAX];
};

static void pause_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

// ---- folder, lock, program

static bool is_listening(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    bool is_open = connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return is_open;
}

// An open, locked descriptor; -1 with errno.
static int take_lock(const char *data_dir, int64_t patience_ms)
{
    char path[PATH_MAX];
    int64_t deadline_ms = clock_mono_ms() + patience_ms;
    bool is_said = false;
    if (snprintf(path, sizeof path, "%s/redis.lock", data_dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return -1;
    while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        int reason = errno;
        if (reason != EWOULDBLOCK || clock_mono_ms() >= deadline_ms) {
            close(descriptor);
            errno = reason;
            return -1;
        }
        if (!is_said)
            log_info("waiting for another private Redis in this folder to end",
                     LOG_STR("lock", path));
        is_said = true;
        pause_ms(POLL_MS);
    }
    return descriptor;
}

bool embedded_redis_is_port_taken(const char *data_dir, uint16_t port)
{
    char path[PATH_MAX];
    if (!is_listening(port))
        return false;
    bool has_lock = snprintf(path, sizeof path, "%s/redis.lock", data_dir) < (int)sizeof path &&
                    access(path, F_OK) == 0;
    int lock = has_lock ? take_lock(data_dir, LOCK_DEADLINE_MS / 2) : -1;
    if (lock >= 0)
        close(lock);
    return is_listening(port);
}

static bool find_program(char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    struct span rest = span_of(path && path[0] != '\0' ? path : "/usr/local/bin:/usr/bin:/bin");
    struct span folder;
    while (span_next(&rest, ':', &folder)) {
        int size = snprintf(out, PATH_MAX, "%.*s/redis-server", SPAN_FMT(folder));
        if (folder.size > 0 && size < PATH_MAX && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

static bool make_folder(const char *path, char error[EMBEDDED_REDIS_ERROR_SIZE])
{
    char reason[128];
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "can't make the folder %.200s: %s; set --data-dir",
             path, terminal_errno(errno, reason, sizeof reason));
    return false;
}

static bool prepare_folder(struct embedded_redis *redis, const char *data_dir,
                           char error[EMBEDDED_REDIS_ERROR_SIZE])
{
    char absolute[PATH_MAX];
    char reason[128];
    if (!make_folder(data_dir, error))
        return false;
    if (!realpath(data_dir, absolute) ||
        snprintf(redis->folder, sizeof redis->folder, "%s/redis", absolute) >= PATH_MAX ||
        snprintf(redis->log, sizeof redis->log, "%s/redis.log", absolute) >= PATH_MAX) {
        snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "data_dir %.200s: not a usable path", data_dir);
        return false;
    }
    if (!make_folder(redis->folder, error))
        return false;
    redis->lock = take_lock(absolute, LOCK_DEADLINE_MS);
    if (redis->lock >= 0)
        return true;
    bool is_locked = errno == EWOULDBLOCK;
    snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "%s %.200s: %s",
             is_locked ? "another petrel's private Redis uses" : "can't lock", absolute,
             is_locked ? "stop it, or set another --data-dir"
                       : terminal_errno(errno, reason, sizeof reason));
    return false;
}

// ---- the process

// In the child, where only async-signal-safe calls are allowed.
_Noreturn static void become_server(const struct embedded_redis *redis,
                                    const char *const *arguments, pid_t parent)
{
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) // it died before prctl
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(redis->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (nothing < 0 || log < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0 || fcntl(redis->lock, F_SETFD, 0) != 0) // it inherits the lock
        _exit(127);
    execv(redis->program, (char *const *)arguments); // it changes neither
    _exit(127);
}

static bool spawn(struct embedded_redis *redis)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)redis->port);
    const char *const arguments[] = {
        redis->program,
        "--port",
        port,
        "--bind",
        "127.0.0.1",
        "--dir",
        redis->folder,
        "--logfile",
        redis->log,
        "--daemonize",
        "no",
        "--protected-mode",
        "yes",
        "--appendonly",
        "yes",
        "--appendfsync",
        "everysec",
        "--save",
        "",
        "--maxmemory-policy",
        "noeviction",
        NULL,
    };
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0)
        become_server(redis, arguments, parent);
    redis->pid = child > 0 ? child : 0;
    return child > 0;
}

bool embedded_redis_has_ended(struct embedded_redis *redis, char how[64])
{
    int status = 0;
    if (redis->pid == 0 || waitpid(redis->pid, &status, WNOHANG) != redis->pid)
        return false;
    redis->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(how, 64, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, 64, "exited with code %d", WEXITSTATUS(status));
    return true;
}

// ---- waiting until it answers

enum answer { ANSWER_NONE, ANSWER_LOADING, ANSWER_READY };

// Is the server that answers ours? Another one may have taken the port meanwhile.
static bool is_own(struct redis_client *client, pid_t pid)
{
    char expected[32];
    snprintf(expected, sizeof expected, "process_id:%d\r\n", (int)pid);
    struct redis_command *command = redis_command_create("INFO");
    redis_command_add_text(command, "server");
    redis_reply *reply = redis_client_call(client, &command);
    bool is_found = span_find_part(redis_reply_span(reply), span_of(expected)) != NULL;
    redis_client_free_reply(&reply);
    return is_found;
}

static enum answer ask(struct redis_client *client, pid_t pid)
{
    struct redis_command *command = redis_command_create("PING");
    redis_reply *reply = redis_client_call(client, &command);
    enum answer answer = ANSWER_NONE;
    if (redis_reply_has_code(reply, "LOADING"))
        answer = ANSWER_LOADING;
    else if (redis_reply_is_ok(reply) && is_own(client, pid))
        answer = ANSWER_READY;
    redis_client_free_reply(&reply);
    return answer;
}

static bool wait_until_ready(struct embedded_redis *redis, struct redis_client *client,
                             char error[EMBEDDED_REDIS_ERROR_SIZE])
{
    int64_t deadline_ms = clock_mono_ms() + ANSWER_DEADLINE_MS;
    bool is_loading = false;
    char how[64];
    while (clock_mono_ms() < deadline_ms) {
        enum answer answer = ask(client, redis->pid);
        if (answer == ANSWER_READY)
            return true;
        if (answer == ANSWER_LOADING && !is_loading) {
            is_loading = true;
            deadline_ms = clock_mono_ms() + LOADING_DEADLINE_MS;
        }
        if (embedded_redis_has_ended(redis, how)) {
            snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "the private redis-server %s; why: %.300s",
                     how, redis->log);
            return false;
        }
        pause_ms(POLL_MS);
    }
    snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "the private redis-server %s; see %.300s",
             is_loading ? "is still loading its data" : "doesn't answer", redis->log);
    return false;
}

static bool start(struct embedded_redis *redis, const char *data_dir,
                  char error[EMBEDDED_REDIS_ERROR_SIZE])
{
    struct redis_url url = {.host = "127.0.0.1", .port = redis->port};
    if (!find_program(redis->program)) {
        snprintf(
            error, EMBEDDED_REDIS_ERROR_SIZE,
            "no Redis answers at 127.0.0.1:%u and redis-server isn't installed for a private one: "
            "apt install redis-server, or set --redis-url",
            (unsigned)redis->port);
        return false;
    }
    if (!prepare_folder(redis, data_dir, error))
        return false;
    struct redis_client *client = redis_client_create(&url, CALL_TIMEOUT_MS);
    if (!client || !spawn(redis)) {
        snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "can't start %.200s: out of memory or processes",
                 redis->program);
        redis_client_destroy(&client);
        return false;
    }
    bool is_ready = wait_until_ready(redis, client, error);
    redis_client_destroy(&client);
    return is_ready;
}

struct embedded_redis *embedded_redis_start(const char *data_dir, uint16_t port,
                                            char error[EMBEDDED_REDIS_ERROR_SIZE])
{
    struct embedded_redis *redis = calloc(1, sizeof *redis);
    if (!redis) {
        snprintf(error, EMBEDDED_REDIS_ERROR_SIZE, "out of memory");
        return NULL;
    }
    redis->port = port;
    redis->lock = -1;
    if (!start(redis, data_dir, error))
        embedded_redis_stop(&redis);
    return redis;
}

bool embedded_redis_restart(struct embedded_redis *redis)
{
    return spawn(redis);
}

bool embedded_redis_stop(struct embedded_redis **redis)
{
    struct embedded_redis *stopping = *redis;
    bool is_clean = true;
    char how[64];
    if (!stopping)
        return true;
    int64_t deadline_ms = clock_mono_ms() + STOP_DEADLINE_MS;
    if (stopping->pid > 0)
        kill(stopping->pid, SIGTERM);
    while (stopping->pid > 0 && !embedded_redis_has_ended(stopping, how)) {
        if (is_clean && clock_mono_ms() >= deadline_ms) {
            is_clean = false;
            kill(stopping->pid, SIGKILL);
        }
        pause_ms(POLL_MS);
    }
    if (stopping->lock >= 0)
        close(stopping->lock);
    free(stopping);
    *redis = NULL;
    return is_clean;
}

pid_t embedded_redis_pid(const struct embedded_redis *redis)
{
    return redis->pid;
}

const char *embedded_redis_folder(const struct embedded_redis *redis)
{
    return redis->folder;
}

const char *embedded_redis_log(const struct embedded_redis *redis)
{
    return redis->log;
}
