/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes between two children, both ways, undecoded, by a thread of its own. */
#ifndef VF_XFER_PUMP_H
#define VF_XFER_PUMP_H

#include "base/cancel.h"

struct vf_pump;

/* What a child's stdin, stdout and stderr are here. */
struct vf_pump_side {
    const char *label; /* in what is logged */
    int in, out, err;
};

/* Pumps from each side's OUT to the other's IN until either ends; then both are closed. What comes
 * on ERR is logged. Takes the descriptors over. */
struct vf_pump *vf_pump_new(const struct vf_pump_side sides[2]);
/* From now on C is fired with the reason when the pump ends, at once when it has; NULL: no more. */
void vf_pump_watch(struct vf_pump *p, struct vf_cancel *c);
/* Whether it has ended; then *WHY is which side's end that was and its last words (caller frees).
 */
bool vf_pump_ended(struct vf_pump *p, char **why);
/* Ends it, closes the descriptors. */
void vf_pump_free(struct vf_pump *p);

#endif
