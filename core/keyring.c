// SPDX-License-Identifier: Apache-2.0
// The key ring: its text read strictly (a key half copied must not pass for another), and shared.
//
// Invariant: a ring has at least one key, and no two of the same id or bytes. What the file held is wiped. Left to
// others: which ring is in force (vault.c), the cipher (seal.c).
#include "petrel/keyring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "petrel/log.h"
#include "petrel/random.h"

enum { FILE_MAX_BYTES = 64 * 1024 };

struct keyring {
    atomic_uint references;
    size_t count;
    struct seal_key keys[KEYRING_KEYS_MAX]; // the first one is current
};

// ---- shared

struct keyring *keyring_ref(struct keyring *ring)
{
    atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);
    return ring;
}

void keyring_unref(struct keyring **ring)
{
    struct keyring *r = *ring;
    *ring = NULL;
    if (!r || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) != 1)
        return;
    explicit_bzero(r, sizeof *r);
    free(r);
}

const struct seal_key *keyring_current(const struct keyring *ring)
{
    return &ring->keys[0];
}

const struct seal_key *keyring_find(const struct keyring *ring, struct span id)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (span_equals_text(id, ring->keys[i].id))
            return &ring->keys[i];
    }
    return NULL;
}

// ---- parsed

struct reader {
    struct keyring *ring;
    unsigned line;
    char *error; // KEYRING_ERROR_SIZE
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reader *reader,
                                                         const char *format, ...)
{
    int size = snprintf(reader->error, KEYRING_ERROR_SIZE, "line %u: ", reader->line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error + size, (size_t)(KEYRING_ERROR_SIZE - size), format, arguments);
    va_end(arguments);
    return false;
}

static bool decode_key(struct span base64, unsigned char bytes[SEAL_KEY_BYTES])
{
    size_t size = 0;
    return base64_decode(base64, bytes, SEAL_KEY_BYTES, &size) && size == SEAL_KEY_BYTES;
}

// The two words of a line; false if there are fewer or more.
static bool split(struct span line, struct span *id, struct span *base64)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t')
            continue;
        *id = (struct span){.data = line.data, .size = i};
        *base64 = span_trim((struct span){.data = line.data + i, .size = line.size - i});
        return base64->size > 0 && !span_find(*base64, ' ') && !span_find(*base64, '\t');
    }
    return false;
}

static bool add_key(const struct reader *reader, struct span line)
{
    struct keyring *ring = reader->ring;
    struct span id;
    struct span base64;
    if (ring->count == KEYRING_KEYS_MAX)
        return refuse(reader, "a key ring has at most %d keys", KEYRING_KEYS_MAX);
    struct seal_key *key = &ring->keys[ring->count];
    if (!split(line, &id, &base64))
        return refuse(reader, "expected \"<key id> <base64 of 32 bytes>\"");
    if (!seal_is_key_id(id))
        return refuse(reader, "a key id has 1 to %d characters of A-Z a-z 0-9 _ . -",
                      SEAL_KEY_ID_SIZE - 1);
    if (!decode_key(base64, key->bytes))
        return refuse(reader, "the key must be the base64 of 32 bytes: openssl rand -base64 32");
    if (keyring_find(ring, id))
        return refuse(reader, "the key id %.*s is there already", SPAN_FMT(id));
    for (size_t i = 0; i < ring->count; i++) {
        if (memcmp(ring->keys[i].bytes, key->bytes, SEAL_KEY_BYTES) == 0)
            return refuse(reader, "this is the same key as %s", ring->keys[i].id);
    }
    bool fits = span_copy(id, key->id, sizeof key->id);
    assert(fits);
    ring->count++;
    return true;
}

static bool add_keys(struct reader *reader, struct span text)
{
    struct span line;
    while (span_next(&text, '\n', &line)) {
        reader->line++;
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        line = span_trim(line);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (!add_key(reader, line))
            return false;
    }
    return reader->ring->count > 0 || refuse(reader, "there is no key in it");
}

struct keyring *keyring_parse(struct span text, char error[KEYRING_ERROR_SIZE])
{
    struct keyring *ring = calloc(1, sizeof *ring);
    struct reader reader = {.ring = ring, .error = error};
    error[0] = '\0';
    if (!ring) {
        snprintf(error, KEYRING_ERROR_SIZE, "not enough memory");
        return NULL;
    }
    atomic_init(&ring->references, 1);
    if (!add_keys(&reader, text))
        keyring_unref(&ring);
    return ring;
}

// ---- from a file

static ssize_t read_all(int fd, char *bytes, size_t capacity)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t count = read(fd, bytes + size, capacity - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        size += (size_t)count;
    }
    return (ssize_t)size;
}

static void warn_of_others(int fd, const char *path)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) != 0)
        log_warn("other users can read the encryption keys: chmod 600", LOG_STR("path", path));
}

static struct keyring *read_open(int fd, const char *path, char why[KEYRING_ERROR_SIZE])
{
    struct keyring *ring = NULL;
    char *bytes = malloc(FILE_MAX_BYTES + 1);
    ssize_t size = bytes ? read_all(fd, bytes, FILE_MAX_BYTES + 1) : -1;
    if (size < 0) {
        char reason[128];
        snprintf(why, KEYRING_ERROR_SIZE, "%s",
                 bytes ? strerror_r(errno, reason, sizeof reason) : "not enough memory");
    } else if (size > FILE_MAX_BYTES) {
        snprintf(why, KEYRING_ERROR_SIZE, "it has more than 64 KiB");
    } else {
        warn_of_others(fd, path);
        ring = keyring_parse((struct span){.data = bytes, .size = (size_t)size}, why);
    }
    if (bytes)
        explicit_bzero(bytes, FILE_MAX_BYTES + 1);
    free(bytes);
    return ring;
}

struct keyring *keyring_read(const char *path, char error[KEYRING_ERROR_SIZE])
{
    char why[KEYRING_ERROR_SIZE];
    struct keyring *ring = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ring = read_open(fd, path, why);
        close(fd);
    } else {
        char reason[128];
        snprintf(why, sizeof why, "%s", strerror_r(errno, reason, sizeof reason));
    }
    if (!ring)
        snprintf(error, KEYRING_ERROR_SIZE, "encryption_keys_file %.200s: %.280s", path, why);
    return ring;
}

void keyring_format_new(const char *id, char line[KEYRING_LINE_SIZE])
{
    unsigned char bytes[SEAL_KEY_BYTES];
    char base64[SEAL_KEY_BYTES * 2];
    random_bytes(bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, base64);
    snprintf(line, KEYRING_LINE_SIZE, "%s %s", id, base64);
    explicit_bzero(base64, sizeof base64);
    explicit_bzero(bytes, sizeof bytes);
}
