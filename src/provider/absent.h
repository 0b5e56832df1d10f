/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a platform answers that VMs are only taken from and that has nothing of Proxmox VE's: no
 * pools, no firewall, no tokens; nothing is made there. Each macro is some lines of a table of
 * operations; none names an operation of another, so that a platform takes those it needs. */
#ifndef VF_PROVIDER_ABSENT_H
#define VF_PROVIDER_ABSENT_H

#include "provider/provider.h"

/* "agent" of a platform that has none, or cannot tell. */
int vf_absent_agent(struct vf_provider *p, const char *node, unsigned id);
/* By describing the VM: what is UNSUPPORTED there is the outline's WHY. */
int vf_absent_outline(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                      struct vf_error **err);
/* There is one that is empty: nothing was hidden. */
int vf_absent_surroundings(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err);
struct vf_firewall *vf_absent_firewall(struct vf_provider *p, const char *node, unsigned id,
                                       struct vf_error **err);
char *vf_absent_firewall_shared(struct vf_provider *p, const char *ref, struct vf_error **err);
int vf_absent_storages(struct vf_provider *p, const char *node, struct vf_storage **out, size_t *n,
                       struct vf_error **err);
int vf_absent_bridges(struct vf_provider *p, const char *node, struct vf_bridge **out, size_t *n,
                      struct vf_error **err);
int vf_absent_pool(struct vf_provider *p, const char *name, enum vf_pool *out,
                   struct vf_error **err);
int vf_absent_may(struct vf_provider *p, const char *path, const char *privilege,
                  struct vf_error **err);
char *vf_absent_mac_prefix(struct vf_provider *p);
int vf_absent_free_id(struct vf_provider *p, unsigned wanted, unsigned *out, struct vf_error **err);
int vf_absent_twins(struct vf_provider *p, const struct vf_vm *vm, unsigned but,
                    struct vf_twins *out, struct vf_error **err);
int vf_absent_rights(struct vf_provider *p, const struct vf_use *use, struct vf_findings *out,
                     struct vf_error **err);
unsigned vf_absent_version(const struct vf_provider *p);
int vf_absent_abilities(struct vf_provider *p, const char *node, struct vf_abilities *out,
                        struct vf_error **err);
char **vf_absent_tasks(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);
int vf_absent_replications(struct vf_provider *p, unsigned id, struct vf_replication **out,
                           size_t *n, struct vf_error **err);
int vf_absent_may_replicate(struct vf_provider *p, unsigned id, struct vf_error **err);
char *vf_absent_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                       struct vf_error **err);
const char *vf_absent_password_user(struct vf_provider *p);
int vf_absent_make_token(struct vf_provider *p, const char *name, const char *comment,
                         int64_t expire, struct vf_error **err);
int vf_absent_remove_token(struct vf_provider *p, const char *user, const char *name,
                           struct vf_error **err);
char **vf_absent_own_tokens(struct vf_provider *p, const char *prefix, struct vf_error **err);

#define VF_ABSENT_LOOKS                                                                            \
    .surroundings = vf_absent_surroundings, .firewall = vf_absent_firewall,                        \
    .firewall_shared = vf_absent_firewall_shared, .storages = vf_absent_storages,                  \
    .bridges = vf_absent_bridges, .pool = vf_absent_pool, .may = vf_absent_may,                    \
    .mac_prefix = vf_absent_mac_prefix, .free_id = vf_absent_free_id, .twins = vf_absent_twins,    \
    .rights = vf_absent_rights, .version = vf_absent_version, .abilities = vf_absent_abilities,    \
    .tasks = vf_absent_tasks, .replications = vf_absent_replications,                              \
    .may_replicate = vf_absent_may_replicate, .option = vf_absent_option,                          \
    .password_user = vf_absent_password_user, .make_token = vf_absent_make_token,                  \
    .remove_token = vf_absent_remove_token, .own_tokens = vf_absent_own_tokens

/* Making a VM, and what only Proxmox VE can be asked to change: UNSUPPORTED. */
int vf_absent_fit(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err);
int vf_absent_set_firewall(struct vf_provider *p, const char *node, unsigned id,
                           const struct vf_firewall *f, struct vf_error **err);
int vf_absent_name(struct vf_provider *p, const char *name, struct vf_error **err);
int vf_absent_set_ha(struct vf_provider *p, unsigned id, const char *state, struct vf_error **err);
int vf_absent_set_replication(struct vf_provider *p, const char *job, bool enabled,
                              struct vf_error **err);
int vf_absent_set_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                         const char *value, struct vf_error **err);
int vf_absent_create(struct vf_provider *p, const struct vf_vm *vm, struct vf_error **err);
char *vf_absent_volume_name(struct vf_provider *p, const char *node, const char *storage,
                            unsigned id, unsigned number, const char *format,
                            struct vf_error **err);
int vf_absent_allocate(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                       unsigned number, const char *format, uint64_t size, char **out,
                       struct vf_error **err);
int vf_absent_free_volume(struct vf_provider *p, const char *node, const char *volume,
                          struct vf_error **err);
int vf_absent_attach(struct vf_provider *p, const char *node, unsigned id,
                     const struct vf_disk *disk, struct vf_error **err);
int vf_absent_set_boot(struct vf_provider *p, const char *node, unsigned id, char *const *boot,
                       struct vf_error **err);
int vf_absent_destroy(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err);

#define VF_ABSENT_TARGET                                                                           \
    .fit = vf_absent_fit, .set_firewall = vf_absent_set_firewall, .make_pool = vf_absent_name,     \
    .drop_pool = vf_absent_name, .set_ha = vf_absent_set_ha,                                       \
    .set_replication = vf_absent_set_replication, .set_option = vf_absent_set_option,              \
    .create = vf_absent_create, .volume_name = vf_absent_volume_name,                              \
    .allocate = vf_absent_allocate, .free_volume = vf_absent_free_volume,                          \
    .attach = vf_absent_attach, .set_boot = vf_absent_set_boot, .destroy = vf_absent_destroy

/* A source that nothing can be changed of and that never runs: files. */
int vf_absent_state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                    struct vf_error **err);
char *vf_absent_notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err);
int vf_absent_addresses(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                        struct vf_error **err);
int vf_absent_describe_as(struct vf_provider *p, const char *node, unsigned id,
                          const char *description, const char *digest, struct vf_error **err);
int vf_absent_rename(struct vf_provider *p, const char *node, unsigned id, const char *name,
                     struct vf_error **err);
int vf_absent_set_onboot(struct vf_provider *p, const char *node, unsigned id, bool onboot,
                         struct vf_error **err);
int vf_absent_power(struct vf_provider *p, const char *node, unsigned id, enum vf_power what,
                    unsigned timeout, struct vf_error **err);
void vf_absent_set_cancel(struct vf_provider *p, struct vf_cancel *cancel);
void vf_absent_set_guard(struct vf_provider *p, vf_guard_fn *guard, void *opaque);
unsigned vf_absent_lacks(struct vf_provider *p); /* all of VF_LACKS_… */

#define VF_ABSENT_CHANGES                                                                          \
    .outline = vf_absent_outline, .lacks = vf_absent_lacks, .state = vf_absent_state,              \
    .notes = vf_absent_notes, .addresses = vf_absent_addresses, .agent = vf_absent_agent,          \
    .describe_as = vf_absent_describe_as, .rename = vf_absent_rename,                              \
    .set_onboot = vf_absent_set_onboot, .power = vf_absent_power,                                  \
    .set_cancel = vf_absent_set_cancel, .set_guard = vf_absent_set_guard

#endif
