/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider is one platform behind one table. It lists, describes, creates, powers and renames
 * VMs. It touches no disk bytes and asks nothing but for credentials. One provider belongs to one
 * thread. */
#ifndef VF_PROVIDER_PROVIDER_H
#define VF_PROVIDER_PROVIDER_H

#include "base/ask.h"
#include "conf/conf.h"
#include "plan/findings.h"
#include "plan/firewall.h"
#include "plan/vm.h"

struct vf_provider;

struct vf_node {
    char *name;
    char *address;  /* as the cluster knows it; NULL: unknown */
    char *identity; /* fingerprint of its certificate; NULL: not told */
    bool online;
    bool no_quorum;                     /* its cluster refuses every change */
    uint64_t memory_total, memory_used; /* bytes */
    unsigned cpus;                      /* as its VMs count them; 0: not told */
    double cpu;                         /* the part of them that is in use, 0 to 1 */
};

/* What the configuration of a VM says, without looking at its disks. */
struct vf_outline {
    struct vf_vm *vm;  /* NULL: cannot be moved as it is, see WHY */
    char *why;         /* one sentence */
    char *description; /* NULL: none */
    bool snapshots, passthrough;
};

struct vf_storage {
    char *name;
    char *type; /* "dir", "zfspool" … */
    char *path; /* of type dir */
    char
        *identity; /* where it really is ("nfs 10.0.0.1 /export"); NULL: on the node, or not told */
    bool shared, active, images; /* images: takes VM disks */
    bool thick;                  /* takes the whole size of a disk when that is made */
    char **formats;              /* disk formats it takes, default first */
    uint64_t total, avail;       /* bytes */
};

struct vf_bridge {
    char *name;
    bool vlan_aware, vlan_told; /* told: else nobody knows */
    bool vnet;                  /* the cluster's; else the node's own */
    bool absent;                /* a VNet that this node does not have (yet) */
    unsigned mtu;               /* 0: not told */
};

/* What a node can give to a VM; lists NULL where it does not tell. */
struct vf_abilities {
    char **machines; /* "pc-q35-8.1" … */
    char **cpus;     /* processor types */
    char *cpu_model; /* of the node itself */
    char **cpu_flags;
};

/* A job that copies the disks of a VM to another node of its cluster, again and again. */
struct vf_replication {
    char *id, *target;
    bool enabled;
};

struct vf_volume {
    char *path, *format;
    uint64_t size, used; /* bytes */
    char *stamp;         /* changes when somebody writes to it; NULL: not told */
};

/* A guest with a MAC address or the UUID of another VM. */
struct vf_twin {
    unsigned id;
    char *name;
    bool running;      /* or nobody tells whether it does (UNKNOWN) */
    bool unknown;
    int nic;           /* the other's network card; -1: the UUID */
    bool disconnected; /* this one's card */
    char *bridge;
    unsigned tag;
};

struct vf_twins {
    struct vf_twin *v;
    size_t n;
    unsigned looked_at, unseen; /* guests */
};

/* What a move does at one of its clusters. */
struct vf_use {
    bool target;            /* VM is made here; else it is read, shut down and renamed here */
    const struct vf_vm *vm; /* id 0: any number. Without a node: nobody has seen it yet */
    bool disks, power;      /* its disks are copied; it is shut down or started */
};
/* A pool: it is there, this login may make it, or neither (it may be there, unseen). */
enum vf_pool { VF_POOL_THERE, VF_POOL_MAY, VF_POOL_NEVER };

/* States of high availability: the manager keeps the VM running, or does not touch it. */
#define VF_HA_STARTED "started"
#define VF_HA_IGNORED "ignored"

/* Where its disks are read: by a mover on their node; by vmferry-fetch on this machine, over the
 * network or from files here. */
enum vf_disks_at { VF_DISKS_AT_NODE, VF_DISKS_FETCHED };

/* How vmferry-fetch logs in as a provider did; all borrowed from that. */
struct vf_login {
    const char *way;    /* "api", "ssh"; NULL: the faster of those that answer */
    const char *user;   /* NULL: as configured */
    char *const *certs; /* SHA-256 of certificates that a person has agreed to; NULL: none */
    const struct vf_secret *password; /* NULL: as configured, or none is needed */
};

enum vf_power { VF_POWER_START, VF_POWER_SHUTDOWN, VF_POWER_STOP };

typedef int vf_guard_fn(void *opaque, struct vf_error **err);

/* Made by summer(); of one thread. */
struct vf_summer {
    char *(*sum)(struct vf_summer *s, uint64_t n, uint64_t offset, struct vf_cancel *cancel,
                 struct vf_error **err); /* as hash() */
    void (*free)(struct vf_summer *s);
};

