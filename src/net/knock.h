/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does anybody answer at TCP ports? Tried from this machine, past all proxies and jump hosts. */
#ifndef VF_NET_KNOCK_H
#define VF_NET_KNOCK_H

#include <stddef.h>
#include <stdint.h>
#include "base/cancel.h"

struct vf_knock {
    char *address; /* numeric, IPv4 or IPv6 */
    uint16_t port;
    bool answers; /* a connection was made (and closed again) */
};

/* Tries all of V, many at a time, each for at most TIMEOUT_MS; those that answer already are left
 * out. -1 only when cancelled. */
int vf_knock(struct vf_knock *v, size_t n, int timeout_ms, struct vf_cancel *cancel,
             struct vf_error **err);

#endif
