// SPDX-License-Identifier: Apache-2.0
// Runs a target over files, for compilers without libFuzzer and for valgrind: replay FILE|FOLDER…
// The last line is "N inputs"; a property that doesn't hold aborts after the file's name was printed.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "petrel/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 1024 * 1024, PATH_BYTES = 4096 };

static size_t inputs;

static bool run_file(const char *path)
{
    FILE *file = fopen(path, "re");
    uint8_t *data = malloc(INPUT_MAX_BYTES);
    bool is_read = file && data;
    if (is_read) {
        size_t size = fread(data, 1, INPUT_MAX_BYTES, file);
        // In an allocation of its size, so that what reads beyond the end is caught.
        uint8_t *exact = realloc(data, size ? size : 1);
        if (exact)
            data = exact;
        printf("%s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, size);
        inputs++;
    } else {
        perror(path);
    }
    free(data);
    if (file)
        fclose(file);
    return is_read;
}

static bool run_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return false;
    }
    bool is_read = true;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        char file[PATH_BYTES];
        int size = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && size > 0 && (size_t)size < sizeof file)
            is_read = run_file(file) && is_read;
    }
    closedir(folder);
    return is_read;
}

int main(int argc, char **argv)
{
    bool is_read = true;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        bool is_folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        is_read = (is_folder ? run_folder(argv[i]) : run_file(argv[i])) && is_read;
    }
    printf("%zu inputs\n", inputs);
    return is_read && inputs > 0 ? 0 : 1;
}
