/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks before anything is touched: a table, each adding what it finds. */
#include "config.h"
#include "job/identity.h"
#include "job/steps.h"
#include "plan/name.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

/* What the checks look at, fetched once. */
struct view {
    const struct vf_plan *plan;
    const struct vf_vm *source;
    const char *job_id; /* NULL while only planning */
    bool same_cluster;
    bool blind; /* a login lacks rights: what is not seen may be there */
    struct vf_node *nodes;
    struct vf_vm **vms; /* at the target */
    struct vf_storage *storages;
    struct vf_bridge *bridges;
    size_t n_nodes, n_vms, n_storages, n_bridges;
};

/* What of VM does not come along, from the I-th on. */
static void tell_left_out(const struct view *v, const struct vf_vm *vm, size_t i,
                          struct vf_findings *f)
{
    for (; i < vm->n_left_out; i++) {
        const struct vf_left_out *l = &vm->left_out[i];
        if (!l->stop && v->plan->method == VF_METHOD_REMOTE_MIGRATE && vf_native_carries(l))
            continue;
        if (l->stop)
            vf_finding_add(f, VF_STOP, l->what, NULL, "%s", l->why);
        else
            vf_finding_add(f, l->minor ? VF_INFO : VF_WARN, l->what, NULL,
                           _("not carried over; %s"), l->why);
    }
}

/* Takes out of VM, as the plan makes it, what does not get to the target, with a note of each. */
static int fit(const struct vf_plan *plan, struct vf_provider *dst, struct vf_vm *vm,
               struct vf_error **err)
{
    if (plan->method == VF_METHOD_COPY)
        return dst->ops->fit(dst, vm, err);
    if (vm->pool) /* all else is the migration's, which checks it itself */
        vf_leave_out_pool(vm);
    return 0;
}

