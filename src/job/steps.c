/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/steps.h"
#include "base/i18n.h"

static bool copies(const struct vf_job *job)
{
    return job->plan->copy_disks && job->plan->n_disks > 0 && !vf_job_is_native(job);
}

static bool has_checksums(const struct vf_job *job)
{
    return copies(job) && job->source_pve && job->source_pve->ops->vouch;
}

static bool is_copy(const struct vf_job *job)
{
    return !vf_job_is_native(job);
}

static bool copies_down(const struct vf_job *job)
{
    return copies(job) && !vf_job_rehearses_live(job);
}

static bool verifies(const struct vf_job *job)
{
    return copies_down(job) && job->plan->verify == VF_VERIFY_FULL;
}

/* Nothing is read back: --verify=none. */
static bool trusts(const struct vf_job *job)
{
    return copies_down(job) && job->plan->verify == VF_VERIFY_NONE;
}

static bool proves(const struct vf_job *job)
{
    return copies_down(job) && vf_job_hashes_source(job);
}

static bool was_running(const struct vf_job *job)
{
    return job->source->state != VF_VM_STOPPED && !vf_job_is_native(job);
}

static bool goes_down(const struct vf_job *job)
{
    return was_running(job) && !job->plan->rehearse;
}

static bool precopies(const struct vf_job *job)
{
    for (size_t i = 0; copies(job) && i < job->plan->n_disks; i++)
        if (vf_plan_precopies(job->plan, job->source, i))
            return true;
    return false;
}

static bool renames_source(const struct vf_job *job)
{
    return is_copy(job) && !job->plan->rehearse && !(vf_job_lacks(job) & VF_LACKS_RENAME);
}

static bool in_pool(const struct vf_job *job)
{
    return is_copy(job) && job->source->pool;
}

static bool has_firewall(const struct vf_job *job)
{
    return is_copy(job) && !vf_firewall_empty(job->source->firewall);
}

static bool under_ha(const struct vf_job *job)
{
    return vf_job_suspends_ha(job->plan, job->source);
}

static bool suspends_replication(const struct vf_job *job)
{
    return is_copy(job) && !job->plan->rehearse &&
           vf_plan_fixes(job->plan, VF_FIX_SUSPEND_REPLICATION);
}

static bool switches_ssh(const struct vf_job *job)
{
    return vf_plan_fixes(job->plan, VF_FIX_SWITCH_SSH_ON);
}

static bool switched_ssh(const struct vf_job *job)
{
    return vf_journal_find(job->journal, "ssh-service");
}

static bool ejects(const struct vf_job *job)
{
    return vf_job_is_native(job) && vf_plan_fixes(job->plan, VF_FIX_EJECT_ISO);
}

static bool lifts_protection(const struct vf_job *job)
{
    return vf_job_is_native(job) && vf_plan_fixes(job->plan, VF_FIX_LIFT_PROTECTION);
}

static bool had_onboot(const struct vf_job *job)
{
    return job->source->onboot && !job->source_locked && !job->plan->rehearse &&
           !(vf_job_lacks(job) & VF_LACKS_ONBOOT);
}

static bool source_free(const struct vf_job *job)
{
    return !job->source_locked && !job->plan->rehearse &&
           !(vf_job_lacks(job) & VF_LACKS_RENAME && vf_job_lacks(job) & VF_LACKS_CLAIM);
}

static bool starts(const struct vf_job *job)
{
    return is_copy(job) && vf_plan_starts(job->plan, was_running(job));
}

static bool waits_before_stop(const struct vf_job *job)
{
    return job->plan->wait_before_stop && job->source->state != VF_VM_STOPPED &&
           !job->plan->rehearse;
}

static bool waits_before_start(const struct vf_job *job)
{
    return job->plan->wait_before_start && starts(job);
}

static bool waits_for_console(const struct vf_job *job)
{
    return starts(job) && !job->plan->rehearse && vf_job_holds_cards_back(job);
}

/* Where it runs before and after. */
static bool tests_service(const struct vf_job *job)
{
    return job->plan->service_ports && job->source->state != VF_VM_STOPPED &&
           !job->plan->rehearse && (vf_job_is_native(job) || starts(job));
}

/* Everything that can fail without touching a VM comes first; the source is down from "shutdown" to
 * "start"; from "start" on there is no automatic way back, because the target may have written.
 * Proxmox's own migration hands over inside "migrate". */