struct vf_provider_ops {
    const char *type;
    enum vf_disks_at disks;
    bool only_source; /* VMs cannot be moved there */
    /* Bits; NULL: it can do everything. */
    unsigned (*lacks)(struct vf_provider *p);
    /* SHA-256 of N bytes at OFFSET of the content of a VM's volume, the VM being on NODE: 64 hex
     * digits, caller frees: by the host's own means, *BY_HOST true; else of bytes that were read a
     * second time. NULL in the table: the mover's hash is all there is. */
    char *(*hash)(struct vf_provider *p, const char *node, const char *volume, uint64_t n,
                  uint64_t offset, bool *by_host, struct vf_error **err);
    /* The same for a thread of its own, beside whatever else is asked of P, of a volume whose VM is
     * shut down; the host's own means alone. NULL: it has none. NULL in the table: none ever. */
    struct vf_summer *(*summer)(struct vf_provider *p, const char *node, const char *volume);
    /* PATH, which volume() told of a volume whose VM is shut down, with what its host says was
     * never written to left out of what is read: *BYTES of zeroes. Caller frees; NULL: the host
     * says nothing. A host can be wrong: only for who compares all of the volume by hash()
     * afterwards. NULL in the table: it is seen while it is read. */
    char *(*without_holes)(struct vf_provider *p, const char *node, const char *volume,
                           const char *path, uint64_t *bytes);
    /* How fast the disk at PATH, which volume() told, is read the way that it is copied: bytes per
     * second, from some of it, in some seconds. -1: not now (its VM runs), or it shows only when it
     * is copied. NULL in the table: a mover at its host can tell. */
    double (*try_read)(struct vf_provider *p, const char *path, struct vf_error **err);
    /* Reads all files of VM ID that came with checksums, *FILES of them, and compares: CORRUPT when
     * one is not as it was exported. PROGRESS (may be NULL) is told bytes, and of how many. NULL in
     * the table: nothing comes with checksums. */
    int (*vouch)(struct vf_provider *p, unsigned id,
                 void (*progress)(void *opaque, uint64_t done, uint64_t total), void *opaque,
                 unsigned *files, struct vf_error **err);
    /* Which way this login goes and why, for a person: "by SSH: its API does not answer"; caller
     * frees. NULL in the table: there is only one. */
    char *(*way)(struct vf_provider *p);
    /* Is the SSH service of a source's host on, which would be another way in? 1, 0; -1: it is no
     * such thing, or cannot be told. NULL in the table: it is none. Then switching it: UNSUPPORTED
     * where the host lets nobody. */
    int (*ssh_service)(struct vf_provider *p, const char *node, struct vf_error **err);
    int (*set_ssh_service)(struct vf_provider *p, const char *node, bool on, struct vf_error **err);
    /* NULL in the table: nobody has to log in to read its disks. */
    void (*login)(struct vf_provider *p, struct vf_login *out);
    /* Removes all snapshots of a VM at the source; NULL: never needed. */
    int (*drop_snapshots)(struct vf_provider *p, unsigned id, struct vf_error **err);

