/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform "pve": the operations of provider.h over the Proxmox VE API. */
#ifndef VF_PROVIDER_PVE_PVE_H
#define VF_PROVIDER_PVE_PVE_H

#include "provider/native.h"
#include "provider/pve/client.h"
#include "provider/pve/volid.h"

struct vf_pve {
    struct vf_provider base;
    struct vf_pve_client *client;
};

struct vf_provider *vf_pve_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                const struct vf_asker *asker, struct vf_cancel *cancel,
                                struct vf_error **err);

static inline struct vf_pve_client *vf_pve_of(struct vf_provider *p)
{
    return ((struct vf_pve *)(void *)p)->client;
}

/* "/nodes/NODE" and the rest by FMT (which must hold nothing that needs encoding). Caller frees. */
char *vf_pve_path(const char *node, const char *fmt, ...) VF_PRINTF(2, 3);
/* "/nodes/NODE/storage/STORAGE/WHAT", then "/VOLUME" when that is not NULL. Caller frees. */
char *vf_pve_storage_path(const char *node, const char *storage, const char *what,
                          const char *volume);

/* The entry of VM ID in /cluster/resources, a new reference; NOTFOUND when there is none. */
json_t *vf_pve_find(struct vf_pve_client *c, unsigned id, struct vf_error **err);
/* What a status object (of /status/current, of a list) says of the power state. */
enum vf_vm_state vf_pve_state_of(const json_t *status);
/* The kind of STORAGE on NODE, NULL with UNSUPPORTED when it cannot hold VM disks we know. */
const struct vf_storage_type *vf_pve_storage_type(struct vf_pve_client *c, const char *node,
                                                  const char *storage, struct vf_error **err);

/* The operations (see provider.h), by file. */
/* list.c */
int vf_pve_nodes(struct vf_provider *p, struct vf_node **out, size_t *n, struct vf_error **err);
int vf_pve_vms(struct vf_provider *p, struct vf_vm ***out, size_t *n, struct vf_error **err);
int vf_pve_storages(struct vf_provider *p, const char *node, struct vf_storage **out, size_t *n,
                    struct vf_error **err);
int vf_pve_bridges(struct vf_provider *p, const char *node, struct vf_bridge **out, size_t *n,
                   struct vf_error **err);
char *vf_pve_mac_prefix(struct vf_provider *p);
int vf_pve_free_id(struct vf_provider *p, unsigned wanted, unsigned *out, struct vf_error **err);
/* describe.c */
struct vf_vm *vf_pve_describe(struct vf_provider *p, unsigned id, struct vf_error **err);
int vf_pve_outline(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                   struct vf_error **err);
char *vf_pve_notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err);
/* pending.c: each change that waits for the VM's next start, as something that stops a move. */
int vf_pve_note_pending(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err);
/* fit.c */
int vf_pve_fit(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err);
/* Is setting KEY for root@pam, logged in with its password, whatever the value? */
bool vf_pve_only_root_sets(const char *key);
/* permissions.c */
int vf_pve_may(struct vf_provider *p, const char *path, const char *privilege,
               struct vf_error **err);
int vf_pve_rights(struct vf_provider *p, const struct vf_use *use, struct vf_findings *out,
                  struct vf_error **err);
/* The least privileges a role for moving VMs away from, or to, a cluster of VERSION has. */
char **vf_pve_role(bool target, unsigned version);
/* agent.c */
int vf_pve_addresses(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                     struct vf_error **err);
/* twins.c */
int vf_pve_twins(struct vf_provider *p, const struct vf_vm *vm, unsigned but, struct vf_twins *out,
                 struct vf_error **err);
/* leftout.c */
int vf_pve_surroundings(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err);
int vf_pve_ha(struct vf_provider *p, const char *node, unsigned id, char **state,
              struct vf_error **err);
/* Says why container ID (an entry of /cluster/resources) is not moved, and what moves it. */
void vf_pve_refuse_container(const json_t *entry, unsigned id, struct vf_error **err);
/* firewall.c */
struct vf_firewall *vf_pve_firewall(struct vf_provider *p, const char *node, unsigned id,
                                    struct vf_error **err);
