// SPDX-License-Identifier: Apache-2.0
// petrel.conf. What loads is written out again key by key, loads again, and is the same; what doesn't load is told in
// one line. The file lies in memory.
#include "petrel/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

enum { VALUE_MAX_BYTES = 64 * 1024, FILE_MAX_BYTES = 1024 * 1024 };

// NULL with error.
static struct config *load(struct span file, char error[CONFIG_ERROR_SIZE])
{
    char flag[64];
    char *argv[] = {flag, NULL};
    int argc = 1;
    int fd = memfd_create("petrel.conf", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, file.data, file.size) == (ssize_t)file.size);
    snprintf(flag, sizeof flag, "--config=/proc/self/fd/%d", fd);
    struct config *config = config_load(&argc, argv, error);
    FUZZ_CHECK(argc == 0);
    close(fd);
    return config;
}

// A value may be longer than a line: lists go on after their commas.
static void append_value(struct text *file, struct span value)
{
    for (size_t i = 0; i < value.size; i++) {
        text_append_char(file, value.data[i]);
        if (value.data[i] == ',' && i + 1 < value.size)
            text_append_string(file, "\n  ");
    }
}

static bool is_same(const struct config *a, const struct config *b, size_t index)
{
    struct text first, second;
    text_init(&first, VALUE_MAX_BYTES);
    text_init(&second, VALUE_MAX_BYTES);
    config_format_value(a, index, &first);
    config_format_value(b, index, &second);
    bool is_equal =
        !first.failed && !second.failed && span_equals(text_span(&first), text_span(&second));
    text_fini(&first);
    text_fini(&second);
    return is_equal;
}

// Texts with what a line of a file can't say (a long path, a comment's sign, spaces where it goes on) needn't come
// through.
static bool is_writable(struct span value)
{
    size_t line = 0;
    for (size_t i = 0; i < value.size; i++) {
        line = value.data[i] == ',' ? 0 : line + 1;
        if (line > 100 || strchr(";#\" \t\v\f\r", value.data[i]))
            return false;
    }
    return true;
}

static void check_round_trip(const struct config *config)
{
    char error[CONFIG_ERROR_SIZE];
    struct text file;
    text_init(&file, FILE_MAX_BYTES);
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        struct text value;
        config_describe(config, i, &item);
        text_init(&value, VALUE_MAX_BYTES);
        config_format_value(config, i, &value);
        FUZZ_CHECK(!value.failed);
        if (item.is_secret)
            FUZZ_CHECK(value.size == 0 || strcmp(text_string(&value), "(set)") == 0);
        else if (is_writable(text_span(&value))) {
            text_append_format(&file, "%s = ", item.key);
            append_value(&file, text_span(&value));
            text_append_char(&file, '\n');
        }
        text_fini(&value);
    }
    struct config *again = load(text_span(&file), error);
    if (!again)
        fprintf(stderr, "%s\n%s", error, text_string(&file));
    FUZZ_CHECK(again);
    for (size_t i = 0; i < config_count(); i++) {
        struct config_item item;
        config_describe(again, i, &item);
        if (item.origin == CONFIG_FROM_FILE)
            FUZZ_CHECK(is_same(config, again, i));
    }
    config_destroy(&again);
    text_fini(&file);
}

void fuzz_one(struct span input)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config = load(input, error);
    if (config)
        check_round_trip(config);
    else
        FUZZ_CHECK(error[0] && utf8_is_valid(span_of(error)) && !strpbrk(error, "\r\n\x1b\x7f"));
    config_destroy(&config);
}
