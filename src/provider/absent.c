/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/absent.h"
#include "base/str.h"

/* ---- looking ---- */

int vf_absent_agent(struct vf_provider *p, const char *node, unsigned id)
{
    return -1;
}

int vf_absent_outline(struct vf_provider *p, const struct vf_vm *listed, struct vf_outline *out,
                      struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    *out = (struct vf_outline){.vm = p->ops->describe(p, listed->id, &why)};
    if (out->vm) {
        out->description = vf_strdup(out->vm->description);
        return 0;
    }
    if (vf_error_code(why) != VF_E_UNSUPPORTED)
        return vf_fail_with(err, VF_STEAL(why));
    out->why = vf_strdup(vf_error_text(why));
    return 0;
}

int vf_absent_surroundings(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err)
{
    if (!vm->firewall)
        vm->firewall = vf_firewall_new();
    return 0;
}

struct vf_firewall *vf_absent_firewall(struct vf_provider *p, const char *node, unsigned id,
                                       struct vf_error **err)
{
    return vf_firewall_new();
}

char *vf_absent_firewall_shared(struct vf_provider *p, const char *ref, struct vf_error **err)
{
    vf_fail(err, VF_E_NOTFOUND, "%s has no firewall", p->conf->name);
    return NULL;
}

int vf_absent_storages(struct vf_provider *p, const char *node, struct vf_storage **out, size_t *n,
                       struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    return 0;
}

int vf_absent_bridges(struct vf_provider *p, const char *node, struct vf_bridge **out, size_t *n,
                      struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    return 0;
}

int vf_absent_pool(struct vf_provider *p, const char *name, enum vf_pool *out,
                   struct vf_error **err)
{
    *out = VF_POOL_NEVER;
    return 0;
}

int vf_absent_may(struct vf_provider *p, const char *path, const char *privilege,
                  struct vf_error **err)
{
    return 1;
}

char *vf_absent_mac_prefix(struct vf_provider *p)
{
    return NULL;
}

int vf_absent_twins(struct vf_provider *p, const struct vf_vm *vm, unsigned but,
                    struct vf_twins *out, struct vf_error **err)
{
    *out = (struct vf_twins){0};
    return 0;
}

int vf_absent_rights(struct vf_provider *p, const struct vf_use *use, struct vf_findings *out,
                     struct vf_error **err)
{
    return 0;
}

unsigned vf_absent_version(const struct vf_provider *p)
{
    return 0;
}

int vf_absent_abilities(struct vf_provider *p, const char *node, struct vf_abilities *out,
                        struct vf_error **err)
{
    *out = (struct vf_abilities){0};
    return 0;
}

char **vf_absent_tasks(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err)
{
    return vf_strv_new();
}

int vf_absent_replications(struct vf_provider *p, unsigned id, struct vf_replication **out,
                           size_t *n, struct vf_error **err)
{
    *out = NULL;
    *n = 0;
    return 0;
}

int vf_absent_may_replicate(struct vf_provider *p, unsigned id, struct vf_error **err)
{
    return 1;
}

char *vf_absent_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                       struct vf_error **err)
{
    return NULL;
}

const char *vf_absent_password_user(struct vf_provider *p)
{
    return NULL;
}

char **vf_absent_own_tokens(struct vf_provider *p, const char *prefix, struct vf_error **err)
{
    return vf_strv_new();
}

int vf_absent_remove_token(struct vf_provider *p, const char *user, const char *name,
                           struct vf_error **err)
{
    return 0;
}

/* ---- making ---- */

static int no_target(struct vf_provider *p, struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED,
                   "%s is no Proxmox VE cluster: VMs are moved from there, never to it",
                   p->conf->name);
}

int vf_absent_make_token(struct vf_provider *p, const char *name, const char *comment,
                         int64_t expire, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_free_id(struct vf_provider *p, unsigned wanted, unsigned *out, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_fit(struct vf_provider *p, struct vf_vm *vm, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_set_firewall(struct vf_provider *p, const char *node, unsigned id,
                           const struct vf_firewall *f, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_name(struct vf_provider *p, const char *name, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_set_ha(struct vf_provider *p, unsigned id, const char *state, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_set_replication(struct vf_provider *p, const char *job, bool enabled,
                              struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_set_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                         const char *value, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_create(struct vf_provider *p, const struct vf_vm *vm, struct vf_error **err)
{
    return no_target(p, err);
}

char *vf_absent_volume_name(struct vf_provider *p, const char *node, const char *storage,
                            unsigned id, unsigned number, const char *format, struct vf_error **err)
{
    no_target(p, err);
    return NULL;
}

int vf_absent_allocate(struct vf_provider *p, const char *node, const char *storage, unsigned id,
                       unsigned number, const char *format, uint64_t size, char **out,
                       struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_free_volume(struct vf_provider *p, const char *node, const char *volume,
                          struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_attach(struct vf_provider *p, const char *node, unsigned id,
                     const struct vf_disk *disk, struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_set_boot(struct vf_provider *p, const char *node, unsigned id, char *const *boot,
                       struct vf_error **err)
{
    return no_target(p, err);
}

int vf_absent_destroy(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err)
{
    return no_target(p, err);
}

/* ---- changing ---- */

static int no_change(struct vf_provider *p, struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED, "%s is read only: nothing of a VM is changed there",
                   p->conf->name);
}

unsigned vf_absent_lacks(struct vf_provider *p)
{
    return VF_LACKS_CLAIM | VF_LACKS_RENAME | VF_LACKS_ONBOOT | VF_LACKS_POWER;
}

int vf_absent_state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                    struct vf_error **err)
{
    *out = VF_VM_STOPPED;
    return 0;
}

char *vf_absent_notes(struct vf_provider *p, unsigned id, char **digest, struct vf_error **err)
{
    return vf_strdup("");
}

int vf_absent_addresses(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                        struct vf_error **err)
{
    return vf_fail(err, VF_E_UNSUPPORTED, "%s does not tell the addresses of a VM", p->conf->name);
}

int vf_absent_describe_as(struct vf_provider *p, const char *node, unsigned id,
                          const char *description, const char *digest, struct vf_error **err)
{
    return no_change(p, err);
}

int vf_absent_rename(struct vf_provider *p, const char *node, unsigned id, const char *name,
                     struct vf_error **err)
{
    return no_change(p, err);
}

int vf_absent_set_onboot(struct vf_provider *p, const char *node, unsigned id, bool onboot,
                         struct vf_error **err)
{
    return no_change(p, err);
}

int vf_absent_power(struct vf_provider *p, const char *node, unsigned id, enum vf_power what,
                    unsigned timeout, struct vf_error **err)
{
    return no_change(p, err);
}

void vf_absent_set_cancel(struct vf_provider *p, struct vf_cancel *cancel)
{
}

void vf_absent_set_guard(struct vf_provider *p, vf_guard_fn *guard, void *opaque)
{
}
