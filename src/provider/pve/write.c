/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing a VM's configuration; making and removing VMs. */
#include "config.h"
#include "provider/pve/pve.h"
#include "provider/pve/propstr.h"
#include "provider/pve/vmconfig.h"
#include "base/str.h"

#include <string.h>

static int put_config(struct vf_pve_client *c, const char *node, unsigned id,
                      const struct vf_form *form, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config", id);
    return vf_pve_do(c, "PUT", path, form, 0, err);
}

int vf_pve_describe_as(struct vf_provider *p, const char *node, unsigned id,
                       const char *description, const char *digest, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    if (description && *description)
        vf_pve_form_description(&form, description);
    else
        vf_form_add(&form, "delete", "description");
    if (digest)
        vf_form_add(&form, "digest", digest);
    if (put_config(vf_pve_of(p), node, id, &form, err) < 0)
        return vf_fail_prefix(err, "cannot set the notes of VM %u", id);
    return 0;
}

int vf_pve_rename(struct vf_provider *p, const char *node, unsigned id, const char *name,
                  struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, name ? "name" : "delete", name ? name : "name");
    if (put_config(vf_pve_of(p), node, id, &form, err) < 0)
        return vf_fail_prefix(err, "cannot rename VM %u to %s", id, name ? name : "nothing");
    return 0;
}

int vf_pve_set_onboot(struct vf_provider *p, const char *node, unsigned id, bool onboot,
                      struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, "onboot", onboot ? "1" : "0");
    if (put_config(vf_pve_of(p), node, id, &form, err) < 0)
        return vf_fail_prefix(err, "cannot switch start at boot of VM %u %s", id,
                              onboot ? "on" : "off");
    return 0;
}

int vf_pve_set_option(struct vf_provider *p, const char *node, unsigned id, const char *key,
                      const char *value, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    vf_form_add(&form, value ? key : "delete", value ? value : key);
    if (put_config(vf_pve_of(p), node, id, &form, err) < 0)
        return vf_fail_prefix(err, "cannot set %s of VM %u", key, id);
    return 0;
}

/* VALUE of a card with its cable in or out; caller frees. */
static char *with_link(const char *value, bool up, struct vf_error **err)
{
    struct vf_opts o = {0};
    char *text = NULL;
    if (vf_propstr_parse(value, NULL, &o, err) == 0) {
        vf_opts_remove(&o, "link_down");
        if (!up)
            vf_opts_set(&o, "link_down", "1");
        text = vf_propstr_print(&o, NULL);
    }
    vf_opts_free(&o);
    return text;
}

int vf_pve_set_link(struct vf_provider *p, const char *node, unsigned id, unsigned nic, bool up,
                    struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u/config", id);
    vf_autofree char *key = vf_asprintf("net%u", nic);
    vf_autojson json_t *config = vf_pve_object(vf_pve_of(p), path, err);
    const char *value = config ? vf_json_text(config, key) : NULL,
               *digest = config ? vf_json_text(config, "digest") : NULL;
    if (config && !value)
        vf_fail(err, VF_E_NOTFOUND, "it has no such card");
    vf_autofree char *text = value ? with_link(value, up, err) : NULL;
    vf_autoform struct vf_form form = {0};
    if (text)
        vf_form_add(&form, key, text);
    if (text && digest)
        vf_form_add(&form, "digest", digest);
    if (!text || put_config(vf_pve_of(p), node, id, &form, err) < 0)
        return vf_fail_prefix(err, "cannot %s %s of VM %u", up ? "connect" : "disconnect", key, id);
    return 0;
}

int vf_pve_create(struct vf_provider *p, const struct vf_vm *vm, struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu");
    if (vm->pool)
        vf_form_add(&form, "pool", vm->pool);
    if (vf_pve_vm_to_form(vm, &form, err) < 0 ||
        vf_pve_do(vf_pve_of(p), "POST", path, &form, 0, err) < 0)
        return vf_fail_prefix(err, "cannot create VM %u (%s) on %s", vm->id, vm->name, vm->node);
    return 0;
}

int vf_pve_set_boot(struct vf_provider *p, const char *node, unsigned id, char *const *boot,
                    struct vf_error **err)
{
    vf_autoform struct vf_form form = {0};
    vf_autofree char *list = vf_strv_join(boot, ";");
    if (*list)
        vf_form_addf(&form, "boot", "order=%s", list);
    else
        vf_form_add(&form, "delete", "boot");
    if (put_config(vf_pve_of(p), node, id, &form, err) < 0)
        return vf_fail_prefix(err, "cannot set the boot order of VM %u", id);
    return 0;
}

/* A task that a cancelled job no longer waits for still holds the VM: it is told to end first. True
 * when there was one. What cannot be ended makes the removal fail, which says so. */
static bool end_tasks(struct vf_pve_client *c, const char *node, unsigned id)
{
    vf_autofree char *path = vf_pve_path(node, "/tasks?source=active&vmid=%u", id);
    vf_autojson json_t *list = vf_pve_list(c, path, NULL);
    bool ended = false;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e) {
        const char *upid = vf_json_text(e, "upid");
        vf_autofree char *u = vf_url_encode(upid ? upid : "");
        vf_autofree char *task = vf_pve_path(node, "/tasks/%s", u);
        if (vf_starts(upid, "UPID:") && vf_pve_do(c, "DELETE", task, NULL, 0, NULL) == 0) {
            vf_pve_wait_task(c, upid, 0, NULL); /* that it failed is what was wanted */
            ended = true;
        }
    }
    return ended;
}

int vf_pve_destroy(struct vf_provider *p, const char *node, unsigned id, struct vf_error **err)
{
    /* said, not left to a default that has changed before: no disk that only looks like its own */
    vf_autofree char *path = vf_pve_path(node, "/qemu/%u?purge=0&destroy-unreferenced-disks=0", id);
    vf_autoerror struct vf_error *why = NULL;
    bool ended = end_tasks(vf_pve_of(p), node, id);
    if (vf_pve_do(vf_pve_of(p), "DELETE", path, NULL, 0, &why) < 0) {
        if (ended && vf_error_code(why) == VF_E_NOTFOUND) /* a create that is ended tidies up */
            return 0;
        vf_fail_with(err, VF_STEAL(why));
        return vf_fail_prefix(err, "cannot remove VM %u on %s", id, node);
    }
    return 0;
}
