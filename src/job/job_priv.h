/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a running job share. */
#ifndef VF_JOB_JOB_PRIV_H
#define VF_JOB_JOB_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include "job/bus.h"
#include "job/job.h"
#include "job/journal.h"
#include "provider/provider.h"
#include "xfer/carrier.h"

struct vf_job_disk {
    const char *slot; /* borrowed from the plan */
    char *volume;     /* at the target, once allocated */
    struct vf_progress progress;
    atomic_bool copying;
    struct vf_copy_result result;
};

/* Asks about an unknown host key with what its cluster says of it (vouch.h). */
struct vf_voucher {
    struct vf_asker asker;
    struct vf_job *job;
    bool target;
    char *node;
    bool retry;
};

struct vf_lease;

struct vf_job {
    char *id, *dir, *marker; /* marker: see vf_marker_of() */
    struct vf_conf *conf;
    struct vf_plan *plan;
    struct vf_journal *journal;
    struct vf_bus *bus;
    struct vf_asker asker;
    struct vf_voucher vouchers[2];
    struct vf_cancel *cancel; /* the worker's; others go through vf_job_stop() */
    struct vf_cancel *fired;  /* the one before it, see vf_job_calm() */
    pthread_mutex_t stop_lock;
    bool going_back; /* under stop_lock: too late to stop */
    struct vf_provider *source_pve, *target_pve;
    struct vf_vm *source;       /* as it was before this job touched it */
    struct vf_vm *target;       /* as the plan makes it; id 0 until chosen */
    struct vf_job_disk *disks;  /* one for each of plan->disks */
    struct vf_job_disk memory;  /* of the guest, while it is migrated live */
    struct vf_carrier *carrier; /* ssh, movers and route; NULL: not connected */
    struct vf_lease *lease;     /* lease.h; NULL: the job has no record on a host */
    bool had_record;            /* an earlier process did */
    /* Held by threads that copy around all but the copying: providers and what else there is one
     * of is for one thread at a time. */
    pthread_mutex_t hands;
    bool live;            /* what is being copied is in use by the VM */
    struct vf_sums *sums; /* sums.h; NULL: nothing is hashed beside the copying */
    /* For the disks, bytes per second, 0: none: what was asked for, and what holds while nothing is
     * paused; see vf_job_set_rate(). */
    _Atomic uint64_t limit, rate;
    atomic_bool paused;
    atomic_bool keep;    /* stopped, to go on later: nothing is put back */
    bool shared_store;   /* target and source cluster have the storage in common */
    atomic_uint retries; /* how often a connection was lost, or an API out of reach */
    int64_t started_ms;
    int64_t down_since, up_since; /* unix seconds, 0: not yet */
    int64_t down_ms; /* when the shutdown was asked for, CLOCK_BOOTTIME; 0: another process did */
    double down_seconds; /* measured, 0: was not down or still is */
    bool source_locked;  /* by a migration, for good: nobody could take it off */
    bool source_held;    /* a mover that could not be told to end may hold the source's disks */
    bool target_away;    /* while everything is put back it did not answer, nor did its host */
    bool stand_still;    /* what failed is for a person: nothing is put back */
    char *kept;          /* vf_job_kept_text() when the work ended early; NULL: nothing is */
    pthread_mutex_t warn_lock;
    json_t *warnings;   /* texts of those said so far; under warn_lock */
    json_t *step_times; /* [{"step":...,"seconds":...}] */
};

/* The journal, before and after: both return when the line is on disk. DATA (taken) may be NULL. */
int vf_job_intend(struct vf_job *job, const char *key, json_t *data, struct vf_error **err);
int vf_job_done(struct vf_job *job, const char *key, json_t *data, struct vf_error **err);
/* What happened already, cancelled or not: intent and result at once. */
int vf_job_fact(struct vf_job *job, const char *key, json_t *data, struct vf_error **err);
int vf_job_undone(struct vf_job *job, const char *key, struct vf_error **err);
int vf_job_failed(struct vf_job *job, const char *key, const struct vf_error *why,
                  struct vf_error **err);
/* The record when KEY is done, else NULL. */
const struct vf_record *vf_job_was_done(const struct vf_job *job, const char *key);
/* Says something to whoever watches and to the log; not journalled. LEVEL: "info", "warn". */
void vf_job_note(struct vf_job *job, const char *level, const char *fmt, ...) VF_PRINTF(3, 4);

