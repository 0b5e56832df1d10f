/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into a job's process: kills it at the line KILLAT_WRITE ("KEY:STATE") of its journal,
 * (the first such, or the KILLAT_TIME-th) with the line half written (KILLAT_WHERE=torn: what the
 * step did last is done and not recorded) or just on disk (KILLAT_WHERE=after: what the line
 * announces has not begun). With KILLAT_WHERE=asleep it is stopped there, as on a machine that is
 * put to sleep. */
#include "config.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int written; /* the line that is meant; only one thread writes a journal */
static int lines;   /* such ones */

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

static int is_line(const void *buf, size_t n)
{
    const char *at = getenv("KILLAT_WRITE"), *colon = at ? strrchr(at, ':') : NULL;
    char text[256];
    if (!colon)
        return 0;
    int len = snprintf(text, sizeof text, "\"key\":\"%.*s\",\"state\":\"%s\"", (int)(colon - at),
                       at, colon + 1);
    const char *time = getenv("KILLAT_TIME");
    return memmem(buf, n, text, (size_t)len) && ++lines == (time ? (int)strtol(time, NULL, 10) : 1);
}

static int due(const char *where)
{
    const char *w = getenv("KILLAT_WHERE");
    return written && w && !strcmp(w, where);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    if (is_journal(fd) && is_job()) {
        written |= is_line(buf, n);
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
    if (is_journal(fd) && is_job() && due("asleep")) {
        written = 0;
        kill(getpid(), SIGSTOP);
    }
    return r;
}
