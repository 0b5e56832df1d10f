/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The copying: hosts, disks, verification. */
#include "config.h"
#include "job/forecast.h"
#include "job/identity.h"
#include "job/job_text.h"
#include "job/lease.h"
#include "job/steps.h"
#include "job/sums.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

int vf_step_hosts(struct vf_job *job, struct vf_error **err)
{
    bool all = true;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("copy/%s", job->plan->disks[i].slot);
        all = all && vf_job_was_done(job, key);
    }
    if (vf_job_rehearses_live(job))
        all = vf_journal_find(job->journal, "rename") != NULL;
    if (all)
        return 0;
    if (vf_job_share_ssh(job, err) < 0 || vf_job_hosts_open(job, err) < 0 ||
        vf_lease_begin(job, err) < 0 || vf_job_find_shared(job, err) < 0)
        return -1;
    const char *route = vf_route_text(vf_carrier_route(job->carrier));
    if (vf_job_done(job, "hosts", json_pack("{s:s}", "route", route), err) < 0)
        return -1;
    vf_job_forecast_first(job);
    return 0;
}

/* Keys and helper files left on either host: whatever ended this job's movers, they go now. */
int vf_undo_hosts(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    vf_job_hosts_close(job);
    int failed = 0;
    for (int target = 0; target < 2; target++) {
        vf_autoerror struct vf_error *why = NULL;
        const struct vf_plan_disk *d = &job->plan->disks[0];
        const struct vf_disk *s = vf_vm_disk(job->source, d->slot);
        bool here = !target && vf_job_fetches(job);
        vf_auto(vf_ssh_free) struct vf_ssh *ssh =
            here ? NULL
                 : vf_job_ssh(job, target, target ? job->plan->target_node : job->source->node,
                              target ? d->storage
                              : s    ? s->storage
                                     : NULL,
                              &why);
        bool left = (!ssh && !here) || vf_mover_cleanup(ssh, job->id, false, &why) < 0;
        if (left) {
            vf_fail_with(err, VF_STEAL(why));
            failed = -1;
        }
        if (!target)
            job->source_held = left;
    }
    return failed;
}

void vf_job_sweep_hosts(struct vf_job *job)
{
    vf_autoerror struct vf_error *why = NULL;
    if (vf_undo_hosts(job, NULL, &why) < 0)
        vf_job_note(job, "warn", _("keys or helper files may be left on the hosts: %s"),
                    vf_error_text(why));
}

int vf_job_source_down(struct vf_job *job, struct vf_error **err)
{
    enum vf_vm_state state;
    if (job->source_pve->ops->state(job->source_pve, job->source->node, job->source->id, &state,
                                    err) < 0)
        return -1;
    if (state == VF_VM_STOPPED)
        return 0;
    return vf_fail(err, VF_E_CONFLICT,
                   _("%s runs again at the source: what is copied is no longer what it has"),
                   job->source->name);
}

static json_t *result_json(const struct vf_copy_result *r, double seconds)
{
    return json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:s?, s:s?}",
                     "seconds", seconds, "again", (json_int_t)r->again, "size", (json_int_t)r->size,
                     "read", (json_int_t)r->read, "sent", (json_int_t)r->sent, "zero",
                     (json_int_t)r->zero, "same", (json_int_t)r->same, "committed",
                     (json_int_t)r->committed, "verified", (json_int_t)r->verified, "wire",
                     (json_int_t)r->wire, "source_hash", r->source_hash, "target_hash",
                     r->target_hash, "verified_how", r->verified_how);
}

char *vf_job_mark_path(const struct vf_job *job, const char *slot)
{
    return vf_asprintf("%s/copy-%s.mark", job->dir, slot);
}

/* One copy of a disk, with what is needed around it. */
struct disk_copy {
    struct vf_job *job;
    size_t i;
    bool live;
    struct vf_cancel *cancel;
    char *key, *from, *to, *mark;
    struct vf_volume source, target;
    uint64_t unread; /* bytes of zeroes, by what the source's host says */
    bool first;      /* nothing was ever written */
    bool done;       /* by an earlier start */
    int64_t begun;   /* ms */
};