/* A new limit for the disks, from any thread: followed by what is being copied, kept for later
 * starts of the job, told to all. REQUEST (may be NULL) goes into the event, for whoever asked.
 * UNSUPPORTED when vmferry does not copy the disks itself. */
int vf_job_set_rate(struct vf_job *job, uint64_t rate, const char *request, struct vf_error **err);
/* The same for copying at all: while PAUSED nothing more is sent. A later start of the job copies
 * again. */
int vf_job_pause(struct vf_job *job, bool paused, const char *request, struct vf_error **err);

/* A step: done in order, undone in reverse. RUN is called on every start of the job and must take
 * over what the journal says is done; UNDO gets one record of the step ("allocate/scsi0") and must
 * bear that the thing was never done, or undone already. */
struct vf_step {
    const char *name, *title;
    bool (*applies)(const struct vf_job *job); /* NULL: always; asked after preflight */
    int (*run)(struct vf_job *job, struct vf_error **err);
    int (*undo)(struct vf_job *job, const struct vf_record *rec, struct vf_error **err);
};
extern const struct vf_step vf_steps[];
extern const size_t vf_n_steps;

/* All steps, or on failure the undoing of what was done: fills *ERR with the cause. */
enum vf_exit vf_job_run(struct vf_job *job, struct vf_error **err);
/* Undoes in reverse; 0, or -1 when something could not be put back. REFUSED when the target has
 * run. */
int vf_job_roll_back(struct vf_job *job, struct vf_error **err);
bool vf_job_target_ran(const struct vf_job *job);
/* How many processes have worked on it, this one included. */
size_t vf_job_starts(const struct vf_job *job);
/* Parts of that, for a return to the source: what was done to the source VM but for high
 * availability, that, the movers and keys on the hosts, the pool at the target. */
int vf_job_undo_source(struct vf_job *job, struct vf_error **err);
int vf_job_undo_ha(struct vf_job *job, struct vf_error **err);
int vf_job_undo_hosts(struct vf_job *job, struct vf_error **err);
int vf_job_undo_pool(struct vf_job *job, struct vf_error **err);
/* Tells who watches that STEP (with its translated TITLE) begins or has ended. */
void vf_job_say_phase(struct vf_job *job, const char *step, const char *title, const char *state,
                      double seconds);

/* back.c: takes the target out of service and puts the source back although the target has run;
 * REMOVE: the target is removed afterwards. Somebody has agreed to the loss (back.h). */
enum vf_exit vf_job_return(struct vf_job *job, bool remove, struct vf_error **err);
/* back_look.c: both VMs as they are, surely those of this job; CONFLICT: nothing to go
 * back to, or (REMOVE) nothing that can be removed. */
int vf_back_check(struct vf_job *job, bool remove, struct vf_vm **source, struct vf_vm **target,
                  struct vf_error **err);

/* Has high availability at P do with VM ID what STATE says. One that was taken out of it altogether
 * by somebody else stays out of it. */
int vf_job_give_to_ha(struct vf_job *job, struct vf_provider *p, unsigned id, const char *state,
                      struct vf_error **err);
/* The target that this job has made does not run: 0, also where that cannot be told. CONFLICT: it
 * does. */
int vf_job_target_rests(struct vf_job *job, struct vf_error **err);

/* Shuts VM (its name, node, number) down and waits; asks before a hard stop. */
int vf_job_shut_down(struct vf_job *job, struct vf_provider *p, const struct vf_vm *vm,
                     struct vf_error **err);
/* Of a shutdown that REC (may be NULL) announced and nobody saw the end of: waits as long as it may
 * still come. *STATE: as it is, then as it is afterwards. */
int vf_job_await_down(struct vf_job *job, struct vf_provider *p, const struct vf_vm *vm,
                      const struct vf_record *rec, enum vf_vm_state *state, struct vf_error **err);

/* Asks the worker to stop, from any thread. False: it is putting everything back already, which
 * nothing stops. */
bool vf_job_stop(struct vf_job *job, const char *why);
/* The same, but all is left as it is, for a later start. */
bool vf_job_leave(struct vf_job *job, const char *why);

/* From here on nothing stops the worker: it puts back, or cleans up. What was cancelled before is
 * forgotten by all that may have to wait. */
void vf_job_calm(struct vf_job *job);

/* tokens.c: removes the tokens this job has made, whatever became of it. */
void vf_job_drop_tokens(struct vf_job *job);
/* The token at the target is made anew when an earlier process made it, whose secret is gone. */
int vf_job_renew_token(struct vf_job *job, struct vf_error **err);
bool vf_job_logs_in_by_password(const struct vf_job *job);

