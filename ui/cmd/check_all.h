/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry check --all: what of a cluster could be moved. */
#ifndef VF_UI_CMD_CHECK_ALL_H
#define VF_UI_CMD_CHECK_ALL_H

#include "job/job.h"
#include "ui/cmd/carry.h"

/* Prints a table of all VMs of MOVE's source, one line each; MOVE's node and storage may be NULL.
 * SPEED: bytes per second that are expected, 0: not known. */
enum vf_exit vf_check_all(const struct vf_carry *o, const struct vf_move *move, uint64_t speed);

#endif
