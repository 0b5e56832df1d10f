/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks before anything is touched: runs the tables of check.h; the step that does so in a job. */
#include "config.h"
#include "job/check.h"
#include "job/identity.h"
#include "job/lease.h"
#include "job/steps.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

const struct vf_checks *const vf_all_checks[] = {
    &vf_checks_source, &vf_checks_target, &vf_checks_storage, &vf_checks_network,
    &vf_checks_cpu,    &vf_checks_around, &vf_checks_import,  NULL,
};

static bool node_known(const struct vf_view *v)
{
    const struct vf_node *n = vf_view_node(v);
    return n && n->online;
}

/* What is not shown to a login that lacks rights is no failure: those are found missing already. */
static int look(int r, const struct vf_view *v, struct vf_error **why, struct vf_error **err)
{
    if (r < 0 && v->blind && vf_error_code(*why) == VF_E_PERMISSION) {
        vf_error_free(*why);
        *why = NULL;
        return 0;
    }
    return r < 0 ? vf_fail_with(err, VF_STEAL(*why)) : r;
}

/* Of an unknown or offline node nothing else can be asked. */
static int look_at_node(struct vf_view *v, struct vf_error **err)
{
    struct vf_provider *dst = v->dst;
    const char *node = v->plan->target_node;
    vf_autoerror struct vf_error *why = NULL;
    int r = look(dst->ops->storages(dst, node, &v->storages, &v->n_storages, &why), v, &why, err);
    if (r == 0)
        r = look(dst->ops->bridges(dst, node, &v->bridges, &v->n_bridges, &why), v, &why, err);
    return r < 0 ? -1 : dst->ops->abilities(dst, node, &v->can, err);
}

static int look_around(struct vf_view *v, struct vf_findings *out, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    struct vf_provider *src = v->src, *dst = v->dst;
    size_t from = out->n;
    if (vf_rights_check(v->plan, v->source, src, dst, out, err) < 0)
        return -1;
    vf_findings_name(out, from, "rights");
    v->blind = vf_findings_stop(out);
    if (src->ops->nodes(src, &v->source_nodes, &v->n_source_nodes, err) < 0 ||
        dst->ops->nodes(dst, &v->nodes, &v->n_nodes, err) < 0)
        return -1;
    v->same_cluster =
        vf_same_cluster(v->plan, v->source_nodes, v->n_source_nodes, v->nodes, v->n_nodes);
    if (look(src->ops->vms(src, &v->source_vms, &v->n_source_vms, &why), v, &why, err) < 0 ||
        look(dst->ops->vms(dst, &v->vms, &v->n_vms, &why), v, &why, err) < 0)
        return -1;
    return node_known(v) ? look_at_node(v, err) : 0;
}

static int run_checks(const struct vf_view *v, struct vf_findings *out, struct vf_error **err)
{
    bool native = v->plan->method == VF_METHOD_REMOTE_MIGRATE, known = node_known(v);
    bool other = v->src->ops->only_source;
    for (size_t i = 0; vf_all_checks[i]; i++)
        for (size_t k = 0; k < vf_all_checks[i]->n; k++) {
            const struct vf_check *c = &vf_all_checks[i]->v[k];
            size_t from = out->n;
            if ((c->when & VF_CHECK_COPY && native) || (c->when & VF_CHECK_NATIVE && !native) ||
                (c->when & VF_CHECK_NODE && !known) || (c->when & VF_CHECK_PVE && other) ||
                (c->when & VF_CHECK_OTHER && !other))
                continue;
            if (c->run(v, out, err) < 0)
                return -1;
            vf_findings_name(out, from, c->name);
        }
    return 0;
}

static void clear(struct vf_view *v)
{
    vf_nodes_free(v->nodes, v->n_nodes);
    vf_nodes_free(v->source_nodes, v->n_source_nodes);
    vf_vms_free(v->vms, v->n_vms);
    vf_vms_free(v->source_vms, v->n_source_vms);
    vf_storages_free(v->storages, v->n_storages);
    vf_bridges_free(v->bridges, v->n_bridges);
    vf_abilities_clear(&v->can);
}

int vf_preflight(const struct vf_conf *conf, const struct vf_plan *plan, const struct vf_vm *source,
                 struct vf_provider *src, struct vf_provider *dst, const char *job_id,
                 struct vf_findings *out, struct vf_error **err)
{
    struct vf_view v = {.plan = plan, .source = source, .src = src, .dst = dst, .job_id = job_id};
    int r = look_around(&v, out, err);
    if (r == 0)
        r = run_checks(&v, out, err);
    clear(&v);
    return r;
}

static json_t *source_json(const struct vf_vm *s)
{
    return json_pack("{s:i, s:s, s:s*, s:b, s:s, s:s?, s:b, s:s?, s:s}", "vmid", (int)s->id, "name",
                     s->name, "called", s->called, "unnamed", s->unnamed, "node", s->node,
                     "description", s->description, "onboot", s->onboot, "ha", s->ha, "state",
                     vf_vm_state_name(s->state));
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
    vf_str_set(&s->called, vf_json_str(r->result, "called"));
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
    if (vf_job_load_source(job, err) < 0 || vf_job_end_snapshots(job, err) < 0)
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
    vf_str_set(&now->called, job->source->called);
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
    if (again && (vf_job_load_source(job, err) < 0 || vf_lease_again(job, err) < 0))
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
    if (!job->target || vf_fit_plan(job->plan, job->target_pve, job->target, err) < 0)
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