static int check_fit(const struct view *v, struct vf_provider *dst, struct vf_findings *f,
                     struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_plan_apply(v->plan, v->source, NULL, err);
    if (!vm)
        return -1;
    if (fit(v->plan, dst, vm, &why) < 0 && vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    if (why)
        vf_finding_add(f, VF_STOP, v->source->name, NULL, "%s", vf_error_text(why));
    tell_left_out(v, vm, v->source->n_left_out, f);
    vf_check_guest(v->plan, v->source, f);
    return 0;
}

static void check_source(const struct view *v, struct vf_findings *f)
{
    const struct vf_vm *s = v->source;
    static const char *const suffixes[] = {VF_CREATING, VF_CLONING, VF_MIGRATED, VF_TEST};
    vf_autofree char *owner = vf_marker_find(s->description);
    if (owner && !vf_streq(owner, v->job_id))
        vf_finding_add(f, VF_STOP, s->name, _("wait for it, or undo it with vmferry rollback"),
                       _("job %s is moving this VM"), owner);
    if (s->lock)
        vf_finding_add(f, VF_STOP, s->name, _("wait until the task that holds the lock has ended"),
                       _("its configuration is locked (%s)"), s->lock);
    if (v->plan->vm_name && !vf_streq(s->name, v->plan->vm_name))
        vf_finding_add(f, VF_STOP, v->plan->vm_name,
                       _("make a new plan, or put its name into vm-name if it is the same VM"),
                       _("VM %u is called %s now: it may be another one"), s->id, s->name);
    /* neither can it be shut down nor is what its memory holds on its disks */
    if (s->state != VF_VM_RUNNING && s->state != VF_VM_STOPPED)
        vf_finding_add(f, VF_STOP, s->name, _("resume it, or stop it"),
                       _("it neither runs nor is stopped (%s)"), vf_vm_state_name(s->state));
    for (size_t i = 0; i < VF_COUNT(suffixes); i++)
        if (vf_ends(s->name, suffixes[i]))
            vf_finding_add(
                f, VF_STOP, s->name, _("look at what that move left, then rename the VM"),
                _("the name says that another move was begun or done (%s)"), suffixes[i]);
    if (!s->n_disks && v->plan->copy_disks)
        vf_finding_add(f, VF_WARN, s->name, NULL, _("it has no disks to copy"));
    tell_left_out(v, s, 0, f);
    for (size_t i = 0; v->plan->method == VF_METHOD_COPY && v->plan->copy_disks && i < s->n_disks;
         i++)
        if (s->disks[i].linked)
            vf_finding_add(
                f, VF_INFO, s->disks[i].slot, NULL,
                _("it is a linked clone: at the target it becomes a whole disk, with what "
                  "its template holds"));
    for (size_t i = 0; v->plan->method == VF_METHOD_COPY && i < s->n_cdroms; i++)
        if (s->cdroms[i].cloudinit && v->plan->n_disks)
            vf_finding_add(f, VF_INFO, s->cdroms[i].slot, NULL,
                           _("the cloud-init drive is made anew from the VM's settings; with the "
                             "same settings and MAC addresses the guest takes itself for the same "
                             "instance"));
        else if (s->cdroms[i].media && !s->cdroms[i].cloudinit)
            vf_finding_add(f, VF_INFO, s->cdroms[i].slot, NULL,
                           _("the drive will be empty at the target (now %s)"), s->cdroms[i].media);
}

static void check_node(const struct view *v, struct vf_findings *f)
{
    for (size_t i = 0; i < v->n_nodes; i++) {
        const struct vf_node *n = &v->nodes[i];
        if (!vf_streq(n->name, v->plan->target_node))
            continue;
        if (n->no_quorum)
            vf_finding_add(f, VF_STOP, v->plan->target,
                           _("most of its nodes must be up and see each other: see pvecm status"),
                           _("the target cluster has no quorum and refuses every change"));
        if (!n->online)
            vf_finding_add(f, VF_STOP, n->name, _("choose another node"),
                           _("the target node is offline"));
        else if (n->memory_total && n->memory_total - n->memory_used < v->source->memory) {
            vf_autofree char *need = vf_format_bytes(v->source->memory);
            vf_autofree char *have = vf_format_bytes(n->memory_total - n->memory_used);
            vf_finding_add(f, VF_WARN, n->name,
                           _("choose another node, or make room before the start"),
                           _("the VM wants %s of memory, the node has %s free"), need, have);
        }
        return;
    }
    vf_autostrv char **names = vf_strv_new();
    for (size_t i = 0; i < v->n_nodes; i++)
        vf_strv_add(&names, v->nodes[i].name);
    vf_autofree char *known = vf_strv_join(names, ", ");
    vf_finding_add(f, VF_STOP, v->plan->target_node, NULL,
                   _("there is no such node at %s; it has %s"), v->plan->target,
                   *known ? known : _("none that this login may see"));
}

static const struct vf_storage *storage(const struct view *v, const char *name)
{
    for (size_t i = 0; i < v->n_storages; i++)
        if (vf_streq(v->storages[i].name, name))
            return &v->storages[i];
    return NULL;
}

static bool seen_before(const struct vf_plan *p, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (vf_streq(p->disks[k].storage, p->disks[i].storage))
            return true;
    return false;
}

/* Room is summed over all disks that go to one storage. */
static void check_room(const struct view *v, const struct vf_storage *s, struct vf_findings *f)
{
    uint64_t size = 0, used = 0;
    for (size_t k = 0; k < v->plan->n_disks; k++) {
        const struct vf_plan_disk *d = &v->plan->disks[k];
        const struct vf_disk *sd = vf_vm_disk(v->source, d->slot);
        if (!vf_streq(d->storage, s->name))
            continue;
        size += d->size;
        used += sd && sd->used && sd->used < d->size ? sd->used : d->size;
    }
    vf_autofree char *need = vf_format_bytes(used), *full = vf_format_bytes(size);
    vf_autofree char *have = vf_format_bytes(s->avail);
    if (used > s->avail)
        vf_finding_add(f, VF_STOP, s->name, _("make room, or choose another storage"),
                       _("the disks hold %s of data and the target storage has %s free"), need,
                       have);
    else if (size > s->avail)
        vf_finding_add(f, VF_WARN, s->name, _("watch the storage after the move"),
                       _("the disks can grow to %s and the target storage has %s free"), full,
                       have);
}

static void check_storages(const struct view *v, struct vf_findings *f)
{
    for (size_t i = 0; v->plan->copy_disks && i < v->plan->n_disks; i++) {
        const struct vf_plan_disk *d = &v->plan->disks[i];
        const struct vf_storage *s = storage(v, d->storage);
        if (s && s->images && s->active && !vf_strv_has(s->formats, d->format)) {
            vf_autofree char *formats = vf_strv_join(s->formats, ", ");
            vf_finding_add(f, VF_STOP, d->slot, NULL, _("storage %s takes %s, not %s"), s->name,
                           formats, d->format);
        }
        if (seen_before(v->plan, i))
            continue;
        if (!s && v->blind)
            continue;
        if (!s)
            vf_finding_add(f, VF_STOP, d->storage, NULL, _("node %s has no such storage"),
                           v->plan->target_node);
        else if (!s->images)
            vf_finding_add(f, VF_STOP, s->name, _("choose one whose content includes images"),
                           _("the storage takes no VM disks"));
        else if (!s->active)
            vf_finding_add(f, VF_STOP, s->name, NULL, _("the storage is not active on node %s"),
                           v->plan->target_node);
        else
            check_room(v, s, f);
    }
}

static void check_names(const struct view *v, struct vf_findings *f)
{
    vf_autofree char *name = vf_plan_target_name(v->plan, v->source);
    vf_autofree char *creating = vf_name_with(name, VF_CREATING);
    for (size_t i = 0; i < v->n_vms; i++) {
        const struct vf_vm *x = v->vms[i];
        if (v->same_cluster && x->id == v->source->id)
            continue;
        if (vf_streq(x->name, name) && !x->container)
            vf_finding_add(f, v->plan->ignore_exists ? VF_WARN : VF_STOP, name,
                           v->plan->ignore_exists ? NULL
                                                  : _("rename or remove that VM, or give "
                                                      "--ignore-exists"),
                           _("VM %u at %s has this name already"), x->id, v->plan->target);
        if (vf_streq(x->name, creating))
            vf_finding_add(f, VF_STOP, creating, _("finish or undo that move first (vmferry jobs)"),
                           _("VM %u at %s is the beginning of another move"), x->id,
                           v->plan->target);
        if (v->plan->target_id && x->id == v->plan->target_id)
            vf_finding_add(f, VF_STOP, name, _("choose another VMID, or none"),
                           _("VMID %u is taken at %s (by %s)"), x->id, v->plan->target,
                           x->name ? x->name : "?");
    }
    if (v->same_cluster && v->plan->ignore_exists)
        vf_finding_add(
            f, VF_WARN, name, _("never start the source again beside it"),
            _("source and target are the same cluster: both VMs have the same addresses"));
    else if (v->same_cluster)
        vf_finding_add(f, VF_STOP, name,
                       _("use Proxmox's own migration inside a cluster, or --ignore-exists"),
                       _("source and target are the same cluster"));
}

static void check_bridges(const struct view *v, struct vf_findings *f)
{
    for (size_t i = 0; i < v->plan->n_nics; i++) {
        const struct vf_plan_nic *n = &v->plan->nics[i];
        bool there = !n->bridge || v->blind;
        for (size_t k = 0; k < v->n_bridges; k++)
            there = there || vf_streq(v->bridges[k].name, n->bridge);
        vf_autofree char *what = vf_asprintf("net%u", n->index);
        vf_autofree char *cure =
            vf_asprintf(_("map it: --bridge %s=BRIDGE; or create it at the target"), n->bridge);
        if (!there)
            vf_finding_add(f, v->plan->start ? VF_STOP : VF_WARN, what, cure,
                           _("node %s has no bridge %s that this login may use"),
                           v->plan->target_node, n->bridge);
    }
}

static void (*const checks[])(const struct view *, struct vf_findings *) = {
    check_source, check_node, check_storages, check_names, check_bridges,
};

static bool node_known(const struct view *v)
{
    for (size_t i = 0; i < v->n_nodes; i++)
        if (vf_streq(v->nodes[i].name, v->plan->target_node) && v->nodes[i].online)
            return true;
    return false;
}

/* What is not shown to a login that lacks rights is no failure: those are found missing already. */
static int look(int r, const struct view *v, struct vf_error **why, struct vf_error **err)
{
    if (r < 0 && v->blind && vf_error_code(*why) == VF_E_PERMISSION) {
        vf_error_free(*why);
        *why = NULL;
        return 0;
    }
    return r < 0 ? vf_fail_with(err, VF_STEAL(*why)) : r;
}

/* What is one although it has two names, and what only looks alike. */
static int check_identity(const struct view *v, struct vf_provider *src, struct vf_provider *dst,
                          struct vf_findings *f, struct vf_error **err)
{
    vf_autofree char *store = NULL;
    if (vf_store_is_shared(v->plan, v->same_cluster, v->source->node, src, v->storages,
                           v->n_storages, &store, err) < 0 ||
        (store && vf_check_shared_id(v->plan, store, src, f, err) < 0))
        return -1;
    return vf_check_twins(v->plan, v->source, v->same_cluster, dst, f, err);
}

int vf_preflight(const struct vf_conf *conf, const struct vf_plan *plan, const struct vf_vm *source,
                 struct vf_provider *src, struct vf_provider *dst, const char *job_id,
                 struct vf_findings *out, struct vf_error **err)
{
    struct view v = {.plan = plan, .source = source, .job_id = job_id};
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_rights_check(plan, source, src, dst, out, err);
    v.blind = vf_findings_stop(out);
    vf_check_rehearsal(plan, source, out);
    vf_check_service(plan, source, out);
    if (r == 0)
        r = dst->ops->nodes(dst, &v.nodes, &v.n_nodes, err);
    if (r == 0)
        r = vf_same_cluster(plan, src, v.nodes, v.n_nodes, &v.same_cluster, err);
    if (r == 0)
        r = look(dst->ops->vms(dst, &v.vms, &v.n_vms, &why), &v, &why, err);
    /* of an unknown or offline node nothing else can be asked */
    if (r == 0 && node_known(&v)) {
        r = look(dst->ops->storages(dst, plan->target_node, &v.storages, &v.n_storages, &why), &v,
                 &why, err);
        if (r == 0)
            r = look(dst->ops->bridges(dst, plan->target_node, &v.bridges, &v.n_bridges, &why), &v,
                     &why, err);
        for (size_t i = 0; r == 0 && i < VF_COUNT(checks); i++)
            checks[i](&v, out);
        if (r == 0 && plan->method == VF_METHOD_REMOTE_MIGRATE)
            r = vf_native_preflight(plan, source, src, dst, v.storages, v.n_storages, out, err);
        if (r == 0)
            r = check_fit(&v, dst, out, err);
        if (r == 0)
            r = check_identity(&v, src, dst, out, err);
        if (r == 0)
            r = vf_check_around(plan, source, v.same_cluster, src, dst, out, err);
    } else if (r == 0) {
        check_source(&v, out);
        check_node(&v, out);
    }
    vf_nodes_free(v.nodes, v.n_nodes);
    vf_vms_free(v.vms, v.n_vms);
    vf_storages_free(v.storages, v.n_storages);
    vf_bridges_free(v.bridges, v.n_bridges);
    return r;
}

static json_t *source_json(const struct vf_vm *s)
{
    return json_pack("{s:i, s:s, s:b, s:s, s:s?, s:b, s:s?, s:s}", "vmid", (int)s->id, "name",
                     s->name, "unnamed", s->unnamed, "node", s->node, "description", s->description,
                     "onboot", s->onboot, "ha", s->ha, "state", vf_vm_state_name(s->state));
}

int vf_job_load_source(struct vf_job *job, struct vf_error **err)
{
    const struct vf_record *r = vf_job_was_done(job, "preflight");
    if (!r)
        return vf_fail(err, VF_E_NOTFOUND, _("this job has touched nothing"));
    struct vf_vm *s = vf_vm_new();
    s->id = (unsigned)vf_json_int(r->result, "vmid");
    vf_str_set(&s->name, vf_json_str(r->result, "name"));
    vf_str_set(&s->node, vf_json_str(r->result, "node"));
    vf_str_set(&s->description, vf_json_str(r->result, "description"));
    s->unnamed = vf_json_true(r->result, "unnamed");
    vf_str_set(&s->ha, vf_json_str(r->result, "ha"));
    s->onboot = vf_json_true(r->result, "onboot");
    s->state = vf_streq(vf_json_str(r->result, "state"), "running") ? VF_VM_RUNNING : VF_VM_STOPPED;
    const json_t *disks = json_object_get(r->result, "disks");
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *o = json_array_get(disks, i);
        struct vf_disk *d = vf_vm_add_disk(s);
        vf_str_set(&d->slot, vf_json_str(o, "slot"));
        vf_str_set(&d->storage, vf_json_str(o, "storage"));
        vf_str_set(&d->volume, vf_json_str(o, "volume"));
    }
    vf_vm_free(job->source);
    job->source = s;
    return 0;
}

