// SPDX-License-Identifier: Apache-2.0
// The admin key: configured, or kept in <data_dir>/admin.key, made at the first start.
//
// A new key is written whole to a file of another name and then linked to its place, so that whoever finds the file
// finds all of the key, and of two processes that start at once one wins and the other reads the winner's.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "petrel/admin.h"
#include "petrel/log.h"
#include "petrel/random.h"

enum { KEY_MIN_CHARACTERS = 16, ERROR_TEXT_SIZE = 128 };
#define KEY_PREFIX "petrel_"

static bool fail(const char *what, const char *path, const char *hint, char *error,
                 size_t error_size)
{
    char reason[ERROR_TEXT_SIZE];
    const char *text = strerror_r(errno, reason, sizeof reason);
    snprintf(error, error_size, "can't %s %s: %s; %s", what, path, text, hint);
    return false;
}

static bool check_key(struct span key, const char *origin, char *error, size_t error_size)
{
    bool is_printable = true;
    for (size_t i = 0; i < key.size; i++)
        is_printable = is_printable && key.data[i] > 0x20 && key.data[i] < 0x7F;
    if (is_printable && key.size >= KEY_MIN_CHARACTERS && key.size < ADMIN_KEY_SIZE)
        return true;
    snprintf(error, error_size, "%s: an admin key has %d to %d printable characters without spaces",
             origin, KEY_MIN_CHARACTERS, ADMIN_KEY_SIZE - 1);
    return false;
}

// 1 read, 0 there is none, -1 error.
static int read_key(struct admin_key *key, char *error, size_t error_size)
{
    char bytes[ADMIN_KEY_SIZE + 2];
    struct stat status;
    int fd = open(key->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0) {
        fail("read", key->path, "give --admin-key or make the file readable", error, error_size);
        return -1;
    }
    ssize_t size = read(fd, bytes, sizeof bytes);
    bool is_open_to_others = fstat(fd, &status) == 0 && (status.st_mode & 077) != 0;
    close(fd);
    if (size < 0) {
        fail("read", key->path, "give --admin-key", error, error_size);
        return -1;
    }
    if (is_open_to_others)
        log_warn("other users can read the admin key: chmod 600", LOG_STR("path", key->path));
    while (size > 0 && strchr("\r\n \t", bytes[size - 1]))
        size--;
    struct span text = {.data = bytes, .size = (size_t)size};
    bool is_good =
        check_key(text, key->path, error, error_size) && span_copy(text, key->key, sizeof key->key);
    explicit_bzero(bytes, sizeof bytes);
    return is_good ? 1 : -1;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool write_key(const char *path, const char *key)
{
    char line[ADMIN_KEY_SIZE + 1];
    int size = snprintf(line, sizeof line, "%s\n", key);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool is_written = write_all(fd, line, (size_t)size) && fsync(fd) == 0;
    explicit_bzero(line, sizeof line);
    if (close(fd) != 0 || !is_written) {
        unlink(path);
        return false;
    }
    return true;
}

// False with errno, EEXIST when somebody was faster.
static bool make_key(struct admin_key *key)
{
    char other[ADMIN_PATH_SIZE + 64];
    char name[32];
    random_id("", name, sizeof name);
    random_id(KEY_PREFIX, key->key, sizeof key->key);
    snprintf(other, sizeof other, "%s.%s", key->path, name);
    if (!write_key(other, key->key))
        return false;
    bool is_placed = link(other, key->path) == 0;
    int error = errno;
    unlink(other);
    errno = error;
    key->was_created = is_placed;
    return is_placed;
}

static bool load_file(struct admin_key *key, const char *data_dir, char *error, size_t error_size)
{
    int found = read_key(key, error, error_size);
    if (found != 0)
        return found > 0;
    if (mkdir(data_dir, 0700) != 0 && errno != EEXIST)
        return fail("make the folder", data_dir, "choose another with --data-dir", error,
                    error_size);
    if (make_key(key))
        return true;
    if (errno != EEXIST)
        return fail("write", key->path,
                    "choose another folder with --data-dir, or give --admin-key", error, error_size);
    found = read_key(key, error, error_size);
    if (found == 0)
        snprintf(error, error_size, "%s vanished while it was read; start again", key->path);
    return found > 0;
}

bool admin_load_key(const struct config *config, struct admin_key *key, char *error,
                    size_t error_size)
{
    *key = (struct admin_key){.was_created = false};
    struct span configured = span_of(config->admin_key);
    if (configured.size > 0)
        return check_key(configured, "--admin-key", error, error_size) &&
               span_copy(configured, key->key, sizeof key->key);
    int size = snprintf(key->path, sizeof key->path, "%s/admin.key", config->data_dir);
    if (size < 0 || (size_t)size >= sizeof key->path) {
        snprintf(error, error_size, "the path of --data-dir is too long");
        return false;
    }
    return load_file(key, config->data_dir, error, error_size);
}