    /* Reading. Lists: *OUT is an array of *N the matching _free() releases. */
    int (*nodes)(struct vf_provider *p, struct vf_node **out, size_t *n, struct vf_error **err);
    /* All VMs and containers this login sees; only id, name, node, state, container, template_,
     * lock, tags, memory, ha are filled. */
    int (*vms)(struct vf_provider *p, struct vf_vm ***out, size_t *n, struct vf_error **err);
    int (*storages)(struct vf_provider *p, const char *node, struct vf_storage **out, size_t *n,
                    struct vf_error **err);
    int (*bridges)(struct vf_provider *p, const char *node, struct vf_bridge **out, size_t *n,
                   struct vf_error **err);
    /* What the configuration of LISTED (an entry of the list above, no container) says: one
     * request. */
    int (*outline)(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                   struct vf_error **err);
    /* Everything about VM ID, disks with path, true size and used bytes. NULL with *err:
     * UNSUPPORTED for what cannot be moved (template, container …), with the reason. */
    struct vf_vm *(*describe)(struct vf_provider *p, unsigned id, struct vf_error **err);
    /* The description of VM ID alone ("": none), whatever state it is in; caller frees. *DIGEST
     * (may be NULL; caller frees) is for describe_as(); NULL: the platform has none. */
    char *(*notes)(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err);
    /* What hangs on VM beside its configuration: fills firewall, pool and ha, and leaves out what
     * belongs to its cluster. */
    int (*surroundings)(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err);
    /* The state asked of high availability for VM ID ("started" …; "unknown": it is under it),
     * *STATE NULL: none. Caller frees. NULL in the table: the platform starts no VM by itself. */
    int (*ha)(struct vf_provider *p, const char *node, unsigned id, char **state,
              struct vf_error **err);
    struct vf_firewall *(*firewall)(struct vf_provider *p, const char *node, unsigned id,
                                    struct vf_error **err);
    /* What the cluster has under REF (vf_firewall_refs(); "switch": whether it filters at all, "on"
     * or "off"), as text to compare. NULL with NOTFOUND: it has no such thing. */
    char *(*firewall_shared)(struct vf_provider *p, const char *ref, struct vf_error **err);
    int (*pool)(struct vf_provider *p, const char *name, enum vf_pool *out, struct vf_error **err);
    /* Has this login PRIVILEGE on PATH? 1 yes, 0 no, -1 cannot tell. */
    int (*may)(struct vf_provider *p, const char *path, const char *privilege,
               struct vf_error **err);
    /* "BC:24:11" or NULL; caller frees. */
    char *(*mac_prefix)(struct vf_provider *p);
    int (*state)(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                 struct vf_error **err);
    /* A free VMID, or WANTED when that is free, else CONFLICT. */
    int (*free_id)(struct vf_provider *p, unsigned wanted, unsigned *out, struct vf_error **err);
    /* The IP addresses of VM's network cards as the agent in the guest tells them, that other hosts
     * may reach; NULL-terminated, caller frees. Fails when there is no agent, or it is silent. */
    int (*addresses)(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                     struct vf_error **err);
    /* Guests, all but VMID BUT, with a MAC address or the UUID of VM. */
    int (*twins)(struct vf_provider *p, const struct vf_vm *vm, unsigned but, struct vf_twins *out,
                 struct vf_error **err);
    /* Adds a finding that stops when this login may not do all that USE asks for: what is missing
     * where, and how it is given. */
    int (*rights)(struct vf_provider *p, const struct vf_use *use, struct vf_findings *out,
                  struct vf_error **err);
    int (*volume)(struct vf_provider *p, const char *node, const char *volume,
                  struct vf_volume *out, struct vf_error **err);
    /* Its version, as 1000 times the first number and the second; 0: it does not say. */
    unsigned (*version)(const struct vf_provider *p);
    /* What may not be read is left empty. */
    int (*abilities)(struct vf_provider *p, const char *node, struct vf_abilities *out,
                     struct vf_error **err);
    /* What runs about VM ID now that a move would get in the way of ("vzdump" …), as far as this
     * login is shown it; caller frees. */
    char **(*tasks)(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);
    /* Does the guest agent of a running VM answer? 1 yes, 0 no, -1 cannot tell. */
    int (*agent)(struct vf_provider *p, const char *node, unsigned id);
    int (*replications)(struct vf_provider *p, unsigned id, struct vf_replication **out, size_t *n,
                        struct vf_error **err);
    /* May this login switch the replication of VM ID? As may(). */
    int (*may_replicate)(struct vf_provider *p, unsigned id, struct vf_error **err);
    /* The setting KEY of VM ID as it is written; NULL without *err: it has none. Caller frees. */
    char *(*option)(struct vf_provider *p, const char *node, unsigned id, const char *key,
                    struct vf_error **err);

