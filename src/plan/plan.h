/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan of one move: pure data, saved and read as a libconfig file. What it does not name stays
 * as at the source. */
#ifndef VF_PLAN_PLAN_H
#define VF_PLAN_PLAN_H

#include <limits.h>
#include "base/error.h"
#include "plan/vm.h"

struct vf_plan_disk {
    char *slot;    /* which of the source's disks */
    char *volume;  /* the source's volume when the plan was made: it must still be that */
    uint64_t size; /* bytes, likewise */
    char *storage; /* target storage */
    char *format;  /* target format */
    /* What changes at the target: */
    char *target_slot;          /* bus and number there; NULL: SLOT */
    char *cache;                /* one of vf_cache_words; NULL: as at the source */
    int discard, ssd, iothread; /* 1, 0; -1: as at the source */
};

enum vf_mac_mode { VF_MAC_KEEP, VF_MAC_NEW, VF_MAC_GIVEN };

struct vf_plan_nic {
    unsigned index; /* which of the source's NICs */
    char *bridge;   /* target bridge or VNet */
    enum vf_mac_mode mac_mode;
    char *mac; /* with VF_MAC_GIVEN */
    /* What changes at the target: */
    char *model;      /* one of vf_nic_models; NULL: as at the source */
    unsigned tag;     /* VLAN tag, 0: none; VF_VLAN_KEEP: as at the source */
    int disconnected; /* 1, 0; -1: as at the source */
};
#define VF_VLAN_KEEP UINT_MAX

enum vf_verify { VF_VERIFY_FULL, VF_VERIFY_NONE };
/* "auto" (where it pays), "1" to "6", "off", by number; as vf_copy_disk() takes them. */
extern const char *const vf_compress_words[];
extern const char *const vf_verify_words[];
extern const char *const vf_cache_words[]; /* of a disk, as in qm.conf(5) */
/* "auto", then the kinds of routes, best first. */
extern const char *const vf_route_words[];
enum { VF_MAX_STREAMS = 8, VF_COMPRESS_WORDS = 8, VF_ROUTE_WORDS = 5 };

/* How the VM gets there: copied by vmferry while it is shut down, or by Proxmox's own migration
 * between clusters, live when it runs. */
enum vf_method { VF_METHOD_COPY, VF_METHOD_REMOTE_MIGRATE };

/* What vmferry does to the source for the length of a move when it was agreed to, and puts back
 * when the move is undone. */
enum vf_fix {
    VF_FIX_SUSPEND_HA,
    VF_FIX_SUSPEND_REPLICATION,
    VF_FIX_EJECT_ISO,
    VF_FIX_LIFT_PROTECTION,
    VF_FIX_SWITCH_SSH_ON, /* also put back at the end */
};
enum { VF_FIXES = 5 };
/* "suspend-ha" ..., NULL-terminated, by number. */
extern const char *const vf_fix_words[];
#define VF_FIX_BIT(fix)  (1U << (fix))
/* What a finding names as its fix for the plan's remove_snapshots, which is never put back. */
#define VF_FIX_SNAPSHOTS "remove-snapshots"

/* Virtual hardware of a VM that comes from another hypervisor. */
enum vf_profile {
    VF_PROFILE_NONE,   /* the VM comes from Proxmox VE */
    VF_PROFILE_MODERN, /* virtio-scsi-single, virtio cards */
    VF_PROFILE_OLD, /* i440fx, ide0 ..., e1000, cards disconnected until a person has seen it start
                     */
    VF_PROFILE_WINDOWS, /* SATA and e1000 until its virtio drivers are installed */
};
/* "none", "modern", "old", "windows", NULL-terminated, by number. */
extern const char *const vf_profile_words[];

/* Once an old VM from another hypervisor runs at the target: its cards are connected when somebody
 * says so who has seen its console, are connected (and it is rebooted, so that it sees them), or
 * stay disconnected. */
enum vf_console { VF_CONSOLE_ASK, VF_CONSOLE_CONNECT, VF_CONSOLE_REBOOT, VF_CONSOLE_LEAVE };
/* "ask", "connect", "reboot", "leave", NULL-terminated, by number. */
extern const char *const vf_console_words[];

struct vf_plan {
    char *source, *target; /* cluster names of vmferry.conf */
    unsigned vm_id;        /* the source VM */
    char *vm_name;
    char *target_node;
    char *target_name;  /* NULL: the source's name */
    unsigned target_id; /* 0: the next free one */
    char *ciphers;      /* of ssh for disk data; NULL: the fastest, "-": as ssh has them */
    char *cpu;          /* processor type at the target; NULL: the source's */
    struct vf_plan_disk *disks;
    size_t n_disks;
    struct vf_plan_nic *nics;
    size_t n_nics;
    enum vf_profile profile;
    bool driver_disk;        /* windows: a small virtio disk, so that it installs the driver */
    enum vf_console console; /* of the profile "old" */
    bool remove_snapshots;   /* at the source, before its disks are read: agreed to */
    bool copy_disks;         /* false: --skip-disks */
    bool precopy;       /* copy raw disks of a running VM before it is shut down, and again after */
    bool start;         /* start at the target (only when the source was running) */
    bool start_stopped; /* with START also when it was stopped, VF_METHOD_COPY */
    uint64_t rate;      /* bytes per second, 0: no limit */
    enum vf_verify verify;
    enum vf_method method;
    unsigned compress;         /* index of vf_compress_words */
    unsigned streams;          /* connections between the hosts, 0: as they bear */
    unsigned route;            /* index of vf_route_words */
    unsigned shutdown_timeout; /* seconds given to a graceful shutdown */
    bool rehearse;             /* a test: NAME--TEST, disconnected; the source is left alone */
    bool wait_before_stop;     /* ask before the source is shut down (or migrated) */
    bool wait_before_start;    /* ask before the target is started */
    char *service_ports;       /* TCP ports tried before and after (service.h); NULL: none */
    char *service_addresses;   /* where; NULL: what the guest's agent tells */
    bool verify_tls;           /* false: --no-verify-ssl */
    bool ignore_exists; /* a VM of the same name, even of the same cluster, does not stop it */
    unsigned fixes;     /* VF_FIX_BIT() of each that was agreed to */
};

