/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks before anything is touched, as tables. data/vmferry-checks.7 tells of each by its name. */
#ifndef VF_JOB_CHECK_H
#define VF_JOB_CHECK_H

#include "job/job_priv.h"

/* What the checks look at, fetched once. */
struct vf_view {
    const struct vf_plan *plan;
    const struct vf_vm *source;
    const char *job_id; /* NULL while only planning */
    struct vf_provider *src, *dst;
    bool same_cluster;
    bool blind; /* a login lacks rights: what is not seen may be there */
    struct vf_node *nodes, *source_nodes;
    struct vf_vm **vms, **source_vms;
    struct vf_storage *storages; /* of the target node */
    struct vf_bridge *bridges;
    struct vf_abilities can; /* of the target node */
    size_t n_nodes, n_source_nodes, n_vms, n_source_vms, n_storages, n_bridges;
};

enum vf_check_when {
    VF_CHECK_ALWAYS = 0,
    VF_CHECK_COPY = 1,   /* only what vmferry copies itself */
    VF_CHECK_NATIVE = 2, /* only the platform's own migration */
    VF_CHECK_NODE = 4,   /* only of a target node that is there */
    VF_CHECK_PVE = 8,    /* only of a source that is a Proxmox VE */
    VF_CHECK_OTHER = 16, /* only of one that is none */
};

/* Adds to F what it finds. -1 with *ERR when it cannot tell. */
struct vf_check {
    const char *name;
    unsigned when;
    int (*run)(const struct vf_view *v, struct vf_findings *f, struct vf_error **err);
};

/* The beginning of such a function. */
#define VF_CHECK(name)                                                                             \
    static int name(const struct vf_view *v, struct vf_findings *f, struct vf_error **err)

/* In the order in which they are run. */
struct vf_checks {
    const struct vf_check *v;
    size_t n;
};
extern const struct vf_checks vf_checks_source, vf_checks_target, vf_checks_storage,
    vf_checks_network, vf_checks_cpu, vf_checks_around, vf_checks_import;
extern const struct vf_checks *const vf_all_checks[]; /* NULL-terminated */

/* What a VM that could not be started as planned is worth: with --skip-start a warning. */
static inline enum vf_severity vf_start_severity(const struct vf_view *v)
{
    return v->plan->start ? VF_STOP : VF_WARN;
}

/* Tells of something that stays behind, unless the platform's own migration carries it. */
void vf_tell_left_out(const struct vf_view *v, const struct vf_left_out *l, struct vf_findings *f);
/* Takes out of VM, as the plan makes it, what does not get to the target, with a note of each. */
int vf_fit_plan(const struct vf_plan *plan, struct vf_provider *dst, struct vf_vm *vm,
                struct vf_error **err);

/* The target storage NAME of the view, or NULL. */
const struct vf_storage *vf_view_storage(const struct vf_view *v, const char *name);
/* The target node of the plan, or NULL. */
const struct vf_node *vf_view_node(const struct vf_view *v);

#endif
