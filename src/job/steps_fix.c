/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that change the source for the length of a move, because somebody agreed to it: what was
 * there is noted before, and put back when the move is undone, unless somebody else has changed it
 * meanwhile. High availability is in steps_around.c, the source host's SSH service in steps_ssh.c.
 */
#include "config.h"
#include "job/steps.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

static const char no_media[] = "none,media=cdrom";

/* ------------------------------------------------------------------ replication */

/* *THERE: job ID is one of VM's, and *ENABLED. */
static int look_replication(struct vf_job *job, const char *id, bool *there, bool *enabled,
                            struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    struct vf_replication *v = NULL;
    size_t n = 0;
    *there = *enabled = false;
    if (p->ops->replications(p, job->source->id, &v, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (vf_streq(v[i].id, id)) {
            *there = true;
            *enabled = v[i].enabled;
        }
    vf_replications_free(v, n);
    return 0;
}

static int suspend(struct vf_job *job, const char *id, struct vf_error **err)
{
    vf_autofree char *key = vf_asprintf("replication/%s", id);
    if (vf_job_intend(job, key, json_pack("{s:s}", "job", id), err) < 0 ||
        job->source_pve->ops->set_replication(job->source_pve, id, false, err) < 0)
        return -1;
    return vf_job_done(job, key, NULL, err);
}

int vf_step_replication(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    struct vf_replication *v = NULL;
    size_t n = 0;
    if (vf_job_was_done(job, "replication"))
        return 0;
    int r = p->ops->replications(p, job->source->id, &v, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (v[i].enabled)
            r = suspend(job, v[i].id, err);
    vf_replications_free(v, n);
    /* one that is made or switched on later is somebody else's */
    if (r < 0 || vf_job_intend(job, "replication", NULL, err) < 0)
        return -1;
    return vf_job_done(job, "replication", NULL, err);
}

int vf_undo_replication(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    const char *id = vf_json_str(rec->intent, "job");
    bool there, enabled;
    if (!id)
        return 0;
    if (look_replication(job, id, &there, &enabled, err) < 0)
        return -1;
    return there && !enabled ? job->source_pve->ops->set_replication(job->source_pve, id, true, err)
                             : 0;
}

/* ------------------------------------------------------------------ settings */

/* Sets OPTION of the source to VALUE for the length of the move. */
static int change(struct vf_job *job, const char *key, const char *option, const char *value,
                  struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    struct vf_provider *p = job->source_pve;
    vf_autoerror struct vf_error *why = NULL;
    if (vf_job_was_done(job, key))
        return 0;
    vf_autofree char *before = p->ops->option(p, s->node, s->id, option, &why);
    if (why)
        return vf_fail_with(err, VF_STEAL(why));
    const struct vf_record *r = vf_journal_find(job->journal, key);
    bool begun = r && r->state == VF_REC_INTENT && vf_streq(before, value);
    if (!begun && (vf_job_intend(job, key,
                                 json_pack("{s:s, s:s?, s:s}", "option", option, "before", before,
                                           "during", value),
                                 err) < 0 ||
                   p->ops->set_option(p, s->node, s->id, option, value, err) < 0))
        return -1;
    return vf_job_done(job, key, NULL, err);
}

static int put_back(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    struct vf_provider *p = job->source_pve;
    vf_autoerror struct vf_error *why = NULL;
    const char *option = vf_json_str(rec->intent, "option");
    vf_autofree char *now = p->ops->option(p, s->node, s->id, option, &why);
    if (why)
        return vf_fail_with(err, VF_STEAL(why));
    if (!vf_streq(now, vf_json_str(rec->intent, "during")))
        return 0; /* never changed, or somebody else's by now */
    return p->ops->set_option(p, s->node, s->id, option, vf_json_str(rec->intent, "before"), err);
}

int vf_step_eject(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    for (size_t i = 0; i < s->n_cdroms; i++) {
        const struct vf_cdrom *c = &s->cdroms[i];
        vf_autofree char *key = vf_asprintf("eject/%s", c->slot);
        const struct vf_record *r = vf_journal_find(job->journal, key);
        /* begun before an interruption, it may be empty by now */
        bool begun = r && r->state == VF_REC_INTENT;
        if (!c->cloudinit && (c->media || begun) && change(job, key, c->slot, no_media, err) < 0)
            return -1;
    }
    return 0;
}

int vf_undo_eject(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    return put_back(job, rec, err);
}

int vf_step_protection(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *now =
        job->source_pve->ops->option(job->source_pve, s->node, s->id, "protection", &why);
    if (why)
        return vf_fail_with(err, VF_STEAL(why));
    if (!vf_streq(now, "1") && !vf_journal_find(job->journal, "protection"))
        return 0; /* it has none */
    return change(job, "protection", "protection", "0", err);
}

int vf_undo_protection(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    return put_back(job, rec, err);
}

/* ------------------------------------------------------------------ what stays so */

static char *left_text(const struct vf_job *job, const struct vf_record *r)
{
    const char *before = vf_json_str(r->intent, "before");
    vf_autofree char *shown = before ? vf_escape(before) : NULL;
    if (vf_starts(r->key, "replication/"))
        return vf_asprintf(_("replication job %s stays switched off at %s"), r->key + 12,
                           job->plan->source);
    if (vf_starts(r->key, "eject/"))
        return vf_asprintf(_("the drive %s of the source stays empty (was %s)"), r->key + 6, shown);
    if (!strcmp(r->key, "protection") && vf_streq(before, "1"))
        return vf_asprintf(_("protection stays switched off, at the source and at the target: set "
                             "it where the VM is to stay"));
    if (!strcmp(r->key, "ssh-service") && vf_job_leaves_ssh_on(job))
        return vf_asprintf(_("the SSH service of %s is on still: switch it off there"),
                           job->plan->source);
    if (!strcmp(r->key, "ha"))
        return vf_asprintf(_("high availability still leaves the source alone (was %s)"),
                           vf_json_str(r->intent, "state"));
    return NULL;
}

json_t *vf_job_left_changed(const struct vf_job *job)
{
    json_t *v = json_array();
    for (size_t i = 0; i < vf_journal_count(job->journal); i++) {
        const struct vf_record *r = vf_journal_at(job->journal, i);
        vf_autofree char *text =
            r->state == VF_REC_INTENT || r->state == VF_REC_DONE ? left_text(job, r) : NULL;
        if (text)
            json_array_append_new(v, json_string(text));
    }
    return v;
}
