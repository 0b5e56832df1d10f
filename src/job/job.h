/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job carries out one plan in a process of its own. Front ends make one with vf_job_create(),
 * start it with vf_job_spawn() and follow it over its socket (job/client.h). */
#ifndef VF_JOB_JOB_H
#define VF_JOB_JOB_H

#include "base/ask.h"
#include "conf/conf.h"
#include "plan/findings.h"
#include "plan/plan.h"

/* Exit codes of a job and of vmferry. */
enum vf_exit {
    VF_EXIT_DONE = 0,
    VF_EXIT_FAILED = 1,      /* source untouched or restored */
    VF_EXIT_USAGE = 2,       /* command line or configuration */
    VF_EXIT_STOPPED = 3,     /* preflight found something that stops the move */
    VF_EXIT_INTERRUPTED = 4, /* can go on or back: vmferry resume, vmferry rollback */
    VF_EXIT_PERSON = 5,      /* needs a person; both states are said */
};

enum vf_job_mode {
    VF_JOB_RUN,      /* carry the plan out, going on where the journal ends */
    VF_JOB_ROLLBACK, /* undo what the journal says was done */
    VF_JOB_RETURN,   /* back to the source although the target has run; agreed to (job/back.h) */
    VF_JOB_RETURN_REMOVE, /* the same, and the target VM is removed */
};
/* The mode called NAME on the command line of a job's process; -1: none. */
int vf_job_mode(const char *name);

/* Makes STATE/jobs/ID with the plan and an empty journal. CONF_PATH is noted for the job process.
 * Returns the ID (caller frees). */
char *vf_job_create(const struct vf_plan *plan, const char *conf_path, struct vf_error **err);
/* The same for a job of BATCH (batch.h), which the journal's "job" event names. */
char *vf_job_create_in(const struct vf_plan *plan, const char *conf_path, const char *batch,
                       struct vf_error **err);
/* The same, but not to be found as a job before vf_stage_show(BATCH). */
char *vf_job_stage(const struct vf_plan *plan, const char *conf_path, const char *batch,
                   struct vf_error **err);
/* Removes a job that was made and never begun. */
void vf_job_forget(const char *id);

/* Starts the job's process: `SELF __job MODE DIR` in a session of its own, its socket ready when
 * this returns. */
int vf_job_spawn(const char *id, enum vf_job_mode mode, struct vf_error **err);

/* The job process itself, called by main() for `__job`; returns its exit code. */
int vf_job_process(const char *dir, enum vf_job_mode mode);

/* What `move` asks for. */
struct vf_move {
    const char *source, *target, *node, *storage;
    const char *vm;          /* name or VMID */
    const char *bridges[64]; /* "FROM=TO" */
    size_t n_bridges;
    const char *vlans[64]; /* "FROM=TAG" */
    size_t n_vlans;
    const char *ciphers;                           /* as in a plan */
    const char *service_ports, *service_addresses; /* as in a plan */
    const char *mac;                               /* "keep", "new", an address; NULL: keep */
    unsigned target_id;                            /* 0: next free */
    enum vf_method method;
    unsigned fixes;     /* as in a plan */
    const char *format; /* NULL: as the source's disk where the storage takes it */
    /* Of a VM from another hypervisor; NONE: by the age of its system. */
    enum vf_profile profile;
    enum vf_console console;
    bool driver_disk, remove_snapshots; /* as in a plan */
    bool start_stopped;                 /* as in a plan */
    bool skip_start, skip_disks, no_precopy, verify_tls, ignore_exists;
    bool rehearse, wait_before_stop, wait_before_start;
    bool look_at_hosts; /* as vf_check_hosts() does, with the same logins */
    uint64_t rate;      /* bytes per second, 0: no limit */
    enum vf_verify verify;
    unsigned compress, streams, route; /* as in a plan */
    unsigned shutdown_timeout;         /* seconds; 0: default */
};