const struct vf_step vf_steps[] = {
    {"preflight", N_("Check source and target"), NULL, vf_step_preflight, NULL},
    {"checksums", N_("Compare the files with their checksums"), has_checksums, vf_step_checksums,
     NULL},
    {"ssh-service", N_("Switch the source host's SSH service on"), switches_ssh,
     vf_step_ssh_service, vf_undo_ssh_service},
    {"hosts", N_("Connect the hosts that hold the disks"), copies, vf_step_hosts, vf_undo_hosts},
    {"claim", N_("Claim the source VM"), NULL, vf_step_claim, vf_undo_claim},
    {"token", N_("Make API tokens for the length of the job"), vf_job_logs_in_by_password,
     vf_step_token, NULL},
    {"replication", N_("Switch the source's replication off"), suspends_replication,
     vf_step_replication, vf_undo_replication},
    {"pool", N_("Look for the pool at the target"), in_pool, vf_step_pool, vf_undo_pool},
    {"create", N_("Create the target VM"), is_copy, vf_step_create, vf_undo_create},
    {"firewall", N_("Set the target VM's firewall"), has_firewall, vf_step_firewall,
     vf_undo_with_target},
    {"allocate", N_("Allocate its disks"), copies, vf_step_allocate, vf_undo_allocate},
    {"precopy", N_("Copy disks while the VM runs"), precopies, vf_step_precopy,
     vf_undo_with_target},
    {"ready-to-stop", N_("Wait for the word that it may go down"), waits_before_stop,
     vf_step_ready_stop, NULL},
    {"service", N_("Try which TCP ports of the VM answer"), tests_service, vf_step_service, NULL},
    {"ha", N_("Take the source out of high availability"), under_ha, vf_step_ha, vf_undo_ha},
    {"eject", N_("Eject media from the source's drives"), ejects, vf_step_eject, vf_undo_eject},
    {"protection", N_("Switch the source's protection off"), lifts_protection, vf_step_protection,
     vf_undo_protection},
    {"migrate", N_("Migrate the VM by Proxmox's own means"), vf_job_is_native, vf_step_migrate,
     vf_undo_migrate},
    {"arrived", N_("Check what arrived at the target"), vf_job_is_native, vf_step_arrived, NULL},
    {"unlock", N_("Take the migration's lock off the source"), vf_job_is_native, vf_step_unlock,
     NULL},
    {"shutdown", N_("Shut the source VM down"), goes_down, vf_step_shutdown, vf_undo_shutdown},
    {"onboot", N_("Keep the source from starting at boot"), had_onboot, vf_step_onboot,
     vf_undo_onboot},
    {"cloning", N_("Rename the source to NAME--CLONING"), renames_source, vf_step_cloning,
     vf_undo_cloning},
    {"snapshots", N_("Remove the source's snapshots"), vf_job_drops_snapshots, vf_step_snapshots,
     NULL},
    {"copy", N_("Copy the disks"), copies_down, vf_step_copy, vf_undo_with_target},
    {"verify", N_("Check that every disk was verified"), verifies, vf_step_verify, NULL},
    {"verify", N_("Check that every disk was copied completely"), trusts, vf_step_verify, NULL},
    {"source-hash", N_("Compare with the source once more"), proves, vf_step_source_hash,
     vf_undo_with_target},
    {"attach", N_("Attach the disks to the target VM"), is_copy, vf_step_attach,
     vf_undo_with_target},
    {"rename", N_("Give the target VM its name"), is_copy, vf_step_rename, vf_undo_rename},
    {"ready-to-start", N_("Wait for the word that it may start"), waits_before_start,
     vf_step_ready_start, NULL},
    {"start", N_("Start the target VM"), starts, vf_step_start, NULL},
    {"migrated", N_("Rename the source to NAME--MIGRATED"), source_free, vf_step_migrated,
     vf_undo_migrated},
    {"console", N_("Connect its cards once its console is fine"), waits_for_console,
     vf_step_console, NULL},
    {"service-after", N_("Try the same ports again"), tests_service, vf_step_service_after, NULL},
    {"ssh-back", N_("Switch the source host's SSH service off again"), switched_ssh,
     vf_step_ssh_back, NULL},
    {"finish", N_("Clean up"), NULL, vf_step_finish, NULL},
};
const size_t vf_n_steps = VF_COUNT(vf_steps);