static void clear_ends(struct disk_copy *c)
{
    vf_str_set(&c->from, NULL);
    vf_str_set(&c->to, NULL);
    vf_volume_clear(&c->source);
    vf_volume_clear(&c->target);
}

static void clear_copy(struct disk_copy *c)
{
    clear_ends(c);
    free(c->key);
    free(c->mark);
}

/* What the host says is zero is not read where all that is copied is compared with the host's own
 * hashes afterwards. */
static void leave_holes_out(struct disk_copy *c)
{
    struct vf_job *job = c->job;
    struct vf_provider *p = job->source_pve;
    const char *volume = job->plan->disks[c->i].volume;
    c->unread = 0;
    if (c->live || !p->ops->without_holes || !vf_job_hashes_source(job))
        return;
    char *path = p->ops->without_holes(p, job->source->node, volume, c->from, &c->unread);
    if (!path)
        return;
    free(c->from);
    c->from = path;
}

static int look_up(struct disk_copy *c, struct vf_error **err)
{
    struct vf_job *job = c->job;
    const struct vf_plan_disk *d = &job->plan->disks[c->i];
    const char *volume = job->disks[c->i].volume;
    clear_ends(c);
    c->from = vf_job_volume_path(job, false, job->source->node, d->volume, &c->source, err);
    if (c->from)
        c->to = vf_job_volume_path(job, true, job->plan->target_node, volume, &c->target, err);
    if (!c->to || (!c->live && vf_job_source_down(job, err) < 0))
        return -1;
    /* somebody may have put another volume in its place since it was made */
    if (c->target.size < d->size || !vf_streq(c->target.format, d->format))
        return vf_fail(err, VF_E_CONFLICT,
                       _("volume %s at the target is not the one this job made: nothing is "
                         "written"),
                       volume);
    leave_holes_out(c);
    return 0;
}

/* What was read is only good if nobody wrote meanwhile. */
static int look_back(struct disk_copy *c, struct vf_error **err)
{
    return c->live ? 0 : vf_job_source_down(c->job, err);
}

void vf_job_note_retry(struct vf_job *job, const struct vf_error *why, int64_t end)
{
    int64_t left = end - vf_clock_awake_ms();
    vf_autofree char *span = vf_format_duration(left > 0 ? (double)left / 1000 : 0);
    atomic_fetch_add(&job->retries, 1);
    vf_job_note(job, "warn", _("%s; trying again for up to %s"), vf_error_text(why), span);
}

/* The API may be out of reach for a while, as the hosts may: WHAT is tried again. */
static int patiently(struct disk_copy *c, int (*what)(struct disk_copy *c, struct vf_error **err),
                     struct vf_error **err)
{
    const int64_t end = vf_clock_awake_ms() + vf_clock_limit(VF_T_RECONNECT);
    const int most = vf_clock_limit(VF_T_RETRY_MOST);
    for (int delay = vf_clock_limit(VF_T_RETRY);; delay = 2 * delay < most ? 2 * delay : most) {
        vf_autoerror struct vf_error *e = NULL;
        pthread_mutex_lock(&c->job->hands);
        int r = what(c, &e);
        pthread_mutex_unlock(&c->job->hands);
        if (r == 0)
            return 0;
        if (!vf_error_is_transient(e) || vf_clock_awake_ms() + delay > end)
            return vf_fail_with(err, VF_STEAL(e));
        vf_job_note_retry(c->job, e, end);
        if (vf_cancel_sleep(c->cancel, delay, err) < 0)
            return -1;
    }
}

uint64_t vf_job_unread(const struct vf_job *job, const char *slot)
{
    vf_autofree char *key = vf_asprintf("copy/%s", slot);
    const struct vf_record *r = vf_journal_find(job->journal, key);
    return r ? (uint64_t)vf_json_int(r->intent, "unread") : 0;
}

