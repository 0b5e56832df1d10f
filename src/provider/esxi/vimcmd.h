/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ESXi host's own commands print: vim-cmd and esxcli. They say what went wrong in their
 * text, often with exit status 0. */
#ifndef VF_PROVIDER_ESXI_VIMCMD_H
#define VF_PROVIDER_ESXI_VIMCMD_H

#include "base/error.h"

/* A row of vmsvc/getallvms. */
struct vf_vimcmd_vm {
    unsigned id;
    char *name, *datastore, *path; /* of the VMX file in the datastore */
    char *guest, *version;         /* "debian10_64Guest", "vmx-19" */
    char *annotation;              /* may have lines */
};

struct vf_vimcmd_vms {
    struct vf_vimcmd_vm *v;
    size_t n;
    char **invalid; /* IDs that the host could not read */
};

/* Reads the output of vmsvc/getallvms. CORRUPT when it has no heading: it is none. */
int vf_vimcmd_vms(const char *text, struct vf_vimcmd_vms *out, struct vf_error **err);
void vf_vimcmd_vms_clear(struct vf_vimcmd_vms *v);

/* What TEXT, the answer to COMMAND, complains of; 0: nothing. NOTFOUND, UNSUPPORTED (a licence),
 * else CONFLICT. */
int vf_vimcmd_check(const char *text, const char *command, struct vf_error **err);

/* The value at PATH ("runtime.powerState") in the output of vmsvc/get.summary and the like, without
 * quotes; NULL: not there, or <unset>. Caller frees. */
char *vf_vimcmd_value(const char *text, const char *path);

/* The VLAN tag of port group NAME in the output of `esxcli network vswitch standard portgroup
 * list`; 0: none, -1: no such group. 4095 stands for all of them. */
int vf_esxcli_vlan(const char *text, const char *name);

#endif
