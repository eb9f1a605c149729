// SPDX-License-Identifier: Apache-2.0
// Part of the `chaos` build only. The armed point is read once; passes are counted over all threads, so that
// exactly one of them is the n-th.
#include "petrel/fault_point.h"

#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 96 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char armed[NAME_SIZE]; // "" when none
static atomic_long passes_left;

static void arm(void)
{
    const char *text = getenv("PETREL_FAULT_POINT");
    if (!text || strlen(text) >= sizeof armed)
        return;
    memcpy(armed, text, strlen(text) + 1);
    char *colon = strchr(armed, ':');
    atomic_store(&passes_left, colon ? strtol(colon + 1, NULL, 10) : 1);
    if (colon)
        *colon = '\0';
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

void fault_point_pass(const char *name)
{
    pthread_once(&once, arm);
    if (armed[0] && strcmp(armed, name) == 0 && atomic_fetch_sub(&passes_left, 1) == 1)
        die();
}

void fault_point_pass_command(const struct redis_command *command, const char *when)
{
    pthread_once(&once, arm);
    if (!armed[0])
        return;
    char name[NAME_SIZE];
    struct span what = redis_command_name(command);
    size_t size = what.size < NAME_SIZE / 2 ? what.size : NAME_SIZE / 2;
    for (size_t i = 0; i < size; i++)
        name[i] = (char)tolower((unsigned char)what.data[i]);
    name[size] = '.';
    memcpy(name + size + 1, when, strlen(when) + 1);
    fault_point_pass(name);
}
