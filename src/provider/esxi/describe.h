/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VMX file as a VM. */
#ifndef VF_PROVIDER_ESXI_DESCRIBE_H
#define VF_PROVIDER_ESXI_DESCRIBE_H

#include "provider/esxi/vmx.h"
#include "plan/vm.h"

/* What X says of the VM; DIR is where the file is: disks named relative to it get it in front. A
 * disk's volume is its descriptor, of which nothing is looked at (size 0), its slot one of Proxmox
 * VE's in the order in which VMware numbers them; a card's bridge is VMware's port group. What
 * cannot come along is in left_out; entries that stop are of VMs whose disks are not to be copied;
 * a disk that is refused itself is only there. State and node are the caller's matter. Caller
 * frees. */
struct vf_vm *vf_esxi_describe(const struct vf_vmx *x, const char *dir);

/* As vf_vm_leave_out(), with the reason as for printf(); STOP: the VM is not to be copied then. */
struct vf_left_out *vf_esxi_leave_out(struct vf_vm *vm, bool stop, const char *what,
                                      const char *why, ...) VF_PRINTF(4, 5);

/* NAME as DNS allows it and Proxmox VE wants it; caller frees. */
char *vf_esxi_name(const char *name);

#endif
