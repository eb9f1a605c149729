// SPDX-License-Identifier: Apache-2.0
// Puts events into the stream: all at once, pipelined, or paced. Each event's data begins with the time at which it was made,
// with --rate (and without --tick-us) that at which it was to be made, so that a late driver hides no latency; and with its
// number, from 0 in each run.
//
//   driver --redis-port P --events N [--rate PER_SECOND] [--bytes B] [--types T] [--prefix P] [--stream KEY]
//          [--atomic 1]
//          [--ahead A --shared FILE [--fan-out F]] [--tick-us T]
//
// With --atomic all events appear at one moment (MULTI, EXEC): whoever reads them has had no part of the machine
// while they were made. With --ahead at most A deliveries (F of each event) are still to come at any time, by the
// receiver's count in FILE: a steady backlog.
//
// With --tick-us what is due goes out every so often, together. Type i of T is "bench.<i>" (or "<prefix>.<i>"), in turn.
//
// Prints {"events":…,"seconds":…,"late_us":…,"reads":…}: how far behind its plan the pacing was at worst, and about how
// often Redis had to read for it.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum {
    BATCH = 256,
    DATA_MAX = 64 * 1024,
    UNANSWERED_MAX = 20000,
    REDIS_READ_BYTES = 16 * 1024, // at once, at most
    AHEAD_TICK_US = 500,
};

struct driver {
    int fd;
    size_t bytes, types;
    const char *stream, *prefix;
    int64_t made, answered;
    int lines_per_answer;
    int64_t reads;
    char *out;
    size_t out_size;
};