/* What an earlier start left unread stands at the target, too. */
static int intend(struct disk_copy *c, struct vf_error **err)
{
    struct vf_job *job = c->job;
    const struct vf_plan_disk *d = &job->plan->disks[c->i];
    uint64_t before = c->live ? 0 : vf_job_unread(job, d->slot);
    json_t *data =
        json_pack("{s:s, s:s}", "from", vf_job_fetches(job) ? d->volume : c->from, "to", c->to);
    if (c->unread > before)
        before = c->unread;
    if (before)
        json_object_set_new(data, "unread", json_integer((json_int_t)before));
    if (vf_job_intend(job, c->key, data, err) < 0)
        return -1;
    vf_autofree char *bytes = vf_format_bytes(c->unread);
    if (c->unread)
        vf_job_note(
            job, "info",
            _("%s: %s of it were never written to, by what the host says: they are not "
              "read, and all of the disk is compared with the host's own hashes afterwards"),
            d->slot, bytes);
    return 0;
}

static int before_copy(struct disk_copy *c, struct vf_error **err)
{
    struct vf_job *job = c->job;
    const char *slot = job->disks[c->i].slot;
    vf_autofree char *live = vf_asprintf("precopy/%s", slot);
    vf_autofree char *down = vf_asprintf("copy/%s", slot);
    c->begun = vf_clock_ms();
    c->key = vf_strdup(c->live ? live : down);
    c->mark = vf_job_mark_path(job, slot);
    c->done = vf_job_was_done(job, c->key) != NULL;
    if (c->done)
        return 0;
    c->first = !vf_journal_find(job->journal, live) && !vf_journal_find(job->journal, down);
    return patiently(c, look_up, err) < 0 ? -1 : intend(c, err);
}

static int after_copy(struct disk_copy *c, struct vf_error **err)
{
    struct vf_job *job = c->job;
    const struct vf_copy_result *r = &job->disks[c->i].result;
    double seconds = (double)(vf_clock_ms() - c->begun) / 1000;
    if (patiently(c, look_back, err) < 0 ||
        vf_job_done(job, c->key, result_json(r, seconds), err) < 0)
        return -1;
    vf_copy_forget(c->mark);
    vf_autofree char *again = vf_format_bytes(r->again);
    if (r->again)
        vf_job_note(job, "info",
                    _("%s: %s that were copied before have been compared again: nothing told that "
                      "the source was still the same (it was written to, or read another way)"),
                    job->disks[c->i].slot, again);
    if (c->live)
        return 0;
    vf_autofree char *sent = vf_format_bytes(r->sent), *zero = vf_format_bytes(r->zero);
    vf_job_note(job, "info", _("%s: %s copied, %s of zeroes skipped, %s"), job->disks[c->i].slot,
                sent, zero, vf_verified_text(r->verified_how));
    return 0;
}

static int carry(struct disk_copy *c, struct vf_error **err)
{
    struct vf_job *job = c->job;
    const struct vf_plan_disk *d = &job->plan->disks[c->i];
    struct vf_job_disk *jd = &job->disks[c->i];
    struct vf_copy_opts o = {
        .source = {.path = c->from, .format = c->source.format, .size = d->size},
        .target = {.path = c->to, .format = c->target.format, .size = d->size},
        .rate_now = &job->rate,
        .compress = job->plan->compress,
        .verify = (!c->live || job->plan->rehearse) && job->plan->verify == VF_VERIFY_FULL,
        .target_fresh = c->first,
        .delta = !c->first, /* an earlier start may have brought most of it */
        .cancel = c->cancel,
        .job = job->id,
        .live = c->live,
        .mark = c->live ? NULL : c->mark, /* of a disk that changes nothing is known */
    };
    vf_auto(vf_copy_free) struct vf_copy *copy = vf_copy_new(&o, &jd->progress);
    atomic_store(&jd->copying, true);
    int r = vf_carrier_copy(job->carrier, copy, &jd->progress, c->cancel, &jd->result, err);
    atomic_store(&jd->copying, false);
    return r < 0 ? vf_fail_prefix(err, _("copying %s"), d->slot) : 0;
}

static int copy_disk(struct vf_job *job, size_t i, bool live, struct vf_cancel *cancel,
                     struct vf_error **err)
{
    struct disk_copy c = {.job = job, .i = i, .live = live, .cancel = cancel};
    int r = before_copy(&c, err);
    if (r == 0 && !c.done)
        r = carry(&c, err);
    if (r == 0 && !c.done)
        r = after_copy(&c, err);
    if (r == 0 && c.done && !live)
        atomic_store(&job->disks[i].progress.done, job->plan->disks[i].size);
    clear_copy(&c);
    return r;
}

