/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cancelling: a token that any thread may fire once and every wait listens to. */
#ifndef VF_BASE_CANCEL_H
#define VF_BASE_CANCEL_H

#include <poll.h>
#include <stdbool.h>
#include "base/error.h"

struct vf_cancel;

/* A new token; firing PARENT (may be NULL) fires it too. The parent must outlive it. */
struct vf_cancel *vf_cancel_new(struct vf_cancel *parent);
/* Its parent's firing is nothing to it any more. */
void vf_cancel_detach(struct vf_cancel *c);
void vf_cancel_free(struct vf_cancel *c);
VF_DEFINE_CLEANUP(struct vf_cancel *, vf_cancel_free)

/* Fires C and its children with WHY (one sentence, copied); only the first cause counts.
 * Thread-safe; not for signal handlers. */
void vf_cancel_fire(struct vf_cancel *c, const char *why);
bool vf_cancel_fired(const struct vf_cancel *c); /* of NULL: false */

/* 0, or -1 with VF_E_CANCELLED and the first cause. */
int vf_cancel_check(struct vf_cancel *c, struct vf_error **err);

/* A descriptor that is readable once C has fired, for other loops; owned by C. */
int vf_cancel_fd(const struct vf_cancel *c);

/* poll(2) that also ends when C fires. TIMEOUT_MS -1: none. Returns the number of ready
 * descriptors, 0 on time-out, -1 with *err when cancelled or poll failed. EINTR is retried. C may
 * be NULL. */
int vf_cancel_poll(struct vf_cancel *c, struct pollfd *fds, nfds_t n, int timeout_ms,
                   struct vf_error **err);

/* Sleeps MS unless C fires: then -1 with *err. */
int vf_cancel_sleep(struct vf_cancel *c, int ms, struct vf_error **err);

#endif
