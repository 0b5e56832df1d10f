/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which settings of a VM which versions of Proxmox VE know. */
#ifndef VF_PROVIDER_PVE_VERSIONS_H
#define VF_PROVIDER_PVE_VERSIONS_H

#include "plan/vm.h"

/* Whether VERSION (VF_PVE_VERSION(8, 4)) knows the setting KEY ("scsi3", "ostype"): as a whole (SUB
 * NULL) or its part SUB, with VALUE where only some are known (NULL: any). */
bool vf_pve_knows(unsigned version, const char *key, const char *sub, const char *value);

/* Takes from VM what VERSION does not know, or puts the nearest that it does in its place, each
 * added to VM->left_out. UNSUPPORTED for what VM cannot do without. */
int vf_pve_fit_version(unsigned version, struct vf_vm *vm, struct vf_error **err);

#endif