int vf_job_copy_disk(struct vf_job *job, size_t i, bool live, struct vf_error **err)
{
    job->live = live;
    int r = copy_disk(job, i, live, job->cancel, err);
    job->live = false;
    return r;
}

/* ---- several at once ---- */

enum { AT_ONCE = 2 };

struct crew {
    struct vf_job *job;
    struct vf_cancel *cancel; /* when one has failed */
    pthread_mutex_t lock;
    size_t next;
    struct vf_error *why; /* the first cause */
};

/* While one disk is flushed and read back, another keeps the line busy; but with one core they only
 * take it from each other. */
static size_t at_once(struct vf_job *job)
{
    size_t n = job->plan->n_disks;
    if (!job->carrier || vf_carrier_cores(job->carrier) < 2)
        return 1;
    return n < AT_ONCE ? n : AT_ONCE;
}

static void *crew_main(void *arg)
{
    struct crew *w = arg;
    struct vf_job *job = w->job;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        size_t i = w->why ? job->plan->n_disks : w->next++;
        pthread_mutex_unlock(&w->lock);
        if (i >= job->plan->n_disks)
            return NULL;
        struct vf_error *e = NULL;
        if (copy_disk(job, i, false, w->cancel, &e) == 0)
            continue;
        pthread_mutex_lock(&w->lock);
        vf_fail_with(&w->why, e);
        pthread_mutex_unlock(&w->lock);
        vf_cancel_fire(w->cancel, _("another disk of the VM could not be copied"));
        return NULL;
    }
}

int vf_step_copy(struct vf_job *job, struct vf_error **err)
{
    struct crew w = {.job = job, .cancel = vf_cancel_new(job->cancel)};
    if (vf_job_share_ssh(job, err) < 0 || vf_job_note_written(job, err) < 0) {
        vf_cancel_free(w.cancel);
        return -1;
    }
    if (!job->sums && vf_job_hashes_source(job))
        job->sums = vf_sums_begin(job);
    pthread_mutex_init(&w.lock, NULL);
    pthread_t others[AT_ONCE];
    size_t n = at_once(job), started = 0;
    while (started + 1 < n && pthread_create(&others[started], NULL, crew_main, &w) == 0)
        started++;
    crew_main(&w);
    for (size_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
    vf_cancel_free(w.cancel);
    pthread_mutex_destroy(&w.lock);
    if (w.why)
        vf_sums_free(VF_STEAL(job->sums));
    return w.why ? vf_fail_with(err, w.why) : 0;
}

/* Nothing is believed here but the journal's record of a finished, compared copy. */
int vf_step_verify(struct vf_job *job, struct vf_error **err)
{
    /* a disk that was copied an hour ago has not been locked since */
    if (vf_job_source_down(job, err) < 0 || vf_job_check_written(job, err) < 0)
        return -1;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        vf_autofree char *key = vf_asprintf("copy/%s", d->slot);
        const struct vf_record *r = vf_job_was_done(job, key);
        const char *ours = r ? vf_json_str(r->result, "source_hash") : NULL;
        bool full = job->plan->verify == VF_VERIFY_FULL;
        if (!r || (uint64_t)vf_json_int(r->result, "size") != d->size)
            return vf_fail(err, VF_E_CORRUPT, _("disk %s was not copied completely"), d->slot);
        if (full && (!ours || !vf_streq(ours, vf_json_str(r->result, "target_hash"))))
            return vf_fail(err, VF_E_CORRUPT, _("disk %s at the target is not what the source has"),
                           d->slot);
        struct vf_volume v = {0};
        if (job->target_pve->ops->volume(job->target_pve, job->plan->target_node,
                                         job->disks[i].volume, &v, err) < 0)
            return -1;
        bool right = v.size >= d->size && vf_streq(v.format, d->format);
        vf_volume_clear(&v);
        if (!right)
            return vf_fail(err, VF_E_CORRUPT, _("disk %s at the target changed its size or format"),
                           d->slot);
    }
    return 0;
}
