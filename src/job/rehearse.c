/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A test migration: the VM is made at the target under another name, its network cards
 * disconnected, and the source is left alone. What is made stays until the job is rolled back.
 *
 * Of a source that runs only raw disks can be read. What comes of that is no state of one moment:
 * its guest wrote on while they were copied. A second pass makes the time in which that was the
 * case as short as it can be. */
#include "config.h"
#include "job/job_priv.h"
#include "base/i18n.h"
#include "base/str.h"

bool vf_job_rehearses_live(const struct vf_job *job)
{
    return job->plan->rehearse && job->source && job->source->state != VF_VM_STOPPED;
}

static void check_disks(const struct vf_plan *plan, const struct vf_vm *source,
                        struct vf_findings *f)
{
    static const char cure[] =
        N_("shut it down yourself for the length of the rehearsal, or rehearse without disks "
           "(--skip-disks)");
    for (size_t i = 0; i < plan->n_disks; i++)
        if (!vf_plan_precopies(plan, source, i))
            vf_finding_add(f, VF_STOP, plan->disks[i].slot, _(cure),
                           plan->precopy
                               ? _("the VM runs, and of a running VM only raw disks can be read")
                               : _("the VM runs, and the plan copies nothing while it does "
                                   "(precopy)"));
}

void vf_check_rehearsal(const struct vf_plan *plan, const struct vf_vm *source,
                        struct vf_findings *f)
{
    bool runs = source->state != VF_VM_STOPPED;
    if (!plan->rehearse)
        return;
    if (plan->method != VF_METHOD_COPY)
        vf_finding_add(f, VF_STOP, source->name, _("rehearse with --method=copy"),
                       _("Proxmox's own migration cannot be rehearsed: it hands the VM over"));
    else if (runs && plan->copy_disks && plan->n_disks) {
        check_disks(plan, source, f);
        vf_finding_add(
            f, VF_WARN, source->name,
            _("for a rehearsal with data that is in order, shut it down yourself first"),
            _("it runs, and writes while its disks are copied: the test VM gets no state "
              "of one moment, not even that after a power cut; its file systems may have "
              "to be repaired, its databases may not open"));
    }
    vf_finding_add(f, VF_INFO, source->name, NULL,
                   _("a rehearsal: the source is neither shut down nor changed, the network cards "
                     "at the target are disconnected; vmferry rollback removes it again"));
}

int vf_rehearsal_copied(struct vf_job *job, struct vf_error **err)
{
    for (size_t i = 0;
         job->plan->copy_disks && vf_job_rehearses_live(job) && i < job->plan->n_disks; i++) {
        vf_autofree char *key = vf_asprintf("precopy/%s", job->plan->disks[i].slot);
        const struct vf_record *r = vf_job_was_done(job, key);
        if (!r || (uint64_t)vf_json_int(r->result, "size") != job->plan->disks[i].size)
            return vf_fail(err, VF_E_CONFLICT,
                           _("disk %s was not copied completely: %s no longer runs as it did when "
                             "the rehearsal began; begin it again"),
                           job->plan->disks[i].slot, job->source->name);
    }
    return 0;
}
