/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One copy of one disk: a pass from the source's mover to the target's. Knows no provider. */
#ifndef VF_XFER_COPY_H
#define VF_XFER_COPY_H

#include <stdatomic.h>
#include "base/ask.h"
#include "mover/limit.h" /* VF_RATE_PAUSED */
#include "net/ssh.h"

enum vf_stage { VF_STAGE_PREPARE, VF_STAGE_COPY, VF_STAGE_FLUSH, VF_STAGE_VERIFY, VF_STAGE_FINISH };
const char *vf_stage_name(enum vf_stage s); /* "prepare" … */

/* Counters of one copy, bytes, written by the transfer's thread and sampled by others. */
struct vf_progress {
    atomic_int stage;
    _Atomic uint64_t total; /* size of the disk */
    _Atomic uint64_t done;  /* up to where the target has it, committed */
    _Atomic uint64_t read, sent, zero, same, committed, verified;
    _Atomic uint64_t wire; /* what SENT took on the streams, headers and compression included */
};

/* A host that holds disks, with its `vmferry-mover serve` running: control session included. */
struct vf_mover_host;
struct vf_fetch_login; /* mover/login.h */

struct vf_mover_opts {
    const char *job;   /* job ID: names directory, key, locks */
    uint64_t epoch;    /* higher than that of any earlier start of this job */
    const char *mover; /* vmferry-mover binary to deploy; NULL: the installed one */
    struct vf_cancel *cancel;
    /* MOVER is vmferry-fetch, on this machine: how it logs in; NULL: it need not. */
    const struct vf_fetch_login *login;
    /* What the owner says in passing, called by the session's thread; NULL: nobody hears it. */
    void (*note)(void *opaque, const char *text);
    void *opaque;
};

/* Deploys vmferry-mover to the host behind SSH (NULL: this machine, no ssh) and starts its owner.
 * SSH is borrowed and must outlive it. What is removed at the end is removed over SSH: its own
 * cancel token should not be the one that a person fires. */
struct vf_mover_host *vf_mover_host_open(struct vf_ssh *ssh, const struct vf_mover_opts *opts,
                                         struct vf_error **err);
/* Ends the owner and removes what was deployed (helper file, directory). Errors are logged. */
void vf_mover_host_free(struct vf_mover_host *h);
VF_DEFINE_CLEANUP(struct vf_mover_host *, vf_mover_host_free)

/* The way disk bytes take between two hosts, opened once for all disks of a job. "local": both
 * movers are on one host; "direct": the source's mover dials the target by ssh with a one-job key;
 * "reverse": the target's mover dials the source; "relay": through this machine. */
struct vf_route;

/* One end, as the other end's host may dial it. */
struct vf_route_end {
    char *const *addresses; /* tried in order; NULL: it cannot be dialled */
    uint16_t port;          /* of its sshd; 0: 22 */
    const char *user;
    const char *host_key; /* "TYPE BASE64" verified by the operator */
};

struct vf_route_opts {
    struct vf_route_end source, target;
    const char *source_label, *target_label;
    unsigned streams; /* connections side by side; 0: as the hosts bear */
    struct vf_cancel *cancel;
    const char *ciphers; /* of ssh; NULL: the fastest, "-": as ssh has them */
    const char *route;   /* this one; NULL, "auto": the best that works, in the order above */
};
enum { VF_ROUTE_STREAMS = 8 }; /* at most */

/* Probes and opens; what was installed (one-job key) is removed by vf_route_free(). TRUST when an
 * end is met only with another host key than the verified one: no other route is tried then. */
struct vf_route *vf_route_open(struct vf_mover_host *source, struct vf_mover_host *target,
                               const struct vf_route_opts *opts, struct vf_error **err);
/* A new rate limit for what is being copied, bytes per second, 0: none. The next copy brings its
 * own.
 */
int vf_route_set_rate(struct vf_route *r, uint64_t rate, struct vf_error **err);
const char *vf_route_text(const struct vf_route *r); /* "a1 -> b2 direct" */
/* Why no better route was taken; NULL: there is none, or this one was asked for. */
const char *vf_route_why(const struct vf_route *r);
/* Where another host key than the verified one was met, though another address of that host showed
 * the right one; NULL: nowhere. */
