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

/* How many snapshots vmsvc/snapshot.get tells of. */
unsigned vf_vimcmd_snapshots(const char *text);

/* The text of the question that vmsvc/message tells of, without its choices; NULL: there is none.
 * Caller frees. */
char *vf_vimcmd_question(const char *text);

/* The IP addresses in vmsvc/get.guest, each once, without those of one link; caller frees. */
char **vf_vimcmd_addresses(const char *text);

/* A VM's row of hostsvc/autostartmanager/get_autostartseq; numbers as there, -1: not told. */
struct vf_vimcmd_autostart {
    bool on;
    int start_delay, start_order, stop_delay;
    char start[32], stop[32], heartbeat[32]; /* "powerOn", "systemDefault"; "": not told */
};
bool vf_vimcmd_autostart(const char *text, unsigned id, struct vf_vimcmd_autostart *out);

struct vf_esxcli_group {
    char *name;
    int vlan; /* 0: none, 4095: all */
};
/* The rows of `esxcli network vswitch standard portgroup list`. CORRUPT: it is no such list. */
int vf_esxcli_groups(const char *text, struct vf_esxcli_group **out, size_t *n,
                     struct vf_error **err);
void vf_esxcli_groups_free(struct vf_esxcli_group *v, size_t n);

#endif
