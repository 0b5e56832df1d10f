/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A way into an ESXi host or a vCenter: the vSphere API, or SSH and the host's own commands. What
 * both can do, behind one table; which of them is taken is esxi.c's matter. A way belongs to one
 * thread; twin() makes another for another thread. */
#ifndef VF_PROVIDER_ESXI_WAY_H
#define VF_PROVIDER_ESXI_WAY_H

#include "base/ask.h"
#include "conf/conf.h"
#include "disk/recipe.h"
#include "plan/vm.h"

struct vf_esxi_way;

/* A file in a datastore. */
struct vf_esxi_file {
    const char *dc; /* path of the datacenter ("ha-datacenter", "Folder/DC"); NULL: not told */
    const char *datastore; /* "datastore1" */
    const char *path;      /* "web 01/web 01.vmx" */
};

/* A VM as it is listed. */
struct vf_esxi_row {
    unsigned id; /* what vim-cmd calls it; of "vm-123" the number */
    char *name, *node;
    char *dc, *datastore, *vmx;  /* its VMX file; NULL: the host cannot read it */
    char *guest, *guest_details; /* "debian10_64Guest"; what VMware Tools reported */
    char *annotation;
    uint64_t memory; /* bytes */
    enum vf_vm_state state;
    bool template_;
};

/* What is true of a VM now. */
struct vf_esxi_now {
    enum vf_vm_state state;
    char *question;     /* that it waits to be answered; NULL: none */
    unsigned snapshots; /* how many */
    bool tools;         /* VMware Tools run in it: it can be shut down */
    bool onboot;        /* the host starts it by itself */
    char *annotation;
    char *digest;     /* changes with its settings; NULL: not told */
    char **addresses; /* IP addresses that VMware Tools told; NULL-terminated */
};

enum { VF_ALL_VLANS = 4095 };

struct vf_esxi_portgroup {
    char *name;
    char *key; /* of a distributed switch's: VMX files name it so; NULL: it is a standard one's */
    int vlan;  /* 0: none, VF_ALL_VLANS, -1: not told (a range, a distributed switch) */
};

enum vf_esxi_power { VF_ESXI_ON, VF_ESXI_SHUTDOWN, VF_ESXI_OFF };

/* What a way cannot do; see vf_esxi_way_ops.lacks. */
enum {
    VF_ESXI_NO_ANNOTATE = 1,
    VF_ESXI_NO_RENAME = 2,
    VF_ESXI_NO_ONBOOT = 4,
    VF_ESXI_NO_POWER = 8
};

/* Behind the state of a file that was written to less than VF_ESXI_RACY_S seconds ago, by the clock
 * of its host: stamps are of whole seconds, and a further write may leave it as it is. */
#define VF_ESXI_RACY " racy"
enum { VF_ESXI_RACY_S = 2 };

struct vf_esxi_way_ops {
    const char *name; /* "api", "ssh" */
    /* "VMware ESXi 7.0.3 build-21424296"; borrowed, NULL: not told. */
    const char *(*version)(struct vf_esxi_way *w);
    bool (*is_vcenter)(const struct vf_esxi_way *w);
    /* All VMs but vSphere's own agents (vCLS). */
    int (*vms)(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n, struct vf_error **err);
    int (*now)(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out, struct vf_error **err);
    int (*portgroups)(struct vf_esxi_way *w, const char *node, struct vf_esxi_portgroup **out,
                      size_t *n, struct vf_error **err);
    /* The name of the datastore that is mounted at /vmfs/volumes/VOLUME; caller frees. NULL in the
     * table: files are found by VOLUME as well. */
    char *(*datastore)(struct vf_esxi_way *w, const char *dc, const char *volume,
                       struct vf_error **err);
    /* A small file, of at most MOST bytes (more: CORRUPT), with a NUL behind; caller frees.
     * NOTFOUND when it is not there. */
    char *(*text)(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t most, size_t *len,
                  struct vf_error **err);
    /* Size and a word that changes when the file does (time stamp; caller frees; NULL: not told;
     * STATE itself may be NULL), unless it ends in VF_ESXI_RACY. NOTFOUND. */
    int (*stat)(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size, char **state,
                struct vf_error **err);
    /* Exactly N bytes at OFFSET into BUF. CORRUPT when the host sends something else. One attempt;
     * what is transient (vf_error_is_transient) is tried again by the caller. CONFLICT "in use" for
     * the disk of a running VM. */
    int (*read)(struct vf_esxi_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                uint64_t offset, struct vf_error **err);
    /* The read that follows, and those that go on where it ends, up to END of the file: they may
     * come from one command, which runs on between them until another place is read. 0: nothing is
     * read on, what runs is ended. NULL in the table: every read is a request of its own. */
    void (*read_on)(struct vf_esxi_way *w, uint64_t end);
    /* The host's own SHA-256 of N bytes at OFFSET, 64 hex digits; caller frees. UNSUPPORTED when it
     * has no means. */
    char *(*sha256)(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t n,
                    uint64_t offset, struct vf_error **err);

