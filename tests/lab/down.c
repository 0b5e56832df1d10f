/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `vmferry-lab down`: ends the processes by pid and removes the directory. */
#include "config.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"

/* Start time of PID in clock ticks since boot (field 22 of /proc/PID/stat); 0: no such process. */
static unsigned long long start_time(pid_t pid)
{
    vf_autofree char *path = vf_asprintf("/proc/%d/stat", pid);
    vf_autofree char *text = vf_read_file(path, 8192, NULL, NULL);
    const char *p = text ? strrchr(text, ')') : NULL;
    char state = 0;
    unsigned long long t = 0;
    if (!p ||
        sscanf(p + 1,
               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &t) != 2 ||
        state == 'Z')
        return 0;
    return t;
}

int lab_pidfile_write(const char *path, pid_t pid, struct vf_error **err)
{
    vf_autofree char *text = vf_asprintf("%d %llu\n", pid, start_time(pid));
    return vf_replace_file(path, text, strlen(text), 0644, err);
}

pid_t lab_pidfile_read(const char *path)
{
    vf_autofree char *text = vf_read_file(path, 100, NULL, NULL);
    int pid;
    unsigned long long t;
    if (!text || sscanf(text, "%d %llu", &pid, &t) != 2 || pid <= 1 || start_time(pid) != t)
        return -1;
    return pid;
}

static int end_process(const char *pidfile, int sig, struct vf_error **err)
{
    pid_t pid = lab_pidfile_read(pidfile);
    if (pid < 0)
        return 0;
    kill(pid, sig);
    for (int64_t end = vf_clock_ms() + LAB_PATIENCE; lab_pidfile_read(pidfile) > 0; usleep(2000))
        if (vf_clock_ms() > end) {
            if (sig == SIGKILL)
                return vf_fail(err, VF_E_INTERNAL, "process %d does not end", pid);
            sig = SIGKILL;
            kill(pid, sig);
            end = vf_clock_ms() + LAB_PATIENCE;
        }
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int end_cluster(const char *cdir, struct vf_error **err)
{
    vf_autofree char *pidfile = vf_asprintf("%s/daemon.pid", cdir);
    int r = access(pidfile, F_OK) ? 0 : end_process(pidfile, SIGTERM, err);
    DIR *d = opendir(cdir);
    struct dirent *e;
    while (d && (e = readdir(d))) { /* nodes of a daemon that crashed */
        vf_autofree char *init = vf_asprintf("%s/%s/init.pid", cdir, e->d_name);
        if (e->d_name[0] != '.' && !access(init, F_OK))
            r |= end_process(init, SIGKILL, err);
    }
    if (d)
        closedir(d);
    return r;
}

int lab_down(const char *dir, bool keep, struct vf_error **err)
{
    vf_autofree char *marker = vf_asprintf("%s/.vmferry-lab", dir);
    if (access(marker, F_OK))
        return vf_fail(err, VF_E_NOTFOUND, "there is no lab in %s", dir);
    int r = 0;
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d))) { /* clusters and hosts */
        vf_autofree char *cdir = vf_asprintf("%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            r |= end_cluster(cdir, err);
    }
    if (d)
        closedir(d);
    if (r)
        return -1;
    if (keep)
        return unlink(marker) ? vf_fail_errno(err, errno, "cannot remove %s", marker) : 0;
    if (nftw(dir, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
        return vf_fail_errno(err, errno, "cannot remove %s", dir);
    return 0;
}
