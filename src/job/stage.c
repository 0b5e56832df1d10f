/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs are made out of sight, in jobs/.STAGE/ID, and shown when they are whole: whoever dies while
 * he makes them leaves nothing that could be taken for a job, or for some of a batch. */
#include "config.h"
#include "job/stage.h"
#include "job/batch.h"
#include "job/state.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody takes that long to make jobs. */
enum { LOST_S = 3600 };

char *vf_stage_dir(const char *stage)
{
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/jobs/.%s", root, stage);
}

int vf_stage_commit(const char *from, const char *to, struct vf_error **err)
{
    if (rename(from, to) < 0)
        return vf_fail_errno(err, errno, "%s", to);
    vf_autofree char *above = vf_asprintf("%s/..", to);
    vf_autofd int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? vf_fail_errno(err, errno, "%s", above) : 0;
}

int vf_stage_show(const char *stage, struct vf_error **err)
{
    vf_autofree char *dir = vf_stage_dir(stage);
    DIR *d = opendir(dir);
    int r = 0;
    if (!d)
        return errno == ENOENT ? 0 : vf_fail_errno(err, errno, "%s", dir);
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        vf_autofree char *from = vf_asprintf("%s/%s", dir, e->d_name), *to = vf_job_dir(e->d_name);
        vf_autoerror struct vf_error *why = NULL;
        /* somebody else may be showing them, too */
        if (vf_stage_commit(from, to, &why) < 0 && access(to, F_OK) < 0)
            r = vf_fail_with(err, VF_STEAL(why));
    }
    closedir(d);
    rmdir(dir);
    return r;
}

void vf_stage_forget(const char *dir)
{
    DIR *d = opendir(dir);
    /* all of it is ours, half written files too; unlinkat() removes no folder */
    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

void vf_stage_drop(const char *stage)
{
    vf_autofree char *dir = vf_stage_dir(stage);
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        vf_autofree char *job = vf_asprintf("%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            vf_stage_forget(job);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

static bool is_lost(const char *dir)
{
    struct stat st;
    return stat(dir, &st) == 0 && vf_clock_unix() - st.st_mtime > LOST_S;
}

static void tidy_jobs(const char *stage)
{
    vf_autofree char *dir = vf_stage_dir(stage), *batch = vf_batch_dir(stage);
    vf_autoerror struct vf_error *why = NULL;
    if (access(batch, F_OK) == 0 && vf_stage_show(stage, &why) < 0)
        vf_warn("job", "%s", vf_error_text(why));
    else if (is_lost(dir))
        vf_stage_drop(stage);
}

static void tidy_batch(const char *stage)
{
    vf_autofree char *hidden = vf_asprintf(".%s", stage), *dir = vf_batch_dir(hidden);
    if (is_lost(dir))
        vf_stage_forget(dir);
}

void vf_stage_tidy(void)
{
    static const struct {
        const char *folder;
        void (*tidy)(const char *stage);
    } places[] = {{"jobs", tidy_jobs}, {"batches", tidy_batch}};
    vf_autofree char *root = vf_state_root();
    for (size_t i = 0; i < VF_COUNT(places); i++) {
        vf_autofree char *path = vf_asprintf("%s/%s", root, places[i].folder);
        vf_autostrv char **found = vf_strv_new();
        DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d));)
            if (e->d_name[0] == '.' && e->d_name[1] && e->d_name[1] != '.')
                vf_strv_add(&found, e->d_name + 1);
        if (d)
            closedir(d);
        for (size_t k = 0; found[k]; k++)
            places[i].tidy(found[k]);
    }
}
