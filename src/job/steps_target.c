/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps at the target. What is made there carries this job's marker; only that is ever removed. */
#include "config.h"
#include "job/identity.h"
#include "job/steps.h"
#include "plan/name.h"
#include "provider/native.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

/* LATE_S: how long after it was sent a request whose sender died may still be carried out. */
enum { ID_TRIES = 20, LATE_S = 10, LATE_STEP_MS = 500 };

#define OPS(job) ((job)->target_pve->ops)

int vf_job_target_is_ours(struct vf_job *job, unsigned id, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    /* no more than its notes: while it is being made nothing else can be read */
    vf_autofree char *notes = OPS(job)->notes(job->target_pve, id, NULL, &why);
    if (!notes && (vf_error_code(why) == VF_E_NOTFOUND || vf_error_code(why) == VF_E_UNSUPPORTED))
        return 0; /* what this does not know, this did not make */
    if (!notes)
        return vf_fail_with(err, VF_STEAL(why));
    vf_autofree char *owner = vf_marker_find(notes);
    return vf_streq(owner, job->id);
}

static void ignore_line(void *opaque, const char *text)
{
}

int vf_job_settle(struct vf_job *job, const struct vf_record *rec, const char *type, unsigned id,
                  bool stop, struct vf_error **err)
{
    const struct vf_native_ops *n = OPS(job)->native;
    struct vf_native_watch w = {.line = ignore_line};
    if (rec->state != VF_REC_INTENT || !rec->earlier)
        return 0;
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *task =
        type ? n->find(job->target_pve, job->plan->target_node, id, type, &why) : NULL;
    int r = why ? -1 : 0;
    if (task)
        r = stop ? n->stop(job->target_pve, task, &why) : n->watch(job->target_pve, task, &w, &why);
    /* how it ended is seen by what is there */
    if (r < 0 && (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED))
        return vf_fail_with(err, VF_STEAL(why));
    int64_t age = vf_clock_unix() - rec->at;
    if (age < 0 || age >= LATE_S)
        return 0;
    return vf_cancel_sleep(job->cancel, LATE_STEP_MS, err) < 0 ? -1 : 1;
}

/* Is the VM of a "create" this job's, when what began it has come to an end? */
static int made_it(struct vf_job *job, const struct vf_record *rec, bool stop,
                   struct vf_error **err)
{
    unsigned id = (unsigned)vf_json_int(rec->intent, "vmid");
    for (;;) {
        int late = vf_job_settle(job, rec, "qmcreate", id, stop, err);
        int ours = late < 0 ? -1 : vf_job_target_is_ours(job, id, err);
        if (ours || !late)
            return ours;
    }
}

/* The VM as it is created: other name, marker, no start at boot, no disks. */
static struct vf_vm *creation(struct vf_job *job)
{
    struct vf_vm *vm = vf_vm_copy(job->target);
    vf_autofree char *name = vf_name_with(job->target->name, VF_CREATING);
    vf_autofree char *text = vf_marker_add(job->target->description, job->marker);
    vf_str_set(&vm->name, name);
    vf_str_set(&vm->description, text);
    vm->onboot = false;
    return vm;
}