    /* Which parts of the disk that F, a descriptor, describes, SIZE bytes, were never written to:
     * *OUT in order, caller frees. Any failure means that all of it is to be read; UNSUPPORTED also
     * where the host could not hash it afterwards, because nothing else would show that it was
     * wrong. NULL in the table: it has no means. */
    int (*holes)(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t size,
                 struct vf_recipe_hole **out, size_t *n, struct vf_error **err);

    /* Bits of what it cannot do here: SSH has no means, a free licence forbids the API to write. */
    unsigned (*lacks)(struct vf_esxi_way *w);
    /* Writing. All wait until the host has done it. UNSUPPORTED when the licence forbids it: from
     * then on lacks() says so. */
    int (*power)(
        struct vf_esxi_way *w, unsigned id, enum vf_esxi_power what, unsigned timeout,
        struct vf_error **err); /* SHUTDOWN: CONFLICT after TIMEOUT seconds; never forces */
    int (*annotate)(struct vf_esxi_way *w, unsigned id, const char *text, const char *digest,
                    struct vf_error **err); /* CONFLICT when it is no longer DIGEST (NULL: any) */
    int (*rename)(struct vf_esxi_way *w, unsigned id, const char *name, struct vf_error **err);
    int (*set_onboot)(struct vf_esxi_way *w, unsigned id, bool onboot, struct vf_error **err);
    int (*drop_snapshots)(struct vf_esxi_way *w, unsigned id, struct vf_error **err);

    /* The same login for another thread: no password is sent again where the platform allows that.
     */
    struct vf_esxi_way *(*twin)(struct vf_esxi_way *w, struct vf_error **err);
    void (*set_cancel)(struct vf_esxi_way *w, struct vf_cancel *cancel);
    void (*free)(struct vf_esxi_way *w);
};

/* Embedded first in each kind's own struct. */
struct vf_esxi_way {
    const struct vf_esxi_way_ops *ops;
    const struct vf_cluster_conf *conf; /* borrowed */
};

/* Logs in as USER with PASSWORD: once. AUTH: it is wrong, and must not be tried anywhere else,
 * because a few failures lock the account. NET: nothing answers there. PASSWORD is copied; it may
 * be NULL where a key will do (SSH). ASKER answers questions about certificates and host keys only;
 * CANCEL may be NULL. *TOLD
 * (may be NULL): the password may have reached the host, so that it counts even when no answer
 * came. */
struct vf_esxi_way *vf_esxi_api_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                     const char *user, const struct vf_secret *password,
                                     const struct vf_asker *asker, struct vf_cancel *cancel,
                                     bool *told, struct vf_error **err);
struct vf_esxi_way *vf_esxi_ssh_open(const struct vf_cluster_conf *conf, const char *user,
                                     const struct vf_secret *password, const struct vf_asker *asker,
                                     struct vf_cancel *cancel, struct vf_error **err);

/* Through the API alone: does the host's SSH service run (1, 0), and switching it. */
int vf_esxi_api_ssh_runs(struct vf_esxi_way *api, const char *node, struct vf_error **err);
int vf_esxi_api_set_ssh(struct vf_esxi_way *api, const char *node, bool on, struct vf_error **err);

void vf_esxi_way_free(struct vf_esxi_way *w);
VF_DEFINE_CLEANUP(struct vf_esxi_way *, vf_esxi_way_free)
void vf_esxi_rows_free(struct vf_esxi_row *v, size_t n);
void vf_esxi_now_clear(struct vf_esxi_now *n);
void vf_esxi_portgroups_free(struct vf_esxi_portgroup *v, size_t n);

/* "[datastore1] web 01/web 01.vmdk" in its parts; OUT points into COPY, which the caller frees. -1:
 * it is not of that form. */
int vf_esxi_file_parse(const char *text, const char *dc, struct vf_esxi_file *out, char **copy);

#endif