bool vf_plan_fixes(const struct vf_plan *p, enum vf_fix fix);

struct vf_plan *vf_plan_new(void); /* with defaults */
struct vf_plan *vf_plan_copy(const struct vf_plan *p);
void vf_plan_free(struct vf_plan *p);
VF_DEFINE_CLEANUP(struct vf_plan *, vf_plan_free)

/* New entries, nothing changed at the target; valid until the next is added. */
struct vf_plan_disk *vf_plan_add_disk(struct vf_plan *p);
struct vf_plan_nic *vf_plan_add_nic(struct vf_plan *p);
/* N is at the target what it is at the source, whatever was set of it. */
void vf_plan_reset_nic(struct vf_plan_nic *n);
/* Where D is attached at the target (borrowed). */
const char *vf_plan_slot(const struct vf_plan_disk *d);

/* Reads a plan file; unknown keys, wrong types, impossible values: VF_E_USAGE with file and line.
 */
struct vf_plan *vf_plan_load(const char *path, struct vf_error **err);
/* The file's text, commented for people; caller frees. It reads back to the same plan. */
char *vf_plan_text(const struct vf_plan *p);
int vf_plan_save(const struct vf_plan *p, const char *path, struct vf_error **err);

/* Is NAME one for a VM, CPU a processor type? NULL, or "must be …". */
const char *vf_plan_check_name(const char *name);
const char *vf_plan_check_cpu(const char *cpu);

/* The same for a file with one VM or several: N plans in an array, both the caller's
 * (vf_plans_free). vf_plan_load() takes only files with one. A file with one is written as
 * vf_plan_save() does. TEXT has LEN bytes; PATH names it in messages. */
int vf_plans_load(const char *path, struct vf_plan ***v, size_t *n, struct vf_error **err);
int vf_plans_parse(const char *text, size_t len, const char *path, struct vf_plan ***v, size_t *n,
                   struct vf_error **err);
char *vf_plans_text(struct vf_plan *const *v, size_t n);
int vf_plans_save(struct vf_plan *const *v, size_t n, const char *path, struct vf_error **err);
void vf_plans_free(struct vf_plan **v, size_t n);

/* What the target VM is called; caller frees. */
char *vf_plan_target_name(const struct vf_plan *p, const struct vf_vm *source);
/* Does PLAN start the VM at the target that RAN (or was stopped) at the source when it was planned?
 * A rehearsal always does. */
bool vf_plan_starts(const struct vf_plan *p, bool ran);
/* Is the Ith disk copied before SOURCE, which runs, is shut down? */
bool vf_plan_precopies(const struct vf_plan *p, const struct vf_vm *source, size_t i);

/* Remapping as the options and the wizard give it: "vmbr0=vmbr7" (or "VM Network=vmbr7") into
 * PLAN's NICs that are on vmbr0 at SOURCE; "*=vmbr1" into those that no other rule changed. Returns
 * how many NICs it changed (0 may be a mistyped bridge, or a rule meant for another VM), -1 with
 * VF_E_USAGE for a malformed rule. */
int vf_plan_remap_bridge(struct vf_plan *p, const struct vf_vm *source, const char *rule,
                         struct vf_error **err);
/* The same for VLAN tags, all N rules at once: "vmbr0=12" tags PLAN's NICs that are on vmbr0 at
 * SOURCE, "vmbr0=0" takes their tag off, "vmbr0.5=12" is for those of them that have tag 5 there,
 * "*.5=12" and "*=12" for those on any bridge. What names a NIC most exactly decides, of two the
 * last. USED[i]: rule i names any. 0, or -1 with VF_E_USAGE. */
int vf_plan_remap_vlans(struct vf_plan *p, const struct vf_vm *source, const char *const *rules,
                        size_t n, bool *used, struct vf_error **err);
/* "keep", "new" or an address (then the VM must have one NIC). */
int vf_plan_remap_mac(struct vf_plan *p, const char *rule, struct vf_error **err);

/* Makes the addresses of NICs with VF_MAC_NEW and turns them into VF_MAC_GIVEN, so that applying
 * the plan again (a resumed job) gives the same VM. MAC_PREFIX as in vf_plan_apply(). */
int vf_plan_choose_macs(struct vf_plan *p, const char *mac_prefix, struct vf_error **err);

/* The VM that PLAN makes of SOURCE: name, node, MACs, bridges, storages and formats replaced,
 * CD-ROMs emptied (a cloud-init drive goes to the storage of the first disk), what the plan changes
 * of disks, NICs and processor; volumes and paths are NULL (not allocated yet), state is stopped.
 * Options that a disk's new bus does not have are left out. With a profile the hardware is that of
 * the profile (profile.h), and there may be fresh disks, which SOURCE does not have. New MACs begin
 * with MAC_PREFIX
 * ("BC:24:11", or NULL). NULL with *err when SOURCE is no longer what was planned (CONFLICT): other
 * volumes or sizes, disks or NICs added or gone; USAGE when a disk is to be where a CD-ROM drive
 * is. Caller frees. */
struct vf_vm *vf_plan_apply(const struct vf_plan *p, const struct vf_vm *source,
                            const char *mac_prefix, struct vf_error **err);

#endif