static int create_once(struct vf_job *job, unsigned id, struct vf_error **err)
{
    job->target->id = id;
    vf_auto(vf_vm_free) struct vf_vm *vm = creation(job);
    if (vf_job_intend(
            job, "create",
            json_pack("{s:i, s:s, s:s}", "vmid", (int)id, "node", vm->node, "name", vm->name),
            err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    if (OPS(job)->create(job->target_pve, vm, &why) == 0)
        return 0;
    /* in the pool it may not be, perhaps without one it may */
    if (!vm->pool || vf_error_code(why) != VF_E_PERMISSION)
        return vf_fail_with(err, VF_STEAL(why));
    if (vf_job_fact(job, "create/pool", json_pack("{s:s}", "refused", vf_error_text(why)), err) < 0)
        return -1;
    vf_job_without_pool(job, vf_error_text(why));
    vf_str_set(&vm->pool, NULL);
    return OPS(job)->create(job->target_pve, vm, err);
}

/* Notes which volumes were made with the VM, so that going back sees them gone. */
static int created(struct vf_job *job, struct vf_error **err)
{
    bool any = false;
    for (size_t i = 0; i < job->target->n_disks; i++)
        any = any || job->target->disks[i].fresh;
    if (!any)
        return vf_job_done(job, "create", NULL, err);
    vf_auto(vf_vm_free) struct vf_vm *got =
        OPS(job)->describe(job->target_pve, job->target->id, err);
    if (!got)
        return -1;
    json_t *fresh = json_array();
    for (size_t i = 0; i < got->n_disks; i++)
        json_array_append_new(fresh, json_string(got->disks[i].volume));
    return vf_job_done(job, "create", json_pack("{s:o}", "fresh", fresh), err);
}

int vf_step_create(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *r = vf_journal_find(job->journal, "create");
    if (r && (r->state == VF_REC_DONE || r->state == VF_REC_INTENT)) {
        unsigned id = (unsigned)vf_json_int(r->intent, "vmid");
        /* the last thing a move does is to take its marker off */
        bool released = vf_journal_find(job->journal, "finish/description") != NULL;
        int ours = released ? 1 : made_it(job, r, false, err);
        if (ours < 0)
            return -1;
        job->target->id = id;
        const struct vf_record *no_pool = vf_job_was_done(job, "create/pool");
        if (ours && no_pool && job->target->pool)
            vf_job_without_pool(job, vf_json_str(no_pool->result, "refused"));
        if (ours)
            return r->state == VF_REC_DONE ? 0 : created(job, err);
        if (r->state == VF_REC_DONE)
            return vf_fail(err, VF_E_CONFLICT, _("target VM %u is gone or no longer this job's"),
                           id);
    }
    for (int i = 0;; i++) {
        unsigned id;
        if (vf_choose_id(job, &id, err) < 0)
            return vf_fail_prefix(err, _("a VMID at %s"), job->plan->target);
        vf_autoerror struct vf_error *why = NULL;
        if (create_once(job, id, &why) == 0)
            break;
        /* somebody took the number in between: the next one, unless it was asked for */
        if (vf_error_code(why) != VF_E_CONFLICT || job->plan->target_id || i == ID_TRIES) {
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail_prefix(err, _("creating %s at the target"), job->target->name);
        }
    }
    return created(job, err);
}

/* CONFLICT when VOLUME, which went with its VM, is still there. NULL: there was none. */
static int check_gone(struct vf_job *job, const char *volume, struct vf_error **err)
{
    struct vf_volume v = {0};
    if (!volume || OPS(job)->volume(job->target_pve, job->plan->target_node, volume, &v, NULL) < 0)
        return 0;
    vf_volume_clear(&v);
    return vf_fail(err, VF_E_CONFLICT, _("volume %s of this job is still there: remove it by hand"),
                   volume);
}

int vf_undo_create(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    unsigned id = (unsigned)vf_json_int(rec->intent, "vmid");
    if (!vf_streq(rec->key, "create"))
        return 0; /* undone with the step's own record */
    int ours = made_it(job, rec, true, err);
    if (ours <= 0)
        return ours;
    if (OPS(job)->destroy(job->target_pve, vf_json_str(rec->intent, "node"), id, err) < 0)
        return -1;
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("allocate/%s", job->plan->disks[i].slot);
        const struct vf_record *r = vf_journal_find(job->journal, key);
        if (check_gone(job, r && r->result ? vf_json_str(r->result, "volume") : NULL, err) < 0)
            return -1;
    }
    const json_t *fresh = rec->result ? json_object_get(rec->result, "fresh") : NULL;
    for (size_t i = 0; i < json_array_size(fresh); i++)
        if (check_gone(job, json_string_value(json_array_get(fresh, i)), err) < 0)
            return -1;
    return 0;
}

int vf_undo_with_target(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    return 0;
}

/* Does the target have VOLUME? 1 yes, 0 no, -1 cannot tell. */
static int volume_there(struct vf_job *job, const char *volume, struct vf_error **err)
{
    struct vf_volume v = {0};
    vf_autoerror struct vf_error *why = NULL;
    int r = OPS(job)->volume(job->target_pve, job->plan->target_node, volume, &v, &why);
    vf_volume_clear(&v);
    if (r == 0)
        return 1;
    /* each storage type has its own words for "no such volume": all but what surely is not that */
    if (vf_error_is_transient(why) || vf_error_code(why) == VF_E_AUTH ||
        vf_error_code(why) == VF_E_PERMISSION || vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    return 0;
}

/* The first number whose volume does not exist, so that what exists after the intent is ours. */
static char *free_volume_name(struct vf_job *job, const struct vf_plan_disk *d, unsigned *number,
                              struct vf_error **err)
{
    for (;; (*number)++) {
        char *name = OPS(job)->volume_name(job->target_pve, job->plan->target_node, d->storage,
                                           job->target->id, *number, d->format, err);
        if (!name)
            return NULL;
        int there = volume_there(job, name, err);
        if (there == 0)
            return name;
        free(name);
        if (there < 0)
            return NULL;
    }
}

static int allocate_one(struct vf_job *job, size_t i, unsigned *number, struct vf_error **err)
{
    const struct vf_plan_disk *d = &job->plan->disks[i];
    vf_autofree char *key = vf_asprintf("allocate/%s", d->slot);
    const struct vf_record *r = vf_job_was_done(job, key);
    if (r) {
        vf_str_set(&job->disks[i].volume, vf_json_str(r->result, "volume"));
        (*number)++;
        return 0;
    }
    r = vf_journal_find(job->journal, key);
    if (r && r->state == VF_REC_INTENT && vf_undo_allocate(job, r, err) < 0)
        return -1; /* cut off while it was made: made anew */
    vf_autofree char *name = free_volume_name(job, d, number, err);
    if (!name || vf_job_intend(job, key,
                               json_pack("{s:s, s:s, s:I}", "volume", name, "format", d->format,
                                         "size", (json_int_t)d->size),
                               err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    if (OPS(job)->allocate(job->target_pve, job->plan->target_node, d->storage, job->target->id,
                           *number, d->format, d->size, &job->disks[i].volume, &why) < 0) {
        if (vf_error_code(why) == VF_E_CONFLICT && vf_job_failed(job, key, why, err) < 0)
            return -1; /* it is somebody else's: never freed by us */
        vf_fail_with(err, VF_STEAL(why));
        return vf_fail_prefix(err, _("allocating %s on %s"), d->slot, d->storage);
    }
    (*number)++;
    return vf_job_done(job, key, json_pack("{s:s}", "volume", job->disks[i].volume), err);
}

int vf_step_allocate(struct vf_job *job, struct vf_error **err)
{
    unsigned number = 0;
    for (size_t i = 0; i < job->plan->n_disks; i++)
        if (allocate_one(job, i, &number, err) < 0)
            return -1;
    return 0;
}

/* Is VOLUME still what was made? Anybody may have put another in its place, which is not ours to
 * free. One whose making was cut off has no size to go by. */
static int still_ours(struct vf_job *job, const struct vf_record *rec, const char *volume,
                      struct vf_error **err)
{
    struct vf_volume v = {0};
    if (rec->state != VF_REC_DONE)
        return 0;
    if (OPS(job)->volume(job->target_pve, job->plan->target_node, volume, &v, err) < 0)
        return -1;
    bool good = v.size >= (uint64_t)vf_json_int(rec->intent, "size") &&
                vf_streq(v.format, vf_json_str(rec->intent, "format"));
    vf_volume_clear(&v);
    return good ? 0
                : vf_fail(err, VF_E_CONFLICT,
                          _("volume %s is no longer the one this job made: it is left alone"),
                          volume);
}

int vf_undo_allocate(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    if (rec->state == VF_REC_FAILED)
        return 0;
    const struct vf_record *made = vf_journal_find(job->journal, "create");
    int ours =
        made ? vf_job_target_is_ours(job, (unsigned)vf_json_int(made->intent, "vmid"), err) : 0;
    if (ours <= 0)
        return ours;
    const char *volume = rec->result ? vf_json_str(rec->result, "volume") : NULL;
    if (!volume)
        volume = vf_json_str(rec->intent, "volume");
    int there, late;
    do {
        late = vf_job_settle(job, rec, NULL, 0, false, err);
        there = late < 0 ? -1 : volume_there(job, volume, err);
    } while (!there && late);
    if (there <= 0)
        return there;
    if (still_ours(job, rec, volume, err) < 0)
        return -1;
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *mark = vf_job_mark_path(job, strchr(rec->key, '/') + 1);
    vf_copy_forget(mark); /* it says what this volume holds */
    if (OPS(job)->free_volume(job->target_pve, job->plan->target_node, volume, &why) == 0 ||
        vf_error_code(why) == VF_E_CONFLICT)
        return 0; /* attached already: it goes with the VM, and undoing "create" checks that it did
                   */
    return vf_fail_with(err, VF_STEAL(why));
}

static int same_opts(const struct vf_opts *want, const struct vf_opts *got, const char *what,
                     struct vf_error **err)
{
    for (size_t i = 0; i < want->n; i++) {
        const char *value = vf_opts_get(got, want->v[i].key);
        if (!vf_streq(value, want->v[i].value))
            return vf_fail(err, VF_E_CONFLICT,
                           _("%s: option %s is %s at the target, wanted was %s"), what,
                           want->v[i].key, value ? value : _("missing"), want->v[i].value);
    }
    return 0;
}

/* Each cloud-init drive that was wanted is there, and is this VM's. */
static int compare_cloudinit(const struct vf_vm *want, const struct vf_vm *got,
                             struct vf_error **err)
{
    for (size_t i = 0; i < want->n_cdroms; i++) {
        bool there = !want->cdroms[i].cloudinit;
        for (size_t k = 0; k < got->n_cdroms; k++)
            there = there || (got->cdroms[k].cloudinit &&
                              vf_streq(got->cdroms[k].slot, want->cdroms[i].slot));
        if (!there)
            return vf_fail(err, VF_E_CONFLICT, _("the target has no cloud-init drive at %s"),
                           want->cdroms[i].slot);
    }
    return 0;
}

int vf_job_compare_target(struct vf_job *job, struct vf_error **err)
{
    vf_auto(vf_vm_free) struct vf_vm *got =
        OPS(job)->describe(job->target_pve, job->target->id, err);
    if (!got)
        return -1;
    size_t want_disks = job->plan->copy_disks ? job->plan->n_disks : 0, made = 0;
    for (size_t i = 0; i < job->target->n_disks; i++) {
        const struct vf_disk *w = &job->target->disks[i];
        if (w->fresh && !vf_vm_disk(got, w->slot))
            return vf_fail(err, VF_E_CONFLICT, _("the target has no %s, which was made with it"),
                           w->slot);
        made += w->fresh;
    }
    if (got->n_disks != want_disks + made || got->n_nics != job->target->n_nics)
        return vf_fail(
            err, VF_E_CONFLICT,
            _("the target has %zu disks and %zu network cards, expected were %zu and %zu"),
            got->n_disks, got->n_nics, want_disks + made, job->target->n_nics);
    for (size_t i = 0; i < want_disks; i++) {
        const char *slot = vf_plan_slot(&job->plan->disks[i]);
        const struct vf_disk *g = vf_vm_disk(got, slot), *w = vf_vm_disk(job->target, slot);
        if (!g || !w || !vf_streq(g->volume, job->disks[i].volume))
            return vf_fail(err, VF_E_CONFLICT,
                           _("disk %s of the target is not the one that was copied"), slot);
        if (same_opts(&w->opts, &g->opts, slot, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < job->target->n_nics; i++) {
        const struct vf_nic *w = &job->target->nics[i], *g = &got->nics[i];
        vf_autofree char *what = vf_asprintf("net%u", w->index);
        if (w->index != g->index || !vf_streq(w->mac, g->mac) || !vf_streq(w->model, g->model) ||
            !vf_streq(w->bridge, g->bridge) || w->tag != g->tag || w->link_down != g->link_down)
            return vf_fail(err, VF_E_CONFLICT, _("%s of the target is not as planned"), what);
        if (same_opts(&w->opts, &g->opts, what, err) < 0)
            return -1;
    }
    return compare_cloudinit(job->target, got, err);
}

static int attach_disks(struct vf_job *job, struct vf_error **err)
{
    for (size_t i = 0; i < job->plan->n_disks; i++) {
        const char *slot = job->plan->disks[i].slot;
        vf_autofree char *key = vf_asprintf("attach/%s", slot);
        if (vf_job_was_done(job, key))
            continue;
        const struct vf_disk *w = vf_vm_disk(job->target, vf_plan_slot(&job->plan->disks[i]));
        struct vf_disk d = *w; /* borrows all but the volume */
        d.volume = job->disks[i].volume;
        if (vf_job_intend(job, key, json_pack("{s:s}", "volume", d.volume), err) < 0 ||
            OPS(job)->attach(job->target_pve, job->plan->target_node, job->target->id, &d, err) < 0)
            return vf_fail_prefix(err, _("attaching %s"), slot);
        if (vf_job_done(job, key, NULL, err) < 0)
            return -1;
    }
    if (!job->target->boot || vf_job_was_done(job, "attach/boot"))
        return 0;
    if (vf_job_intend(job, "attach/boot", NULL, err) < 0 ||
        OPS(job)->set_boot(job->target_pve, job->plan->target_node, job->target->id,
                           job->target->boot, err) < 0)
        return vf_fail_prefix(err, _("boot order"));
    return vf_job_done(job, "attach/boot", NULL, err);
}

int vf_step_attach(struct vf_job *job, struct vf_error **err)
{
    if (job->plan->copy_disks && attach_disks(job, err) < 0)
        return -1;
    if (vf_rehearsal_copied(job, err) < 0)
        return -1;
    /* seen to be right by an earlier process; since then it may be somebody's to change */
    return vf_journal_find(job->journal, "rename") ? 0 : vf_job_compare_target(job, err);
}

int vf_step_rename(struct vf_job *job, struct vf_error **err)
{
    if (vf_job_was_done(job, "rename"))
        return 0;
    if (vf_job_intend(job, "rename", json_pack("{s:s}", "to", job->target->name), err) < 0 ||
        OPS(job)->rename(job->target_pve, job->plan->target_node, job->target->id,
                         job->target->unnamed ? NULL : job->target->name, err) < 0)
        return -1;
    return vf_job_done(job, "rename", NULL, err);
}

/* A start that was refused is over; one whose task could only not be watched runs on, and is waited
 * for. False: nobody can tell. */
static bool start_is_over(struct vf_job *job, const char *node, unsigned id)
{
    const struct vf_native_ops *n = OPS(job)->native;
    struct vf_native_watch w = {.line = ignore_line};
    vf_autoerror struct vf_error *why = NULL;
    vf_autofree char *task = n->find(job->target_pve, node, id, "qmstart", &why);
    if (why)
        return false;
    return !task || n->watch(job->target_pve, task, &w, &why) == 0 ||
           (!vf_error_is_transient(why) && vf_error_code(why) != VF_E_CANCELLED);
}

static int start_target(struct vf_job *job, struct vf_error **err)
{
    const char *node = job->plan->target_node;
    unsigned id = job->target->id;
    vf_autoerror struct vf_error *why = NULL;
    int r = OPS(job)->power(job->target_pve, node, id, VF_POWER_START, 0, &why);
    /* a guest that dies right away has started all the same; what counts is what runs */
    enum vf_vm_state state = VF_VM_UNKNOWN;
    if (r == 0)
        vf_cancel_sleep(job->cancel, 1000, NULL);
    bool over = r == 0 || start_is_over(job, node, id);
    if (OPS(job)->state(job->target_pve, node, id, &state, r == 0 ? &why : NULL) < 0)
        return vf_fail_with(err, VF_STEAL(why));
    if (r == 0 && state == VF_VM_RUNNING)
        return 0;
    if (r == 0)
        return vf_fail(err, VF_E_CONFLICT, _("%s was started at the target but does not run (%s)"),
                       job->target->name, _(vf_vm_state_name(state)));
    /* a definite no, and it does not run: it never ran, the way back stays open. Where no answer
     * came the start may be on its way: source and target must not both run */
    bool definite = over && !vf_error_is_transient(why) && vf_error_code(why) != VF_E_CANCELLED;
    if (definite && state == VF_VM_STOPPED && vf_job_failed(job, "start", why, err) < 0)
        return -1;
    return vf_fail_with(err, VF_STEAL(why));
}

/* Does it run by what an earlier process began? */
static int runs_already(struct vf_job *job, const struct vf_record *rec, unsigned id,
                        struct vf_error **err)
{
    for (;;) {
        enum vf_vm_state state = VF_VM_UNKNOWN;
        int late = vf_job_settle(job, rec, "qmstart", id, false, err);
        if (late < 0 ||
            OPS(job)->state(job->target_pve, job->plan->target_node, id, &state, err) < 0)
            return -1;
        if (state == VF_VM_RUNNING || !late)
            return state == VF_VM_RUNNING;
    }
}

/* The last look before both could run: first that nobody would start the source, then that it does
 * not run. High availability that was switched on meanwhile starts it within seconds. */
static int source_stays_down(struct vf_job *job, struct vf_error **err)
{
    struct vf_provider *p = job->source_pve;
    vf_auto(vf_vm_free) struct vf_vm *now = vf_vm_new();
    if (p->ops->ha && p->ops->ha(p, job->source->node, job->source->id, &now->ha, err) < 0)
        return -1;
    if (!vf_job_under_ha(now))
        return vf_job_source_down(job, err);
    return vf_fail(err, VF_E_CONFLICT,
                   _("VM %u at %s is under high availability again (%s), which would start it: "
                     "take it out there (ha-manager set vm:%u --state ignored), then go on"),
                   job->source->id, job->plan->source, now->ha, job->source->id);
}

int vf_step_start(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *down = vf_journal_find(job->journal, "shutdown");
    bool was_running = down && vf_json_true(down->intent, "running"), test = job->plan->rehearse;
    if (!vf_plan_starts(job->plan, was_running) || vf_job_was_done(job, "start"))
        return 0;
    const struct vf_record *begun = vf_journal_find(job->journal, "start");
    int64_t asked = begun && begun->state == VF_REC_INTENT ? begun->at : 0;
    int runs = asked ? runs_already(job, begun, job->target->id, err) : 0;
    if (runs < 0 || (runs && !test && vf_job_source_down(job, err) < 0))
        return -1;
    if (!runs) {
        asked = 0;
        if ((!test && source_stays_down(job, err) < 0) ||
            vf_job_intend(job, "start", NULL, err) < 0)
            return -1;
        if (start_target(job, err) < 0)
            return vf_fail_prefix(err, _("starting %s at the target"), job->target->name);
    }
    if (test || !was_running) /* nothing was down */
        return vf_job_done(job, "start", NULL, err);
    job->up_since = asked ? asked : vf_clock_unix();
    job->down_seconds = job->down_ms ? (double)(vf_clock_ms() - job->down_ms) / 1000
                                     : (double)(job->up_since - job->down_since);
    return vf_job_done(job, "start", json_pack("{s:f}", "downtime", job->down_seconds), err);
}

/* Of a rehearsal what was made is stopped first, whoever started it: it is a test off the network,
 * and no disk is taken from under a VM that runs. */
int vf_undo_rename(struct vf_job *job, const struct vf_record *rec, struct vf_error **err)
{
    const struct vf_record *made = vf_journal_find(job->journal, "create"),
                           *start = vf_journal_find(job->journal, "start");
    if (!job->plan->rehearse || !made)
        return 0;
    unsigned id = (unsigned)vf_json_int(made->intent, "vmid");
    enum vf_vm_state state = VF_VM_STOPPED;
    int ours = vf_job_target_is_ours(job, id, err);
    if (ours <= 0)
        return ours;
    if (runs_already(job, start ? start : rec, id, err) < 0 ||
        OPS(job)->state(job->target_pve, job->plan->target_node, id, &state, err) < 0)
        return -1;
    if (state == VF_VM_STOPPED)
        return 0;
    return OPS(job)->power(job->target_pve, job->plan->target_node, id, VF_POWER_STOP,
                           job->plan->shutdown_timeout, err);
}

/* The mark is taken off; what anybody has written there meanwhile stays. */
static int release(struct vf_job *job, const char *now, void *opaque, char **out,
                   struct vf_error **err)
{
    *out = vf_notes_without_mark(job, now, job->target->description);
    return 0;
}

int vf_step_finish(struct vf_job *job, struct vf_error **err)
{
    const char *node = job->plan->target_node;
    struct vf_vm *t = job->target;
    bool opened = job->carrier != NULL;
    vf_job_hosts_close(job);
    const struct vf_record *hosts = vf_job_was_done(job, "hosts");
    if (!opened && hosts && hosts->earlier)
        vf_job_sweep_hosts(job);
    if (job->plan->rehearse) /* its marker stays, by which it is found and removed */
        return vf_job_was_done(job, "finish/test") ? 0 : vf_job_fact(job, "finish/test", NULL, err);
    /* a migration carries it */
    if (!vf_job_is_native(job) && !vf_job_was_done(job, "finish/onboot") && job->source->onboot) {
        if (vf_job_intend(job, "finish/onboot", NULL, err) < 0 ||
            OPS(job)->set_onboot(job->target_pve, node, t->id, true, err) < 0 ||
            vf_job_done(job, "finish/onboot", NULL, err) < 0)
            return -1;
    }
    if (vf_job_was_done(job, "finish/description"))
        return 0;
    if (vf_job_intend(job, "finish/description", NULL, err) < 0 ||
        vf_job_edit_notes(job, job->target_pve, node, t->id, release, NULL, err) < 0)
        return -1;
    return vf_job_done(job, "finish/description", NULL, err);
}