const char *vf_route_suspect(const struct vf_route *r);
void vf_route_free(struct vf_route *r);
VF_DEFINE_CLEANUP(struct vf_route *, vf_route_free)

struct vf_copy_end {
    const char *path, *format; /* "raw", "qcow2" */
    uint64_t size;             /* bytes expected (a target may be a little larger); 0: not known */
};

struct vf_copy_opts {
    struct vf_copy_end source, target;
    uint64_t rate;     /* bytes per second over all streams, 0: none */
    unsigned compress; /* 0: where it pays; 1-6: at this level of zstd; 7: not */
    bool verify;       /* read back and compare */
    bool delta;        /* compare first and send what differs: the target has most of it already */
    bool target_fresh; /* just allocated by this job and never written: reads back zero */
    struct vf_cancel *cancel;
    const char *job; /* with mark: whose it is */
    const char
        *mark; /* file that keeps how far the copy has come, for a later process; NULL: none */
    const _Atomic uint64_t *rate_now; /* instead of RATE, and followed while it copies, may be
                                         VF_RATE_PAUSED; NULL: none */
    bool live; /* the source's VM still runs: nothing is locked, and a delta has to follow */
};

struct vf_copy_result {
    uint64_t size, read, sent, zero, same, committed, verified, wire; /* bytes */
    char *source_hash, *target_hash; /* XXH3-128 over chunk hashes, hex; equal or the copy failed */
    const char *verified_how;        /* "media", "through cache", "none" */
    uint64_t again; /* bytes that were copied before, and compared again because nothing tells that
                       the source is still the same: it changed, or was read another way */
    bool at_source; /* it failed, and that was the cause */
};

/* A copy of one disk: it is copied, flushed, verified. Errors name the side. Several threads may
 * each copy a disk over one route. */
struct vf_copy;
/* OPTS' texts are copied. PROGRESS (may be NULL) and OPTS' cancel must outlive it. */
struct vf_copy *vf_copy_new(const struct vf_copy_opts *opts, struct vf_progress *progress);
void vf_copy_free(struct vf_copy *c);
VF_DEFINE_CLEANUP(struct vf_copy *, vf_copy_free)

/* Runs it to its end, or to an error. After one that is transient (and after NOSPACE, with room) it
 * may be called again, with a route over the same movers or over new ones: when a session was lost
 * and the movers still copy, it goes on waiting for them; else it starts where the last commit was
 * if the source provably has not changed since, or compares both disks. Between the calls movers
 * may go on copying. PROGRESS counts all attempts together. */
int vf_copy_run(struct vf_copy *c, struct vf_route *route, struct vf_copy_result *out,
                struct vf_error **err);
/* The last run failed because the target's storage has no room for what was written. */
bool vf_copy_is_full(const struct vf_copy *c);
/* Removes the mark of a copy: it is done, or undone. */
void vf_copy_forget(const char *mark);

/* The same in one go; returns when the target has it on stable storage. */
int vf_copy_disk(struct vf_route *route, const struct vf_copy_opts *opts,
                 struct vf_progress *progress, struct vf_copy_result *out, struct vf_error **err);
void vf_copy_result_free(struct vf_copy_result *r);

/* What jobs have on a host: a one-job key in an authorized_keys file, or the directory of a helper.
 */
struct vf_trace {
    bool is_key;
    char *job, *path;
    unsigned pid; /* of the mover that runs from the directory; 0: none */
};
/* Everything of any job on the host behind SSH. */
int vf_mover_traces(struct vf_ssh *ssh, struct vf_trace **out, size_t *n, struct vf_error **err);
void vf_traces_free(struct vf_trace *v, size_t n);

/* Where this job's things on a host are listed and removed by a later process: keys in
 * authorized_keys files, helper directories. Returns how many were found (and removed, unless
 * LIST_ONLY); -1 with *err. */
int vf_mover_cleanup(struct vf_ssh *ssh, const char *job, bool list_only, struct vf_error **err);

#endif