char *vf_pve_firewall_shared(struct vf_provider *p, const char *ref, struct vf_error **err);
int vf_pve_set_firewall(struct vf_provider *p, const char *node, unsigned id,
                        const struct vf_firewall *f, struct vf_error **err);
/* pool.c */
int vf_pve_pool(struct vf_provider *p, const char *name, enum vf_pool *out, struct vf_error **err);
int vf_pve_make_pool(struct vf_provider *p, const char *name, struct vf_error **err);
int vf_pve_drop_pool(struct vf_provider *p, const char *name, struct vf_error **err);
/* look.c */
unsigned vf_pve_version(const struct vf_provider *p);
int vf_pve_abilities(struct vf_provider *p, const char *node, struct vf_abilities *out,
                     struct vf_error **err);
char **vf_pve_tasks(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);
int vf_pve_agent(struct vf_provider *p, const char *node, unsigned id);
char *vf_pve_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                    struct vf_error **err);
/* replication.c */
int vf_pve_replications(struct vf_provider *p, unsigned id, struct vf_replication **out, size_t *n,
                        struct vf_error **err);
int vf_pve_may_replicate(struct vf_provider *p, unsigned id, struct vf_error **err);
int vf_pve_set_replication(struct vf_provider *p, const char *job, bool enabled,
                           struct vf_error **err);
/* ha.c */
int vf_pve_set_ha(struct vf_provider *p, unsigned id, const char *state, struct vf_error **err);
/* volume.c */
int vf_pve_volume(struct vf_provider *p, const char *node, const char *volume,
                  struct vf_volume *out, struct vf_error **err);
char *vf_pve_volume_name(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                         unsigned number, const char *format, struct vf_error **err);
int vf_pve_allocate(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                    unsigned number, const char *format, uint64_t size, char **out,
                    struct vf_error **err);
int vf_pve_free_volume(struct vf_provider *p, const char *node, const char *volume,
                       struct vf_error **err);
int vf_pve_attach(struct vf_provider *p, const char *node, unsigned id, const struct vf_disk *disk,
                  struct vf_error **err);
/* write.c */
int vf_pve_describe_as(struct vf_provider *p, const char *node, unsigned id,
                       const char *description, const char *digest, struct vf_error **err);
int vf_pve_rename(struct vf_provider *p, const char *node, unsigned id, const char *name,
                  struct vf_error **err);
int vf_pve_set_onboot(struct vf_provider *p, const char *node, unsigned id, bool onboot,
                      struct vf_error **err);
int vf_pve_set_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                      const char *value, struct vf_error **err);
int vf_pve_set_link(struct vf_provider *p, const char *node, unsigned id, unsigned nic, bool up,
                    struct vf_error **err);
int vf_pve_create(struct vf_provider *p, const struct vf_vm *vm, struct vf_error **err);
int vf_pve_set_boot(struct vf_provider *p, const char *node, unsigned id, char *const *boot,
                    struct vf_error **err);
int vf_pve_destroy(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);
/* token.c */
const char *vf_pve_password_user(struct vf_provider *p);
int vf_pve_make_token(struct vf_provider *p, const char *name, const char *comment, int64_t expire,
                      struct vf_error **err);
int vf_pve_remove_token(struct vf_provider *p, const char *user, const char *name,
                        struct vf_error **err);
char **vf_pve_own_tokens(struct vf_provider *p, const char *prefix, struct vf_error **err);
/* native.c */
extern const struct vf_native_ops vf_pve_native;
/* native_check.c */
int vf_pve_native_refusals(struct vf_provider *p, const struct vf_plan *plan,
                           const struct vf_vm *vm, struct vf_findings *f, struct vf_error **err);
int vf_pve_native_rights(struct vf_provider *source, struct vf_provider *target,
                         const struct vf_plan *plan, const struct vf_vm *vm, struct vf_findings *f,
                         struct vf_error **err);
/* power.c */
int vf_pve_state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                 struct vf_error **err);
int vf_pve_power(struct vf_provider *p, const char *node, unsigned id, enum vf_power what,
                 unsigned timeout, struct vf_error **err);

#endif
