// SPDX-License-Identifier: Apache-2.0
// Reads whole small files. Whether certificate and key are good and belong together is the TLS library's to say.
#include "tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "petrel/log.h"

enum { FILE_MAX_BYTES = 1024 * 1024, ERROR_TEXT_SIZE = 128 };

// malloc'd, NUL-terminated; NULL with errno.
static char *read_all(int fd, size_t size)
{
    size_t filled = 0;
    char *text = calloc(1, size + 1);
    while (text && filled < size) {
        ssize_t count = read(fd, text + filled, size - filled);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        filled += (size_t)count;
    }
    return text;
}

static char *fail(const char *flag, const char *path, const char *why, char *error,
                  size_t error_size)
{
    snprintf(error, error_size, "%s: can't read %s: %s", flag, path, why);
    return NULL;
}

static char *read_pem(const char *flag, const char *path, char *error, size_t error_size)
{
    struct stat status;
    char reason[ERROR_TEXT_SIZE];
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(flag, path, strerror_r(errno, reason, sizeof reason), error, error_size);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX_BYTES)
        fail(flag, path, "it is no file of at most 1 MiB", error, error_size);
    else if (!(text = read_all(fd, (size_t)status.st_size)))
        fail(flag, path, "not enough memory", error, error_size);
    else if (!strstr(text, "-----BEGIN "))
        fail(flag, path, "there is no PEM (-----BEGIN …) in it", error, error_size);
    close(fd);
    if (text && !strstr(text, "-----BEGIN ")) {
        free(text);
        text = NULL;
    }
    return text;
}

static void warn_of_readers(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & S_IROTH))
        log_warn("every user can read the private key of --tls-key: chmod 640",
                 LOG_STR("path", path));
}

bool tls_files_load(const struct config *config, struct tls_files *files, char *error,
                    size_t error_size)
{
    bool has_certificate = config->tls_cert[0] != '\0';
    bool has_key = config->tls_key[0] != '\0';
    *files = (struct tls_files){0};
    if (has_certificate != has_key) {
        snprintf(error, error_size, "--tls-cert and --tls-key go together: %s is missing",
                 has_key ? "--tls-cert" : "--tls-key");
        return false;
    }
    if (!has_key)
        return true;
    files->certificate = read_pem("--tls-cert", config->tls_cert, error, error_size);
    if (files->certificate)
        files->key = read_pem("--tls-key", config->tls_key, error, error_size);
    if (!files->key) {
        tls_files_fini(files);
        return false;
    }
    warn_of_readers(config->tls_key);
    return true;
}

void tls_files_fini(struct tls_files *files)
{
    if (files->key)
        explicit_bzero(files->key, strlen(files->key));
    free(files->key);
    free(files->certificate);
    *files = (struct tls_files){0};
}