struct vf_prepared {
    struct vf_plan *plan; /* NULL when a finding stops that */
    struct vf_vm *source; /* as it is now; NULL likewise */
    struct vf_findings findings;
    unsigned lacks; /* what is not done to the source (vf_provider_ops.lacks) */
    char *way;      /* which way it is looked at (vf_provider_ops.way); NULL: there is only one */
    uint64_t bytes; /* allocated bytes to copy, as far as known */
    /* By vf_forecast(): how long it takes, and of that how long the VM is down; < 0: not known. */
    double forecast_seconds, forecast_down_seconds;
    const char *forecast_lacks; /* it takes so long at least: what is not known, translated by _();
                                   NULL: it is all known */
};

/* Looks at both clusters, makes the plan MOVE asks for and checks it. Nothing is changed. 0 also
 * when a finding stops the move; -1 when there is no plan to be made. */
int vf_prepare(const struct vf_conf *conf, const struct vf_move *move, const struct vf_asker *asker,
               struct vf_cancel *cancel, struct vf_prepared *out, struct vf_error **err);
/* The same for a plan that was made before (copied). What is no longer as planned is a finding that
 * stops; OUT->plan is NULL then. */
int vf_prepare_plan(const struct vf_conf *conf, const struct vf_plan *plan,
                    const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_prepared *out,
                    struct vf_error **err);
/* The same; LOOK_AT_HOSTS as in struct vf_move. */
int vf_prepare_plan_looking(const struct vf_conf *conf, const struct vf_plan *plan,
                            bool look_at_hosts, const struct vf_asker *asker,
                            struct vf_cancel *cancel, struct vf_prepared *out,
                            struct vf_error **err);

/* What the hosts that hold the disks are like: looked at over ssh, as far as that works without
 * asking anybody, and without changing anything there. Adds to P's findings. A second stage of the
 * checks: it takes seconds where a host does not answer. Logs in at both clusters for it. */
int vf_check_hosts(const struct vf_conf *conf, struct vf_prepared *p, const struct vf_asker *asker,
                   struct vf_cancel *cancel, struct vf_error **err);
extern const char *const vf_host_checks[]; /* names of these checks, NULL-terminated */

/* Fills OUT's forecast from what some seconds of measuring at both hosts show; nothing is written
 * there. -1 with *err when it is not known: no ssh, or something would have to be asked (ASKER,
 * which may be NULL, is asked for passwords of the API alone: it has been before). */
int vf_forecast(const struct vf_conf *conf, struct vf_prepared *out, const struct vf_asker *asker,
                struct vf_cancel *cancel, struct vf_error **err);
/* "about 2 to 5 min", NULL for one that is not known (or 0: nothing to wait for); caller frees. */
char *vf_forecast_text(double seconds);
/* The same of P as a whole, or of its downtime; "at least 2 min" where something is not known. */
char *vf_prepared_forecast(const struct vf_prepared *p, bool down);

/* One VM of many. */
struct vf_checked {
    const struct vf_vm *vm;             /* as it is listed */
    const struct vf_prepared *prepared; /* for a copy; NULL: WHY, or nothing that is ever moved */
    const struct vf_error *why;
    bool live; /* the platform's own migration could move it */
};
struct vf_check_fns {
    void (*begin)(void *opaque, const char *node, const char *storage);
    void (*vm)(void *opaque, const struct vf_checked *c);
    void *opaque;
};

/* The same for each VM of MOVE's source. Without a node or storage (NULL) the node with the most
 * free memory and its storage with the most room are taken. *AVAIL: free bytes there. */
int vf_prepare_all(const struct vf_conf *conf, const struct vf_move *move,
                   const struct vf_asker *asker, struct vf_cancel *cancel,
                   const struct vf_check_fns *fns, uint64_t *avail, struct vf_error **err);
void vf_prepared_free(struct vf_prepared *p);
/* The source cannot be renamed. */
bool vf_keeps_name(const struct vf_prepared *p);

#endif
