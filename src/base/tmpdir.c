/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/tmpdir.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANDOM = 6 /* characters that mkdtemp(3) puts there */ };

static const char lock_name[] = "lock";

static void empty(int fd)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (!vf_streq(e->d_name, ".") && !vf_streq(e->d_name, ".."))
            unlinkat(dirfd(d), e->d_name, 0); /* what stays is told by rmdir */
    closedir(d);
}

static void remove_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        empty(fd);
    if (rmdir(path) < 0)
        vf_warn("tmp", "%s is left: %s", path, strerror(errno));
}

/* Ours, no link, with a lock that was taken once (there is something in it) and is held no more. */
static bool is_dead(const char *path)
{
    struct stat st;
    vf_autofd int up = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (up < 0 || fstat(up, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 077)
        return false;
    vf_autofd int fd = openat(up, lock_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
           flock(fd, LOCK_SH | LOCK_NB) == 0;
}

static void sweep(const char *parent, const char *prefix)
{
    DIR *d = opendir(parent);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (!vf_starts(e->d_name, prefix) || strlen(e->d_name) != strlen(prefix) + RANDOM)
            continue;
        vf_autofree char *path = vf_asprintf("%s/%s", parent, e->d_name);
        if (!is_dead(path))
            continue;
        vf_info("tmp", "removing %s of a process that was killed", path);
        remove_dir(path);
    }
    closedir(d);
}

int vf_tmpdir_make(const char *parent, const char *prefix, struct vf_tmpdir *out)
{
    *out = (struct vf_tmpdir){.lock = -1};
    sweep(parent, prefix);
    vf_autofree char *path = vf_asprintf("%s/%sXXXXXX", parent, prefix);
    if (!mkdtemp(path)) /* makes it 0700 */
        return -1;
    out->path = VF_STEAL(path);
    vf_autofree char *lock = vf_asprintf("%s/%s", out->path, lock_name);
    vf_autofree char *text = vf_asprintf("%ld\n", (long)getpid());
    out->lock = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    /* written to once it is held: who finds it empty leaves it alone */
    if (out->lock < 0 || flock(out->lock, LOCK_EX | LOCK_NB) < 0 ||
        vf_write_full(out->lock, text, strlen(text)) < 0)
        return -1;
    return 0;
}

void vf_tmpdir_remove(struct vf_tmpdir *t)
{
    if (t->path)
        remove_dir(t->path);
    if (t->lock >= 0)
        close(t->lock);
    free(t->path);
    *t = (struct vf_tmpdir){.lock = -1};
}
