// SPDX-License-Identifier: Apache-2.0
// `petrel version`: petrel's own, and the libraries it was built with (CMake passes their versions; the headers of
// those libraries are not for the command line to include).
#include <stdio.h>
#include <uv.h>

#include "command.h"

#ifndef PETREL_BUILT_WITH
#define PETREL_BUILT_WITH ""
#endif

static const struct option options[] = {
    {.name = "--json", .meaning = "print {\"petrel\": …, \"libuv\": …, \"built_with\": …}"},
    {.name = NULL},
};

static int run_version(const struct command_input *input)
{
    if (arguments_has(input->arguments, "--json")) {
        printf("{\"petrel\":\"%s\",\"libuv\":\"%s\",\"built_with\":\"%s\"}\n", PETREL_VERSION,
               uv_version_string(), PETREL_BUILT_WITH);
        return EXIT_OK;
    }
    printf("petrel %s\n", PETREL_VERSION);
    if (PETREL_BUILT_WITH[0] != '\0')
        printf("built with %s\n", PETREL_BUILT_WITH);
    printf("running on libuv %s\n", uv_version_string());
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .words = "",
    .summary = "print the version, and those of the libraries",
    .options = options,
    .config = COMMAND_WITHOUT_CONFIG,
    .run = run_version,
};
