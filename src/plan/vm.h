/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A VM as neutral data: what a provider describes and what a provider creates. */
#ifndef VF_PLAN_VM_H
#define VF_PLAN_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"

enum {
    VF_FIRST_VMID = 100, /* Proxmox VE's pve-vmid */
    VF_LAST_VMID = 999999999,
    VF_LAST_VLAN = 4094,
};

/* An ordered list of key=value options ("cache"="none"). Keys and values are those of Proxmox's
 * qm.conf(5), which serves as vocabulary for what has no field of its own. */
struct vf_opt {
    char *key, *value;
};

struct vf_opts {
    struct vf_opt *v;
    size_t n;
};

const char *vf_opts_get(const struct vf_opts *o, const char *key); /* NULL: not there */
void vf_opts_set(struct vf_opts *o, const char *key, const char *value);
void vf_opts_remove(struct vf_opts *o, const char *key);
void vf_opts_copy(struct vf_opts *dst, const struct vf_opts *src); /* DST is replaced */
void vf_opts_free(struct vf_opts *o);

/* Suspended: stopped, with its memory in a file at the source, which does not come along. */
enum vf_vm_state { VF_VM_UNKNOWN, VF_VM_STOPPED, VF_VM_RUNNING, VF_VM_PAUSED, VF_VM_SUSPENDED };
const char *vf_vm_state_name(enum vf_vm_state s); /* "unknown", "stopped" ... */
/* What to do about S before it can be moved, translated; NULL: it can be. */
const char *vf_vm_state_cure(enum vf_vm_state s);

/* Which virtual hardware the system of a VM that comes from another hypervisor has drivers for. */
enum vf_guest_age {
    VF_GUEST_AS_IS,   /* the VM comes from Proxmox VE: everything stays as it is */
    VF_GUEST_MODERN,  /* virtio out of the box */
    VF_GUEST_OLD,     /* IDE and e1000: its kernel or its initramfs may know no virtio */
    VF_GUEST_UNSURE,  /* from the time in between: a person knows */
    VF_GUEST_WINDOWS, /* virtio once its drivers are installed */
};

struct vf_disk {
    char *slot;    /* bus and number: "scsi0", "virtio1" */
    char *storage; /* "local" */
    char *volume;  /* the platform's id: "local:101/vm-101-disk-0.raw" */
    char *format;  /* "raw", "qcow2" */
    char *path;    /* on the node, as the platform says; NULL until asked */
    uint64_t size; /* bytes the guest sees */
    uint64_t used; /* bytes allocated; 0: not known */
    struct vf_opts
        opts;   /* cache, discard, iothread, ssd, serial, backup, iops_rd …; not size, format */
    bool fresh; /* made empty by the platform when VOLUME is NULL: an EFI disk, a TPM state, a small
                   disk for a driver; nothing is copied to it */
    bool linked; /* rests on a template's disk; a copy of it is a whole disk */
};

/* Models of network cards, as in qm.conf(5); NULL-terminated. */
extern const char *const vf_nic_models[];

struct vf_nic {
    unsigned index; /* net0 -> 0 */
    char *model;    /* "virtio", "e1000" … */
    char *mac;      /* upper case, colons */
    char *bridge;   /* bridge or VNet; NULL: none */
    unsigned tag;   /* VLAN tag, 0: none */
    bool link_down;
    struct vf_opts opts; /* trunks, mtu, queues, rate, firewall */
};

struct vf_cdrom {
    char *slot;     /* "ide2" */
    char *media;    /* what is in it, NULL: empty */
    bool cloudinit; /* the platform makes its content from the VM's settings */
    char *storage;  /* where that is, or is to be made */
};

/* Something of the VM that will not be at the target, and why; told before and after a move. */
struct vf_left_out {
    char *what, *why;
    bool minor; /* as it should be: nothing for anybody to do */
    bool stop;  /* without it such a VM is not moved */
    bool there; /* it will be there; WHY is what is to be known about it */
};

/* What a platform or login cannot do to a source; the steps that would are left out. */
enum { VF_LACKS_CLAIM = 1, VF_LACKS_RENAME = 2, VF_LACKS_ONBOOT = 4, VF_LACKS_POWER = 8 };

struct vf_firewall;

struct vf_vm {
    unsigned id; /* VMID */
    char *name, *node;
    enum vf_vm_state state;
    bool template_, onboot;
    bool container;           /* listed with the VMs, whose numbers it shares; never moved */
    bool unnamed;             /* NAME was made up */
    char *called;             /* there, where NAME had to be made of that; NULL: NAME */
    unsigned snapshots;       /* of another hypervisor: how many would have to be removed */
    char *lock;               /* config lock ("backup"), NULL: none */
    char *digest;             /* of the description this was read from */
    char *description, *tags; /* tags: separated by ';' */
    char *uuid;               /* SMBIOS UUID, lower case */
    uint64_t memory;          /* bytes */
    unsigned sockets, cores;
    char **boot; /* boot order: slots and "netN" */
    struct vf_disk *disks;
    size_t n_disks;
    struct vf_nic *nics;
    size_t n_nics;
    struct vf_cdrom *cdroms;
    size_t n_cdroms;
    struct vf_opts opts; /* machine, bios, cpu, ostype, agent, scsihw, vga, … carried as they are */
    char *pool;          /* NULL: none, or none that the login may see */
    char *ha;            /* requested state under high availability; NULL: not under it */
    enum vf_guest_age guest;
    bool secure_boot, tpm; /* of one from another hypervisor: what its firmware remembers (EFI disk,
                              TPM state) is no disk that could be copied, and is made anew */
    char *system; /* the guest's, as it is called there ("debian10_64Guest", "Debian GNU/Linux 7");
                     NULL: not told */
    struct vf_firewall *firewall; /* NULL: not read, or not readable */
    struct vf_left_out *left_out;
    size_t n_left_out;
};

struct vf_vm *vf_vm_new(void);
struct vf_vm *vf_vm_copy(const struct vf_vm *vm);
void vf_vm_free(struct vf_vm *vm);
VF_DEFINE_CLEANUP(struct vf_vm *, vf_vm_free)

struct vf_disk *vf_vm_add_disk(struct vf_vm *vm); /* valid until the next is added */
struct vf_nic *vf_vm_add_nic(struct vf_vm *vm);
struct vf_cdrom *vf_vm_add_cdrom(struct vf_vm *vm);
struct vf_left_out *vf_vm_leave_out(struct vf_vm *vm, const char *what,
                                    const char *why); /* valid until the next is added */
void vf_vm_remove_disk(struct vf_vm *vm, size_t i);
const struct vf_disk *vf_vm_disk(const struct vf_vm *vm, const char *slot); /* NULL: none */

#endif
