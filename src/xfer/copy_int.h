/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of a copy share: copy.c, copy_start.c, copy_follow.c. */
#ifndef VF_XFER_COPY_INT_H
#define VF_XFER_COPY_INT_H

#include "xfer/mark.h"
#include "xfer/route.h"

enum { VF_COPY_ANSWER_MS = 60 * 1000 }; /* for a mover to open, start or close a disk */

/* One end of the copy. */
struct side {
    const char *label;
    struct vf_session *session; /* while it runs */
    char *owner;                /* directory of the mover that has the disk open; NULL: none */
    char *identity, *name;      /* what it told of the disk; what messages call it */
    uint64_t size;
    bool started, ended;
    bool lost;               /* the session with its mover has ended: the mover may copy on */
    struct vf_error *error;  /* it failed */
    bool echo;               /* because of the other side */
    struct vf_message *done; /* COPIED */
};

/* What earlier passes have counted at the sides; a pass begins at zero. */
struct counts {
    uint64_t read, sent, zero, same, wire;
};

struct vf_copy {
    struct vf_copy_opts o;
    struct vf_progress *progress, unseen;
    struct counts before;
    uint32_t id;    /* of the pass */
    uint64_t rate;  /* the limit that the source was told */
    bool begun;     /* a pass was started: the target is not fresh any more */
    bool looked;    /* for a mark of an earlier process */
    bool full;      /* see vf_copy_is_full() */
    bool unsaved;   /* the mark has grown since it was written */
    uint64_t again; /* up to where a mark was that does not count */
    struct vf_copy_mark mark;
    struct side source, target;
    bool at_source; /* where it fails */
    bool changed;   /* the source, while it was read */
};

/* "source" or "target", for messages. */
const char *vf_copy_side_name(const struct vf_copy *c, const struct side *s);
/* Forgets what a side has said of a pass. */
void vf_copy_reset_side(struct side *s);
/* The limit as it is wanted now. */
uint64_t vf_copy_rate_now(const struct vf_copy_opts *o);

/* What both sides have said of a pass that has ended: CORRUPT unless all of it is there. */
int vf_copy_judge(struct vf_copy *c, struct vf_copy_result *out, struct vf_error **err);

/* copy_start.c: opens both disks and starts a pass, where an earlier one has come to if that is
 * known. */
int vf_copy_start(struct vf_copy *c, const struct vf_route *route, struct vf_error **err);

/* copy_follow.c: listens to both movers until the pass has ended. */
int vf_copy_follow(struct vf_copy *c, struct vf_route *route, struct vf_error **err);
/* After a failure: the other side is told and waited for, a while. */
void vf_copy_settle(struct vf_copy *c);
/* Asks the side's mover how its part of the pass is doing: 1 when it knows, 0 when it does not. */
int vf_copy_watch(struct vf_copy *c, struct side *s, struct vf_error **err);

#endif
