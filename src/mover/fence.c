/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Epochs. A job that lost its program may have left an owner behind that still writes. Each owner
 * holds a lock in a directory of its own, named vmferry-JOB-EPOCH-RANDOM, in one of the places
 * where the program makes such directories, not always the same one (/run may have been full);
 * before a volume is written, owners with a lower epoch are ended and waited for, wherever they
 * are. */
#include "config.h"
#include "mover/owner.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"
#include "disk/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { DEATH_MS = 20 * 1000, KILL_MS = 5 * 1000 };

int vf_fence_lock(struct owner *o, struct vf_error **err)
{
    struct stat st;
    if (lstat(o->dir, &st) < 0)
        return vf_fail_errno(err, errno, "%s", o->dir);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
        return vf_fail(err, VF_E_PERMISSION, "%s is not a private directory (0700) of ours",
                       o->dir);
    vf_autofree char *path = vf_asprintf("%s/lock", o->dir);
    o->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (o->lock_fd < 0)
        return vf_fail_errno(err, errno, "%s", path);
    if (flock(o->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return vf_fail(err, VF_E_CONFLICT, "another mover already owns %s", o->dir);
    vf_autofree char *text = vf_asprintf("%d %llu\n", (int)getpid(), (unsigned long long)o->epoch);
    if (ftruncate(o->lock_fd, 0) < 0 || vf_pwrite_full(o->lock_fd, text, strlen(text), 0) < 0)
        return vf_fail_errno(err, errno, "%s", path);
    /* a qemu-nbd dies with us, but a moment later: until then the volume is not free */
    vf_tools_hold(o->lock_fd);
    return 0;
}

/* Is PID the owner of DIR? The lock tells that its owner lives, but not that it does so on this
 * host: a home directory may be shared with others, where the same number is somebody else's. */
static bool owns(long pid, const char *dir)
{
    char line[8192];
    vf_autofree char *path = vf_asprintf("/proc/%ld/cmdline", pid);
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : vf_read_full(fd, line, sizeof line - 1);
    if (n <= 0)
        return false;
    line[n] = 0;
    const char *name = strrchr(dir, '/');
    for (const char *word = line; word < line + n; word += strlen(word) + 1)
        if (vf_ends(word, name))
            return true;
    return false;
}

/* Waits until nobody holds FD's lock, ending who does. */
static int outlive(int fd, const char *dir, struct vf_error **err)
{
    int64_t began = vf_clock_ms();
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return vf_fail_errno(err, errno, "%s", dir);
        int64_t waited = vf_clock_ms() - began;
        char text[64] = "";
        long pid = 0;
        if (vf_pread_full(fd, text, sizeof text - 1, 0) > 0)
            pid = strtol(text, NULL, 10);
        if (pid > 1 && owns(pid, dir))
            kill((pid_t)pid, waited > KILL_MS ? SIGKILL : SIGTERM);
        if (waited > DEATH_MS)
            return vf_fail(err, VF_E_CONFLICT,
                           "an older mover of this job (process %ld) does not end", pid);
        usleep(50 * 1000);
    }
    return 0;
}

/* Somebody else may have made a directory of that name in /tmp, or a link: those are passed over.
 */
static int outlive_dir(const char *dir, struct vf_error **err)
{
    struct stat st;
    vf_autofd int up = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (up < 0 || fstat(up, &st) < 0 || st.st_uid != geteuid())
        return 0;
    vf_autofd int fd = openat(up, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : vf_fail_errno(err, errno, "%s/lock", dir);
    if (outlive(fd, dir, err) < 0)
        return -1;
    vf_info("mover", "removing %s of an older start of this job", dir);
    vf_fence_remove_dir(dir);
    return 0;
}

/* The epoch in NAME if it is the directory of another start of the job; else UINT64_MAX. */
static uint64_t epoch_of(const struct owner *o, const char *name)
{
    vf_autofree char *prefix = vf_asprintf("vmferry-%s-", o->job);
    if (!vf_starts(name, prefix))
        return UINT64_MAX;
    const char *from = name + strlen(prefix);
    vf_autofree char *number = vf_strndup(from, strcspn(from, "-"));
    uint64_t epoch;
    return vf_parse_u64(number, 0, UINT64_MAX - 1, &epoch) < 0 ? UINT64_MAX : epoch;
}

static int outlive_in(const struct owner *o, const char *base, struct vf_error **err)
{
    DIR *d = opendir(base);
    if (!d)
        return errno == ENOENT || errno == EACCES ? 0 : vf_fail_errno(err, errno, "%s", base);
    int r = 0;
    struct dirent *e;
    while (r == 0 && (e = readdir(d))) {
        if (epoch_of(o, e->d_name) >= o->epoch)
            continue;
        vf_autofree char *dir = vf_asprintf("%s/%s", base, e->d_name);
        r = outlive_dir(dir, err);
    }
    closedir(d);
    return r;
}

int vf_fence_older(struct owner *o, struct vf_error **err)
{
    /* the places of vf_script_prepare (xfer/scripts.c), and our own wherever that is */
    const char *slash = strrchr(o->dir, '/'), *home = getenv("HOME");
    vf_autofree char *own =
        slash && slash != o->dir ? vf_strndup(o->dir, (size_t)(slash - o->dir)) : NULL;
    const char *const places[] = {own, "/run", "/tmp", "/var/tmp", home};
    int r = 0;
    for (size_t i = 0; r == 0 && i < VF_COUNT(places); i++)
        if (places[i] && *places[i] == '/')
            r = outlive_in(o, places[i], err);
    return r;
}

void vf_fence_remove_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct dirent *e;
    while ((e = readdir(d)))
        if (!vf_streq(e->d_name, ".") && !vf_streq(e->d_name, ".."))
            unlinkat(fd, e->d_name, 0); /* what is left is told by rmdir below */
    closedir(d);
    if (rmdir(dir) < 0)
        vf_warn("mover", "%s is left: %s", dir, strerror(errno));
}
