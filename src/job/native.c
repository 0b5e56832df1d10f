/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving by the platform's own migration: what of a plan it cannot do, and the step that drives it.
 * The platform hands the VM over by itself, at a moment nobody tells: whether it did is judged by
 * what both sides say afterwards, never by how the task ended. */
#include "config.h"
#include "job/identity.h"
#include "job/steps.h"
#include "plan/name.h"
#include "provider/native.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* How long an API call that starts a migration may go on after nobody hears its answer: it dials
 * the target first. */
enum { TASK_MS = 30 * 1000 };

bool vf_job_is_native(const struct vf_job *job)
{
    return job->plan->method == VF_METHOD_REMOTE_MIGRATE;
}

/* ------------------------------------------------------------------ what it cannot do */

static void stop(struct vf_findings *f, const char *subject, const char *cure, const char *text)
{
    vf_autofree char *both =
        cure ? vf_asprintf(_("%s; or use --method=copy"), cure) : vf_strdup(_("use --method=copy"));
    vf_finding_add(f, VF_STOP, subject, both, "%s", text);
}

static const struct vf_storage *storage(const struct vf_storage *v, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (vf_streq(v[i].name, name))
            return &v[i];
    return NULL;
}

/* Storages and bridges are mapped as such, not disk by disk and card by card. */
static void check_maps(const struct vf_plan *p, const struct vf_vm *s, struct vf_findings *f)
{
    for (size_t i = 0; i < p->n_disks; i++)
        for (size_t k = 0; k < i; k++) {
            const struct vf_disk *a = vf_vm_disk(s, p->disks[i].slot),
                                 *b = vf_vm_disk(s, p->disks[k].slot);
            if (a && b && vf_streq(a->storage, b->storage) &&
                !vf_streq(p->disks[i].storage, p->disks[k].storage))
                stop(f, a->slot, _("give all disks of one storage one target storage"),
                     _("Proxmox's migration sends every disk of a storage to the same one"));
        }
    for (size_t i = 0; i < p->n_nics && p->n_nics == s->n_nics; i++) {
        vf_autofree char *what = vf_asprintf("net%u", p->nics[i].index);
        for (size_t k = 0; k < i; k++)
            if (s->nics[i].bridge && vf_streq(s->nics[i].bridge, s->nics[k].bridge) &&
                !vf_streq(p->nics[i].bridge, p->nics[k].bridge))
                stop(f, what, _("give all cards of one bridge one target bridge"),
                     _("Proxmox's migration puts every card of a bridge on the same one"));
        if (p->nics[i].mac_mode == VF_MAC_NEW ||
            (p->nics[i].mac_mode == VF_MAC_GIVEN && !vf_streq(p->nics[i].mac, s->nics[i].mac)))
            stop(f, what, _("keep the address"),
                 _("Proxmox's migration carries the MAC address, which a running guest uses"));
    }
}

/* The VM arrives as it is. */
static void check_hardware(const struct vf_plan *p, const struct vf_vm *s, struct vf_findings *f)
{
    static const char cure[] = N_("leave it out of the plan, and change it afterwards");
    for (size_t i = 0; i < p->n_disks; i++) {
        const struct vf_plan_disk *d = &p->disks[i];
        if (!vf_streq(vf_plan_slot(d), d->slot) || d->cache || d->discard >= 0 || d->ssd >= 0 ||
            d->iothread >= 0)
            stop(f, d->slot, _(cure), _("Proxmox's migration keeps slots and options of disks"));
    }
    for (size_t i = 0; i < p->n_nics; i++) {
        const struct vf_plan_nic *n = &p->nics[i];
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        if (n->model || n->tag != VF_VLAN_KEEP || n->disconnected >= 0)
            stop(f, what, _(cure),
                 _("Proxmox's migration keeps the model, VLAN tag and link of network cards"));
    }
    if (p->cpu)
        stop(f, s->name, _(cure), _("Proxmox's migration keeps the processor type"));
}