static void connect_to(struct driver *driver, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    driver->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(driver->fd, (struct sockaddr *)&address, sizeof address) != 0)
        bench_die("connect");
    setsockopt(driver->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void add_event(struct driver *driver, int64_t made_ns)
{
    char data[DATA_MAX], type[64];
    size_t size = bench_format_data(data, sizeof data, driver->bytes, made_ns, driver->made);
    int type_size =
        snprintf(type, sizeof type, "%s.%zu", driver->prefix, (size_t)driver->made % driver->types);
    int head = snprintf(driver->out + driver->out_size, 512,
                        "*7\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$4\r\ntype\r\n$%d\r\n%s\r\n"
                        "$4\r\ndata\r\n$%zu\r\n",
                        strlen(driver->stream), driver->stream, type_size, type, size);
    driver->out_size += (size_t)head;
    memcpy(driver->out + driver->out_size, data, size);
    memcpy(driver->out + driver->out_size + size, "\r\n", 2);
    driver->out_size += size + 2;
    driver->made++;
}

// Each answer is "$<n>\r\n<id>\r\n", or "+QUEUED\r\n". An error is one line, and ends the run.
static void read_answers(struct driver *driver, bool must_wait)
{
    static int64_t lines; // of the answers that count
    char in[65536];
    struct pollfd poll_fd = {.fd = driver->fd, .events = POLLIN};
    while (poll(&poll_fd, 1, must_wait ? -1 : 0) > 0) {
        ssize_t got = recv(driver->fd, in, sizeof in, 0);
        if (got <= 0)
            bench_die("recv");
        for (ssize_t i = 0; i < got; i++) {
            if (in[i] == '-') {
                // Ids have a dash, but never at the beginning of a line.
                if (i == 0 || in[i - 1] == '\n') {
                    fprintf(stderr, "driver: Redis says %.*s\n", (int)(got - i), in + i);
                    exit(1);
                }
            }
            lines += in[i] == '\n';
        }
        driver->answered = lines / driver->lines_per_answer;
        must_wait = driver->made - driver->answered > UNANSWERED_MAX;
    }
}

static void flush(struct driver *driver)
{
    size_t sent = 0;
    driver->reads += (int64_t)((driver->out_size + REDIS_READ_BYTES - 1) / REDIS_READ_BYTES);
    while (sent < driver->out_size) {
        ssize_t done = send(driver->fd, driver->out + sent, driver->out_size - sent, 0);
        if (done < 0)
            bench_die("send");
        sent += (size_t)done;
    }
    driver->out_size = 0;
    read_answers(driver, driver->made - driver->answered > UNANSWERED_MAX);
}

static void send_words(struct driver *driver, const char *word)
{
    driver->out_size = (size_t)snprintf(driver->out, 64, "*1\r\n$%zu\r\n%s\r\n", strlen(word), word);
    size_t sent = 0;
    while (sent < driver->out_size)
        sent += (size_t)send(driver->fd, driver->out + sent, driver->out_size - sent, 0);
    driver->out_size = 0;
}

// EXEC is answered with "*<events>\r\n" and each id: 1 + 2 lines per event.
static void execute(struct driver *driver)
{
    char in[65536];
    int64_t wanted = 1 + 2 * driver->made, lines = 0;
    send_words(driver, "EXEC");
    while (lines < wanted) {
        ssize_t got = recv(driver->fd, in, sizeof in, 0);
        if (got <= 0 || (lines == 0 && in[0] != '*'))
            bench_die("EXEC");
        for (ssize_t i = 0; i < got; i++)
            lines += in[i] == '\n';
    }
}

static void keep_ahead(struct driver *driver, int64_t events, int64_t ahead, int64_t fan_out,
                       const int64_t *received)
{
    int64_t before = __atomic_load_n(received, __ATOMIC_RELAXED);
    while (driver->made < events) {
        int64_t here = __atomic_load_n(received, __ATOMIC_RELAXED) - before;
        int64_t room = (ahead - driver->made * fan_out + here) / fan_out;
        for (int i = 0; i < BATCH && i < room && driver->made < events; i++)
            add_event(driver, bench_wall_ns());
        if (driver->out_size)
            flush(driver);
        if (room < BATCH)
            nanosleep(&(struct timespec){.tv_nsec = AHEAD_TICK_US * 1000}, NULL);
    }
}

static int64_t pace(struct driver *driver, int64_t events, double rate, int64_t tick_us)
{
    int64_t begin_ns = bench_mono_ns(), begin_wall_ns = bench_wall_ns(), late_ns = 0;
    while (driver->made < events) {
        int64_t now_ns = bench_mono_ns();
        int64_t due = (int64_t)((double)(now_ns - begin_ns) * rate / 1e9) + 1;
        if (due > events)
            due = events;
        if (driver->made < due) {
            int64_t planned_ns = begin_ns + (int64_t)((double)driver->made / rate * 1e9);
            if (now_ns - planned_ns > late_ns)
                late_ns = now_ns - planned_ns;
        }
        while (driver->made < due) {
            for (int i = 0; i < BATCH && driver->made < due; i++)
                add_event(driver,
                          tick_us ? bench_wall_ns()
                                  : begin_wall_ns + (int64_t)((double)driver->made / rate * 1e9));
            flush(driver);
        }
        int64_t next_ns = begin_ns + (int64_t)((double)driver->made / rate * 1e9);
        if (next_ns < now_ns + tick_us * 1000)
            next_ns = now_ns + tick_us * 1000;
        struct timespec until = {next_ns / 1000000000, next_ns % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        read_answers(driver, false);
    }
    return late_ns / 1000;
}

int main(int argc, char **argv)
{
    int64_t events = bench_number(argc, argv, "--events", 1000);
    int64_t ahead = bench_number(argc, argv, "--ahead", 0);
    int64_t rate = bench_number(argc, argv, "--rate", 0), late_us = 0;
    struct driver driver = {
        .bytes = (size_t)bench_number(argc, argv, "--bytes", 1000),
        .types = (size_t)bench_number(argc, argv, "--types", 1),
        .stream = bench_text(argc, argv, "--stream", "petrel:events"),
        .prefix = bench_text(argc, argv, "--prefix", "bench"),
        .lines_per_answer = 2,
    };
    bool is_atomic = bench_number(argc, argv, "--atomic", 0);
    if (driver.bytes >= DATA_MAX)
        driver.bytes = DATA_MAX - 1;
    driver.out = malloc(BATCH * (driver.bytes + 1024));
    connect_to(&driver, (int)bench_number(argc, argv, "--redis-port", 6379));
    int64_t begin_ns = bench_mono_ns();
    if (is_atomic) {
        char in[16];
        driver.lines_per_answer = 1;
        send_words(&driver, "MULTI");
        if (recv(driver.fd, in, sizeof in, 0) <= 0) // "+OK"
            bench_die("MULTI");
    }
    if (ahead)
        keep_ahead(&driver, events, ahead, bench_number(argc, argv, "--fan-out", 1),
                   bench_share(bench_text(argc, argv, "--shared", "")));
    if (rate)
        late_us = pace(&driver, events, (double)rate, bench_number(argc, argv, "--tick-us", 0));
    while (driver.made < events) {
        for (int i = 0; i < BATCH && driver.made < events; i++)
            add_event(&driver, bench_wall_ns());
        flush(&driver);
    }
    while (driver.answered < driver.made)
        read_answers(&driver, true);
    if (is_atomic)
        execute(&driver);
    printf("{\"events\":%lld,\"seconds\":%.6f,\"late_us\":%lld,\"reads\":%lld}\n",
           (long long)driver.made, (double)(bench_mono_ns() - begin_ns) / 1e9, (long long)late_us,
           (long long)driver.reads);
    free(driver.out);
    return 0;
}
