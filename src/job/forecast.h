/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a move will take, and how long its VM will be down: from what a short probe measures
 * before anything is begun, and from what a job has measured itself once it copies. */
#ifndef VF_JOB_FORECAST_H
#define VF_JOB_FORECAST_H

#include "job/job.h"
#include "net/ssh.h"

/* Bytes per second; 0: not measured, none. */
struct vf_rates {
    double read;    /* a disk at the source, one after another chunk */
    double way;     /* from host to host, as far as that can be told from here */
    double limit;   /* that was set */
    double compare; /* both disks read and compared while next to nothing is sent */
    bool least;     /* how fast the source is read nobody knows: it takes that long at least */
};

/* Is there so much to copy that measuring beforehand is worth its seconds? */
bool vf_forecast_worth(const struct vf_plan *plan);

/* Seconds that PLAN's move of SOURCE takes at these rates, and of them the ones during which it is
 * down (0: it is not taken down). Questions are not waited for in it. Both -1 when it cannot be
 * told. */
void vf_forecast_of(const struct vf_plan *plan, const struct vf_vm *source,
                    const struct vf_rates *rates, double *seconds, double *down);

/* probe.c: how fast DISK (a path there, may be NULL) is read at the source's host, and what goes
 * over ssh to each of both; some seconds. Nothing is written at either host. -1 when nothing could
 * be measured. */
int vf_probe(struct vf_ssh *source, struct vf_ssh *target, const char *disk, bool relay,
             struct vf_cancel *cancel, struct vf_rates *out, struct vf_error **err);

/* The same for the hosts of P, whose plan has disks; what vf_forecast() does, for who has more than
 * one VM there. Of a source whose disks are fetched it is reading them from here that is tried. */
int vf_measure(const struct vf_conf *conf, const struct vf_prepared *p,
               const struct vf_asker *asker, struct vf_cancel *cancel, struct vf_rates *rates,
               struct vf_error **err);

struct vf_job;

/* The job's own, in the journal and told to who watches. At the start by a probe over the job's
 * connections; nothing when that cannot be done. */
void vf_job_forecast_first(struct vf_job *job);
/* Again, by what copying the disks of the running VM has shown. */
void vf_job_forecast_again(struct vf_job *job);
/* Seconds of downtime by the newest forecast, -1: there is none. */
double vf_job_forecast_down(const struct vf_job *job);

#endif