static void check_formats(const struct vf_plan *p, const struct vf_vm *s,
                          const struct vf_storage *storages, size_t n, struct vf_findings *f)
{
    for (size_t i = 0; i < p->n_disks; i++) {
        const struct vf_plan_disk *d = &p->disks[i];
        const struct vf_disk *from = vf_vm_disk(s, d->slot);
        const struct vf_storage *to = storage(storages, n, d->storage);
        if (!from || vf_streq(from->format, d->format))
            continue;
        if (s->state == VF_VM_STOPPED)
            stop(f, d->slot, _("choose a storage that takes its format, or start the VM"),
                 _("Proxmox's migration of a stopped VM keeps the format of its disks"));
        else if (to && (vf_strv_has(to->formats, from->format) ||
                        !vf_streq(to->formats ? to->formats[0] : NULL, d->format)))
            stop(f, d->slot, _("leave --format out"),
                 _("Proxmox's migration chooses the format itself"));
    }
}

int vf_native_preflight(const struct vf_plan *p, const struct vf_vm *s, struct vf_provider *src,
                        struct vf_provider *dst, const struct vf_storage *storages, size_t n,
                        struct vf_findings *f, struct vf_error **err)
{
    if (!src->ops->native || !dst->ops->native) {
        stop(f, s->name, NULL, _("only Proxmox VE has a migration of its own between clusters"));
        return 0;
    }
    if (!p->copy_disks)
        stop(f, "--skip-disks", _("leave it out"), _("Proxmox's migration moves the disks"));
    else if (s->state == VF_VM_RUNNING && !p->start)
        stop(f, "--skip-start", _("leave it out, or shut the VM down first"),
             _("a running VM is migrated live and runs at the target"));
    if (p->wait_before_start && s->state == VF_VM_RUNNING)
        stop(f, "--wait-before-start", _("leave it out"),
             _("a VM that is migrated live is never down"));
    if (p->start_stopped && s->state == VF_VM_STOPPED)
        stop(f, "start-stopped", _("leave it out, or move it by --method=copy"),
             _("Proxmox's migration leaves a stopped VM stopped"));
    if (!s->n_disks)
        stop(f, s->name, NULL, _("it has no disks, so no storage can be named for them"));
    if (p->target_name && !vf_streq(p->target_name, s->name))
        stop(f, p->target_name, _("rename it afterwards"),
             _("Proxmox's migration carries the VM's name"));
    for (size_t i = 0; i < s->n_disks; i++)
        if (s->disks[i].linked)
            stop(f, s->disks[i].slot, _("make it a full disk with \"Move disk\""),
                 _("a linked clone of a template is not migrated without it"));
    check_maps(p, s, f);
    check_hardware(p, s, f);
    check_formats(p, s, storages, n, f);
    if (src->ops->native->refusals(src, p, s, f, err) < 0)
        return -1;
    return src->ops->native->rights(src, dst, p, s, f, err);
}

bool vf_native_carries(const struct vf_left_out *l)
{
    static const char *const others[] = {"backup job", "permission of", "high availability",
                                         "pool "};
    for (size_t i = 0; i < VF_COUNT(others); i++)
        if (vf_starts(l->what, others[i]))
            return false;
    return true;
}

/* ------------------------------------------------------------------ driving it */

