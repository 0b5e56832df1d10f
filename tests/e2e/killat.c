/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into a job's process: kills it at its journal's write number KILLAT_WRITE (from 1),
 * with the line half written (KILLAT_WHERE=torn: what the step did last is done and not recorded)
 * or just on disk (KILLAT_WHERE=after: what the line announces has not begun). */
#include "config.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int writes; /* only one thread writes a journal */

static int is_journal(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    static const char name[] = "/journal.jsonl";
    return n >= (ssize_t)sizeof name - 1 &&
           !memcmp(path + n - (ssize_t)(sizeof name - 1), name, sizeof name - 1);
}

static int is_job(void)
{
    char line[512];
    FILE *f = fopen("/proc/self/cmdline", "r");
    size_t n = f ? fread(line, 1, sizeof line, f) : 0;
    if (f)
        fclose(f);
    return memmem(line, n, "\0__job", 7) != NULL;
}

static int due(const char *where)
{
    const char *at = getenv("KILLAT_WRITE"), *w = getenv("KILLAT_WHERE");
    return at && w && writes == (int)strtol(at, NULL, 10) && !strcmp(w, where);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    if (is_journal(fd) && is_job()) {
        writes++;
        if (due("torn")) {
            if (next(fd, buf, n / 2, offset) < 0)
                abort();
            kill(getpid(), SIGKILL);
        }
    }
    return next(fd, buf, n, offset);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int r = next(fd);
    if (is_journal(fd) && is_job() && due("after"))
        kill(getpid(), SIGKILL);
    return r;
}
