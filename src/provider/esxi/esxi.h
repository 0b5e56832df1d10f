/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform "esxi": the operations of provider.h over the ways into an ESXi host or a vCenter.
 */
#ifndef VF_PROVIDER_ESXI_ESXI_H
#define VF_PROVIDER_ESXI_ESXI_H

#include "provider/esxi/way.h"
#include "provider/provider.h"

/* How ways are opened: vf_esxi_api_open() and vf_esxi_ssh_open(); what else is behind the first. */
struct vf_esxi_doors {
    struct vf_esxi_way *(*api)(const struct vf_cluster_conf *conf, bool verify_tls,
                               const char *user, const struct vf_secret *password,
                               const struct vf_asker *asker, struct vf_cancel *cancel, bool *told,
                               struct vf_error **err);
    struct vf_esxi_way *(*ssh)(const struct vf_cluster_conf *conf, const char *user,
                               const struct vf_secret *password, const struct vf_asker *asker,
                               struct vf_cancel *cancel, struct vf_error **err);
    /* The host's SSH service, through the API. */
    int (*ssh_runs)(struct vf_esxi_way *api, const char *node, struct vf_error **err);
    int (*set_ssh)(struct vf_esxi_way *api, const char *node, bool on, struct vf_error **err);
};

struct vf_provider *vf_esxi_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                 const struct vf_asker *asker, struct vf_cancel *cancel,
                                 struct vf_error **err);
/* The same by other doors. */
struct vf_provider *vf_esxi_open_by(const struct vf_esxi_doors *doors,
                                    const struct vf_cluster_conf *conf, bool verify_tls,
                                    const struct vf_asker *asker, struct vf_cancel *cancel,
                                    struct vf_error **err);

/* ---- inside ---- */

struct vf_recipe;
struct vf_esxi {
    struct vf_provider base;
    struct vf_esxi_doors doors;
    bool verify_tls;
    const struct vf_asker *asker;
    struct vf_asker mute; /* who is asked nothing: ways may keep their asker */
    bool would_ask;       /* MUTE was */
    struct vf_cancel *cancel;
    struct vf_secret *password; /* NULL: none was needed so far */
    bool typed;                 /* by a person, or read from where the configuration says */
    struct vf_esxi_way *way;    /* all is read through this one */
    struct vf_esxi_way *other;  /* NULL: not opened */
    struct vf_error *no_other;  /* why not, for good */
    struct vf_error *away;      /* … for now, since AWAY_MS, vf_clock_ms() */
    int64_t away_ms;
    vf_guard_fn *guard;
    void *guard_opaque;
    struct vf_esxi_row *rows; /* as they were listed last */
    size_t n_rows;
    struct vf_recipe *hashed; /* of the volume a piece was hashed of last, NULL: of none */
    char *hashed_volume;
};

static inline struct vf_esxi *vf_esxi_of(struct vf_provider *p)
{
    return (struct vf_esxi *)(void *)p;
}

/* open.c: logs in, once: the way that is configured, else the API where it answers, else SSH. */
int vf_esxi_log_in(struct vf_esxi *e, struct vf_error **err);
/* The other way in, opened when it is first asked for; MAY_ASK: a question may be put for it.
 * Borrowed. NULL with *err: there is none, and why. */
struct vf_esxi_way *vf_esxi_other(struct vf_esxi *e, bool may_ask, struct vf_error **err);
void vf_esxi_login(struct vf_provider *p, struct vf_login *out);

/* service.c: as in provider.h. */
char *vf_esxi_way_text(struct vf_provider *p);
int vf_esxi_ssh_service(struct vf_provider *p, const char *node, struct vf_error **err);
int vf_esxi_set_ssh_service(struct vf_provider *p, const char *node, bool on,
                            struct vf_error **err);

/* patient.c: of the way that everything is read through, tried again while what fails is transient,
 * for a quarter of a minute: a file's text, its size and state, its first N bytes. */
char *vf_esxi_text(struct vf_esxi *e, const struct vf_esxi_file *f, size_t most, size_t *len,
                   struct vf_error **err);
int vf_esxi_stat(struct vf_esxi *e, const struct vf_esxi_file *f, uint64_t *size, char **state,
                 struct vf_error **err);
int vf_esxi_head(struct vf_esxi *e, const struct vf_esxi_file *f, void *buf, size_t n,
                 struct vf_error **err);

/* look.c: operations that read. */
int vf_esxi_nodes(struct vf_provider *p, struct vf_node **out, size_t *n, struct vf_error **err);
int vf_esxi_vms(struct vf_provider *p, struct vf_vm ***out, size_t *n, struct vf_error **err);
int vf_esxi_outline(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                    struct vf_error **err);
struct vf_vm *vf_esxi_describe_vm(struct vf_provider *p, unsigned id, struct vf_error **err);
char *vf_esxi_notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err);
int vf_esxi_state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                  struct vf_error **err);
int vf_esxi_addresses(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                      struct vf_error **err);
int vf_esxi_agent(struct vf_provider *p, const char *node, unsigned id);
/* Lists all VMs: e->rows. */
int vf_esxi_list(struct vf_esxi *e, struct vf_error **err);
/* The row of VM ID, listed anew unless it may be an old one; borrowed. */
const struct vf_esxi_row *vf_esxi_row(struct vf_esxi *e, unsigned id, bool may_be_old,
                                      struct vf_error **err);

/* disks.c: finds out what the disks of VM (as the VMX file names them, relative to the folder of
 * ROW's VMX file) are; what cannot be read is left out with the reason. */
int vf_esxi_resolve(struct vf_esxi *e, const struct vf_esxi_row *row, struct vf_vm *vm,
                    struct vf_error **err);
int vf_esxi_volume(struct vf_provider *p, const char *node, const char *volume,
                   struct vf_volume *out, struct vf_error **err);
char *vf_esxi_hash(struct vf_provider *p, const char *node, const char *volume, uint64_t n,
                   uint64_t offset, bool *by_host, struct vf_error **err);

struct vf_summer *vf_esxi_summer(struct vf_provider *p, const char *node, const char *volume);

/* holes.c: as in provider.h. */
char *vf_esxi_without_holes(struct vf_provider *p, const char *node, const char *volume,
                            const char *path, uint64_t *bytes);

/* sample.c: as in provider.h. */
double vf_esxi_try_read(struct vf_provider *p, const char *path, struct vf_error **err);

#endif