/* Is VMID ID at the target this job's? 1 yes, 0 no or not there, -1 cannot tell. */
int vf_job_target_is_ours(struct vf_job *job, unsigned id, struct vf_error **err);
/* 0 while the source is stopped; CONFLICT when somebody started it. */
int vf_job_source_down(struct vf_job *job, struct vf_error **err);
/* steps_copy.c: counts, and says, that what failed by WHY is tried again until END, by
 * vf_clock_awake_ms(). */
void vf_job_note_retry(struct vf_job *job, const struct vf_error *why, int64_t end);
/* Bytes of a disk that were not read because the source's host calls them zeroes; none of it is
 * proven before all of the disk was compared with the source. */
uint64_t vf_job_unread(const struct vf_job *job, const char *slot);

/* The job in DIR; READ_ONLY: to look at it only. Caller frees with vf_job_free(). */
struct vf_job *vf_job_load(const char *dir, bool read_only, struct vf_error **err);
void vf_job_free(struct vf_job *job);
VF_DEFINE_CLEANUP(struct vf_job *, vf_job_free)

/* changes.c: what is not as this job left it, since its last process ended. Those that stop leave
 * no way on. NOW: the source as it is, NULL: cannot be read, for the reason WHY. */
int vf_job_changes(struct vf_job *job, const struct vf_vm *now, const struct vf_error *why,
                   struct vf_findings *f, struct vf_error **err);
/* Takes up what that found: copies of a source that has run since count no more, and a claim that
 * was taken away is written again. */
int vf_job_take_up(struct vf_job *job, const struct vf_vm *now, struct vf_error **err);
/* No copy counts any more: what is at the target is compared again. *ANY: there was one. */
int vf_job_forget_copies(struct vf_job *job, bool *any, struct vf_error **err);
/* What of VM is compared, as {"memory":"2 GiB",...}; a new reference. */
json_t *vf_vm_settings(const struct vf_vm *vm);
/* lacks.c: what VM is called in a sentence: "VM 105"; of another hypervisor, whose numbers nobody
 * knows, its name. Caller frees. */
char *vf_vm_called(const struct vf_vm *vm);
/* lacks.c: what cannot be changed at a source (VF_LACKS_...); of a job, as it was when it claimed
 * it or would have. */
unsigned vf_source_lacks(struct vf_provider *src);
unsigned vf_job_lacks(const struct vf_job *job);
/* Are the source's disks read by vmferry-fetch, on this machine? */
bool vf_job_fetches(const struct vf_job *job);
struct vf_glimpse;
/* VM ID without judging it, whatever the platform. */
int vf_job_glimpse(struct vf_provider *p, const char *node, unsigned id, struct vf_glimpse *out,
                   struct vf_error **err);
/* A word that changes when somebody writes to the source's disks; PERMISSION: nobody tells. Caller
 * frees. */
char *vf_job_disk_stamps(struct vf_job *job, struct vf_error **err);
/* Of a source without a record of its starts: notes when its disks were written to last, unless the
 * copying has begun before. */
int vf_job_note_written(struct vf_job *job, struct vf_error **err);
/* The record of that ("last_start"); NULL: none. */
const struct vf_record *vf_job_written(const struct vf_job *job);
/* CONFLICT when they have been written to since: disks that were copied one after the other, over
 * outages of whatever length, do not belong together then. */
int vf_job_check_written(struct vf_job *job, struct vf_error **err);
bool vf_job_drops_snapshots(const struct vf_job *job);
/* Has an earlier process begun that, and not seen its end? The host goes on by itself: END waits
 * for it, and sees to what is left to be done. Until then its disks cannot be told. */
bool vf_job_drops_still(const struct vf_job *job);
int vf_job_end_snapshots(struct vf_job *job, struct vf_error **err);

/* The newest start of the source that its cluster knows of, NULL without *err: none, or none that
 * this login is shown. Caller frees. */
char *vf_job_last_start(struct vf_job *job, struct vf_error **err);
/* Do both ends answer? Fills the states, of a VM that is not there STOPPED. */
int vf_job_states(struct vf_job *job, enum vf_vm_state *source, enum vf_vm_state *target,
                  struct vf_error **err);

/* Of a step that an earlier process began: what it asked for may still be on its way. Waits until
 * the newest task of TYPE (NULL: it makes none) about VM ID has ended; STOP: it is stopped. Returns
 * 1 while it is worth looking again, 0 when what is not there by now never comes. */
