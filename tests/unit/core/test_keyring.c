// SPDX-License-Identifier: Apache-2.0
// The key ring's text, its file, and what keeps a bad one out. No error may show what a line holds.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "petrel/keyring.h"
#include "petrel/log.h"
#include "unit.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

static char error[KEYRING_ERROR_SIZE];

TEST(the_first_key_is_current)
{
    struct keyring *ring = keyring_parse(SPAN("# made in January\n"
                                              "\n"
                                              "  b-2 \t " KEY_B " \r\n"
                                              "a.1 " KEY_A),
                                         error);
    CHECK(ring != NULL);
    if (!ring)
        return;
    CHECK_STR(keyring_current(ring)->id, "b-2");
    CHECK_INT(keyring_current(ring)->bytes[0], 0x20);
    const struct seal_key *old = keyring_find(ring, SPAN("a.1"));
    CHECK(old && old->bytes[31] == 0x1f);
    CHECK(!keyring_find(ring, SPAN("a")));
    CHECK(!keyring_find(ring, SPAN("")));
    struct keyring *other = keyring_ref(ring);
    keyring_unref(&ring);
    CHECK(!ring);
    CHECK_STR(keyring_current(other)->id, "b-2");
    keyring_unref(&other);
    keyring_unref(&other);
}

TEST(texts_that_are_no_ring)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "there is no key"},
        {"# nothing\n\n", "there is no key"},
        {KEY_A, "line 1: expected"},
        {"a " KEY_A "\nb", "line 2: expected"},
        {"a " KEY_A " current", "line 1: expected"},
        {"a:b " KEY_A, "line 1: a key id"},
        {"012345678901234567890123456789012 " KEY_A, "line 1: a key id"},
        {"a AAECAwQF", "line 1: the key must be the base64 of 32 bytes"},
        {"a " KEY_A "AA", "line 1: the key must be"},
        {"a !!ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "line 1: the key must be"},
        // 33 bytes.
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", "line 1: the key must be"},
        {"a " KEY_A "\na " KEY_B, "line 2: the key id a is there already"},
        {"a " KEY_A "\n\nb " KEY_A, "line 3: this is the same key as a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keyring *ring = keyring_parse(span_of(rows[i].text), error);
        CHECK_ROW(ring == NULL, rows[i].text);
        CHECK_ROW(strstr(error, rows[i].part) != NULL, rows[i].text);
        CHECK_ROW(!strstr(error, "ECAwQF") && !strstr(error, "ICEiIyQl"), rows[i].text);
        keyring_unref(&ring);
    }
}

TEST(at_most_32_keys)
{
    struct text text;
    text_init(&text, 1 << 16);
    for (int i = 0; i < 33; i++) {
        char line[KEYRING_LINE_SIZE];
        char id[SEAL_KEY_ID_SIZE];
        snprintf(id, sizeof id, "key%d", i);
        keyring_format_new(id, line);
        text_append_format(&text, "%s\n", line);
        struct keyring *ring = keyring_parse(text_span(&text), error);
        CHECK_INT(ring != NULL, i < 32);
        if (ring)
            CHECK(keyring_find(ring, span_of(id)) != NULL);
        keyring_unref(&ring);
    }
    CHECK(strstr(error, "line 33: a key ring has at most 32 keys") != NULL);
    text_fini(&text);
}

// ---- files

static char folder[] = "/tmp/petrel-keyring-XXXXXX";
static char path[64];

static void write_file(const char *text, size_t size, mode_t mode)
{
    FILE *file = fopen(path, "w");
    fwrite(text, 1, size, file);
    fclose(file);
    chmod(path, mode);
}

// What is logged meanwhile.
static const char *read_logged(struct keyring **ring)
{
    static char logged[2000];
    char log_path[64];
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    FILE *log = fopen(log_path, "w+");
    dup2(fileno(log), STDERR_FILENO);
    *ring = keyring_read(path, error);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(log);
    logged[fread(logged, 1, sizeof logged - 1, log)] = '\0';
    fclose(log);
    unlink(log_path);
    return logged;
}

TEST(files)
{
    struct keyring *ring = NULL;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/keys", folder);
    CHECK(!keyring_read(path, error));
    CHECK(strstr(error, path) && strstr(error, "No such file"));

    write_file("a " KEY_A "\n", strlen("a " KEY_A "\n"), 0600);
    CHECK_STR(read_logged(&ring), "");
    CHECK(ring && keyring_find(ring, SPAN("a")));
    keyring_unref(&ring);
    // Others can read it: taken, with a warning.
    static const mode_t modes[] = {0640, 0604, 0660};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        chmod(path, modes[i]);
        const char *logged = read_logged(&ring);
        CHECK(ring != NULL);
        CHECK(strstr(logged, "level=warn") && strstr(logged, "chmod 600"));
        CHECK(!strstr(logged, "AAECAw"));
        keyring_unref(&ring);
    }

    write_file("a " KEY_A "\nb", strlen("a " KEY_A "\nb"), 0600);
    CHECK(!keyring_read(path, error));
    CHECK(strstr(error, path) && strstr(error, "line 2"));
    static char large[64 * 1024 + 1];
    memset(large, '#', sizeof large);
    write_file(large, sizeof large, 0600);
    CHECK(!keyring_read(path, error));
    CHECK(strstr(error, "more than 64 KiB") != NULL);
    CHECK(!keyring_read(folder, error));
    unlink(path);
    rmdir(folder);
}

TEST(new_keys)
{
    char line[KEYRING_LINE_SIZE];
    char other[KEYRING_LINE_SIZE];
    keyring_format_new("01234567890123456789012345678901", line);
    keyring_format_new("01234567890123456789012345678901", other);
    CHECK(strcmp(line, other) != 0);
    struct keyring *ring = keyring_parse(span_of(line), error);
    CHECK(ring != NULL);
    keyring_unref(&ring);
}

UNIT_MAIN()