/* Each line goes to the log; numbers to those who watch. */
static void on_line(void *opaque, const char *text)
{
    struct vf_job *job = opaque;
    struct vf_migrate_line l;
    vf_autofree char *shown = vf_escape(text);
    vf_info("migrate", "%s", shown);
    vf_migrate_line_parse(text, &l);
    struct vf_job_disk *d = l.kind == VF_LINE_MEMORY ? &job->memory : NULL;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        if (l.kind == VF_LINE_DISK && vf_streq(job->disks[i].slot, l.slot))
            d = &job->disks[i];
        if (l.kind == VF_LINE_VOLUME && vf_streq(job->plan->disks[i].volume, l.volume))
            vf_str_set(&job->disks[i].volume, l.target);
    }
    if (l.kind == VF_LINE_DOWNTIME)
        job->down_seconds = (double)l.done / 1000;
    if (!d)
        return;
    atomic_store(&d->progress.stage, l.ready ? VF_STAGE_FINISH : VF_STAGE_COPY);
    atomic_store(&d->progress.total, l.total);
    atomic_store(&d->progress.done, l.done);
    atomic_store(&d->progress.sent, l.done);
    atomic_store(&d->copying, !l.ready);
}

static int watch(struct vf_job *job, const char *task, struct vf_error **err)
{
    struct vf_native_watch w = {.line = on_line, .opaque = job};
    job->memory.slot = "memory";
    int r = job->source_pve->ops->native->watch(job->source_pve, task, &w, err);
    atomic_store(&job->memory.copying, false);
    for (size_t i = 0; i < job->plan->n_disks; i++)
        atomic_store(&job->disks[i].copying, false);
    return r;
}

/* The storages of the plan, each once. */
static char **target_storages(const struct vf_plan *p)
{
    char **v = vf_strv_new();
    for (size_t i = 0; i < p->n_disks; i++)
        if (!vf_strv_has(v, p->disks[i].storage))
            vf_strv_add(&v, p->disks[i].storage);
    return v;
}

/* Volumes of that number must not be there before: then all that are there afterwards are ours. */
static int check_no_volumes(struct vf_job *job, unsigned id, struct vf_error **err)
{
    vf_autostrv char **storages = target_storages(job->plan), **found = NULL;
    if (job->target_pve->ops->native->volumes(job->target_pve, job->plan->target_node, storages, id,
                                              &found, err) < 0)
        return -1;
    if (!*found)
        return 0;
    vf_autofree char *shown = vf_escape(found[0]);
    return vf_fail(err, VF_E_CONFLICT,
                   _("VMID %u is free at %s, but a disk with that number is there (%s): choose "
                     "another number with --vmid, or find out whose it is before you remove it"),
                   id, job->plan->target, shown);
}

static char *begin(struct vf_job *job, struct vf_error **err)
{
    const struct vf_native_ops *src = job->source_pve->ops->native,
                               *dst = job->target_pve->ops->native;
    const struct vf_vm *s = job->source;
    vf_autoendpoint struct vf_endpoint to = {0};
    unsigned id;
    if (vf_job_find_shared(job, err) < 0 || vf_choose_id(job, &id, err) < 0) {
        vf_fail_prefix(err, _("a VMID at %s"), job->plan->target);
        return NULL;
    }
    if (check_no_volumes(job, id, err) < 0 ||
        dst->endpoint(job->target_pve, job->plan->target_node, &to, err) < 0)
        return NULL;
    to.host = vf_job_data_address(job, job->plan->target_node, err);
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *before =
        to.host ? src->find(job->source_pve, s->node, s->id, "qmigrate", &why) : NULL;
    if (why)
        vf_fail_with(err, VF_STEAL(why));
    json_t *intent =
        json_pack("{s:i, s:s, s:b, s:s?}", "vmid", (int)id, "node", job->plan->target_node,
                  "online", s->state != VF_VM_STOPPED, "before", before);
    if (!to.host || (err && *err)) {
        json_decref(intent);
        return NULL;
    }
    if (vf_job_intend(job, "migrate", intent, err) < 0)
        return NULL;
    job->target->id = id;
    vf_autofree char *task = src->start(job->source_pve, job->plan, s, id, &to, &why);
    /* a definite no: it never began. Where no answer came it may have */
    bool definite = !vf_error_is_transient(why) && vf_error_code(why) != VF_E_CANCELLED;
    if (!task && definite && vf_job_failed(job, "migrate", why, err) < 0)
        return NULL;
    if (!task)
        vf_fail_with(err, VF_STEAL(why));
    if (!task || vf_job_fact(job, "migrate/task", json_pack("{s:s}", "task", task), err) < 0)
        return NULL;
    vf_job_note(job, "info", _("Proxmox migrates it to %s at %s, port %u; see task %s"),
                job->plan->target_node, to.host, to.port, task);
    return VF_STEAL(task);
}

