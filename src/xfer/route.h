/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a copy knows of its route. */
#ifndef VF_XFER_ROUTE_H
#define VF_XFER_ROUTE_H

#include "xfer/host.h"

struct vf_route {
    struct vf_mover_host *source, *target; /* borrowed */
    char *source_label, *target_label;
    char *text;
    uint32_t stream; /* the first; the others follow */
    unsigned n_streams;
    char *key_user; /* whose authorized_keys holds the one-job key; NULL: none installed */
};

#endif