static int report_findings(const struct vf_findings *f, struct vf_error **err)
{
    /* to the log: whoever agreed to the plan has read them, and the report says what was left out
     */
    for (size_t i = 0; i < f->n; i++)
        vf_info("preflight", "%s: %s: %s", vf_severity_name(f->v[i].severity), f->v[i].subject,
                f->v[i].text);
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].severity == VF_STOP)
            return vf_fail(err, VF_E_USAGE, "%s: %s", f->v[i].subject, f->v[i].text);
    return 0;
}

/* What was found changed is said; what stops leaves everything as it is. */
static int report_changes(struct vf_job *job, const struct vf_findings *f, struct vf_error **err)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct vf_finding *x = &f->v[i];
        if (x->severity != VF_STOP)
            vf_job_note(job, vf_severity_name(x->severity), "%s: %s", x->subject, x->text);
        else
            return vf_fail(err, VF_E_CONFLICT, "%s: %s%s%s", x->subject, x->text,
                           x->cure ? "; " : "", x->cure ? x->cure : "");
    }
    return 0;
}

/* On the way on after an interruption the source carries our name and marker: what it was before is
 * in the journal, what it has is asked. */
static int describe_again(struct vf_job *job, struct vf_error **err)
{
    vf_autofindings struct vf_findings f = {0};
    vf_autoerror struct vf_error *why = NULL;
    if (vf_job_load_source(job, err) < 0)
        return -1;
    vf_auto(vf_vm_free) struct vf_vm *now =
        vf_describe_whole(job->source_pve, job->source->id, &why);
    if (vf_error_is_transient(why) || vf_error_code(why) == VF_E_CANCELLED)
        return vf_fail_with(err, VF_STEAL(why));
    if (vf_job_changes(job, now, why, &f, err) < 0 || report_changes(job, &f, err) < 0 ||
        vf_job_take_up(job, now, err) < 0)
        return -1;
    vf_str_set(&now->ha, job->source->ha);
    vf_str_set(&now->name, job->source->name);
    vf_str_set(&now->description, job->source->description);
    now->unnamed = job->source->unnamed;
    now->onboot = job->source->onboot;
    now->state = job->source->state;
    vf_vm_free(job->source);
    job->source = VF_STEAL(now);
    return 0;
}