int vf_job_settle(struct vf_job *job, const struct vf_record *rec, const char *type, unsigned id,
                  bool stop, struct vf_error **err);

/* Providers of both clusters, opened on first use. */
int vf_job_connect(struct vf_job *job, struct vf_error **err);
/* Reads job->source back from the journal; NOTFOUND when preflight never ended. */
int vf_job_load_source(struct vf_job *job, struct vf_error **err);

/* ssh and movers at both ends and the route between them: job->carrier. The journal has every start
 * of movers. */
int vf_job_hosts_open(struct vf_job *job, struct vf_error **err);
void vf_job_hosts_close(struct vf_job *job);
/* Removes keys and helper files that an earlier process may have left there; says so when it
 * cannot. */
void vf_job_sweep_hosts(struct vf_job *job);
/* Copies disk I of the plan, over outages. LIVE: the VM still runs, so nothing is believed of what
 * was copied, and the copy that counts compares both disks. Its key in the journal is "copy/SLOT",
 * or "precopy/SLOT"; done by an earlier start, nothing happens. */
int vf_job_copy_disk(struct vf_job *job, size_t i, bool live, struct vf_error **err);
/* precopy.c: has the source disks that are copied while it runs? Copies them again, what has
 * changed of them; cut off, the next start does. */
bool vf_job_can_refresh(const struct vf_job *job);
int vf_job_refresh(struct vf_job *job, struct vf_error **err);
/* What of the disks is copied, since when, and how long the VM would be down; caller frees. */
char *vf_job_precopied_text(struct vf_job *job);
/* kept.c: what of the disks is at the target, committed: "scsi0: 1.2 TiB of 10 TiB, scsi1: 4.0 MiB of
 * 4.0 MiB"; NULL: nothing is. Caller frees. */
char *vf_job_kept_text(const struct vf_job *job);
/* The file that keeps how far the copy of SLOT has come; caller frees. */
char *vf_job_mark_path(const struct vf_job *job, const char *slot);
/* The path of VOLUME as its host sees it, honouring storage paths of the configuration; caller
 * frees. */
char *vf_job_volume_path(struct vf_job *job, bool target, const char *node, const char *volume,
                         struct vf_volume *info, struct vf_error **err);
/* ssh to the host that holds STORAGE of NODE. */
struct vf_ssh *vf_job_ssh(struct vf_job *job, bool target, const char *node, const char *storage,
                          struct vf_error **err);

/* The storage that the host with the disks is configured for: that of the first. */
const char *vf_job_host_storage(const struct vf_job *job, bool target);
/* The addresses at which the other cluster's host may find the one behind SSH; NULL-terminated,
 * caller frees. */
char **vf_job_peer_addresses(struct vf_job *job, bool target, struct vf_ssh *ssh);
/* The address at which other nodes reach NODE of the target; caller frees. */
char *vf_job_data_address(struct vf_job *job, const char *node, struct vf_error **err);

/* steps_hash.c: is there anything at the source to compare the target with once more? */
bool vf_job_hashes_source(const struct vf_job *job);
/* steps_service.c: can the ports of the plan be tried? */
void vf_check_service(const struct vf_plan *plan, const struct vf_vm *source,
                      struct vf_findings *f);
/* steps_console.c: has the VM cards that are connected when somebody has seen it start? */
bool vf_job_holds_cards_back(const struct vf_job *job);
/* rehearse.c: what of PLAN cannot be rehearsed, and what a rehearsal is. */
void vf_check_rehearsal(const struct vf_plan *plan, const struct vf_vm *source,
                        struct vf_findings *f);
/* Does the VM run whose move JOB rehearses? Then its disks are copied once, as they can be. */
bool vf_job_rehearses_live(const struct vf_job *job);
/* CONFLICT when one of them was not. */
int vf_rehearsal_copied(struct vf_job *job, struct vf_error **err);

/* native.c: the platform's own migration. */
bool vf_job_is_native(const struct vf_job *job);
/* What of the plan it cannot do; STORAGES are the target's. */
int vf_native_preflight(const struct vf_plan *p, const struct vf_vm *s, struct vf_provider *src,
                        struct vf_provider *dst, const struct vf_storage *storages, size_t n,
                        struct vf_findings *f, struct vf_error **err);
/* The whole configuration goes along, but for what is none of it. */
bool vf_native_carries(const struct vf_left_out *l);
/* What is left for a person to do, or NULL; caller frees. */
char *vf_native_todo(const struct vf_job *job);
/* The record of the step that made the target VM, with its vmid; NULL: none was begun. */
const struct vf_record *vf_job_target_record(const struct vf_job *job);
/* Counts and compares what the target's configuration says with what was wanted. */
int vf_job_compare_target(struct vf_job *job, struct vf_error **err);

