/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An API token of the job's own at each cluster that it logged in to with a password: a move may
 * outlast its ticket, and nobody may be there then to log in again. Its secret is in memory only;
 * its name is in the journal, so that it is removed however the job ends. */
#include "config.h"
#include "job/steps.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

enum { DAYS = 7 };

static const struct {
    const char *key;
    bool target;
} ends[] = {{"token/source", false}, {"token/target", true}};

static struct vf_provider *provider(const struct vf_job *job, size_t i)
{
    return ends[i].target ? job->target_pve : job->source_pve;
}

static const char *user_at(const struct vf_job *job, size_t i)
{
    struct vf_provider *p = provider(job, i);
    return p->ops->password_user ? p->ops->password_user(p) : NULL;
}

bool vf_job_logs_in_by_password(const struct vf_job *job)
{
    return user_at(job, 0) || user_at(job, 1);
}

/* Does Proxmox's migration perhaps still run with it? */
static bool in_use(const struct vf_job *job, size_t i)
{
    const struct vf_record *m = vf_journal_find(job->journal, "migrate");
    return ends[i].target && m && m->state == VF_REC_INTENT;
}

/* Could the token be there? */
static bool may_exist(const struct vf_record *r)
{
    return r && (r->state == VF_REC_INTENT || r->state == VF_REC_DONE);
}

static int make_one(struct vf_job *job, size_t i, const char *user, struct vf_error **err)
{
    struct vf_provider *p = provider(job, i);
    vf_autofree char *name = vf_asprintf("vmferry-%s", job->id);
    vf_autofree char *comment = vf_asprintf("vmferry job %s, while it runs", job->id);
    /* a process of this job that is gone has made it, and its secret is gone too */
    if (may_exist(vf_journal_find(job->journal, ends[i].key)) &&
        p->ops->remove_token(p, user, name, err) < 0)
        return -1;
    if (vf_job_intend(job, ends[i].key, json_pack("{s:s, s:s}", "user", user, "name", name), err) <
        0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    if (p->ops->make_token(p, name, comment, vf_clock_unix() + DAYS * 86400, &why) == 0)
        return vf_job_done(job, ends[i].key, NULL, err);
    if (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    vf_job_note(job, "info",
                _("%s; the job goes on without: if it outlasts its login, a person is asked"),
                vf_error_text(why));
    return vf_job_failed(job, ends[i].key, why, err);
}

int vf_step_token(struct vf_job *job, struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(ends); i++) {
        const char *user = user_at(job, i);
        /* one that an earlier process gave to a migration is not taken away from it */
        bool kept = in_use(job, i) && may_exist(vf_journal_find(job->journal, ends[i].key));
        if (user && !kept && make_one(job, i, user, err) < 0)
            return -1;
    }
    return 0;
}

int vf_job_renew_token(struct vf_job *job, struct vf_error **err)
{
    const char *user = user_at(job, 1);
    const struct vf_record *r = vf_journal_find(job->journal, ends[1].key);
    return user && may_exist(r) && r->earlier ? make_one(job, 1, user, err) : 0;
}

static int remove_one(struct vf_job *job, size_t i, struct vf_error **err)
{
    const struct vf_record *r = vf_journal_find(job->journal, ends[i].key);
    if (!may_exist(r))
        return 0;
    vf_autofree char *user = vf_strdup(vf_json_str(r->intent, "user"));
    vf_autofree char *name = vf_strdup(vf_json_str(r->intent, "name"));
    if (!user || !name)
        return 0;
    if (in_use(job, i)) {
        vf_job_note(job, "warn",
                    _("the API token %s!%s is kept: Proxmox's migration may still be running with "
                      "it. It expires by itself within %d days; on a node: pveum user token "
                      "remove '%s' %s"),
                    user, name, DAYS, user, name);
        return 0;
    }
    vf_autoerror struct vf_error *why = NULL;
    struct vf_provider *p = vf_job_connect(job, &why) < 0 ? NULL : provider(job, i);
    if (p && p->ops->remove_token(p, user, name, &why) == 0)
        return vf_job_undone(job, ends[i].key, err);
    vf_job_note(
        job, "warn",
        _("the API token %s!%s could not be removed: %s. It expires by itself within %d days; "
          "on a node: pveum user token remove '%s' %s"),
        user, name, vf_error_text(why), DAYS, user, name);
    return 0;
}

void vf_job_drop_tokens(struct vf_job *job)
{
    bool any = false;
    for (size_t i = 0; i < VF_COUNT(ends); i++)
        any = any || may_exist(vf_journal_find(job->journal, ends[i].key));
    if (!any)
        return;
    vf_job_calm(job);
    for (size_t i = 0; i < VF_COUNT(ends); i++) {
        vf_autoerror struct vf_error *err = NULL;
        if (remove_one(job, i, &err) < 0)
            vf_job_note(job, "warn", "%s", vf_error_text(err));
    }
}
