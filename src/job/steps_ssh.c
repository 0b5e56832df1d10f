/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The source host's SSH service, switched on because somebody agreed to it. Several imports share
 * it: who ends last of those that still run switches it off. Which jobs use it is in a file of this
 * machine, STATE/ssh-service/HOST, an ID a line; who changes the service or the file holds its
 * lock. A job that died is no user; when it is taken up again it becomes one, and what was switched
 * off meanwhile is switched on. */
#include "config.h"
#include "job/state.h"
#include "job/steps.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { LOCK_STEP_MS = 50, MOST = 1 << 20 };

static const char key[] = "ssh-service", back_key[] = "ssh-back";

struct users {
    int fd;
    bool known;    /* the file was there: this machine knows who uses it */
    bool listed;   /* with this job */
    bool any;      /* with others */
    char **others; /* those of them that run */
};

static void users_clear(struct users *u)
{
    if (u->fd >= 0)
        close(u->fd);
    vf_strv_free(u->others);
}

/* By the host, not by the cluster's name: two may name one. */
static char *users_path(const struct vf_job *job)
{
    const struct vf_cluster_conf *c = job->source_pve->conf;
    vf_autofree char *host = vf_url_host(c->urls && c->urls[0] ? c->urls[0] : "");
    vf_autofree char *safe = vf_url_encode(host && *host ? host : c->name);
    vf_autofree char *root = vf_state_root();
    return vf_asprintf("%s/%s/%s", root, key, safe);
}

static bool runs(const char *id)
{
    vf_autofree char *dir = vf_job_dir(id);
    return vf_job_is_locked(dir, NULL, NULL);
}

/* Waits for the lock; then nobody else changes file or service. */
static int users_open(struct vf_job *job, struct users *u, struct vf_error **err)
{
    vf_autofree char *path = users_path(job);
    vf_autofree char *dir = vf_strndup(path, (size_t)(strrchr(path, '/') - path));
    struct stat st;
    *u = (struct users){.fd = -1, .others = vf_strv_new()};
    u->known = stat(path, &st) == 0;
    if (vf_mkdirs(dir, 0700, err) < 0)
        return -1;
    u->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return vf_fail_errno(err, errno, "%s", path);
    while (flock(u->fd, LOCK_EX | LOCK_NB) < 0)
        if (errno != EWOULDBLOCK && errno != EINTR)
            return vf_fail_errno(err, errno, "%s", path);
        else if (vf_cancel_sleep(job->cancel, LOCK_STEP_MS, err) < 0)
            return -1;
    vf_autofree char *text = vf_xcalloc(1, MOST + 1);
    if (vf_pread_full(u->fd, text, MOST, 0) < 0)
        return vf_fail_errno(err, errno, "%s", path);
    vf_autostrv char **ids = vf_strv_split(text, "\n");
    for (char **id = ids; *id; id++)
        if (vf_streq(*id, job->id)) {
            u->listed = true;
        } else {
            u->any = true;
            if (!vf_strv_has(u->others, *id) && !strchr(*id, '/') && runs(*id))
                vf_strv_add(&u->others, *id);
        }
    return 0;
}

/* The file holds those that run, and (SELF) this job. */
static int users_write(const struct vf_job *job, const struct users *u, bool self,
                       struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    for (char **id = u->others; *id; id++)
        vf_buf_printf(&b, "%s\n", *id);
    if (self)
        vf_buf_printf(&b, "%s\n", job->id);
    if (ftruncate(u->fd, 0) < 0 || vf_pwrite_full(u->fd, vf_buf_str(&b), b.len, 0) < 0 ||
        fsync(u->fd) < 0) {
        vf_autofree char *path = users_path(job);
        return vf_fail_errno(err, errno, "%s", path);
    }
    return 0;
}

static int ssh_runs(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    if (!p->ops->ssh_service)
        return vf_fail(err, VF_E_UNSUPPORTED, _("%s has no SSH service that could be switched on"),
                       job->plan->source);
    return p->ops->ssh_service(p, job->source->node, err);
}