/* The task of an attempt that was begun: as journalled, or, when the answer was lost, the one that
 * was not there before; the node may still be on its way to start it. NULL without *err: there is
 * none. */
static char *known_task(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    /* a rollback ticks that line off before the one it belongs to */
    const struct vf_record *t = vf_journal_find(job->journal, "migrate/task");
    if (t && t->result)
        return vf_strdup(vf_json_str(t->result, "task"));
    for (int64_t end = vf_clock_ms() + TASK_MS;;) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autofree char *task = job->source_pve->ops->native->find(
            job->source_pve, job->source->node, job->source->id, "qmigrate", &why);
        if (why) {
            vf_fail_with(err, VF_STEAL(why));
            return NULL;
        }
        if (task && !vf_streq(task, vf_json_str(rec->intent, "before")))
            return VF_STEAL(task);
        if (vf_clock_ms() > end || vf_cancel_sleep(job->cancel, 1000, err) < 0)
            return NULL;
    }
}

static json_t *result_json(struct vf_job *job)
{
    json_t *volumes = json_object();
    for (size_t i = 0; i < job->plan->n_disks; i++)
        if (job->disks[i].volume)
            json_object_set_new(volumes, job->disks[i].slot, json_string(job->disks[i].volume));
    return json_pack("{s:f, s:o}", "downtime", job->down_seconds, "volumes", volumes);
}

int vf_step_migrate(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *r = vf_journal_find(job->journal, "migrate");
    vf_autofree char *task = NULL;
    if (r && (r->state == VF_REC_DONE || r->state == VF_REC_INTENT))
        job->target->id = (unsigned)vf_json_int(r->intent, "vmid");
    if (r && r->state == VF_REC_DONE) {
        job->down_seconds = vf_json_num(r->result, "downtime");
        for (size_t i = 0; i < job->plan->n_disks; i++)
            vf_str_set(&job->disks[i].volume,
                       vf_json_str(json_object_get(r->result, "volumes"), job->disks[i].slot));
        return 0;
    }
    if (r && r->state == VF_REC_INTENT) {
        vf_autoerror struct vf_error *why = NULL;
        task = known_task(job, r, &why);
        if (why)
            return vf_fail_with(err, VF_STEAL(why));
        /* it never began: nothing needs the token that it was to be given */
        if (!task && vf_job_renew_token(job, err) < 0)
            return -1;
    }
    if (!task)
        task = begin(job, err);
    if (!task || watch(job, task, err) < 0)
        return vf_fail_prefix(err, _("migrating %s"), job->source->name);
    return vf_job_done(job, "migrate", result_json(job), err);
}

/* ------------------------------------------------------------------ what came of it */

/* Takes a lock off, by the API or as root on the node. */
static int unlock(struct vf_job *job, bool target, const char *node, unsigned id,
                  struct vf_error **err)
{
    struct vf_provider *p = target ? job->target_pve : job->source_pve;
    vf_autoerror struct vf_error *api = NULL, *ssh = NULL;
    if (p->ops->native->unlock(p, node, id, &api) == 0)
        return 0;
    if (vf_error_code(api) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(api));
    vf_autofree char *command = vf_asprintf("qm unlock %u", id);
    vf_auto(vf_ssh_free) struct vf_ssh *s = vf_job_ssh(job, target, node, NULL, &ssh);
    if (s) {
        struct vf_ssh_result r = {0};
        int ran = vf_ssh_exec(s, command, NULL, 0, &r, &ssh);
        int status = r.status;
        vf_autofree char *said = vf_escape(vf_buf_str(&r.err));
        vf_ssh_result_free(&r);
        if (ran == 0 && status == 0)
            return 0;
        if (ran == 0)
            vf_fail(&ssh, VF_E_CONFLICT, _("it ended with status %d: %s"), status, said);
    }
    return vf_fail(err, VF_E_PERMISSION,
                   _("VM %u is locked: run `%s` as root on %s (not done by the API: %s; nor over "
                     "ssh: %s)"),
                   id, command, node, vf_error_text(api), vf_error_text(ssh));
}

