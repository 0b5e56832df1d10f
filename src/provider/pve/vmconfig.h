/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VM's Proxmox configuration and neutral data, in both directions. No network. */
#ifndef VF_PROVIDER_PVE_VMCONFIG_H
#define VF_PROVIDER_PVE_VMCONFIG_H

#include <jansson.h>
#include "base/error.h"
#include "plan/vm.h"

struct vf_form;

/* The VM that CONFIG (the object of GET …/config) describes. Every key is a field, carried as an
 * option, or listed in left_out with the reason; NULL with UNSUPPORTED or CONFLICT for a VM that
 * cannot be moved as it is. */
struct vf_vm *vf_pve_vm_from_config(unsigned id, const char *node, const json_t *config,
                                    struct vf_error **err);

/* The parameters that create VM: without boot order and disks but fresh ones, CD-ROMs empty, not
 * started at boot. */
int vf_pve_vm_to_form(const struct vf_vm *vm, struct vf_form *form, struct vf_error **err);

/* "local:101/vm-101-disk-0.raw,cache=none"; "virtio=02:…,bridge=vmbr0". Caller frees. */
char *vf_pve_disk_value(const struct vf_disk *d);
/* "local:1,efitype=4m": Proxmox makes it, as many GiB large, but for what is firmware's, whose size
 * it knows (it wants a number all the same). */
char *vf_pve_fresh_value(const struct vf_disk *d);
char *vf_pve_nic_value(const struct vf_nic *n);
/* The parameter "description", such that TEXT reads back: Proxmox writes "%41" into its comment as
 * it is, and takes it for "A" when it reads that. */
void vf_pve_form_description(struct vf_form *form, const char *text);
/* Is SLOT one of those that hold what the firmware remembers, which nobody boots from? */
bool vf_pve_is_firmware(const char *slot);

/* devices.c, used by vmconfig.c */
int vf_pve_read_drive(struct vf_vm *vm, const char *slot, const char *value, struct vf_error **err);
int vf_pve_read_nic(struct vf_vm *vm, unsigned index, const char *value, struct vf_error **err);
/* The boot order as slots, old forms included; to be called when all devices are known. */
int vf_pve_read_boot(struct vf_vm *vm, const char *boot, const char *bootdisk,
                     struct vf_error **err);

#endif