static int switch_ssh(struct vf_job *job, bool on, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    return p->ops->set_ssh_service(p, job->source->node, on, err);
}

/* ------------------------------------------------------------------ switched on */

/* Under the lock: this job is one of those that use it, and switches it off if it is the last. */
static int join(struct vf_job *job, const struct users *u, bool on, struct vf_error **err)
{
    if (vf_job_intend(job, key, NULL, err) < 0 || users_write(job, u, true, err) < 0 ||
        (!on && switch_ssh(job, true, err) < 0))
        return -1;
    return vf_job_done(job, key, NULL, err);
}

/* One that was on before any of us came is not noted, and so not switched off: others use it. */
static int switch_on(struct vf_job *job, const struct users *u, struct vf_error **err)
{
    const struct vf_record *r = vf_journal_find(job->journal, key);
    bool begun = r && r->state == VF_REC_INTENT, done = r && r->state == VF_REC_DONE;
    int on = ssh_runs(job, err);
    if (on < 0)
        return -1;
    /* others of us saw to it that it was switched off, and somebody else has switched it on */
    if (on && done && u->known && !u->listed && !u->any)
        return vf_job_fact(job, back_key, json_pack("{s:b}", "off", true), err);
    if (on && !done && !begun && !u->any)
        return 0;
    return join(job, u, on > 0, err);
}

int vf_step_ssh_service(struct vf_job *job, struct vf_error **err)
{
    struct users u;
    if (vf_job_was_done(job, back_key))
        return 0;
    int r = users_open(job, &u, err);
    if (r == 0)
        r = switch_on(job, &u, err);
    users_clear(&u);
    return r;
}

int vf_job_share_ssh(struct vf_job *job, struct vf_error **err)
{
    struct users u;
    struct stat st;
    if (!job->source_pve->ops->ssh_service || vf_journal_find(job->journal, key))
        return 0;
    vf_autofree char *path = users_path(job);
    if (stat(path, &st) < 0 || !st.st_size)
        return 0;
    int r = users_open(job, &u, err);
    if (r == 0 && *u.others)
        r = join(job, &u, true, err);
    users_clear(&u);
    return r;
}

/* ------------------------------------------------------------------ and off again */

/* *KEPT (caller frees): the job that uses it still, and switches it off at its end. */
static int give_back(struct vf_job *job, char **kept, struct vf_error **err)
{
    struct users u;
    *kept = NULL;
    int r = users_open(job, &u, err);
    if (r == 0 && *u.others) {
        *kept = vf_strdup(*u.others);
    } else if (r == 0) {
        int on = ssh_runs(job, err);
        r = on <= 0 ? on : switch_ssh(job, false, err);
    }
    if (r == 0)
        r = users_write(job, &u, false, err);
    users_clear(&u);
    return r;
}

int vf_undo_ssh_service(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    vf_autofree char *kept = NULL;
    return vf_job_was_done(job, back_key) && !vf_job_leaves_ssh_on(job)
               ? 0
               : give_back(job, &kept, err);
}

/* The VM is at the target by now: what is left to do here is told, and nothing is undone for it. */
int vf_step_ssh_back(struct vf_job *job, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *kept = NULL;
    if (!vf_job_was_done(job, key) || vf_job_was_done(job, back_key))
        return 0;
    if (vf_job_intend(job, back_key, NULL, err) < 0)
        return -1;
    bool off = give_back(job, &kept, &why) == 0;
    if (!off)
        vf_job_note(job, "warn", _("the SSH service of %s was switched on and is on still: %s"),
                    job->plan->source, vf_error_text(why));
    else if (kept)
        vf_job_note(job, "info",
                    _("the SSH service of %s stays on: job %s uses it, and switches it off at its "
                      "end"),
                    job->plan->source, kept);
    return vf_job_done(job, back_key, json_pack("{s:b, s:s*}", "off", off, "kept_by", kept), err);
}

bool vf_job_leaves_ssh_on(const struct vf_job *job)
{
    const struct vf_record *back = vf_journal_find(job->journal, back_key);
    return !back || back->state != VF_REC_DONE || !vf_json_true(back->result, "off");
}