/* Is what GLIMPSE saw at the target this job's? Our marker came with the configuration; before that
 * there is nothing but a lock, and the task that made it. */
static int is_ours(struct vf_job *job, const struct vf_record *rec, const struct vf_glimpse *g,
                   struct vf_error **err)
{
    vf_autofree char *owner = vf_marker_find(g->description);
    if (!g->there || owner || !g->empty || !vf_streq(g->lock, "create"))
        return g->there && vf_streq(owner, job->id);
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *tunnel = job->target_pve->ops->native->find(
        job->target_pve, vf_json_str(rec->intent, "node"),
        (unsigned)vf_json_int(rec->intent, "vmid"), "qmtunnel", &why);
    return why ? vf_fail_with(err, VF_STEAL(why)) : tunnel != NULL;
}

static int remove_target(struct vf_job *job, const struct vf_record *rec, struct vf_glimpse *g,
                         struct vf_error **err)
{
    struct vf_provider *p = job->target_pve;
    const char *node = vf_json_str(rec->intent, "node");
    unsigned id = (unsigned)vf_json_int(rec->intent, "vmid");
    int ours = is_ours(job, rec, g, err);
    if (ours < 0)
        return -1;
    if (g->there && !ours) {
        vf_job_note(job, "warn", _("VM %u at %s is not this job's and stays"), id,
                    job->plan->target);
        return 0;
    }
    if (g->there &&
        ((g->lock && unlock(job, true, node, id, err) < 0) ||
         (g->state != VF_VM_STOPPED && p->ops->power(p, node, id, VF_POWER_STOP, 0, err) < 0) ||
         p->ops->destroy(p, node, id, err) < 0))
        return -1;
    /* disks that no configuration names yet: there were none of this number before */
    vf_autostrv char **storages = target_storages(job->plan), **left = NULL;
    if (p->ops->native->volumes(p, node, storages, id, &left, err) < 0)
        return -1;
    for (size_t i = 0; left[i]; i++)
        if (p->ops->free_volume(p, node, left[i], err) < 0)
            return -1;
    return 0;
}

/* Did the source give the VM away? 1, 0, or -1 when that cannot be told. */
static int handed_over(struct vf_job *job, const struct vf_record *rec,
                       const struct vf_glimpse *source, const struct vf_glimpse *target,
                       struct vf_error **err)
{
    if (!vf_json_true(rec->intent, "online")) {
        vf_autofree char *owner = vf_marker_find(target->description);
        return target->there && target->state != VF_VM_STOPPED && vf_streq(owner, job->id);
    }
    if (source->state == VF_VM_RUNNING && (!target->there || target->state != VF_VM_RUNNING))
        return 0;
    if (source->state == VF_VM_STOPPED && target->there)
        return 1;
    return vf_fail(err, VF_E_CONFLICT,
                   _("the migration was cut off in the middle of the hand-over: %s is %s at the "
                     "source and %s at the target; look at both, never let both run"),
                   job->source->name, _(vf_vm_state_name(source->state)),
                   target->there ? _(vf_vm_state_name(target->state)) : _("missing"));
}

