// SPDX-License-Identifier: Apache-2.0
// What the bench's programs share: arguments, clocks, the mark in a body that tells when its event was made.
#ifndef PETREL_BENCH_H
#define PETREL_BENCH_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

// In front of the wall clock's nanoseconds, in every body that the bench makes, and of the event's number, right behind.
#define BENCH_MARK "\"t\":"
#define BENCH_NUMBER ",\"n\":"

static inline int64_t bench_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t bench_mono_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void bench_die(const char *what)
{
    perror(what);
    exit(1);
}

static inline void bench_raise_file_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// A number that the receiver counts up and the driver reads, in a file that both map: neither has to ask the other.
static inline int64_t *bench_share(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(int64_t)) != 0)
        bench_die(path);
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        bench_die(path);
    close(fd);
    return mapped;
}

// "--name value"; the value, or what stands in for it.
static inline const char *bench_text(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return otherwise;
}

static inline int64_t bench_number(int argc, char **argv, const char *name, int64_t otherwise)
{
    const char *text = bench_text(argc, argv, name, NULL);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

// JSON of about `bytes` bytes that begins with the mark. Returns its size.
static inline size_t bench_format_data(char *out, size_t size, size_t bytes, int64_t made_ns,
                                       int64_t number)
{
    int head = snprintf(out, size, "{" BENCH_MARK "%lld" BENCH_NUMBER "%lld,\"pad\":\"",
                        (long long)made_ns, (long long)number);
    size_t at = (size_t)head;
    while (at + 2 < bytes && at + 2 < size)
        out[at++] = 'x';
    out[at++] = '"';
    out[at++] = '}';
    return at;
}

#endif
