/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/state.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum { LOCK_TRIES = 10, LOOKED_AT_TRIES = 500, LOCK_STEP_MS = 20 };

char *vf_state_root(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg && *xdg == '/')
        return vf_asprintf("%s/vmferry", xdg);
    if (geteuid() == 0 || !home || *home != '/')
        return vf_strdup("/var/lib/vmferry");
    return vf_asprintf("%s/.local/state/vmferry", home);
}

char *vf_job_new_id(void)
{
    time_t now = (time_t)vf_clock_unix();
    struct tm tm;
    char stamp[32];
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
    vf_autofree char *tail = vf_random_hex(3);
    return vf_asprintf("%s-%s", stamp, tail);
}

char *vf_job_dir(const char *id)
{
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/jobs/%s", root, id);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **vf_job_ids(void)
{
    vf_autofree char *root = vf_state_root();
    vf_autofree char *path = vf_asprintf("%s/jobs", root);
    char **v = vf_strv_new();
    DIR *d = opendir(path);
    if (!d)
        return v;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            vf_strv_add(&v, e->d_name);
    closedir(d);
    qsort(v, vf_strv_len(v), sizeof *v, by_name);
    return v;
}

char *vf_job_resolve(const char *ref, struct vf_error **err)
{
    vf_autostrv char **ids = vf_job_ids();
    size_t n = vf_strv_len(ids);
    const char *found = ref ? NULL : n ? ids[n - 1] : NULL;
    for (size_t i = 0; ref && i < n; i++) {
        if (!strcmp(ids[i], ref))
            return vf_strdup(ids[i]);
        if (!vf_starts(ids[i], ref))
            continue;
        if (found) {
            vf_fail(err, VF_E_CONFLICT, _("several jobs begin with %s: give more of the ID"), ref);
            return NULL;
        }
        found = ids[i];
    }
    if (!found && ref)
        vf_fail(err, VF_E_NOTFOUND, _("there is no job %s; vmferry jobs lists them"), ref);
    else if (!found)
        vf_fail(err, VF_E_NOTFOUND, _("there are no jobs yet"));
    return vf_strdup(found);
}

/* Who holds the lock has written its number and the time into it. */
static void read_holder(int fd, pid_t *pid, int64_t *since)
{
    char text[64] = "";
    long long number = 0, seconds = 0;
    ssize_t n = vf_pread_full(fd, text, sizeof text - 1, 0);
    if (n <= 0 || sscanf(text, "%lld %lld", &number, &seconds) != 2)
        number = seconds = 0;
    if (pid)
        *pid = (pid_t)number;
    if (since)
        *since = seconds;
}

static int held(int fd, struct vf_error **err)
{
    pid_t pid;
    int64_t since;
    read_holder(fd, &pid, &since);
    if (!pid)
        return vf_fail(err, VF_E_CONFLICT, _("this job is running already: vmferry attach"));
    vf_autofree char *stamp = vf_clock_stamp(since);
    return vf_fail(err, VF_E_CONFLICT,
                   _("this job is running already (process %d on this machine, since %s): vmferry "
                     "attach"),
                   (int)pid, stamp);
}

int vf_job_lock(const char *dir, struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/lock", dir);
    vf_autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return vf_fail_errno(err, errno, "%s", path);
    /* who only looks whether it is held shares it for an instant, which may be long on a machine
     * that is busy: that one does no work on the job */
    for (int tries = LOCK_TRIES, looks = LOOKED_AT_TRIES; flock(fd, LOCK_EX | LOCK_NB) < 0;) {
        if (errno != EWOULDBLOCK)
            return vf_fail_errno(err, errno, "%s", path);
        bool looked_at = flock(fd, LOCK_SH | LOCK_NB) == 0 && flock(fd, LOCK_UN) == 0;
        if (!--*(looked_at ? &looks : &tries) || vf_cancel_sleep(NULL, LOCK_STEP_MS, NULL) < 0)
            return held(fd, err);
    }
    vf_autofree char *text =
        vf_asprintf("%lld %lld\n", (long long)getpid(), (long long)vf_clock_unix());
    /* for messages only: a full disk does not keep a job from going on */
    if (ftruncate(fd, 0) < 0 || vf_pwrite_full(fd, text, strlen(text), 0) < 0)
        vf_warn("job", "%s: %s", path, strerror(errno));
    return VF_STEAL_FD(fd);
}

bool vf_job_is_locked(const char *dir, pid_t *pid, int64_t *since)
{
    vf_autofree char *path = vf_asprintf("%s/lock", dir);
    vf_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    if (locked)
        read_holder(fd, pid, since);
    return locked;
}