int vf_undo_migrate(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    const struct vf_native_ops *src = job->source_pve->ops->native;
    if (!vf_streq(rec->key, "migrate") || rec->state == VF_REC_FAILED)
        return 0; /* nothing began; or it is undone with the step's own record */
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *task = known_task(job, rec, &why);
    if (why)
        return vf_fail_with(err, VF_STEAL(why));
    if (!task)
        return 0; /* it never began */
    vf_autoglimpse struct vf_glimpse source = {0}, target = {0};
    if (src->stop(job->source_pve, task, err) < 0 ||
        src->glimpse(job->source_pve, s->node, s->id, &source, err) < 0 ||
        job->target_pve->ops->native->glimpse(job->target_pve, vf_json_str(rec->intent, "node"),
                                              (unsigned)vf_json_int(rec->intent, "vmid"), &target,
                                              err) < 0)
        return -1;
    int gone = handed_over(job, rec, &source, &target, err);
    if (gone < 0)
        return -1;
    if (gone) {
        if (vf_job_fact(job, "migrate/handover", NULL, err) < 0)
            return -1;
        return vf_fail(err, VF_E_CONFLICT, _("%s has been handed over: it is at the target now"),
                       s->name);
    }
    if (remove_target(job, rec, &target, err) < 0)
        return -1;
    return vf_streq(source.lock, "migrate") ? unlock(job, false, s->node, s->id, err) : 0;
}

int vf_step_arrived(struct vf_job *job, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *got =
        job->target_pve->ops->describe(job->target_pve, job->target->id, err);
    const struct vf_record *r = vf_job_was_done(job, "migrate");
    if (!got)
        return -1;
    if (got->lock)
        return vf_fail(err, VF_E_CONFLICT, _("VM %u at the target is still locked (%s)"),
                       job->target->id, got->lock);
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &job->plan->disks[i];
        const struct vf_disk *g = vf_vm_disk(got, d->slot);
        if (!g || !vf_streq(g->storage, d->storage) || g->size < d->size)
            return vf_fail(err, VF_E_CONFLICT, _("disk %s of the target is not as planned"),
                           d->slot);
        /* what the log did not tell */
        if (!job->disks[i].volume)
            job->disks[i].volume = vf_strdup(g->volume);
    }
    if (vf_job_compare_target(job, err) < 0)
        return -1;
    if (vf_json_true(r->intent, "online") && got->state != VF_VM_RUNNING)
        return vf_fail(err, VF_E_CONFLICT, _("%s was migrated but does not run (%s)"), got->name,
                       vf_vm_state_name(got->state));
    return 0;
}

/* The source keeps the lock so that nobody starts it; to be renamed it has to come off. Where it
 * cannot, the move is done all the same, and a person is told. */
int vf_step_unlock(struct vf_job *job, struct vf_error **err)
{
    const struct vf_vm *s = job->source;
    const struct vf_record *r = vf_job_was_done(job, "unlock");
    if (r) {
        job->source_locked = vf_json_true(r->result, "locked");
        return 0;
    }
    vf_autoglimpse struct vf_glimpse g = {0};
    if (job->source_pve->ops->native->glimpse(job->source_pve, s->node, s->id, &g, err) < 0 ||
        vf_job_intend(job, "unlock", NULL, err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    if (vf_streq(g.lock, "migrate") && unlock(job, false, s->node, s->id, &why) < 0) {
        if (vf_error_code(why) == VF_E_CANCELLED)
            return vf_fail_with(err, VF_STEAL(why));
        vf_warn("migrate", "%s", vf_error_text(why));
        job->source_locked = true;
    }
    return vf_job_done(job, "unlock", json_pack("{s:b}", "locked", job->source_locked), err);
}

char *vf_native_todo(const struct vf_job *job)
{
    const struct vf_vm *s = job->source;
    if (!job->source_locked)
        return NULL;
    vf_autofree char *name = vf_name_with(s->name, VF_MIGRATED);
    return vf_asprintf(_("the source keeps the lock of the migration, which this login may not "
                         "take off: as root on %s: qm unlock %u && qm set %u --onboot 0 --name "
                         "%s"),
                       s->node, s->id, s->id, name);
}