/* Checks the plan against what both clusters say now. */
int vf_preflight(const struct vf_conf *conf, const struct vf_plan *plan, const struct vf_vm *source,
                 struct vf_provider *src, struct vf_provider *dst, const char *job_id,
                 struct vf_findings *out, struct vf_error **err);

/* begun.c: what the names of VMs say about a move that was begun and is not this job's; VMS: those
 * at the target. */
int vf_check_begun(const struct vf_plan *plan, const struct vf_vm *source, struct vf_provider *dst,
                   struct vf_vm *const *vms, size_t n, struct vf_findings *f,
                   struct vf_error **err);
/* Where VM NAME is instead, by that; NULL: nowhere. Caller frees. */
char *vf_begun_hint(const char *name, struct vf_vm *const *vms, size_t n);
/* What the plan changes of what the guest sees; the source must be as planned. */
void vf_check_guest(const struct vf_plan *plan, const struct vf_vm *source, struct vf_findings *f);
/* Would high availability start SOURCE again when it is shut down? */
bool vf_job_under_ha(const struct vf_vm *source);
/* Does the move take it out of high availability? */
bool vf_job_suspends_ha(const struct vf_plan *plan, const struct vf_vm *source);
/* Takes VM out of its pool, and notes that it is not carried over. */
void vf_leave_out_pool(struct vf_vm *vm);
/* The same of the job's target VM; says so, and WHY. */
void vf_job_without_pool(struct vf_job *job, const char *why);

/* rights.c: adds a finding for each login that may not do its part of the move; of a VM that could
 * not be looked at (ID 0: not even found). */
int vf_rights_check(const struct vf_plan *plan, const struct vf_vm *source, struct vf_provider *src,
                    struct vf_provider *dst, struct vf_findings *out, struct vf_error **err);
int vf_rights_unseen(struct vf_provider *src, unsigned id, struct vf_findings *out,
                     struct vf_error **err);

/* Description with the job's marker line added (and cut where it would be too long) or taken out;
 * caller frees. */
char *vf_marker_add(const char *description, const char *marker);
char *vf_marker_remove(const char *description, const char *marker);
/* Is TEXT short enough for a description? Are A and B the same to Proxmox VE? */
bool vf_description_fits(const char *text);
bool vf_description_same(const char *a, const char *b);
/* The marker of job ID in its journal: "vmferry-job: ID", and how often another machine has taken
 * it over: who was taken over from finds another than its own. Caller frees. */
char *vf_marker_of(const char *id, const struct vf_journal *j);
/* DESCRIPTION with MARKER in place of the marker that it has; caller frees. */
char *vf_marker_replace(const char *description, const char *marker);
/* Is MARKER a line of DESCRIPTION? */
bool vf_marker_there(const char *description, const char *marker);
/* The job ID of a marker in DESCRIPTION, or NULL; caller frees. */
char *vf_marker_find(const char *description);
/* The whole line of a marker in DESCRIPTION, or NULL; caller frees. */
char *vf_marker_line(const char *description);

/* notes.c. What is to become of the notes NOW of a VM: *OUT (taken), NULL: nothing. */
typedef int vf_notes_fn(struct vf_job *job, const char *now, void *opaque, char **out,
                        struct vf_error **err);
/* Changes the notes of VM ID of P as EDIT says; called again with what is there then when somebody
 * else changes the VM in between. */
int vf_job_edit_notes(struct vf_job *job, struct vf_provider *p, const char *node, unsigned id,
                      vf_notes_fn *edit, void *opaque, struct vf_error **err);
/* NOW without this job's mark: BEFORE (may be NULL) where it is that and the mark; else what
 * anybody wrote beside it stays. Caller frees. */
char *vf_notes_without_mark(const struct vf_job *job, const char *now, const char *before);

/* What this job changed of the source for the length of the move and did not put back, as an array
 * of texts; a new reference. */
json_t *vf_job_left_changed(const struct vf_job *job);

/* report.json's object. */
json_t *vf_report(struct vf_job *job, enum vf_exit code, const struct vf_error *err);
/* account.c: adds to it who, when, what was expected, what was warned of, what is left to do. */
void vf_report_account(struct vf_job *job, enum vf_exit code, json_t *report);
/* Who works here, "jdoe@laptop"; caller frees. */
char *vf_who(void);

#endif
