// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "petrel/admin.h"
#include "unit.h"

enum { ERROR_SIZE = 8192, FILE_MODE = 07777 };

static char root[] = "/tmp/petrel-key-XXXXXX";
static char error[ERROR_SIZE];

static int on_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static void make_root(void)
{
    memcpy(root + sizeof root - 7, "XXXXXX", 6);
    CHECK(mkdtemp(root) != NULL);
    error[0] = '\0';
}

static void remove_root(void)
{
    CHECK(nftw(root, on_entry, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static bool load(const char *configured, const char *folder, struct admin_key *key)
{
    char path[sizeof root + 32];
    char given[ADMIN_KEY_SIZE * 2];
    snprintf(path, sizeof path, "%s%s", root, folder);
    snprintf(given, sizeof given, "%s", configured);
    struct config config = {.admin_key = given, .data_dir = path};
    return admin_load_key(&config, key, error, sizeof error);
}

static void write_file(const char *name, const char *content, mode_t mode)
{
    char path[sizeof root + 32];
    snprintf(path, sizeof path, "%s%s", root, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    CHECK(fd >= 0);
    CHECK(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    close(fd);
}

static int mode_of(const char *name)
{
    char path[sizeof root + 32];
    struct stat status;
    snprintf(path, sizeof path, "%s%s", root, name);
    return stat(path, &status) == 0 ? (int)(status.st_mode & FILE_MODE) : -1;
}

TEST(a_configured_key_needs_no_file)
{
    struct admin_key key;
    make_root();
    CHECK(load("0123456789abcdef", "/data", &key));
    CHECK_STR(key.key, "0123456789abcdef");
    CHECK_STR(key.path, "");
    CHECK(!key.was_created);
    CHECK_INT(mode_of("/data"), -1);
    remove_root();
}

TEST(a_configured_key_must_be_worth_its_name)
{
    char longest[ADMIN_KEY_SIZE + 1];
    memset(longest, 'k', sizeof longest);
    longest[ADMIN_KEY_SIZE] = '\0';
    const char *const bad[] = {"short",
                               "0123456789abcde",
                               "0123456789 abcdef",
                               "0123456789abcde\n",
                               "0123456789abcde\xc3\xa9",
                               longest};
    make_root();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct admin_key key;
        CHECK_ROW(!load(bad[i], "/data", &key), bad[i]);
        CHECK_STR(error, "--admin-key: an admin key has 16 to 255 printable characters without "
                         "spaces");
    }
    struct admin_key key;
    CHECK(load(longest + 1, "/data", &key));
    remove_root();
}

TEST(the_first_start_makes_a_key_and_the_next_finds_it)
{
    struct admin_key first, second;
    make_root();
    CHECK(load("", "/data", &first));
    CHECK(first.was_created);
    CHECK_INT(strncmp(first.key, "petrel_", 7), 0);
    CHECK_INT(strlen(first.key), 7 + 22);
    CHECK(strstr(first.path, "/data/admin.key") != NULL);
    CHECK_INT(mode_of("/data"), 0700);
    CHECK_INT(mode_of("/data/admin.key"), 0600);
    CHECK(load("", "/data", &second));
    CHECK(!second.was_created);
    CHECK_STR(second.key, first.key);
    // Nothing else is left behind.
    char path[sizeof root + 32];
    snprintf(path, sizeof path, "%s/data/admin.key", root);
    CHECK(unlink(path) == 0);
    snprintf(path, sizeof path, "%s/data", root);
    CHECK(rmdir(path) == 0);
    remove_root();
}

TEST(a_key_written_by_hand_is_taken)
{
    struct admin_key key;
    make_root();
    write_file("/admin.key", "  \n", 0600);
    CHECK(!load("", "", &key));
    CHECK(strstr(error, "/admin.key: an admin key has 16 to 255") != NULL);
    write_file("/admin.key", "written-by-hand-0123\r\n", 0600);
    CHECK(load("", "", &key));
    CHECK_STR(key.key, "written-by-hand-0123");
    write_file("/admin.key", "", 0600);
    CHECK(!load("", "", &key));
    remove_root();
}

TEST(a_folder_that_cannot_be_made_is_explained)
{
    struct admin_key key;
    make_root();
    write_file("/file", "x", 0600);
    CHECK(!load("", "/file", &key));
    CHECK(strstr(error, "Not a directory") != NULL);
    CHECK(!load("", "/a/b", &key));
    CHECK(strstr(error, "can't make the folder") != NULL);
    CHECK(strstr(error, "--data-dir") != NULL);
    remove_root();
}

enum { RACERS = 8 };

static void *race(void *arg)
{
    char own_error[ERROR_SIZE];
    char folder[] = "/tmp/petrel-key-XXXXXX/data";
    memcpy(folder, root, sizeof root - 1);
    char none[] = "";
    struct config config = {.admin_key = none, .data_dir = folder};
    return admin_load_key(&config, arg, own_error, sizeof own_error) ? arg : NULL;
}

TEST(of_several_that_start_at_once_all_have_the_same_key)
{
    static struct admin_key keys[RACERS];
    pthread_t threads[RACERS];
    for (int round = 0; round < 20; round++) {
        int created = 0;
        make_root();
        for (int i = 0; i < RACERS; i++)
            CHECK_INT(pthread_create(&threads[i], NULL, race, &keys[i]), 0);
        for (int i = 0; i < RACERS; i++) {
            void *result = NULL;
            pthread_join(threads[i], &result);
            CHECK(result != NULL);
            created += keys[i].was_created;
        }
        for (int i = 1; i < RACERS; i++)
            CHECK_STR(keys[i].key, keys[0].key);
        CHECK_INT(created, 1);
        remove_root();
    }
}

UNIT_MAIN()
