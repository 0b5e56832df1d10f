/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What carries the disks of a job: ssh to both hosts, the movers there and the route between them.
 * When a connection is lost it is made again, for a while; copies go on from where they were. */
#ifndef VF_XFER_CARRIER_H
#define VF_XFER_CARRIER_H

#include "mover/login.h"
#include "xfer/copy.h"

struct vf_carrier;

/* What the job does for it, called by whichever thread needs it, one at a time. */
struct vf_carrier_ops {
    /* A new login at the source's or target's host; *OUT NULL: it is this machine. */
    int (*dial)(void *opaque, bool target, struct vf_ssh **out, struct vf_error **err);
    /* A number higher than that of any earlier start of the job's movers, on record from now on. */
    int (*epoch)(void *opaque, uint64_t *out, struct vf_error **err);
    /* The route between both; vf_carrier_ssh() has the connections. */
    struct vf_route *(*route)(void *opaque, struct vf_mover_host *source,
                              struct vf_mover_host *target, struct vf_error **err);
    /* May a copy that was cut go on? The source may run again by now. */
    int (*ready)(void *opaque, struct vf_error **err);
    /* For whoever watches: a connection is lost, and WHY, or storage is full; it is tried for MS
     * milliseconds. And: it works again. */
    void (*lost)(void *opaque, const struct vf_error *why, int ms);
    void (*full)(void *opaque, const struct vf_error *why, int ms);
    void (*back)(void *opaque);
    /* Only with opts.fetch: how vmferry-fetch logs in at the source. OUT is empty and stays so when
     * the disks are files of this machine; it is cleared by the carrier. Asked at every start. */
    int (*fetch)(void *opaque, struct vf_fetch_login *out, struct vf_error **err);
    /* What vmferry-fetch has to say in passing ("reading over SSH, ..."), one sentence, from any
     * thread; NULL: nobody hears it. */
    void (*note)(void *opaque, const char *text);
};

struct vf_carrier_opts {
    const char *job;
    const char *mover;        /* see struct vf_mover_opts */
    const char *fetch;        /* the program vmferry-fetch: the source's disks are read by it, on
                                 this machine, and nobody dials the source; NULL: by a mover there */
    struct vf_cancel *cancel; /* of the job; must outlive it, as must OPS and OPAQUE */
};

struct vf_carrier *vf_carrier_new(const struct vf_carrier_opts *opts,
                                  const struct vf_carrier_ops *ops, void *opaque);
/* Ends movers and connections; what was installed is removed. */
void vf_carrier_free(struct vf_carrier *c);
VF_DEFINE_CLEANUP(struct vf_carrier *, vf_carrier_free)
/* The job is another's now: what is installed on the hosts is no longer ours to remove. */
void vf_carrier_leave(struct vf_carrier *c);

/* Connects to both hosts. Nothing is tried again: at the beginning a person is there. */
int vf_carrier_open(struct vf_carrier *c, struct vf_error **err);
/* Both are replaced when a connection is made again: not while copies run. NULL: none. */
struct vf_ssh *vf_carrier_ssh(const struct vf_carrier *c, bool target);
/* Path of the mover at the target's host, while it is open; borrowed. */
const char *vf_carrier_mover(const struct vf_carrier *c);
/* Cores of the host that has fewer. */
unsigned vf_carrier_cores(const struct vf_carrier *c);
/* NULL before it is open; thread-safe only from the threads that copy. */
struct vf_route *vf_carrier_route(const struct vf_carrier *c);
/* Runs COPY to its end over outages of up to VF_T_RECONNECT, counted from when something last
 * worked, and over a full storage for as long. Several threads may each run one; the first whose
 * connection fails makes it again, the others wait for that. CANCEL (may be NULL) ends the waiting
 * of this copy and is the one in its options. */
int vf_carrier_copy(struct vf_carrier *c, struct vf_copy *copy, const struct vf_progress *progress,
                    struct vf_cancel *cancel, struct vf_copy_result *out, struct vf_error **err);

#endif