int vf_step_preflight(struct vf_job *job, struct vf_error **err)
{
    bool again = vf_job_was_done(job, "preflight") != NULL;
    job->stand_still = again; /* what was found changed is for a person to decide */
    if (vf_job_connect(job, err) < 0)
        return -1;
    if (again && describe_again(job, err) < 0)
        return -1;
    if (!again) {
        job->source = vf_describe_whole(job->source_pve, job->plan->vm_id, err);
        if (!job->source)
            return vf_fail_prefix(err, _("source VM %s"), job->plan->vm_name);
        vf_autofindings struct vf_findings f = {0};
        if (vf_preflight(job->conf, job->plan, job->source, job->source_pve, job->target_pve,
                         job->id, &f, err) < 0 ||
            report_findings(&f, err) < 0)
            return -1;
    }
    vf_autofree char *prefix = job->target_pve->ops->mac_prefix(job->target_pve);
    job->target = vf_plan_apply(job->plan, job->source, prefix, err);
    if (!job->target || fit(job->plan, job->target_pve, job->target, err) < 0)
        return -1;
    job->stand_still = false;
    if (again)
        return 0;
    json_t *disks = json_array();
    for (size_t i = 0; i < job->source->n_disks; i++) {
        const struct vf_disk *d = &job->source->disks[i];
        json_array_append_new(disks, json_pack("{s:s, s:s, s:s}", "slot", d->slot, "storage",
                                               d->storage, "volume", d->volume));
    }
    json_t *data = source_json(job->source);
    json_object_set_new(data, "disks", disks);
    json_object_set_new(data, "settings", vf_vm_settings(job->source));
    if (vf_job_intend(job, "preflight", NULL, err) < 0) {
        json_decref(data);
        return -1;
    }
    return vf_job_done(job, "preflight", data, err);
}