    /* Writing. All wait until the platform has done it. */
    /* Replaces the description; fails with CONFLICT when the configuration is no longer DIGEST
     * (NULL: not checked). */
    int (*describe_as)(struct vf_provider *p, const char *node, unsigned id,
                       const char *description, const char *digest, struct vf_error **err);
    /* NAME NULL: it gets none. */
    int (*rename)(struct vf_provider *p, const char *node, unsigned id, const char *name,
                  struct vf_error **err);
    int (*set_onboot)(struct vf_provider *p, const char *node, unsigned id, bool onboot,
                      struct vf_error **err);
    /* Takes out of VM what this login or version cannot set, noting each in VM->left_out
     * (UNSUPPORTED: it cannot be there at all). Preflight shows them; the job applies it before
     * creating. */
    int (*fit)(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err);
    /* Adds to a new VM's firewall what of F is missing; repeating it is harmless. */
    int (*set_firewall)(struct vf_provider *p, const char *node, unsigned id,
                        const struct vf_firewall *f, struct vf_error **err);
    /* CONFLICT: it exists. */
    int (*make_pool)(struct vf_provider *p, const char *name, struct vf_error **err);
    /* Fails while something is in it. */
    int (*drop_pool)(struct vf_provider *p, const char *name, struct vf_error **err);
    /* The state asked of high availability; with VF_HA_IGNORED it has let go of the VM on return.
     */
    int (*set_ha)(struct vf_provider *p, unsigned id, const char *state, struct vf_error **err);
    int (*set_replication)(struct vf_provider *p, const char *job, bool enabled,
                           struct vf_error **err);
    /* VALUE as of option(); NULL: the setting is taken out. */
    int (*set_option)(struct vf_provider *p, const char *node, unsigned id, const char *key,
                      const char *value, struct vf_error **err);
    /* Plugs the cable of card NIC in, or pulls it, at once where the VM runs. */
    int (*set_link)(struct vf_provider *p, const char *node, unsigned id, unsigned nic, bool up,
                    struct vf_error **err);
    /* VM->name, node, id, pool …; of its disks the fresh ones alone; empty CD-ROMs, onboot 0, no
     * boot order, no firewall. */
    int (*create)(struct vf_provider *p, const struct vf_vm *vm, struct vf_error **err);
    /* Name the volume NUMBER of VM ID will get on STORAGE (journalled before it is made). */
    char *(*volume_name)(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                         unsigned number, const char *format, struct vf_error **err);
    /* Exactly SIZE bytes (rounded up to the platform's unit). CONFLICT when it exists. *OUT:
     * volume. */
    int (*allocate)(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                    unsigned number, const char *format, uint64_t size, char **out,
                    struct vf_error **err);
    int (*free_volume)(struct vf_provider *p, const char *node, const char *volume,
                       struct vf_error **err);
    /* Attaches DISK->volume at DISK->slot with DISK->opts. */
    int (*attach)(struct vf_provider *p, const char *node, unsigned id, const struct vf_disk *disk,
                  struct vf_error **err);
    int (*set_boot)(struct vf_provider *p, const char *node, unsigned id, char *const *boot,
                    struct vf_error **err);
    /* SHUTDOWN is graceful and fails with NET-free CONFLICT after TIMEOUT seconds; never forces. */
    int (*power)(struct vf_provider *p, const char *node, unsigned id, enum vf_power what,
                 unsigned timeout, struct vf_error **err);
    /* Removes a stopped VM and the disks its configuration names; nothing else. */
    int (*destroy)(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);

    /* Who logged in here with a password, which may have taken a person; NULL: nobody. */
    const char *(*password_user)(struct vf_provider *p);
    /* Makes a token NAME of that user's, good until EXPIRE (unix seconds), and keeps its secret: to
     * go on with when only a person could log in again. */
    int (*make_token)(struct vf_provider *p, const char *name, const char *comment, int64_t expire,
                      struct vf_error **err);
    /* 0 also when there is no such token. */
    int (*remove_token)(struct vf_provider *p, const char *user, const char *name,
                        struct vf_error **err);
    /* Names of the tokens of password_user() that begin with PREFIX; caller frees. */
    char **(*own_tokens)(struct vf_provider *p, const char *prefix, struct vf_error **err);

    /* From now on CANCEL (borrowed) ends what waits. */
    void (*set_cancel)(struct vf_provider *p, struct vf_cancel *cancel);
    /* From now on GUARD (NULL: nobody) is asked before anything is changed; -1 forbids it. */
    void (*set_guard)(struct vf_provider *p, vf_guard_fn *guard, void *opaque);
    void (*free)(struct vf_provider *p);

    const struct vf_native_ops
        *native; /* provider/native.h; NULL: it has no migration of its own */
};

struct vf_provider {
    const struct vf_provider_ops *ops;
    const struct vf_cluster_conf *conf; /* borrowed */
};

/* Logs in at CONF's cluster: tries its URLs in order, asks ASKER for the password when none is
 * configured (ask id "password:CLUSTER:USER" or "token:CLUSTER:TOKEN"). VERIFY_TLS false switches
 * the certificate check off for this connection. CONF, ASKER, CANCEL are borrowed and must outlive
 * it. */
struct vf_provider *vf_provider_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                     const struct vf_asker *asker, struct vf_cancel *cancel,
                                     struct vf_error **err);
void vf_provider_free(struct vf_provider *p);
VF_DEFINE_CLEANUP(struct vf_provider *, vf_provider_free)

/* VM ID with its surroundings. */
struct vf_vm *vf_describe_whole(struct vf_provider *p, unsigned id, struct vf_error **err);

void vf_nodes_free(struct vf_node *v, size_t n);
void vf_vms_free(struct vf_vm **v, size_t n);
void vf_storages_free(struct vf_storage *v, size_t n);
void vf_bridges_free(struct vf_bridge *v, size_t n);
void vf_twins_free(struct vf_twins *t);
void vf_abilities_clear(struct vf_abilities *a);
void vf_replications_free(struct vf_replication *v, size_t n);
void vf_outline_clear(struct vf_outline *o);
void vf_volume_clear(struct vf_volume *v);

#endif
